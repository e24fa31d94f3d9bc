"""Names that could be taken for each other cannot both exist."""

import string
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.chat import lookalikes
from tcpnet.errors import UserError

TABLE = Path(lookalikes.__file__).with_name("confusables.txt")


def rows() -> Iterator[tuple[str, list[str]]]:
    """Each shape of the table with the characters that have it."""
    for line in TABLE.read_text("ascii").splitlines():
        shape, *sources = line.split()
        if shape not in ("#", "-"):
            yield (
                "".join(chr(int(code, 16)) for code in shape.split("+")),
                [chr(int(code, 16)) for code in sources],
            )


def is_taken(name: str) -> bool:
    """Whether this could be a name at all."""
    try:
        lookalikes.key(name)
    except UserError:
        return False
    return True


NAMES = st.text(st.characters(codec="utf-8", categories=("L", "M", "Nd")), max_size=12)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Alice", "аlice", id="Cyrillic a"),
        pytest.param("Alice", "Αlice", id="Greek Alpha"),
        pytest.param("Alice", "AIice", id="capital i for l"),
        pytest.param("Alice", "A1ice", id="a digit for l"),
        pytest.param("alice", "AIice", id="capital i, and another case"),
        pytest.param("Alice", "Ａｌｉｃｅ", id="full width"),
        pytest.param("Bob", "B0b", id="a digit for o"),
        pytest.param("Bob", "ВоЬ", id="all Cyrillic"),
        pytest.param("Mira", "Мiгa", id="Cyrillic M and g"),
        pytest.param("modern", "modem", id="m for rn"),
        pytest.param("scope", "ѕсоре", id="wholly Cyrillic"),
        pytest.param("Zoë", "Zoe\u0308", id="composed or not"),
        pytest.param("tom", "t\u1d0fm", id="a small capital"),
        pytest.param("Ilse", "llse", id="l for capital i"),
    ],
)
def test_names_that_look_alike_clash(one: str, other: str) -> None:
    """Whatever letters they are made of."""
    assert lookalikes.clash_key(one) == lookalikes.clash_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Alice", "Alicia"), ("Zoe", "Zoë"), ("Ali", "All"), ("Straße", "Strasse"), ("Jose", "Josef")],
)
def test_names_that_look_different_do_not_clash(one: str, other: str) -> None:
    """Two people may have them."""
    assert lookalikes.clash_key(one) != lookalikes.clash_key(other)


def test_every_pair_of_unicodes_table_clashes() -> None:
    """In the middle of a name, as far as either can stand there."""
    pairs = [
        (f"b{shape}d", f"b{source}d")
        for shape, sources in rows()
        for source in sources
        if is_taken(f"b{shape}d") and is_taken(f"b{source}d")
    ]

    clashing = [lookalikes.clash_key(one) == lookalikes.clash_key(other) for one, other in pairs]

    assert len(pairs) > 1000
    assert all(clashing)


def test_the_table_is_whole() -> None:
    """As many characters as Unicode 17 lists, without those that decompose or are not seen."""
    assert sum(len(sources) for _, sources in rows()) == 5499


@given(NAMES, st.sampled_from([sources for _, sources in rows()]), st.data())
def test_any_name_clashes_with_its_disguises(
    name: str, sources: list[str], data: st.DataObject
) -> None:
    """Characters of one shape may stand for each other anywhere."""
    at = data.draw(st.integers(0, len(name)))
    one, other = data.draw(st.sampled_from(sources)), data.draw(st.sampled_from(sources))

    keys = {lookalikes.skeleton(name[:at] + "x" + each + "x" + name[at:]) for each in (one, other)}

    assert len(keys) == 1


@given(st.text())
def test_a_skeleton_is_its_own_skeleton(text: str) -> None:
    """So it stands for all that look like it."""
    skeleton = lookalikes.skeleton(text)

    assert lookalikes.skeleton(skeleton) == skeleton


def test_marks_that_look_alike_are_put_in_one_order() -> None:
    """What stands for what may belong before or after its neighbour."""
    arabic, latin = "a\u0618\u0323", "a\u0301\u0323"

    assert lookalikes.skeleton(arabic) == lookalikes.skeleton(latin)


@given(NAMES)
def test_composing_a_name_changes_nothing(name: str) -> None:
    """Keyboards send either form."""
    forms = [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]

    assert len({lookalikes.clash_key(form) for form in forms}) == 1


@given(NAMES)
def test_a_key_is_its_own_key(name: str) -> None:
    """RFC 8264, 7: a profile applied twice is applied once."""
    if is_taken(name):
        key = lookalikes.key(name)

        assert lookalikes.key(key) == key


@given(st.text(string.ascii_letters + string.digits + "-_.", min_size=1))
def test_the_case_of_ascii_names_does_not_matter(name: str) -> None:
    """`Nina` and `NINA` are one name."""
    assert lookalikes.key(name.upper()) == lookalikes.key(name.lower()) == name.lower()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        pytest.param("Nina", "nina", id="case"),
        pytest.param("Ｎｉｎａ", "nina", id="width"),
        pytest.param("Straße", "straße", id="sharp s stays"),
        pytest.param("STRASSE", "strasse", id="and is no ss"),
        pytest.param("ΝΙΚΟΣ", "νικος", id="sigma at the end"),
        pytest.param("ΣΟΦΙΑ", "σοφια", id="sigma before"),
        pytest.param("Zoe\u0308", "zo\u00eb", id="composed"),
        pytest.param("مریم", "مریم", id="right to left"),
        pytest.param("अनिता", "अनिता", id="with marks"),
    ],
)
def test_names_are_filed_as_the_rfc_says(name: str, key: str) -> None:
    """UsernameCaseMapped: width and case are mapped, compatibility forms are not."""
    assert lookalikes.key(name) == key


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("ﬁn", "latin small ligature fi", id="a ligature"),
        pytest.param("x²", "superscript two", id="a superscript"),
        pytest.param("Ⅷ", "roman numeral eight", id="a letter number"),
        pytest.param("𝐀lice", "mathematical bold", id="a mathematical letter"),
        pytest.param("a\u3164b", "hangul filler", id="a letter that is not seen"),
        pytest.param("a\ufe0fb", "variation selector", id="a mark that is not seen"),
        pytest.param("a\u200db", "zero width joiner", id="a joiner after a letter"),
        pytest.param("a b", "space", id="a space"),
        pytest.param("a\u0378b", "not in use", id="no character"),
        pytest.param("אbג", "all run from", id="two directions"),
        pytest.param("ع١۱", "all run from", id="digits of two kinds"),
        pytest.param("", "needed", id="nothing"),
    ],
)
def test_what_the_rfc_does_not_take_is_refused_in_words(name: str, words: str) -> None:
    """They tell what it was."""
    with pytest.raises(UserError, match=words):
        lookalikes.key(name)


def test_the_client_never_loads_the_table() -> None:
    """It judges no names, and starts fast."""
    code = "import sys, tcpnet.client.app, tcpnet.cli.client; print('precis_i18n' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert done.stdout == "False\n"

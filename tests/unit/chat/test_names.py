"""What may be a name: of a person, of a room."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.chat import lookalikes, names
from tcpnet.errors import UserError


@pytest.mark.parametrize(
    "name",
    ["Nina", "jose.2", "Ann-Marie", "a", "_x_", "Ænima", "李小龍", "Ольга", "मीरा", "7up", "عمر"],
)
def test_letters_of_every_script_make_a_name(name: str) -> None:
    """With digits, `-`, `_` and `.`."""
    assert names.person(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "name",
    [
        "50922",
        "٥٠٩٢٢",
        "...",
        "-",
        "a:1",
        "a,b",
        "a>b",
        "(earlier)",
        "a b",
        "a\nb",
        "a\x1b[31m",
        "a\u202eb",
        "a\u200db",
        "a\u200b",
        "a\ud800",
        "\u0301a",
        "😀",
        "a\U000e0041",
        "½a",
        "a²",
        "\u3164",
        "Jose\ufe00",
    ],
)
def test_what_could_forge_a_list_or_a_line_is_no_name(name: str) -> None:
    """One rule, said in one sentence."""
    with pytest.raises(UserError, match="A name has letters, digits, "):
        names.person(name)


@given(st.from_regex(r"[A-Za-z0-9._-]{0,15}[A-Za-z][A-Za-z0-9._-]{0,16}", fullmatch=True))
def test_every_plain_name_is_a_name_as_it_stands(name: str) -> None:
    """Composing changes nothing of it, and so there is something to file it under."""
    assert names.person(name) == unicodedata.normalize("NFC", name) == name
    assert names.key(name) == lookalikes._profile().enforce(name) == name.lower()


@pytest.mark.parametrize("name", ["", " ", "\n", "\u2003"])
def test_a_name_is_needed(name: str) -> None:
    """Blanks are none."""
    with pytest.raises(UserError, match="A name is needed"):
        names.person(name)


def test_a_name_has_at_most_32_characters() -> None:
    """Composed ones: what is typed as two counts as one."""
    assert names.person("e\u0301" * 32) == "é" * 32
    for long in ("e" * 33, "a" + "\u0301\u0323" * 15_000):
        with pytest.raises(UserError, match="at most 32 characters"):
            names.person(long)


def test_blanks_around_a_name_are_left_out() -> None:
    """Nobody sees them."""
    assert names.person("  Nina\n") == "Nina"


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_a_name_is_harmless_and_stays_itself(name: str) -> None:
    """Whatever was taken can be shown, filed and entered again."""
    try:
        shown = names.person(name)
    except UserError as error:
        assert str(error).endswith(".")  # noqa: PT017 - a refusal is as good as a name here
        return
    assert names.person(shown) == shown
    assert names.key(shown) == names.key(name)
    assert not {unicodedata.category(character)[0] for character in shown} & {*"CZ"}
    assert not set(":,><()[]{}/") & set(shown)
    assert not shown.isdecimal()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nina", "nina"),
        ("NINA", "nina"),
        ("é", "e\u0301"),
        ("Ｎina", "nina"),
    ],
)
def test_names_that_look_alike_are_one(one: str, other: str) -> None:
    """Case and the way a letter is encoded make no second person."""
    assert names.key(one) == names.key(other)


@pytest.mark.parametrize(
    ("name", "words"),
    [("ﬁnn", "this character"), ("٣عمر", "run from left to right"), ("aعمر", "run from left")],
)
def test_what_no_system_would_compare_alike_is_refused(name: str, words: str) -> None:
    """The profile of RFC 8265, said in words."""
    with pytest.raises(UserError, match=words):
        names.person(name)


@pytest.mark.parametrize("room_id", ["3456", "den", "a-b_C", "x" * 64, " 23456 "])
def test_a_room_id_is_letters_digits_and_two_signs(room_id: str) -> None:
    """As it was typed, without blanks around it."""
    assert names.room(room_id) == room_id.strip()


@pytest.mark.parametrize(
    "room_id", ["", " ", "a b", "a/b", "..", "é", "x" * 65, "a\x00", "a\u200b", "٣"]
)
def test_anything_else_is_no_room_id(room_id: str) -> None:
    """It stands in banners, lists and the names of logs."""
    with pytest.raises(UserError, match="A room id has 1 to 64 "):
        names.room(room_id)

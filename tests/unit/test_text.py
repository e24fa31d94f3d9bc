"""Text of others, made harmless: nothing of the table passes, whatever it stands between."""

import time
import unicodedata
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tcpnet import text
from tcpnet.text import clean, clean_lines, clip, size

# The table, written out: what moves the cursor, reorders what is read or is not seen at all.
TABLE = (
    {*range(0x20), 0x7F, *range(0x80, 0xA0)}
    | {0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF}
    | {*range(0x202A, 0x202F), *range(0x2060, 0x206A)}
    | {*range(0xE0000, 0xE0080), *range(0xD800, 0xE000)}
)
HOSTILE = frozenset(map(chr, TABLE))
JOINERS = "\u200c\u200d"

ANY = st.text(st.characters(exclude_categories=()))  # surrogates too
ODD = st.text(
    st.sampled_from(sorted(HOSTILE | set(JOINERS)))
    | st.sampled_from("aß ن是🙂-\u0301\u0308\u094d\u0903\u20dd")
    | st.characters(exclude_categories=())
)


@given(ANY | ODD)
def test_nothing_of_the_table_passes(words: str) -> None:
    """Whatever stands beside it, in all of Unicode."""
    assert not HOSTILE & set(clean(words))
    assert not HOSTILE & set(clean_lines(words)) - {"\n"}


@pytest.mark.parametrize("around", ["{}", "{}a", "a{}", "a{}b"])
def test_each_of_the_table_is_replaced(around: str) -> None:
    """Alone, at both ends and between letters."""
    for character in HOSTILE:
        words = around.format(character)
        assert character not in clean(words)
        assert character == "\n" or character not in clean_lines(words)


@given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp", "Mn", "Me"))))
def test_harmless_text_stays_as_it_is(words: str) -> None:
    """Letters, digits, signs and blanks of every script."""
    assert clean(words) == words
    assert clean_lines(words) == words


@pytest.mark.parametrize("clean_it", [clean, clean_lines])
@given(words=ANY | ODD)
@example(words="a\u0301\u0301\u0301\u200d\u0301\u0301\u0301")
def test_clean_text_is_clean(clean_it: Callable[[str], str], words: str) -> None:
    """Twice is once: the client does what the server did already."""
    once = clean_it(words)

    assert clean_it(once) == once


@given(ANY | ODD)
def test_a_clean_text_can_be_encoded(words: str) -> None:
    """No lone surrogate is left."""
    assert clean(words).encode().decode() == clean(words)


@pytest.mark.parametrize(
    "line_break", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"]
)
def test_a_line_break_is_a_blank_in_a_line_and_a_newline_in_text(line_break: str) -> None:
    """One line stays one line: a second one could forge a sender."""
    words = f"one{line_break}Ann> two"

    assert clean(words) == "one Ann> two"
    assert clean_lines(words) == "one\nAnn> two"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("a\tb", "a    b"),
        ("\x1b[31mred", "␛[31mred"),
        ("\x00\x07\x7f", "␀␇␡"),
        ("\x9b31m", "\ufffd31m"),
        ("\u202egpj.exe", "\ufffdgpj.exe"),
        ("a\u200bb", "a\ufffdb"),
        ("\ud83d", "\ufffd"),
        ("\U000e0041", "\ufffd"),
    ],
)
def test_what_was_replaced_is_still_seen(words: str, shown: str) -> None:
    """Pictures for what has one, else the sign for what cannot be shown."""
    assert clean(words) == shown


@pytest.mark.parametrize("joiner", JOINERS)
@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("می|خواهم", "می|خواهم"),
        ("क्|ष", "क्|ष"),
        ("a|b", "a|b"),
        ("|a", "a"),
        ("a|", "a"),
        ("|", ""),
        ("a| b", "a b"),
        ("a |b", "a b"),
        ("1|2", "12"),
        ("👩|💻", "👩💻"),
        ("a|\u0301b", "a\u0301b"),
        ("a||||b", "a|b"),
        ("a|\x1b|b", "a␛b"),
    ],
)
def test_a_joiner_stays_between_letters_only(joiner: str, words: str, shown: str) -> None:
    """Persian and Indic scripts need it; elsewhere it hides in a name or glues emoji."""
    assert clean(words.replace("|", joiner)) == shown.replace("|", joiner)


@given(ODD)
def test_joiners_are_never_beside_each_other(words: str) -> None:
    """A run of them would make two texts that look the same."""
    shown = clean(words)

    assert not any(a in JOINERS and b in JOINERS for a, b in pairwise(shown))
    assert not shown[:1] or shown[0] not in JOINERS
    assert not shown[-1:] or shown[-1] not in JOINERS


@given(ODD | st.text(st.sampled_from("a\u0301\u0308\u0489\u20dd\u0903漢")))
def test_marks_never_pile_up(words: str) -> None:
    """Four on a base at most: more of them climb over the lines above and below."""
    run = 0

    for character in clean(words):
        run = run + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        assert run <= text.MAX_MARKS


@pytest.mark.parametrize("words", ["é" * 50, "e\u0301" * 50, "שָׁלוֹם", "हिन्दी", "ạ̈́", "ỏ\u0323"])
def test_marks_that_scripts_need_stay(words: str) -> None:
    """What real languages write is far below the limit."""
    assert clean(words) == words


@given(ANY, st.integers(0, 60))
@example("\ud80000", 4)
@example("a\ud800\x80", 5)
def test_a_clipped_text_is_a_start_that_fits(words: str, max_bytes: int) -> None:
    """Cut between characters, and not sooner than needed."""
    start = clip(words, max_bytes)

    assert words.startswith(start)
    assert size(start) <= max_bytes
    assert start == words or size(start) > max_bytes - 4


@pytest.mark.parametrize(
    ("words", "start"), [("abc", "abc"), ("abcd", "abc"), ("aéx", "aé"), ("aaé", "aa"), ("😀", "")]
)
def test_a_character_is_not_cut(words: str, start: str) -> None:
    """Bytes count, characters stay whole."""
    assert clip(words, 3) == start


@given(st.text())
def test_size_is_bytes_of_utf8(words: str) -> None:
    """As it goes over the wire, before escapes."""
    assert size(words) == len(words.encode())


@pytest.mark.parametrize(
    "words",
    [
        "a" + "\u200d" * 60_000,
        "a\u200d" * 30_000,
        "a" + "\u0301\u0323" * 30_000,
        "\x1b[0m" * 16_000,
    ],
    ids=["a run of joiners", "joiners", "marks", "escapes"],
)
def test_odd_text_costs_no_more_than_other_text(words: str) -> None:
    """Whoever sends a frame full of it does not hold up the others: linear, not quadratic."""
    began = time.process_time()

    clean(words)

    # Milliseconds where it is linear, seconds where it is not.
    assert time.process_time() - began < 0.5

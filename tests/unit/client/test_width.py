"""Cells, cuts and rows of text on a terminal."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcwidth

from tcpnet.client.width import cells, cut, pad, steady, wrap
from tcpnet.text import clean

LINES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=200).map(clean)


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("hello", 5),
        ("", 0),
        ("日本語", 6),
        ("e\u0301", 1),
        ("ｆｕｌｌ", 8),
        ("👍", 2),
        ("a日b", 4),
    ],
)
def test_text_is_as_wide_as_its_characters(text: str, width: int) -> None:
    """Wide characters take two cells, combining marks none."""
    assert cells(text) == width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("❤\ufe0f", "❤"),
        ("👍🏽 ok", "👍 ok"),
        ("🇩🇪", "DE"),
    ],
)
def test_emoji_lose_what_terminals_disagree_about(text: str, shown: str) -> None:
    """Selectors and skin tones are dropped, flags are their letters."""
    assert steady(text) == shown


def test_a_joined_family_is_cleaned_into_its_members() -> None:
    """Joiners between pictures are dropped on ingest, so that the widths add up."""
    family = clean("👩\u200d👩\u200d👧")

    assert family == "👩👩👧"
    assert cells(steady(family)) == 6


def rows(text: str, width: int) -> list[str]:
    return [text[start:end] for start, end in wrap(text, width)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [""]),
        ("one two", ["one two"]),
        ("one two three", ["one two", "three"]),
        ("exactly8 more", ["exactly8", "more"]),
        ("abcdefghijkl", ["abcdefgh", "ijkl"]),
        ("a abcdefghijkl", ["a", "abcdefgh", "ijkl"]),
        ("    indented text", ["    inde", "nted", "text"]),
        ("日本語日本語", ["日本語日", "本語"]),
        ("ab 日本語日本", ["ab 日本", "語日本"]),
        ("e\u0301" * 10, ["e\u0301" * 8, "e\u0301" * 2]),
    ],
)
def test_a_line_is_cut_into_rows(text: str, expected: list[str]) -> None:
    """At spaces, inside words that are too long, beside wide characters."""
    assert rows(text, 8) == expected


@given(LINES, st.integers(2, 40))
def test_every_row_fits_and_nothing_but_a_space_is_lost(text: str, width: int) -> None:
    """Rows cover the line in order; between two of them is at most one space."""
    found = wrap(text, width)

    assert all(cells(text[start:end]) <= width for start, end in found)
    gaps = [text[a[1] : b[0]] for a, b in pairwise(found)]
    assert set(gaps) <= {"", " "}
    assert found[0][0] == 0
    assert found[-1][1] == len(text)


@given(LINES, st.integers(2, 40))
def test_marks_stay_with_their_letter(text: str, width: int) -> None:
    """No row but the first starts with a character of no width."""
    starts = [text[start] for start, end in wrap(text, width)[1:] if start < end]

    assert all(wcwidth(character) != 0 for character in starts)


@given(LINES, st.integers(0, 40))
def test_padded_text_is_exactly_as_wide_as_asked(text: str, width: int) -> None:
    """A cut inside a wide character is filled up."""
    assert cells(pad(text, width)) == width
    assert cells(cut(text, width)) <= width

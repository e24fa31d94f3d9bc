"""Long texts in pieces: joined they are the text, and each one fits."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.protocol import codec
from tcpnet.protocol.codec import MAX_PIECE, pieces
from tcpnet.protocol.items import Print

# What a character becomes on the wire: one byte, two, three, four, an escape of two or of six.
SIZES = st.sampled_from(["a", "é", "€", "😀", '"', "\n", "\x01", "\x7f"])
LONG = st.lists(st.tuples(SIZES, st.integers(1, 20_000)), max_size=4).map(
    lambda runs: "".join(character * times for character, times in runs)
)


@given(LONG)
def test_pieces_joined_are_the_text(text: str) -> None:
    """All but the last say `more`, and none is empty but the only one."""
    found = list(pieces(Print(message=text, kind="page")))

    assert "".join(piece.message for piece in found) == text
    assert [piece.more for piece in found] == [True] * (len(found) - 1) + [False]
    assert all(piece.message for piece in found) or len(found) == 1


@given(LONG, st.text(max_size=32), SIZES)
def test_every_piece_fits(text: str, name: str, character: str) -> None:
    """With all its other fields, of the worst characters."""
    item = Print(
        message=text,
        kind="direct",
        from_=name,
        room="r" * 64,
        seq=2**53 - 1,
        at=1790000000.123456,
        mid=character * 128,
        text=text,
    )

    for piece in pieces(item):
        assert len(msgspec.json.encode(piece)) <= MAX_PIECE
        codec.encode(piece)


def test_a_short_text_goes_as_it_is() -> None:
    """With all its fields, in one item."""
    item = Print(message="Ann> hi", kind="chat", from_="Ann", text="hi", seq=3)

    assert list(pieces(item)) == [item]


def test_every_piece_says_what_it_is_a_piece_of() -> None:
    """A richer view needs sender and kind of each; `text` would not fit."""
    item = Print(message="x" * 40_000, kind="direct", from_="Ann", text="x" * 39_990, seq=3)

    found = list(pieces(item))

    assert {(piece.kind, piece.from_, piece.seq, piece.text) for piece in found} == {
        ("direct", "Ann", 3, None)
    }


def test_a_text_that_goes_on_still_does_after_a_cut() -> None:
    """The last piece of a piece is not the end."""
    found = list(pieces(Print(message="x" * 40_000, more=True)))

    assert all(piece.more for piece in found)


@pytest.mark.parametrize("character", ["a", "€", "😀", "\x01"])
def test_pieces_are_few(character: str) -> None:
    """Each piece is nearly full, whatever the characters."""
    size = len(msgspec.json.encode(character)) - 2
    text = character * (4 * MAX_PIECE // size)

    assert len(list(pieces(Print(message=text)))) <= 6

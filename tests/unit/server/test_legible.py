"""Text of a page in pieces: the same text, and a turn for everybody else between them."""

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tcpnet import text
from tcpnet.server.legible import legible

SLICE = 4 * 1024
# What may not be torn apart: line breaks of two, joiners, marks on their base.
ODD = st.text("a \n\r\t\x1b\x85é\u0301\u0302ن\u200c\u200dक\u094d漢\U0001f600\u202e\u2028")
# Enough before it that the cut falls into it.
FILLED = st.builds(lambda fill, odd: "x" * fill + odd, st.integers(SLICE - 40, SLICE + 40), ODD)


async def read(data: bytes, charset: str = "utf-8", *, whole: bool = True) -> list[str]:
    """All pieces, which end with one that nothing follows."""
    pieces, mores = zip(
        *[piece async for piece in legible(data, charset, whole=whole)], strict=True
    )
    assert mores == (True,) * (len(pieces) - 1) + (False,)
    return list(pieces)


@given(FILLED)
@example("a" + "\u0301" * 3 * SLICE)
@example("\r\n" * SLICE)
@example("न\u200d" * SLICE)
def test_the_pieces_joined_are_the_harmless_text(words: str) -> None:
    """Wherever the text is cut, it is cleaned as if it were not."""
    pieces = asyncio.run(read(words.encode()))

    assert "".join(pieces) == text.clean_lines(words)


@pytest.mark.parametrize("charset", ["cp1251", "cp932", "utf-16", "utf-8-sig", "gb18030"])
async def test_a_character_may_be_cut_by_a_slice(charset: str) -> None:
    """In any charset the bytes are read as one text."""
    words = "Привет, мир! " * 2000

    pieces = await read(words.encode(charset), charset)

    assert "".join(pieces) == words
    assert len(pieces) > 1


async def test_what_no_charset_has_is_marked() -> None:
    """A byte that makes no sense is U+FFFD; one whose rest was not fetched is nothing."""
    assert await read(b"caf\xc3") == ["caf\ufffd"]
    assert await read(b"caf\xc3", whole=False) == ["caf"]


@pytest.mark.parametrize("hostile", [b"\x1b", b"\n", b"\xcc\x81", b"a"])
async def test_everybody_else_has_a_turn_after_each_slice(hostile: bytes) -> None:
    """A megabyte of anything holds nobody up."""
    data = hostile * (1 << 18)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    meanwhile = asyncio.create_task(others())
    pieces = await read(data)
    meanwhile.cancel()

    assert turns >= len(data) // SLICE
    assert max(map(len, pieces)) <= 8 * SLICE

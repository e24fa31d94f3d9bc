"""The bytes of a page as harmless text, a little at each turn of the loop."""

import asyncio
import codecs
import unicodedata
from collections.abc import AsyncGenerator
from typing import Final

from tcpnet import text

# Bytes made legible at one turn: half a millisecond, and four where all of them are hostile.
_SLICE: Final = 4 * 1024
# Characters handed on at once.
_PIECE: Final = 12 * 1024
# Characters that may wait for a place to cut at; nothing but marks has none.
_UNCUT: Final = 4 * _SLICE
_JOINERS: Final = "\u200c\u200d"


async def legible(
    data: bytes, charset: str, *, whole: bool = True
) -> AsyncGenerator[tuple[str, bool], None]:
    """Yield pieces, and whether another follows; joined, they are `clean_lines` of the text.

    Where `data` is not the `whole` of it, a character that is cut at the end is left out.
    """
    decoder = codecs.getincrementaldecoder(charset)("replace")
    waiting = ready = ""
    for start in range(0, len(data), _SLICE):
        is_last = start + _SLICE >= len(data)
        waiting += decoder.decode(data[start : start + _SLICE], final=is_last and whole)
        cut = _cut(waiting)
        ready += text.clean_lines(waiting[:cut])
        waiting = waiting[cut:]
        await asyncio.sleep(0)
        if len(ready) >= _PIECE and not is_last:
            yield ready, True
            ready = ""
    yield ready + text.clean_lines(waiting), False


def _cut(waiting: str) -> int:
    """Return the last place where the text may be cut: both parts clean as they would in one."""
    for at in range(len(waiting) - 1, 0, -1):
        before, behind = waiting[at - 1], waiting[at]
        # A break of two characters, a joiner and its neighbours, marks and their base are one.
        parted = before == "\r" or before in _JOINERS or behind in _JOINERS
        if not parted and unicodedata.category(behind)[0] != "M":
            return at
    return len(waiting) if len(waiting) > _UNCUT else 0

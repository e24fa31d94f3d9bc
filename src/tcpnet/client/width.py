"""Cells: how wide text is on a terminal, and where it may be cut.

Free of any UI toolkit. Widths are counted a code point at a time, as the renderer counts them.
"""

from collections.abc import Iterator
from typing import Final

from wcwidth import wcwidth

# Presentation selectors and skin tones are one cell here and none there; without them every
# terminal agrees. Flags become their two letters for the same reason. (Joiners between pictures
# are gone already: `tcpnet.text` keeps them between letters only.)
_UNSTEADY: Final[dict[int, str | None]] = {
    **dict.fromkeys((0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400))),
    **{0x1F1E6 + index: chr(ord("A") + index) for index in range(26)},
}


WIDEST: Final = 2
"""Cells of the widest characters: no row can have fewer."""


def steady(text: str) -> str:
    """Leave out what terminals give different widths: the emoji-safe form of clean text."""
    return text if text.isascii() else text.translate(_UNSTEADY)


def cells(text: str) -> int:
    """How many columns the text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def wrap(text: str, width: int) -> list[tuple[int, int]]:
    """Cut one line into rows of at most `width` cells, or `WIDEST`, as (start, end) of each.

    Rows end at spaces, which belong to no row; a word that is too long is cut, and so are
    scripts written without spaces. Never between a letter and its combining marks.
    """
    if text.isascii() and len(text) <= width:
        return [(0, len(text))]
    return list(_rows(text, max(width, WIDEST)))


def cut(text: str, width: int) -> str:
    """The start of the text that fits into `width` cells, with `…` where it was cut."""
    if cells(text) <= width:
        return text
    return text[: _fit(text, 0, width - 1)] + "…" if width > 0 else ""


def pad(text: str, width: int) -> str:
    """The text cut or filled with spaces to exactly `width` cells."""
    text = cut(text, width)
    return text + " " * (width - cells(text))


def _cells(character: str) -> int:
    return max(0, wcwidth(character))


def _rows(text: str, width: int) -> Iterator[tuple[int, int]]:
    start = 0
    while (end := _fit(text, start, width)) < len(text):
        # At least one character a row, however wide: or this would never end.
        end = max(end, start + 1)
        if text[end] != " " and not _may_part(text, end):
            space = text.rfind(" ", start, end)
            if text[start : space + 1].strip():
                end = space
        yield start, end
        start = end + 1 if text[end] == " " else end
    yield start, len(text)


def _may_part(text: str, index: int) -> bool:
    """Whether a row may end here without a space: beside a wide character."""
    return not text.isascii() and 2 in (_cells(text[index - 1]), _cells(text[index]))


def _fit(text: str, start: int, width: int) -> int:
    """The end of the longest piece from `start` that has at most `width` cells."""
    if text.isascii():
        return min(len(text), start + width)
    for index in range(start, len(text)):
        width -= _cells(text[index])
        if width < 0:
            return index
    return len(text)

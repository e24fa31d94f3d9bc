"""Rows: how an entry is laid out at a width, as pieces of text with a role each.

Free of any UI toolkit. A role is one of `ROLES`; text of the network is never part of one.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from msgspec import Struct

from tcpnet.client.entry import Entry
from tcpnet.client.scrollback import Page
from tcpnet.client.width import WIDEST, cells, cut, steady, wrap

Piece: TypeAlias = tuple[str, str]
"""A role and the text that has it."""
Row: TypeAlias = list[Piece]
Span: TypeAlias = tuple[int, int, str]
"""From, to, and the role of what is between."""

NAME_ROLES: Final = tuple(f"name-{index}" for index in range(8))
ROLES: Final = frozenset(
    {
        "text",
        "time",
        "name",
        "own",
        "mention",
        "earlier",
        "error",
        "state",
        "rule",
        "fold",
        "match",
        "found",
    }
    | {"pending", *NAME_ROLES}
)

_MARKS: Final = {"state": "== ", "note": "-- "}
"""How lines begin that the client says by itself: of the connection, and of all else."""
TIMED: Final = frozenset({"chat", "join", "leave", *_MARKS})
"""Kinds with a time column: what people do in rooms, and what the client says."""
WIDE: Final = 1 << 30
"""A width at which no line is wrapped."""
_NARROW: Final = 30
"""Below this many cells there is no time column."""
_CACHED: Final = 512
"""Entries laid out that are remembered: a few screens."""


class Look(Struct, frozen=True):
    """What the person chose for all entries."""

    clock: Callable[[float], str]
    """Turns seconds since 1970 into five characters, `12:01`."""
    name_colours: bool = True
    columns: bool = True
    """Whether times stand in a column, and rules go across."""
    raw: bool = False
    """Leave emoji as they came, though the terminal may misplace what follows them."""
    needle: str = ""
    """What is searched for, marked wherever it stands."""


def name_role(name: str) -> str:
    """The role of a person's name, the same wherever and whenever it is shown."""
    return NAME_ROLES[zlib.crc32(name.casefold().encode("utf-8", "replace")) % len(NAME_ROLES)]


class Layout:
    """Lays out entries at one width at a time and remembers the last few hundred."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._width = 0
        self._rows: dict[int, list[Row]] = {}

    @property
    def look(self) -> Look:
        """What all entries have in common."""
        return self._look

    @look.setter
    def look(self, look: Look) -> None:
        self._look = look
        self.clear()

    @property
    def width(self) -> int:
        """Cells a row may take."""
        return self._width

    @width.setter
    def width(self, width: int) -> None:
        if width != self._width:
            self._width = width
            self.clear()

    def clear(self) -> None:
        """Note that all entries have changed."""
        self._rows.clear()

    def forget(self, id_: int) -> None:
        """Note that this entry has changed."""
        self._rows.pop(id_, None)

    def rows(self, id_: int, entry: Entry, page: Page | None = None) -> list[Row]:
        """The entry's rows, at least one; `page` is the whole text where the entry is folded."""
        rows = self._rows.get(id_)
        if rows is None:
            if len(self._rows) >= _CACHED:
                self._rows.clear()
            rows = self._rows[id_] = self.lay_out(entry, page)
        return rows

    def lay_out(self, entry: Entry, page: Page | None = None) -> list[Row]:
        """The rows of an entry that has no id, or is not to be remembered."""
        return list(self._lay_out(entry, page))

    def _lay_out(self, entry: Entry, page: Page | None) -> Iterator[Row]:
        lines = self._shown(entry.message).split("\n")
        if entry.kind == "day":
            yield rule(entry.message, self._width) if self._look.columns else [("rule", lines[0])]
            return
        column = self._column(entry)
        for row in self._block(entry, lines, self._width - cells(column)):
            yield [("time", column), *row] if column else row
            column = " " * cells(column)
        if page:
            yield from self._fold(page, len(lines))

    def _column(self, entry: Entry) -> str:
        """What stands before the first row; the others are indented as far."""
        mark = _MARKS.get(entry.kind, "")
        if entry.kind not in TIMED or self._width < _NARROW or not self._look.columns:
            # What is said beside the mark needs its cells too.
            return mark if self._width >= cells(mark) + WIDEST else ""
        # The star says without colour that the person is named.
        star = "*" if entry.mention else " "
        return self._look.clock(entry.at) + star + mark

    def _shown(self, text: str) -> str:
        return text if self._look.raw else steady(text)

    def _block(self, entry: Entry, lines: list[str], width: int) -> Iterator[Row]:
        base = _role(entry)
        name = self._name(entry, lines[0])
        for line in lines:
            spans = [*name, *self._matches(line)]
            for start, end in wrap(line, width):
                yield list(_pieces(line, start, end, base, spans))
            name = []

    def _name(self, entry: Entry, line: str) -> list[Span]:
        """Where the sender's name stands, if the line begins with it."""
        sender = self._shown(entry.sender or "")
        if not sender or not line.startswith(sender):
            return []
        if entry.own:
            return [(0, len(sender), "own")]
        return [(0, len(sender), name_role(sender) if self._look.name_colours else "name")]

    def _matches(self, line: str) -> list[Span]:
        needle = self._look.needle
        if not needle:
            return []
        flags = re.NOFLAG if needle != needle.lower() else re.IGNORECASE
        found = re.finditer(re.escape(needle), line, flags)
        return [(match.start(), match.end(), "match") for match in found]

    def _fold(self, page: Page, shown: int) -> Iterator[Row]:
        more = page.lines - shown
        what = f"{more:,} more lines" if more > 0 else f"{page.bytes:,} bytes in all"
        how = "/page shows them, /save FILE writes all" if page.complete else "not kept whole"
        note = f"... {what} ({how})"
        for start, end in wrap(note, self._width):
            yield [("fold", note[start:end])]


def rule(text: str, width: int) -> Row:
    """A line across the pane with a word in it."""
    text = cut(text, width - 2)
    dashes = max(0, width - cells(text) - 2)
    left = min(10, dashes // 2)
    return [("rule", cut(f"{'-' * left} {text} {'-' * (dashes - left)}", width))]


def _role(entry: Entry) -> str:
    if entry.kind in _MARKS:
        return "state"
    if entry.kind in ("error", "pending"):
        return entry.kind
    if entry.mention:
        return "mention"
    return "earlier" if entry.earlier else "text"


def _pieces(line: str, start: int, end: int, base: str, spans: Iterable[Span]) -> Iterator[Piece]:
    """The characters from start to end, each under the last span that covers it."""
    roles = [base] * (end - start)
    for first, last, role in spans:
        first, last = max(first, start), min(last, end)
        if first < last:
            roles[first - start : last - start] = [role] * (last - first)
    at = 0
    while at < len(roles):
        to = at + 1
        while to < len(roles) and roles[to] == roles[at]:
            to += 1
        yield roles[at], line[start + at : start + to]
        at = to

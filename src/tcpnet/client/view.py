"""What of a scrollback is on the screen: following the end, or held at one row.

What the person has just asked for is held by itself, at its first row, where it is too long for the
screen: the menu that comes after an answer must not push it out of a small one.

Free of any UI toolkit. Only what is shown is laid out, from the bottom row upwards.
"""

from typing import Final, TypeAlias

from tcpnet.client.entry import Entry
from tcpnet.client.layout import Layout, Look, Row, rule
from tcpnet.client.scrollback import Scrollback

Place: TypeAlias = tuple[int, int]
"""An entry's id and one of its rows."""

_FOUND: Final = {"match": "found"}
"""Of all matches, those in the entry that a search went to."""
KEPT_ROWS: Final = 1
"""Rows of the last page that are seen again on the next."""


class View:
    """A window on a scrollback; new entries and other sizes do not move what it holds."""

    def __init__(self, scrollback: Scrollback, look: Look) -> None:
        self.scrollback = scrollback
        self.layout = Layout(look)
        self.height = 1
        self._held: Place | None = None
        self._lead: int | None = None
        self._question: int | None = None
        self._uppermost = -1
        self._bottom: Place = -1, 0
        self._jumped: int | None = None

    @property
    def follows(self) -> bool:
        """Whether the newest entry is shown as it comes."""
        return self.place is None

    @property
    def below(self) -> int:
        """Lines below the lowest row shown: those of entries, and the rows left of the one cut."""
        if self.follows:
            return 0
        id_, row = self._clamped(self._bottom)
        return self.scrollback.lines_after(id_) + len(self._rows(id_)) - 1 - row

    @property
    def mentions_below(self) -> int:
        """How many entries below name the person."""
        return 0 if self.follows else self.scrollback.mentions_after(self._bottom[0])

    @property
    def place(self) -> Place | None:
        """The lowest row while the view is held, to come back to; None while it follows."""
        if self._held is not None or self._lead is None:
            return self._held
        lead = max(self._lead, self.scrollback.first)
        if lead >= self.scrollback.end:
            return None
        bottom = self._down((lead, 0), self.height - 1)
        if bottom is None or bottom >= self._last:
            return None
        # A question that is partly seen already is worth more than the row it takes from the rest.
        return None if self._question is not None and bottom[0] >= self._question else bottom

    @place.setter
    def place(self, place: Place | None) -> None:
        self._held, self._lead, self._jumped = place, None, None

    def lead(self, id_: int | None = None) -> None:
        """Keep the start of what comes next on the screen, or of this entry and what follows it."""
        self._lead = self.scrollback.end if id_ is None else id_
        self._question = None

    def ask(self, entry: Entry) -> int:
        """Add a question that the input line has no room for; returns its id."""
        self._question = self.append(entry)
        return self._question

    def go_on(self) -> None:
        """Follow again, unless the person holds the view."""
        self._lead = None

    def append(self, entry: Entry) -> int:
        """Add an entry; what comes while the person holds the view is unread."""
        id_ = self.scrollback.append(entry)
        self.layout.forget(id_)
        if self._held is not None and self.scrollback.unread is None:
            self.scrollback.unread = id_
        return id_

    def extend(self, id_: int, text: str) -> None:
        """Go on with an entry."""
        self.scrollback.extend(id_, text)
        self.layout.forget(id_)

    def clear(self) -> None:
        """Forget all there is."""
        self.scrollback.clear()
        self.layout.clear()
        self.follow()

    def resize(self, width: int, height: int) -> None:
        """Take the size of the screen's part, in cells and rows."""
        self.layout.width = width
        self.height = max(1, height)

    def rows(self) -> list[Row]:
        """What is to be seen, at most `height` rows."""
        if not len(self.scrollback):
            return []
        held = self.place
        bottom = self._clamped(held) if held else self._last
        rows = self._upwards(bottom)
        if len(rows) < self.height and held:
            # The oldest entry is in sight: fill the rest below, so that no row is wasted.
            bottom = self._down(self._top, self.height - 1) or self._last
            rows = self._upwards(bottom)
        self._bottom = bottom
        return rows

    def scroll(self, rows: int) -> None:
        """Go down by this many rows, or up where it is negative."""
        if not len(self.scrollback):
            return
        held = self.place
        place = self._clamped(held) if held else self._last
        self._jumped = None
        if rows > 0:
            self._hold(self._down(max(place, self._highest or place), rows))
        elif self._highest:
            self._hold(max(self._up(place, -rows), self._highest))

    def page(self, pages: int) -> None:
        """Go by whole screens, keeping a row of the last in sight."""
        self.scroll(pages * max(1, self.height - KEPT_ROWS))

    def top(self) -> None:
        """Go to the oldest entry."""
        if len(self.scrollback):
            self._hold(self._highest)

    def follow(self) -> None:
        """Go to the newest entry and stay with it."""
        self._held = self._lead = self._jumped = None

    def show(self, id_: int) -> None:
        """Bring an entry to the middle of the screen."""
        last = len(self._rows(id_)) - 1
        place = self._down((id_, last), self.height // 2)
        self._hold(place if place is None else max(place, self._highest or place))
        self._jumped = id_

    def next_mark(self) -> bool:
        """Go to the next mention or to where the unread entries begin; whether there is one."""
        unread = self.scrollback.unread
        start = unread - 1 if self.follows and unread is not None else self._looked_at
        mark = self.scrollback.next_mark(start)
        if mark is not None:
            self.show(mark)
        return mark is not None

    def search(self, needle: str, step: int) -> bool:
        """Go to the nearest entry that holds the text, from here on or else from the other end."""
        scrollback = self.scrollback
        start = self._uppermost if step > 0 else self._looked_at
        other_end = scrollback.first if step > 0 else scrollback.end
        return self._show_found(needle, start, step) or self._show_found(needle, other_end, step)

    def search_on(self, needle: str, step: int) -> bool:
        """Go to the next entry that holds the text, to the end and no further."""
        return self._show_found(needle, self._looked_at + step, step)

    def _show_found(self, needle: str, start: int, step: int) -> bool:
        found = self.scrollback.search(needle, start, step) if needle else None
        if found is not None:
            self.show(found)
        return found is not None

    @property
    def _looked_at(self) -> int:
        """The entry jumped to, or else the lowest one seen."""
        if self._jumped is not None:
            return self._jumped
        return self.scrollback.end - 1 if self.follows else self._bottom[0]

    @property
    def _top(self) -> Place:
        return self.scrollback.first, 0

    @property
    def _last(self) -> Place:
        id_ = self.scrollback.end - 1
        return id_, len(self._rows(id_)) - 1

    @property
    def _highest(self) -> Place | None:
        """The bottom row when the oldest entry is at the top; None if all fits on the screen."""
        return self._down(self._top, self.height - 1)

    def _hold(self, place: Place | None) -> None:
        self._held = None if place is None or place >= self._last else place
        self._lead = None
        if self._held is None:
            self._jumped = None

    def _rows(self, id_: int) -> list[Row]:
        scrollback = self.scrollback
        rows = self.layout.rows(id_, scrollback[id_], scrollback.pages.get(id_))
        if id_ == self._jumped:
            rows = [[(_FOUND.get(role, role), text) for role, text in row] for row in rows]
        if id_ == scrollback.unread:
            return [self._unread_rule(scrollback[id_]), *rows]
        return rows

    def _unread_rule(self, entry: Entry) -> Row:
        return rule(f"unread since {self.layout.look.clock(entry.at)}", self.layout.width)

    def _clamped(self, place: Place) -> Place:
        """The place, where its entry is gone or has fewer rows now."""
        id_, row = max(place, self._top)
        return id_, min(row, len(self._rows(id_)) - 1)

    def _upwards(self, bottom: Place) -> list[Row]:
        """The rows that end with this one, from the top."""
        id_, row = bottom
        rows = self._rows(id_)[: row + 1]
        while len(rows) < self.height and id_ > self.scrollback.first:
            id_ -= 1
            rows = self._rows(id_) + rows
        self._uppermost = id_
        return rows[-self.height :]

    def _up(self, place: Place, rows: int) -> Place:
        id_, row = place
        while rows > row and id_ > self.scrollback.first:
            rows -= row + 1
            id_ -= 1
            row = len(self._rows(id_)) - 1
        return id_, max(0, row - rows)

    def _down(self, place: Place, rows: int) -> Place | None:
        """The place this many rows further down; None past the end."""
        id_, row = place
        while (left := len(self._rows(id_)) - 1 - row) < rows:
            rows -= left + 1
            id_, row = id_ + 1, 0
            if id_ == self.scrollback.end:
                return None
        return id_, row + rows

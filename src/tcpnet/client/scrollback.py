"""What was said, bounded: entries under ids that never change, with the marks on them.

Free of any UI toolkit and of any clock.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from sys import intern
from typing import Final

from msgspec.structs import replace

from tcpnet.client.entry import Entry
from tcpnet.text import size

KEEP: Final = 100_000
"""Entries kept."""
KEEP_BYTES: Final = 64 << 20
"""Bytes of text kept: whoever sends only long lines gets fewer of them kept."""
FOLD_LINES: Final = 200
FOLD_BYTES: Final = 64 << 10
"""A text over either is folded: only its head is an entry's message."""
HEAD_LINES: Final = 20
HEAD_BYTES: Final = 4 << 10
"""The head of a folded text."""
PAGE_BYTES: Final = 8 << 20
"""Bytes of folded texts that are kept whole, the newest first."""
MANY_SENDERS: Final = 1000


class Page:
    """A text too long for the pane, kept beside it."""

    def __init__(self, text: str) -> None:
        self.bytes = 0
        """Of the whole text, kept or not."""
        self.lines = 1
        self.complete = True
        self._parts: list[str] = []
        self.add(text)

    @property
    def text(self) -> str:
        """What is kept of it: all where it is `complete`."""
        return "".join(self._parts)

    def add(self, text: str) -> None:
        """Go on with it; what is over `PAGE_BYTES` is counted and left out."""
        self.bytes += size(text)
        self.lines += text.count("\n")
        self.complete = self.complete and self.bytes <= PAGE_BYTES
        if self.complete:
            self._parts.append(text)

    def forget(self) -> None:
        """Make room for newer ones."""
        self.complete = False
        self._parts.clear()


class Scrollback:
    """The newest entries; ids count up from 0 and outlive the trimming of older ones."""

    def __init__(self, keep: int = KEEP, keep_bytes: int = KEEP_BYTES) -> None:
        self.keep = keep
        self.keep_bytes = keep_bytes
        self.unread: int | None = None
        """The first entry that came while the person was looking elsewhere."""
        self.pages: dict[int, Page] = {}
        """Folded texts by the id of their entry, oldest first."""
        self.first = 0
        """The id of the oldest entry kept."""
        self._entries: list[Entry] = []
        self._bytes = 0
        self._lines = array("q")  # said up to each entry's end, so that any part is a difference
        self._mentions: list[int] = []
        self._open: int | None = None
        self._senders: dict[str, str] = {}

    @property
    def end(self) -> int:
        """The id that the next entry gets."""
        return self.first + len(self._entries)

    @property
    def whole(self) -> int:
        """The id up to which no entry will go on: the end, or that of one with `more` to come."""
        return self.end if self._open is None else max(self._open, self.first)

    def __len__(self) -> int:
        """Entries kept."""
        return len(self._entries)

    def __getitem__(self, id_: int) -> Entry:
        """The entry of this id; raises IndexError for one that is gone or not there yet."""
        if not self.first <= id_ < self.end:
            raise IndexError(id_)
        return self._entries[id_ - self.first]

    def __iter__(self) -> Iterator[Entry]:
        """Entries, oldest first."""
        return iter(self._entries)

    def append(self, entry: Entry) -> int:
        """Add an entry, or go on with the open one if it is `joined`; returns its id."""
        if entry.joined and self._open is not None:
            id_ = self._open
            self._open = id_ if entry.more else None
            self.extend(id_, entry.message)
            return id_
        id_ = self.end
        if entry.more:
            self._open = id_
        if entry.summons:
            self._mentions.append(id_)
        entry = self._folded(id_, self._lean(entry))
        self._entries.append(entry)
        self._lines.append((self._lines[-1] if self._lines else 0) + _lines(entry))
        self._bytes += size(entry.message)
        self._trim()
        return id_

    def extend(self, id_: int, text: str) -> None:
        """Go on with an entry, if it is still there."""
        if page := self.pages.get(id_):
            page.add(text)
            self._forget_pages()
        elif id_ >= self.first:
            last = self._entries[id_ - self.first]
            longer = self._folded(id_, replace(last, message=last.message + text))
            self._entries[id_ - self.first] = longer
            self._bytes += size(longer.message) - size(last.message)
            more = _lines(longer) - _lines(last)
            for index in range(id_ - self.first, len(self._lines)):
                self._lines[index] += more

    def clear(self) -> None:
        """Forget all; ids go on."""
        self.first = self.end
        self._entries.clear()
        self._lines = array("q")
        self._mentions.clear()
        self.pages.clear()
        self._bytes = 0
        self.unread = self._open = None

    def lines_after(self, id_: int) -> int:
        """How many lines the entries after this one have."""
        if not self.first <= id_ < self.end:
            return 0
        return self._lines[-1] - self._lines[id_ - self.first]

    def mentions_after(self, id_: int) -> int:
        """How many entries after this one want the person: by name, or by mail."""
        return len(self._mentions) - bisect_right(self._mentions, id_)

    def next_mark(self, id_: int) -> int | None:
        """The first after this one that is a mention or begins what is unread."""
        index = bisect_right(self._mentions, id_)
        marks = self._mentions[index : index + 1]
        if self.unread is not None and self.unread > id_:
            marks.append(self.unread)
        return min(marks, default=None)

    def search(self, needle: str, start: int, step: int) -> int | None:
        """The nearest entry from `start` on, going by `step` (1 or -1), that holds the text.

        Upper and lower case count only where the needle has upper case. Heads of folded texts are
        searched, not the rest of them.
        """
        exact = needle != needle.lower()
        entries, first = self._entries, self.first
        if step > 0:
            ids = range(max(start, first), self.end)
        else:
            ids = range(min(start, self.end - 1), first - 1, -1)
        for id_ in ids:
            message = entries[id_ - first].message
            if needle in (message if exact else message.lower()):
                return id_
        return None

    def page(self, number: int = 1) -> Page | None:
        """The folded text that is the n-th from the end."""
        ids = list(self.pages)
        return self.pages[ids[-number]] if 1 <= number <= len(ids) else None

    def _lean(self, entry: Entry) -> Entry:
        """Leave out what the pane does not show: it would be kept a hundred thousand times."""
        if len(self._senders) > MANY_SENDERS:
            self._senders.clear()
        sender = entry.sender and self._senders.setdefault(entry.sender, entry.sender)
        kind = intern(entry.kind)
        return replace(
            entry, text=None, room=None, seq=None, answers=None, sender=sender, kind=kind
        )

    def _folded(self, id_: int, entry: Entry) -> Entry:
        message = entry.message
        if size(message) <= FOLD_BYTES and message.count("\n") < FOLD_LINES:
            return entry
        self.pages[id_] = Page(message)
        self._forget_pages()
        return replace(entry, message=_head(message))

    def _trim(self) -> None:
        # An eighth more than asked for is let grow, so that an entry costs the same at any length.
        if len(self._entries) > self.keep + self.keep // 8:
            self._drop(len(self._entries) - self.keep)
        elif self._bytes > self.keep_bytes:
            self._drop(max(1, len(self._entries) // 8))

    def _drop(self, count: int) -> None:
        self._bytes -= sum(size(entry.message) for entry in self._entries[:count])
        del self._entries[:count]
        del self._lines[:count]
        self.first += count
        del self._mentions[: bisect_left(self._mentions, self.first)]
        for id_ in [id_ for id_ in self.pages if id_ < self.first]:
            del self.pages[id_]
        if self.unread is not None:
            self.unread = max(self.unread, self.first)

    def _forget_pages(self) -> None:
        """Keep the newest pages that fit together; the last one always."""
        last, *older = reversed(list(self.pages.values()))
        room = PAGE_BYTES - last.bytes
        for page in older:
            room -= page.bytes
            if room < 0:
                page.forget()


def _lines(entry: Entry) -> int:
    return entry.message.count("\n") + 1


def _head(text: str) -> str:
    """The start of a long text: whole lines where there are any."""
    head = "\n".join(text[:HEAD_BYTES].split("\n")[:HEAD_LINES])
    return head if len(head) < HEAD_BYTES else head[:HEAD_BYTES]

"""One thing that was shown: harmless text, and what a view may want to know about it."""

import unicodedata
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tcpnet.protocol.items import Print
from tcpnet.text import clean, clean_lines

KINDS: Final = frozenset(
    {"info", "error", "chat", "direct", "page", "join", "leave", "notice", "state"}
)
"""What an entry can be; `state` is said by the client itself, all others come from the hub."""

PUSHED: Final = frozenset({"chat", "direct", "join", "leave", "notice", "state"})
"""Kinds that come whatever the person has asked for: none is a sign that it goes on."""

_JOINERS: Final = "\u200c\u200d"

LONGEST_HELD: Final = 64
"""Characters kept back between two pieces, so that they are judged with what follows."""


class Entry(Struct, frozen=True, gc=False):
    r"""`message` is enough to show it; everything else only allows a richer view.

    All text is harmless (`tcpnet.text`). `message` may hold line breaks (`\n`), the others never.
    Without garbage collection: an entry refers to nothing but text and numbers.
    """

    message: str
    """What plain shows, character for character: `Alice> Hello`."""
    kind: str = "info"
    """One of `KINDS`."""
    sender: str | None = None
    text: str | None = None
    """What the sender said, without the name."""
    room: str | None = None
    seq: int | None = None
    at: float = 0.0
    """When it was said, or else when it arrived; seconds since 1970, UTC."""
    earlier: bool = False
    """Said before the person came: history."""
    replayed: bool = False
    """Earlier, or mail that the person asked to see: nothing to call anybody's attention to."""
    own: bool = False
    """The sender is this person, here or elsewhere."""
    mention: bool = False
    """Somebody else said this person's name."""
    answers: str | None = None
    """The `mid` of the line sent from here that this entry acknowledges."""
    echo: bool = False
    """It is that line itself, come back from the hub: a terminal has shown it already."""
    more: bool = False
    """The next entry goes on where this one ends, without a line break."""
    joined: bool = False
    """This entry goes on where the last one ended."""

    @property
    def direct(self) -> bool:
        """Whether it was said to this person alone."""
        return self.kind == "direct"

    @property
    def summons(self) -> bool:
        """Whether somebody wants this person: by name, by mail, or by a notice of mail."""
        noticed = self.kind == "notice" and self.sender is not None and self.room is None
        return not (self.own or self.replayed) and (self.mention or self.direct or noticed)


class Pieces:
    """Joins the cut pieces of one text, and keeps what others say meanwhile out of it."""

    def __init__(self) -> None:
        self._head: Print | None = None
        self._rest = ""
        self._aside: list[Print] = []

    def take(self, item: Print) -> list[tuple[Print, bool]]:
        """What is to be shown now, in order, each with whether it goes on where the last ended."""
        if self._head is None:
            return self._begin(item)
        if not _same_text(self._head, item):
            self._aside.append(item)
            return []
        return self._go_on(item)

    def close(self) -> list[tuple[Print, bool]]:
        """End an unfinished text, and show what had to stand aside."""
        if self._head is None:
            return []
        last = _with(self._head, self._rest, more=False)
        return [(last, True), *self._end()]

    def _begin(self, item: Print) -> list[tuple[Print, bool]]:
        if not item.more:
            return [(item, False)]
        self._head = item
        return [(self._hold(item), False)]

    def _go_on(self, item: Print) -> list[tuple[Print, bool]]:
        item = _with(item, self._rest + item.message, more=item.more)
        if item.more:
            return [(self._hold(item), True)]
        return [(item, True), *self._end()]

    def _hold(self, item: Print) -> Print:
        cut = _whole(item.message)
        self._rest = item.message[cut:]
        return _with(item, item.message[:cut], more=True)

    def _end(self) -> list[tuple[Print, bool]]:
        self._head, self._rest = None, ""
        aside, self._aside = self._aside, []
        return [shown for item in aside for shown in self.take(item)]


def harmless(item: Print, *, name: str, at: float, asked: bool = False) -> Entry:
    """Turn a `print` into an entry, for the person of this name.

    `at`: when it arrived, in seconds since 1970; `asked`: while the hub owed an answer.
    """
    own = item.from_ is not None and item.from_ == name
    kind = item.kind if item.kind in KINDS else "info"
    # One line of one person: a line break in it could forge another person's.
    message = clean(item.message) if kind == "chat" else clean_lines(item.message)
    said = item.text if item.text is not None else item.message
    return Entry(
        message=message,
        kind=kind,
        sender=None if item.from_ is None else clean(item.from_),
        text=None if item.text is None else clean(item.text),
        room=None if item.room is None else clean(item.room),
        seq=item.seq,
        at=at if item.at is None else item.at,
        earlier=item.earlier,
        replayed=item.earlier or (asked and kind == "direct"),
        own=own,
        mention=item.from_ is not None and not own and mentions(said, name),
        more=item.more,
    )


def mentions(text: str, name: str) -> bool:
    """Whether the name stands in the text as a whole word, in any case.

    A hyphen or a full stop between letters belongs to the word, as it may to a name.
    """
    text, name = _folded(text), _folded(name)
    start = text.find(name) if name else -1
    while start >= 0:
        end = start + len(name)
        if not _joins(text[start - 2 : start][::-1]) and not _joins(text[end : end + 2]):
            return True
        start = text.find(name, start + 1)
    return False


def _whole(text: str) -> int:
    """How much of the text is the same whatever follows.

    Not the end of what a cut may not separate: a line break of two characters, and a joiner from
    the letters on both its sides.
    """
    end = len(text)
    while len(text) - end < LONGEST_HELD:
        end = len(text[:end].rstrip(_JOINERS))
        end -= 2 if text.endswith("\r\n", 0, end) else 1
        if end <= 0 or text[end - 1] not in _JOINERS:
            break
    return max(0, end)


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text).casefold()


def _joins(beside: str) -> bool:
    """Whether the one or two characters next to a word, nearest first, go on with it."""
    if beside[:1] in ("-", ".") and len(beside) == 2:
        beside = beside[1:]
    return bool(beside) and (
        beside[0].isalnum() or beside[0] == "_" or unicodedata.category(beside[0])[0] == "M"
    )


def _same_text(one: Print, other: Print) -> bool:
    return _with(one, "", more=False) == _with(other, "", more=False)


def _with(item: Print, message: str, *, more: bool) -> Print:
    return replace(item, message=message, text=None, more=more)

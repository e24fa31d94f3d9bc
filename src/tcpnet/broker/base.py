"""The broker's promises: ordered durable logs, marks, claims and small values.

A log is what a room or a mailbox is made of: lines that were acknowledged, numbered from 1
without a gap. One suite (tests/contract/test_broker.py) holds every implementation to what is
written here. Times are UTC seconds, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from msgspec import Struct

from tcpnet.broker.changes import Change
from tcpnet.errors import BrokerError


class Record(Struct, frozen=True):
    """One line of a log as it is stored; `at` is when the broker accepted it."""

    log: str
    seq: int
    sender: str
    mid: str
    body: str
    at: float


class Stored(Struct, frozen=True):
    """A small value under its key; the revision grows with every change."""

    key: str
    value: bytes
    revision: int


class Conflict(BrokerError):
    """Another writer was first; `revision` is what is stored now, 0 for nothing.

    Or somebody else holds the name: `key` is that name, and `revision` 0.
    """

    def __init__(self, kind: str, key: str, revision: int) -> None:
        super().__init__(f'not saved: {kind} "{key}" was changed by somebody else meanwhile')
        self.kind = kind
        self.key = key
        self.revision = revision


class Statistics(Struct):
    """Plain counters since the start, for whoever publishes them."""

    commits: int = 0
    """Batches that became durable."""
    operations: int = 0
    """Requests those batches held; `operations / commits` is the mean batch."""
    records: int = 0
    """Lines those batches added."""
    largest_batch: int = 0
    """Operations of the largest one."""
    commit_seconds: float = 0.0
    """Time spent on batches, from the first statement to the end of the commit."""
    failures: int = 0
    """Batches that the disk or the engine refused as a whole."""
    failing: bool = False
    """Whether the last batch was refused."""


Deliver = Callable[[Sequence[Record]], None]
Done = Callable[[int | BrokerError], None]


class Following:
    """One follower of a log; nothing is delivered after `close` or the end of its `with`."""

    __slots__ = ("_forget", "deliver", "log")

    def __init__(self, log: str, deliver: Deliver, forget: Callable[[Following], None]) -> None:
        self.log = log
        self.deliver = deliver
        self._forget: Callable[[Following], None] | None = forget

    @property
    def closed(self) -> bool:
        """Whether nothing will be delivered any more."""
        return self._forget is None

    def close(self) -> None:
        """Stop following; again is harmless."""
        forget, self._forget = self._forget, None
        if forget is not None:
            forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Broker(Protocol):
    """Keeps what outlives a connection.

    Every coroutine raises `BrokerError` with a sentence a person can be shown when the disk or
    the engine fails or the broker is closing; nothing of the failed request is acknowledged or
    delivered. A request whose awaiting task is cancelled may or may not be carried out, and
    never harms another. Texts must be encodable as UTF-8, or the one request is refused.
    Requests are carried out in the order in which they were made.
    """

    statistics: Statistics
    """Counters since the start; read them, never write them."""

    async def publish(self, log: str, sender: str, mid: str, body: str) -> int:
        """Append a line and return its seq once it is durable.

        The same (log, sender, mid) again returns the same seq and is not delivered again, for
        as long as the line is kept; so after a `BrokerError` it is right to try again with the
        same mid. An empty mid is never taken for a repetition. Mids that grow with time, a
        clock first and chance behind it, are the cheapest to keep.
        """
        ...

    def offer(self, log: str, sender: str, mid: str, body: str, done: Done) -> bool:
        """Publish without waiting; False where the caller has to wait for room, by `publish`.

        `done` gets the seq once the line is durable and was delivered, or the `BrokerError`.
        Raises `BrokerError` for a text that cannot be kept.
        """
        ...

    def follow(self, log: str, deliver: Deliver) -> Following:
        """Hand every line published from now on to `deliver`, in seq order, no gap, no repeat.

        `deliver` is called on the event loop's thread after each commit with that log's new
        lines; all callbacks of a batch run before any of its publishers continues, with no
        await between. To have old lines too, follow first and read `history` then: a line that
        both show has one seq, and none is in neither.

        A callback that raises is a bug: it is logged with the lines it did not take, everybody
        else is served, and it stays a follower, since one odd line must not silence a room for
        good. It sees the gap by seq and finds the lines in `history`.
        """
        ...

    async def history(
        self, log: str, *, after: int | None = None, before: int | None = None, limit: int
    ) -> list[Record]:
        """Return at most `limit` lines in seq order, exclusive of both bounds.

        With `after` the oldest ones behind it, to page forward; otherwise the newest ones, to
        page backward with `before`. An unknown log is empty.
        """
        ...

    async def last_seq(self, log: str) -> int:
        """Return the seq of the newest line ever published to a log, 0 for none."""
        ...

    async def unread(self, log: str, *, limit: int) -> list[Record]:
        """Return the oldest `limit` lines behind the read mark, in seq order."""
        ...

    async def unread_count(self, log: str) -> int:
        """Return how many lines are behind the read mark."""
        ...

    async def mark_read(self, log: str, upto: int) -> None:
        """Move the read mark to `upto`: only forward, never past the last line."""
        ...

    async def trim(self, log: str, upto: int) -> None:
        """Forget the lines of a log up to this seq, read or not; the others keep their seqs.

        Never past the last line. Unknown is fine, and so is what was trimmed before.
        """
        ...

    async def delete_log(self, log: str) -> None:
        """Forget a log: its lines and its mark. Unknown is fine.

        The name is spent. Seqs of a log are never used twice, and it is the caller who sees to
        that here: a new log gets a new name. Followers hear nothing and close themselves.
        """
        ...

    async def claim(self, kind: str, name: str, owner: str) -> str:
        """Take a free name for `owner`, and return who holds it now."""
        ...

    async def release(self, kind: str, name: str, owner: str) -> bool:
        """Free a name that `owner` holds; return whether it was his."""
        ...

    async def get(self, kind: str, key: str) -> Stored | None:
        """Return the value under a key."""
        ...

    async def put(self, kind: str, key: str, value: bytes, *, expected: int | None = None) -> int:
        """Store a value and return its revision, which no other change ever had or will have.

        With `expected` only if that is the revision stored now, 0 meaning that there is none;
        otherwise raise `Conflict`.
        """
        ...

    async def remove(self, kind: str, key: str) -> bool:
        """Forget a value; return whether there was one."""
        ...

    async def entries(self, kind: str, beginning: str = "") -> list[Stored]:
        """Return the values of a kind whose keys begin so, ordered by key.

        A store looks only at those; U+10FFFF, which is no character, is in no key.
        """
        ...

    async def together(self, *changes: Change) -> list[int]:
        """Make changes of different names and keys, all or none; return the revisions of the puts.

        Nobody ever finds some of them without the others, whenever the process ends. Raises
        `Conflict` for the first one that cannot be made as it is meant.
        """
        ...


def text_size(*texts: str) -> int:
    """Return the bytes of `texts` in UTF-8.

    Raises `BrokerError` for a lone surrogate, which no file or wire can hold.
    """
    try:
        return len("".join(texts).encode())
    except UnicodeEncodeError as error:
        raise BrokerError("not saved: the text is not valid Unicode") from error

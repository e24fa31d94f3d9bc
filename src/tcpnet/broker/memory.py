"""The broker without a disk: the same promises until the process ends."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar

from tcpnet.broker import together
from tcpnet.broker.base import (
    Broker,
    Deliver,
    Done,
    Following,
    Record,
    Statistics,
    Stored,
    text_size,
)
from tcpnet.broker.changes import Change
from tcpnet.broker.followers import Followers
from tcpnet.broker.looks import after_a_look
from tcpnet.broker.table import MemoryTable
from tcpnet.errors import BrokerError

MAX_LINES: Final = 10_000
MAX_LOGS: Final = 10_000

T = TypeVar("T")


class _Log:
    """The newest lines of one log, its mark, and the seq of each line that has a mid."""

    __slots__ = ("_lines", "_seqs", "last", "max_lines", "read")

    def __init__(self, max_lines: int) -> None:
        self.max_lines = max_lines
        self.last = 0
        self.read = 0
        self._lines: deque[Record] = deque()
        self._seqs: dict[tuple[str, str], int] = {}

    def seq_of(self, sender: str, mid: str) -> int | None:
        """Return the seq under which this line is kept already."""
        return self._seqs.get((sender, mid)) if mid else None

    def append(self, record: Record) -> None:
        """Add the next line; the oldest one goes when there is no room."""
        self.last = record.seq
        self._lines.append(record)
        if record.mid:
            self._seqs[record.sender, record.mid] = record.seq
        if len(self._lines) > self.max_lines:
            self.trim(self.last - self.max_lines)

    def trim(self, upto: int) -> None:
        """Let the lines up to this seq go."""
        while self._lines and self._lines[0].seq <= upto:
            oldest = self._lines.popleft()
            self._seqs.pop((oldest.sender, oldest.mid), None)

    def oldest(self, after: int, before: int, limit: int) -> list[Record]:
        """Return the first `limit` lines whose seq lies between the two, exclusively."""
        start = max(after + 1, self.first)
        return self._range(start, min(before, self.end, start + limit))

    def newest(self, before: int, limit: int) -> list[Record]:
        """Return the last `limit` lines whose seq is smaller."""
        stop = min(before, self.end)
        return self._range(max(stop - limit, self.first), stop)

    @property
    def first(self) -> int:
        """The seq of the oldest line that is kept."""
        return self.end - len(self._lines)

    @property
    def end(self) -> int:
        """The seq that the next line will get."""
        return self.last + 1

    def _range(self, start: int, stop: int) -> list[Record]:
        if start >= stop:
            return []
        return list(islice(self._lines, start - self.first, stop - self.first))


class MemoryBroker(Broker):
    """Keeps everything in this process, for `--ephemeral` and for tests.

    A log keeps its newest `max_lines` lines and forgets older ones, their mids and whether
    they were read; at `max_logs` logs a line for a new one is refused. What is requested is
    carried out at once. Whoever asked or follows hears of it with all that was requested in this
    turn of the event loop, and in one look at the sockets more: that is one batch.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        max_lines: int = MAX_LINES,
        max_logs: int = MAX_LOGS,
    ) -> None:
        self.statistics = Statistics()
        self._clock = clock
        self._max_lines = max_lines
        self._max_logs = max_logs
        self._logs: dict[str, _Log] = {}
        self._table = MemoryTable()
        self._followers = Followers()
        self._outcomes: list[tuple[Callable[[Any], None], Any]] = []
        self._fresh: list[Record] = []

    async def publish(self, log: str, sender: str, mid: str, body: str) -> int:
        """See `Broker.publish`; durable means as long as the process lives."""
        text_size(log, sender, mid, body)
        return await self._request(partial(self._append, log, sender, mid, body))

    def offer(self, log: str, sender: str, mid: str, body: str, done: Done) -> bool:
        """See `Broker.offer`; there is always room."""
        text_size(log, sender, mid, body)
        try:
            outcome: int | BrokerError = self._append(log, sender, mid, body)
        except BrokerError as error:
            outcome = error
        self._will_tell(done, outcome)
        return True

    def follow(self, log: str, deliver: Deliver) -> Following:
        """See `Broker.follow`."""
        return self._followers.add(log, deliver)

    async def history(
        self, log: str, *, after: int | None = None, before: int | None = None, limit: int
    ) -> list[Record]:
        """See `Broker.history`."""
        if (found := self._logs.get(log)) is None:
            return []
        if before is None:
            before = found.end
        if after is None:
            return found.newest(before, limit)
        return found.oldest(after, before, limit)

    async def last_seq(self, log: str) -> int:
        """See `Broker.last_seq`."""
        found = self._logs.get(log)
        return 0 if found is None else found.last

    async def unread(self, log: str, *, limit: int) -> list[Record]:
        """See `Broker.unread`."""
        found = self._logs.get(log)
        return [] if found is None else found.oldest(found.read, found.end, limit)

    async def unread_count(self, log: str) -> int:
        """See `Broker.unread_count`."""
        found = self._logs.get(log)
        return 0 if found is None else found.last - max(found.read, found.first - 1)

    async def mark_read(self, log: str, upto: int) -> None:
        """See `Broker.mark_read`."""

        def mark() -> None:
            if (found := self._logs.get(log)) is not None:
                found.read = max(found.read, min(upto, found.last))

        await self._request(mark)

    async def trim(self, log: str, upto: int) -> None:
        """See `Broker.trim`."""

        def trim() -> None:
            if (found := self._logs.get(log)) is not None:
                found.trim(upto)

        await self._request(trim)

    async def delete_log(self, log: str) -> None:
        """See `Broker.delete_log`."""
        await self._request(lambda: self._logs.pop(log, None))

    async def claim(self, kind: str, name: str, owner: str) -> str:
        """See `Broker.claim`."""
        text_size(kind, name, owner)
        return await self._request(partial(self._table.claim, kind, name, owner))

    async def release(self, kind: str, name: str, owner: str) -> bool:
        """See `Broker.release`."""
        return await self._request(partial(self._table.release, kind, name, owner))

    async def get(self, kind: str, key: str) -> Stored | None:
        """See `Broker.get`."""
        return self._table.get(kind, key)

    async def put(self, kind: str, key: str, value: bytes, *, expected: int | None = None) -> int:
        """See `Broker.put`."""
        text_size(kind, key)
        return await self._request(partial(self._table.put, kind, key, value, expected))

    async def remove(self, kind: str, key: str) -> bool:
        """See `Broker.remove`."""
        return await self._request(partial(self._table.remove, kind, key))

    async def entries(self, kind: str, beginning: str = "") -> list[Stored]:
        """See `Broker.entries`."""
        return self._table.entries(kind, beginning)

    async def together(self, *changes: Change) -> list[int]:
        """See `Broker.together`."""
        together.size(changes)
        return await self._request(partial(together.made, changes, self._table))

    async def _request(self, work: Callable[[], T]) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._will_tell(partial(_resolve, future), _outcome(work))
        return await future

    def _will_tell(self, done: Callable[[Any], None], outcome: Any) -> None:
        if not self._outcomes:
            after_a_look(asyncio.get_running_loop(), self._tell)
        self._outcomes.append((done, outcome))

    def _tell(self) -> None:
        batch, self._outcomes = self._outcomes, []
        fresh, self._fresh = self._fresh, []
        self._count(len(batch), len(fresh))
        try:
            self._followers.deliver(fresh)
        finally:
            for done, outcome in batch:
                done(outcome)

    def _count(self, operations: int, records: int) -> None:
        counted = self.statistics
        counted.commits += 1
        counted.operations += operations
        counted.records += records
        counted.largest_batch = max(counted.largest_batch, operations)

    def _append(self, name: str, sender: str, mid: str, body: str) -> int:
        log = self._logs.get(name) or self._begun(name)
        if (seq := log.seq_of(sender, mid)) is not None:
            return seq
        record = Record(name, log.last + 1, sender, mid, body, self._clock())
        log.append(record)
        self._fresh.append(record)
        return record.seq

    def _begun(self, name: str) -> _Log:
        if len(self._logs) >= self._max_logs:
            raise BrokerError(f"not saved: the hub holds {self._max_logs} conversations")
        log = self._logs[name] = _Log(self._max_lines)
        return log


def _outcome(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except BrokerError as error:
        return error


def _resolve(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():
        return  # whoever asked was cancelled
    if isinstance(outcome, BrokerError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)

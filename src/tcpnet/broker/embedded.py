"""The durable broker inside the hub's process: one SQLite file behind two threads."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

from tcpnet.broker import reader, together
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
from tcpnet.broker.connection import Connect, Connection, connect
from tcpnet.broker.followers import Followers
from tcpnet.broker.lane import MAX_BYTES, MAX_REQUESTS, Batch, Lane
from tcpnet.broker.reader import Reader
from tcpnet.broker.store import Draft, Store
from tcpnet.broker.writer import Writer

FILE: Final = "hub.sqlite3"

T = TypeVar("T")


class EmbeddedBroker(Broker):
    """Keeps everything in one SQLite file, synced to the disk before it is acknowledged.

    One thread and connection write, another pair reads; what a change returned is seen by
    every later read. At most `max_requests` changes of `max_bytes` wait for the disk, and as
    many reads; further callers wait for room.
    """

    def __init__(
        self,
        path: Path,
        *,
        connect: Connect,
        clock: Callable[[], float],
        max_requests: int,
        max_bytes: int,
    ) -> None:
        self.statistics = Statistics()
        self._clock = clock
        self._followers = Followers()
        self._writing = Lane(
            "broker-writer",
            Writer(connect, path),
            self._on_commit,
            max_requests=max_requests,
            max_bytes=max_bytes,
        )
        self._reading = Lane(
            "broker-reader",
            Reader(connect, path),
            lambda _: None,
            max_requests=max_requests,
            max_bytes=max_bytes,
        )

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        folder: Path,
        *,
        connect: Connect = connect,
        clock: Callable[[], float] = time.time,
        max_requests: int = MAX_REQUESTS,
        max_bytes: int = MAX_BYTES,
    ) -> AsyncIterator[Self]:
        """Open or make the store of a folder; at the end finish what was asked for and close.

        Only one broker may have the folder, and whoever opens it holds its `FolderLock`.
        `clock` tells UTC seconds. Raises `ConfigError` for a folder that cannot be used and for
        a store that is damaged, locked, somebody else's or of a newer version.
        """
        broker = cls(
            folder / FILE,
            connect=connect,
            clock=clock,
            max_requests=max_requests,
            max_bytes=max_bytes,
        )
        # In this order: who closes last writes the log back into the file, and only one may.
        async with broker._writing, broker._reading:
            yield broker

    async def publish(self, log: str, sender: str, mid: str, body: str) -> int:
        """See `Broker.publish`."""
        size = text_size(log, sender, mid, body)
        seq: int = await self._writing.request(Draft(log, sender, mid, body, self._clock()), size)
        return seq

    def offer(self, log: str, sender: str, mid: str, body: str, done: Done) -> bool:
        """See `Broker.offer`."""
        size = text_size(log, sender, mid, body)
        return self._writing.offer(Draft(log, sender, mid, body, self._clock()), size, done)

    def follow(self, log: str, deliver: Deliver) -> Following:
        """See `Broker.follow`."""
        return self._followers.add(log, deliver)

    async def history(
        self, log: str, *, after: int | None = None, before: int | None = None, limit: int
    ) -> list[Record]:
        """See `Broker.history`."""
        return await self._read(
            partial(reader.history, log=log, after=after, before=before, limit=limit)
        )

    async def last_seq(self, log: str) -> int:
        """See `Broker.last_seq`."""
        return await self._read(partial(reader.last_seq, log=log))

    async def unread(self, log: str, *, limit: int) -> list[Record]:
        """See `Broker.unread`."""
        return await self._read(partial(reader.unread, log=log, limit=limit))

    async def unread_count(self, log: str) -> int:
        """See `Broker.unread_count`."""
        return await self._read(partial(reader.unread_count, log=log))

    async def mark_read(self, log: str, upto: int) -> None:
        """See `Broker.mark_read`."""
        await self._change(partial(Store.mark_read, log=log, upto=upto))

    async def trim(self, log: str, upto: int) -> None:
        """See `Broker.trim`; the lines are out of sight at once, and go piece by piece."""
        await self._change(partial(Store.trim, log=log, upto=upto))

    async def delete_log(self, log: str) -> None:
        """See `Broker.delete_log`; the lines go piece by piece when there is time."""
        await self._change(partial(Store.delete_log, log=log))

    async def claim(self, kind: str, name: str, owner: str) -> str:
        """See `Broker.claim`."""
        size = text_size(kind, name, owner)
        return await self._change(partial(Store.claim, kind=kind, name=name, owner=owner), size)

    async def release(self, kind: str, name: str, owner: str) -> bool:
        """See `Broker.release`."""
        return await self._change(partial(Store.release, kind=kind, name=name, owner=owner))

    async def get(self, kind: str, key: str) -> Stored | None:
        """See `Broker.get`."""
        return await self._read(partial(reader.get, kind=kind, key=key))

    async def put(self, kind: str, key: str, value: bytes, *, expected: int | None = None) -> int:
        """See `Broker.put`."""
        size = text_size(kind, key) + len(value)
        return await self._change(
            partial(Store.put, kind=kind, key=key, value=value, expected=expected), size
        )

    async def remove(self, kind: str, key: str) -> bool:
        """See `Broker.remove`."""
        return await self._change(partial(Store.remove, kind=kind, key=key))

    async def entries(self, kind: str, beginning: str = "") -> list[Stored]:
        """See `Broker.entries`."""
        return await self._read(partial(reader.entries, kind=kind, beginning=beginning))

    async def together(self, *changes: Change) -> list[int]:
        """See `Broker.together`."""
        size = together.size(changes)
        return await self._change(partial(together.made, changes), size)

    async def _change(self, change: Callable[[Store], T], size: int = 0) -> T:
        outcome: T = await self._writing.request(change, size)
        return outcome

    async def _read(self, query: Callable[[Connection], T]) -> T:
        outcome: T = await self._reading.request(query, 0)
        return outcome

    def _on_commit(self, batch: Batch) -> None:
        counted = self.statistics
        counted.failing = batch.refused
        if batch.refused:
            counted.failures += 1
            return
        counted.commits += 1
        counted.operations += len(batch.outcomes)
        counted.records += len(batch.fresh)
        counted.largest_batch = max(counted.largest_batch, len(batch.outcomes))
        counted.commit_seconds += batch.seconds
        self._followers.deliver(batch.fresh)

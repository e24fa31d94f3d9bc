"""A body while it arrives: followed from its first byte by any number of readers."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from types import TracebackType
from typing import Final, Self

from tcpnet.errors import TcpnetError
from tcpnet.proxy.moment import Moment
from tcpnet.proxy.store import pickles
from tcpnet.proxy.store.files import ChunkFile, PartFile
from tcpnet.proxy.store.heads import DamagedPage
from tcpnet.proxy.store.names import Names
from tcpnet.proxy.store.pickles import CHUNK

WINDOW: Final = 16
"""Chunks kept in memory behind the newest (1 MiB): readers that keep up never touch the disk."""

log = logging.getLogger(__name__)

PATIENCE: Final = 30.0
"""Seconds that a reader may stand still while others wait for him."""


class PageLost(TcpnetError):
    """The rest of a body cannot be had; what was read so far is right."""


class Allowance:
    """Bytes that all bodies on their way may take on disk together."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, size: int) -> bool:
        """Take some, if that much is left."""
        if size > self.left:
            return False
        self.left -= size
        return True

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        self.left += size


class Spool:
    """A growing body: its newest chunks in memory, all of it on disk as long as that goes well.

    When the disk is full or the allowance used up, `stopped` says why, and the body goes on
    through memory at the pace of its slowest reader; one who takes nothing for PATIENCE seconds
    while others wait is cut off.
    """

    def __init__(
        self, part: PartFile, threads: Executor, names: Names, allowance: Allowance
    ) -> None:
        self.part = part
        self.received = 0
        self.ended = False
        self.failure = ""
        self.stopped = ""
        self._threads = threads
        self._names = names
        self._allowance = allowance
        self._taken = 0
        self._saved = 0
        self._first = 0
        self._window: deque[bytes] = deque()
        self._tail = bytearray()
        self._latest = b""
        self._readers: set[Follower] = set()
        self._news: Moment | None = None
        self._moved: Moment | None = None
        self._unwanted = False

    @property
    def tail(self) -> bytes:
        """The chunk that is not full yet."""
        return bytes(self._tail)

    @property
    def followed(self) -> bool:
        """Whether anybody reads."""
        return bool(self._readers)

    def whole(self) -> bytes | None:
        """Return all that came, if memory holds it."""
        return None if self._first else b"".join((*self._window, self._tail))

    def can_follow(self, start: int = 0) -> bool:
        """Tell whether a new reader would get every byte from `start` on."""
        if self.failure or self._unwanted:
            return False
        return self._first <= self._saved or start // CHUNK >= self._first

    def follow(self, start: int = 0, stop: int | None = None) -> "Follower":
        """Return a reader of the bytes from `start` to before `stop`. Raises PageLost."""
        if not self.can_follow(start):
            raise PageLost(self.failure or "its beginning is gone")
        reader = Follower(self, start, stop)
        self._readers.add(reader)
        return reader

    async def write(self, data: bytes) -> None:
        """Take the next bytes. Waits for the disk, or for the slowest reader; never fails."""
        at = 0
        while at < len(data):
            piece = data[at : at + CHUNK - len(self._tail)]
            at += len(piece)
            self._take(piece)
            if len(self._tail) == CHUNK:
                await self._roll()

    def end(self) -> None:
        """Note that the body is whole."""
        self.ended = True
        self._tell()

    def fail(self, reason: str) -> None:
        """Note that no more will come: readers get what there is, then PageLost; remove it."""
        self.failure = reason
        self._tell()
        self.drop()

    def drop(self) -> None:
        """Remove what is on disk as soon as nobody reads it."""
        already, self._unwanted = self._unwanted, True
        if not already and not self._readers:
            self._discard()

    def release(self) -> None:
        """Give the allowance back: what was written is a page now, or gone."""
        self._allowance.give_back(self._taken)

    def peek(self, position: int) -> bytes | None:
        """Return what memory holds from `position` on, a chunk at most; None if the disk does."""
        if position >= self.received:
            return b""
        if position == self.received - len(self._latest):
            return self._latest
        number, skip = divmod(position, CHUNK)
        if number < self._first:
            return None
        if number < self._first + len(self._window):
            return self._window[number - self._first][skip:]
        return bytes(self._tail[skip:])

    async def news(self) -> None:
        """Wait until something was written, or the end came."""
        self._news = self._news or Moment()
        await self._news.wait()

    async def off_loop(self, call: Callable[..., bytes], *arguments: object) -> bytes:
        """Read in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    def moved(self) -> None:
        """Note that a reader moved on."""
        if self._moved is not None:
            self._moved.come()

    def leave(self, reader: "Follower") -> None:
        """Let a reader go."""
        if reader in self._readers:
            self._readers.remove(reader)
            self.moved()
            if self._unwanted and not self._readers:
                self._discard()

    def _take(self, data: bytes) -> None:
        self._tail += data
        self._latest = data
        self.received += len(data)
        self._tell()

    async def _roll(self) -> None:
        chunk = bytes(self._tail)
        self._tail.clear()
        self._window.append(chunk)
        if not self.stopped:
            await self._save(chunk)
        while len(self._window) > WINDOW:
            if self._first >= self._saved:
                await self._wait_for_slowest()
            self._window.popleft()
            self._first += 1

    async def _save(self, chunk: bytes) -> None:
        if not self._allowance.take(CHUNK):
            self.stopped = "too much else was on its way"
            return
        self._taken += CHUNK
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, self.part.add, chunk)
        except OSError as error:
            self.stopped = f"the disk of the cache refused it ({error.strerror or error})"
        else:
            self._saved += 1

    async def _wait_for_slowest(self) -> None:
        """Wait until every reader has left the oldest chunk in memory."""
        end = (self._first + 1) * CHUNK
        while late := [reader for reader in self._readers if reader.position < end]:
            self._moved = Moment()
            others_wait = len(late) < len(self._readers)
            try:
                async with asyncio.timeout(PATIENCE if others_wait else None):
                    await self._moved.wait()
            except TimeoutError:
                for reader in late:
                    reader.cut_off()

    def _tell(self) -> None:
        if self._news is not None:
            self._news.come()
            self._news = None

    def _discard(self) -> None:
        self.release()
        self._names.submit(discard, self.part)


class Follower:
    """Reads a growing body in order. Use it in `with`, and iterate: PageLost ends it early."""

    def __init__(self, spool: Spool, start: int, stop: int | None) -> None:
        self.position = start
        self._spool = spool
        self._stop = stop
        self._file: ChunkFile | None = None
        self._is_cut_off = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._next()
        except (StopAsyncIteration, PageLost):
            self.close()
            raise

    async def _next(self) -> bytes:
        while not self._is_cut_off:
            if self._has_all():
                raise StopAsyncIteration
            data = self._spool.peek(self.position)
            if data is None:
                data = await self._from_disk()
            if data:
                return self._advance(data)
            if self._spool.failure:
                raise PageLost(self._spool.failure)
            await self._spool.news()
        raise PageLost("it was read too slowly")

    def close(self) -> None:
        """Leave; the end of the body does it too."""
        if self._file is not None:
            self._file.close()
        self._spool.leave(self)

    def cut_off(self) -> None:
        """Give up on a reader who keeps others waiting."""
        self._is_cut_off = True
        self.close()

    def _has_all(self) -> bool:
        if self._stop is not None and self.position >= self._stop:
            return True
        return self._spool.ended and self.position >= self._spool.received

    def _advance(self, data: bytes) -> bytes:
        if self._stop is not None:
            data = data[: self._stop - self.position]
        self.position += len(data)
        self._spool.moved()
        return data

    async def _from_disk(self) -> bytes:
        number, skip = divmod(self.position, CHUNK)
        if self._file is None:
            self._file = self._spool.part.reader()
        span = number * pickles.FULL_RECORD, pickles.FULL_RECORD
        digest = self._spool.part.digests[number]
        try:
            return (await self._spool.off_loop(self._file.chunk, *span, digest))[skip:]
        except (DamagedPage, OSError) as error:
            raise PageLost(f"the cache lost it ({error})") from error


def discard(part: PartFile) -> None:
    """Remove a page that will not be any. May block."""
    try:
        part.discard()
    except OSError as error:
        # Left for the next start, which removes what is half written.
        log.warning("unfinished page not removed", extra={"error": str(error)})

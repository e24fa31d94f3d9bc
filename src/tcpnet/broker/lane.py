"""One thread that works for the event loop: everything that queued, in one go."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import chain
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, Final, Protocol, Self

from msgspec import Struct

from tcpnet.broker.base import Record
from tcpnet.broker.gate import Gate
from tcpnet.broker.looks import after_a_look
from tcpnet.errors import BrokerError

log = logging.getLogger(__name__)

MAX_REQUESTS: Final = 8192
MAX_BYTES: Final = 16 * 1024 * 1024

# A disk that does not answer in this time (seconds) does not hold up the end of the process.
CLOSE_SECONDS: Final = 5.0


class Batch(Struct):
    """What became of some requests: an outcome for each, an exception being one to raise."""

    outcomes: list[Any]
    fresh: list[Record] = []
    seconds: float = 0.0
    refused: bool = False


class Engine(Protocol):
    """What a lane's thread works with; all calls come from that thread."""

    def open(self) -> None:
        """Get ready; whatever this raises is raised to who starts the lane."""
        ...

    def perform(self, works: list[Any]) -> Batch:
        """Carry out requests in order, and say what became of each."""
        ...

    def tidy(self) -> bool:
        """Use a moment without requests; return whether there is more to tidy."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


Done = Callable[[Any], None]
"""Takes the outcome of one request, an exception being one to raise; never raises itself."""


class _Job(Struct, eq=False):
    work: Any
    size: int
    done: Done


class Lane:
    """Hands requests to an engine's thread, and each batch's outcomes back in one callback.

    As a context manager: the thread runs from its beginning to its end.

    One batch is under way at a time. What is requested until everybody has heard what became of
    it, and in one look at the sockets more, goes over together: a batch is as large as the load,
    and nobody waits for it to fill. At most `max_requests` and `max_bytes` are under way; more
    wait for room.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        on_batch: Callable[[Batch], None],
        *,
        max_requests: int = MAX_REQUESTS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._engine = engine
        self._on_batch = on_batch
        self._gate = Gate(max_requests=max_requests, max_bytes=max_bytes)
        self._loop = asyncio.get_running_loop()
        self._queued: list[_Job] = []
        self._handed: deque[list[_Job]] = deque()
        self._abandoned = False
        self._queue: SimpleQueue[list[_Job] | None] = SimpleQueue()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        # A daemon, so that a disk that hangs for ever does not keep the process alive.
        self._thread = Thread(target=self._run, name=name, daemon=True)

    async def __aenter__(self) -> Self:
        """Start the thread; raise what opening the engine raised."""
        self._thread.start()
        try:
            await self._opened
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def request(self, work: Any, size: int) -> Any:
        """Have the engine carry out `work`; return or raise its outcome."""
        await self._gate.enter(size)
        future = self._loop.create_future()
        self._queue_up(_Job(work, size, partial(_resolve, future)))
        return await future

    def offer(self, work: Any, size: int, done: Done) -> bool:
        """Have the engine carry out `work` without waiting for it; False where there is no room."""
        if not self._gate.let_in(size):
            return False
        self._queue_up(_Job(work, size, done))
        return True

    async def close(self) -> None:
        """Finish what was requested and end the thread, in bounded time."""
        self._gate.close()
        self._hand_over()
        self._queue.put(None)
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._ended
        except TimeoutError:
            log.error("the disk does not answer; closing without it")
            self._abandon()
        else:
            self._thread.join()

    def _queue_up(self, job: _Job) -> None:
        if not self._queued and not self._handed:
            after_a_look(self._loop, self._hand_over)
        self._queued.append(job)

    def _hand_over(self) -> None:
        if self._queued:
            self._handed.append(self._queued)
            self._queue.put(self._queued)
            self._queued = []

    def _finish(self, batch: Batch) -> None:
        if self._abandoned:
            return
        jobs = self._handed.popleft()
        try:
            self._on_batch(batch)
        finally:
            for job, outcome in zip(jobs, batch.outcomes, strict=True):
                job.done(outcome)
            self._gate.leave(len(jobs), sum(job.size for job in jobs))
            if self._queued:
                after_a_look(self._loop, self._hand_over)

    def _abandon(self) -> None:
        self._abandoned = True
        for job in chain.from_iterable(self._handed):
            job.done(BrokerError("not saved: the disk does not answer"))

    def _run(self) -> None:
        try:
            self._engine.open()
        except Exception as error:
            self._tell(_resolve, self._opened, error)
        else:
            self._tell(_resolve, self._opened, None)
            self._work()
            self._engine.close()
        self._tell(_resolve, self._ended, None)

    def _work(self) -> None:
        while (jobs := self._next()) is not None:
            self._tell(self._finish, self._perform([job.work for job in jobs]))

    def _next(self) -> list[_Job] | None:
        while self._queue.empty() and self._tidied():
            pass
        return self._queue.get()

    def _tidied(self) -> bool:
        """Use a quiet moment; whether there is more to do."""
        try:
            return self._engine.tidy()
        except Exception:
            # As below: what is only housekeeping must not end the thread.
            log.exception("tidying up failed unexpectedly")
            return False

    def _perform(self, works: list[Any]) -> Batch:
        try:
            return self._engine.perform(works)
        except Exception:
            # A bug; without this every later request would wait for a dead thread.
            log.exception("a batch failed unexpectedly", extra={"requests": len(works)})
            return Batch([BrokerError("not saved: the store failed") for _ in works], refused=True)

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            log.warning("the event loop ended before the broker did")


def _resolve(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():
        return  # whoever asked was cancelled
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)

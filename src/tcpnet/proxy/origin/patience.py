"""How long each stage of a request may take, and the clock that ends one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import Final, Self

from tcpnet.proxy.failures import Stage, TimedOut

_OF_CONNECTION: Final = (Stage.QUEUE, Stage.LOOKUP, Stage.CONNECT)
_OF_ANSWER: Final = (Stage.UPLOAD, Stage.ANSWER)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the stages of a request may take, in seconds.

    `connect`: a place in the pool, the name, the connection and TLS, each. `answer`: from the
    last bytes that the origin took to the end of its head. `idle`: between two pieces of the
    body; the whole body may take as long as it likes.
    """

    connect: float = 20.0
    answer: float = 60.0
    idle: float = 60.0

    def of(self, stage: Stage) -> float:
        """Return the seconds that this stage may take."""
        if stage in _OF_ANSWER:
            return self.answer
        return self.connect if stage in _OF_CONNECTION else self.idle


class Watch:
    """Ends the waits of requests that take too long; `close` it when there are no more.

    One timer for all of them, which rings for the earliest: nearly none takes too long, and a
    timer that is made and cancelled for each costs more than to look through them at times.
    """

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self._loop = asyncio.get_running_loop()
        self.waits: set[Progress] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._next = inf

    def deadline(self, seconds: float) -> float:
        """Return the time of the loop so many seconds from now, at which one will be looked at."""
        deadline = self._loop.time() + seconds
        if deadline < self._next:
            self._ring(deadline)
        return deadline

    def close(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._next = None, inf

    def _ring(self, when: float) -> None:
        self.close()
        self._timer, self._next = self._loop.call_at(when, self._look), when

    def _look(self) -> None:
        """End what waits too long, and look again when the next may have."""
        self.close()
        now = self._loop.time()
        for wait in [wait for wait in self.waits if wait.deadline <= now]:
            wait.expire()
        earliest = min((wait.deadline for wait in self.waits), default=inf)
        if earliest < inf:
            self._ring(earliest)


class Progress:
    """How far one request has come; in `with`, TimedOut if a stage entered there takes too long."""

    def __init__(self, host: str, watch: Watch) -> None:
        self.host = host
        self.stage = Stage.CONNECT
        self.deadline = inf
        self._watch = watch
        self._task: asyncio.Task[object] | None = None
        self._cancelled = 0
        self._expired = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None, "only a task can be ended for taking too long"
        self._cancelled, self._task, self._expired = task.cancelling(), task, False
        self.deadline = inf
        self._watch.waits.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watch.waits.discard(self)
        task, self._task = self._task, None
        if not self._expired or error is None:
            return
        assert task is not None, "only a task can have taken too long"
        others = task.uncancel() > self._cancelled
        if isinstance(error, asyncio.CancelledError) and not others:
            seconds = self._watch.patience.of(self.stage)
            raise TimedOut(self.host, self.stage, seconds) from error

    def enter(self, stage: Stage) -> None:
        """Begin a stage, with all its time before it."""
        self.stage = stage
        self._allow(self._watch.patience.of(stage))

    async def watched(self, body: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
        """Pass a body on to an origin; the time that its source takes is not the origin's."""
        self._allow(inf)
        async for chunk in body:
            self.enter(Stage.UPLOAD)
            yield chunk
            self._allow(inf)
        self.enter(Stage.ANSWER)

    def expire(self) -> None:
        """End the wait."""
        self._watch.waits.discard(self)
        self._expired = True
        assert self._task is not None, "only what a task waits for is watched"
        self._task.cancel()

    def _allow(self, seconds: float) -> None:
        # A name may be found, or an upload go on, after nobody waits for it any more.
        if self._task is not None and not self._expired:
            self.deadline = self._watch.deadline(seconds)


running: ContextVar[Progress | None] = ContextVar("running", default=None)
"""The request that a connection is being found for."""

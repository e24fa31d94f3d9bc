"""How long each stage of a request may take, and the clock that ends one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import Self

from tcpnet.proxy.failures import Stage, TimedOut


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
        if stage in (Stage.UPLOAD, Stage.ANSWER):
            return self.answer
        return self.idle if stage is Stage.BODY else self.connect


class Progress:
    """How far one request has come; `close` it when it is over.

    One timer for the whole request, which looks when it fires: a request has a handful of stages,
    and nearly none of them takes too long.
    """

    def __init__(self, host: str, patience: Patience) -> None:
        self.host = host
        self.stage = Stage.CONNECT
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = inf
        self._task: asyncio.Task[object] | None = None
        self._cancelled = 0
        self._expired = False

    def bounded(self, stage: Stage) -> Self:
        """Use it in `with`: TimedOut if this stage, or one entered meanwhile, takes too long."""
        task = asyncio.current_task()
        assert task is not None, "only a task can be ended for taking too long"
        self._cancelled, self._task, self._expired = task.cancelling(), task, False
        self.enter(stage)
        return self

    def __enter__(self) -> None:
        """Nothing more: the time runs."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task, self._task, self._deadline = self._task, None, inf
        if not self._expired or error is None:
            return
        assert task is not None, "only a task can have taken too long"
        others = task.uncancel() > self._cancelled
        if isinstance(error, asyncio.CancelledError) and not others:
            seconds = self._patience.of(self.stage)
            raise TimedOut(self.host, self.stage, seconds) from error

    def enter(self, stage: Stage) -> None:
        """Begin a stage, with all its time before it."""
        self.stage = stage
        self._allow(self._patience.of(stage))

    async def watched(self, body: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
        """Pass a body on to an origin; the time that its source takes is not the origin's."""
        self._allow(inf)
        async for chunk in body:
            self.enter(Stage.UPLOAD)
            yield chunk
            self._allow(inf)
        self.enter(Stage.ANSWER)

    def close(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _allow(self, seconds: float) -> None:
        # A name may be found, or an upload go on, after nobody waits for it any more.
        if self._task is None or self._expired:
            return
        self._deadline = self._loop.time() + seconds
        if self._timer is None or self._timer.when() > self._deadline:
            self.close()
            self._wait()

    def _wait(self) -> None:
        if self._deadline < inf:
            self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        """End the task that waits too long; else look again when it may have."""
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() < self._deadline:
            self._wait()
        else:
            self._expired = True
            self._task.cancel()


running: ContextVar[Progress | None] = ContextVar("running", default=None)
"""The request that a connection is being found for."""

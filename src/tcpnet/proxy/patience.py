"""How long each stage of a request may take, and the clock that ends one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

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
    """How far one request has come."""

    def __init__(self, host: str, patience: Patience) -> None:
        self.host = host
        self.stage = Stage.CONNECT
        self._patience = patience
        self._clock: asyncio.Timeout | None = None

    @asynccontextmanager
    async def bounded(self, stage: Stage) -> AsyncGenerator[None, None]:
        """Raise TimedOut if this stage, or one entered meanwhile, takes too long."""
        clock = asyncio.timeout(None)
        try:
            async with clock:
                self._clock = clock
                self.enter(stage)
                yield
        except TimeoutError as error:
            if not clock.expired():
                raise
            raise TimedOut(self.host, self.stage, self._patience.of(self.stage)) from error
        finally:
            self._clock = None

    def enter(self, stage: Stage) -> None:
        """Begin a stage, with all its time before it."""
        self.stage = stage
        self._allow(self._patience.of(stage))

    async def watched(self, body: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
        """Pass a body on to an origin; the time that its source takes is not the origin's."""
        self._allow(None)
        async for chunk in body:
            self.enter(Stage.UPLOAD)
            yield chunk
            self._allow(None)
        self.enter(Stage.ANSWER)

    def _allow(self, seconds: float | None) -> None:
        # A name may be found, or an upload go on, after nobody waits for it any more.
        if self._clock is None or self._clock.expired():
            return
        now = asyncio.get_running_loop().time()
        self._clock.reschedule(None if seconds is None else now + seconds)

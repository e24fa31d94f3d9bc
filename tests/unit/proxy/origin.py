"""An origin in memory: it answers as it is told, piece by piece, and notes what it is asked."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager

from tcpnet.proxy.entry import HTTP_1_1, NO_FIELDS, Credentials, Fields, OnInterim, PageRequest
from tcpnet.proxy.failures import FetchError
from tcpnet.proxy.rules.dates import http_date_text
from tests.unit.proxy.messages import NOW, URL, fields


class Clock:
    """UTC seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Script:
    """One answer: its head waits for `ready`, its body for `say` and `finish` unless given."""

    def __init__(self, status: int, lines: tuple[str, ...], body: bytes | None) -> None:
        self.status = status
        self.lines = lines
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self._pieces: asyncio.Queue[bytes | FetchError | None] = asyncio.Queue()
        if body is not None:
            self.ready.set()
            self.say(body)
            self.finish()

    def say(self, piece: bytes) -> None:
        """Send the next piece of the body."""
        self.ready.set()
        self._pieces.put_nowait(piece)

    def finish(self) -> None:
        """End the body."""
        self._pieces.put_nowait(None)

    def break_off(self, error: FetchError) -> None:
        """End the body too early."""
        self._pieces.put_nowait(error)

    def whole(self) -> bytes | None:
        """Return the body if its end was sent already, and is one."""
        sent = []
        while not self._pieces.empty():
            sent.append(self._pieces.get_nowait())
        pieces = [piece for piece in sent if isinstance(piece, bytes)]
        if sent[-1:] == [None] and len(pieces) == len(sent) - 1:
            return b"".join(pieces)
        for piece in sent:
            self._pieces.put_nowait(piece)
        return None

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it is sent."""
        while (piece := await self._pieces.get()) is not None:
            if isinstance(piece, FetchError):
                raise piece
            if piece:
                yield piece


class Reply:
    """What the fake fetcher hands over for a script."""

    def __init__(self, script: Script, date: float) -> None:
        self.status = script.status
        self.reason = "Phrase"
        self.fields = Fields((("Date", http_date_text(date)), *fields(script.lines).lines))
        self.version = HTTP_1_1
        self.peer = "192.0.2.1"
        self._script = script

    @property
    def length(self) -> int | None:
        length = self.fields.index.get("content-length")
        return int(length) if length else None

    def whole(self) -> bytes | None:
        """Return the body if all of it is there."""
        return self._script.whole()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._script.pieces()


class Origin:
    """Stands for the fetcher and all origins: scripts are used up in order, address by address."""

    def __init__(self, clock: Clock) -> None:
        self.requests: list[PageRequest] = []
        self._clock = clock
        self._scripts: dict[str, list[Script | FetchError]] = {}
        self._asked = asyncio.Condition()

    def answers(
        self, *lines: str, url: str = URL, status: int = 200, body: bytes | None = b"hello"
    ) -> Script:
        """Answer the next request for `url` so."""
        script = Script(status, lines, body)
        self._scripts.setdefault(url, []).append(script)
        return script

    def fails(self, error: FetchError, url: str = URL) -> None:
        """Let the next request for `url` fail."""
        self._scripts.setdefault(url, []).append(error)

    async def was_asked(self, times: int) -> None:
        """Wait until so many requests have come."""
        async with self._asked:
            await self._asked.wait_for(lambda: len(self.requests) >= times)

    @asynccontextmanager
    async def send(
        self,
        method: str,
        url: str,
        fields: Fields = NO_FIELDS,
        body: bytes | AsyncIterable[bytes] | None = None,
        *,
        credentials: Credentials | None = None,
        on_interim: OnInterim | None = None,
    ) -> AsyncGenerator[Reply, None]:
        """Answer as the next script says."""
        async with self._asked:
            asked = PageRequest(method, url, fields, body, credentials, on_interim=on_interim)
            self.requests.append(asked)
            self._asked.notify_all()
        script = self._scripts[url].pop(0)
        if isinstance(script, FetchError):
            raise script
        try:
            await script.ready.wait()
            yield Reply(script, self._clock())
        finally:
            script.ended.set()

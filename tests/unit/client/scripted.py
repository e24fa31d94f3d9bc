"""A hub that says what a test tells it to, on a real socket, and a person at the plain view."""

import asyncio
import io
import os
import queue
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tcpnet.client.address import Address
from tcpnet.protocol import codec
from tcpnet.protocol.items import (
    Bye,
    FromClient,
    Hello,
    Input,
    Item,
    Limits,
    Secure,
    Status,
    Welcome,
)

PATIENCE = 20 * float(os.environ.get("TCPNET_TEST_PATIENCE", "1"))
"""Seconds until a wait counts as failed."""


def welcome(name: str = "Nina", client_id: int = 50851) -> Welcome:
    """The item that lets somebody in."""
    limits = Limits(frame=65536, line=4096, message=16384)
    return Welcome(
        protocol=1,
        hub="h",
        session="s",
        client_id=client_id,
        name=name,
        resumed=False,
        limits=limits,
    )


def asks(message: str, id_: int, res_type: str = "string", **more: Any) -> Input:
    """A question."""
    return Input(message=message, res_key=f"key{id_}", res_type=res_type, id=id_, **more)


class Caller:
    """One client that connected."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._decoder = codec.from_client()
        self._items: list[FromClient] = []

    def says(self, *items: Item) -> None:
        """Send items as one frame."""
        self._writer.write(codec.encode(*items))

    def says_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)

    async def asks_for_tls(self) -> bool:
        """Whether the first line is `secure`, which is taken if so."""
        self._items += self._decoder.decode(await self._reader.readline() or b'{"headers": []}')
        if self._items != [Secure()]:
            return False
        self._items.clear()
        return True

    async def gets(self, kind: type[Any]) -> Any:
        """The next item, which must be of this kind."""
        async with asyncio.timeout(PATIENCE):
            while not self._items:
                line = await self._reader.readline()
                assert line, f"the client hung up before {kind.__name__}"
                self._items += self._decoder.decode(line)
        item = self._items.pop(0)
        assert isinstance(item, kind), f"{item!r} instead of {kind.__name__}"
        return item

    async def lets_in(self, name: str = "Nina", client_id: int = 50851) -> Hello:
        """Go through the handshake."""
        hello: Hello = await self.gets(Hello)
        self.says(welcome(name, client_id))
        await self.gets(Status)
        return hello

    async def hung_up(self) -> None:
        """Wait until the client has closed, whatever it still said."""
        async with asyncio.timeout(PATIENCE):
            await self._reader.read()

    def hangs_up(self, *, reset: bool = False) -> None:
        """Close the connection, or reset it."""
        if reset:
            self._writer.transport.abort()
        else:
            self._writer.close()


class ScriptedHub:
    """Listens, and gives out its callers in the order in which they came."""

    def __init__(self) -> None:
        self.port = 0
        self._server: asyncio.Server | None = None
        self._callers: asyncio.Queue[Caller] = asyncio.Queue()
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address("127.0.0.1", self.port)

    async def opens(self) -> None:
        """Listen, on the same port as before if there was one."""

        async def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.append(writer)
            caller = Caller(reader, writer)
            if await caller.asks_for_tls():
                # As hubs without TLS do: the same client comes again at once, in clear.
                caller.says(Bye(reason="no TLS here", kind="protocol"))
                caller.hangs_up()
            else:
                self._callers.put_nowait(caller)

        self._server = await asyncio.start_server(came, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def closes(self) -> None:
        """Refuse whoever comes from now on; those inside stay."""
        assert self._server is not None
        self._server.close()

    async def caller(self) -> Caller:
        """The next client that connected."""
        async with asyncio.timeout(PATIENCE):
            return await self._callers.get()

    async def ends(self) -> None:
        """Close everything."""
        self.closes()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)


@asynccontextmanager
async def scripted_hub() -> AsyncIterator[ScriptedHub]:
    """A hub for the length of the block."""
    hub = ScriptedHub()
    await hub.opens()
    try:
        yield hub
    finally:
        await hub.ends()


class Keyboard:
    """A source of lines that a test types."""

    def __init__(self, *, terminal: bool) -> None:
        self.terminal = terminal
        self.hidden = False
        self.hides: list[bool] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._given = self._wanted = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()

    def types(self, *lines: str) -> None:
        """Give lines."""
        for line in lines:
            self._given += 1
            self._lines.put(line)

    def ends(self) -> None:
        """Give nothing more."""
        self._lines.put(None)

    async def was_read(self) -> None:
        """Wait until all that was typed has reached the loop."""
        self._loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            # Whoever wants one more line has handed over those before, and the loop is in order.
            while self._wanted <= self._given:
                self._news.clear()
                await self._news.wait()

    def read_line(self) -> str | None:
        """Wait for the next line."""
        self._wanted += 1
        if self._loop:
            self._loop.call_soon_threadsafe(self._news.set)
        return self._lines.get()

    def hide(self, hidden: bool) -> None:
        """Note whether typing is seen."""
        self.hidden = hidden
        self.hides.append(hidden)


class Display(io.StringIO):
    """What was written, and a way to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._flushed = asyncio.Event()

    def flush(self) -> None:
        """Bring it to the test."""
        super().flush()
        self._flushed.set()

    async def shows(self, text: str) -> str:
        """Wait until the text was written; everything so far."""
        try:
            async with asyncio.timeout(PATIENCE):
                while text not in self.getvalue():
                    self._flushed.clear()
                    await self._flushed.wait()
        except TimeoutError:
            raise AssertionError(f"no {text!r} in {self.getvalue()!r}") from None
        return self.getvalue()

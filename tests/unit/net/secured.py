"""A listener whose callers may ask for TLS, and a client that says what a test tells it to."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from tcpnet.errors import TcpnetError
from tcpnet.net import keys, tcp
from tcpnet.net.connection import Connection
from tcpnet.net.keys import Identity
from tcpnet.net.pulse import Pulse
from tcpnet.net.tls import TlsTransport
from tcpnet.protocol.items import Bye, FromClient, FromServer, Item, Secure

PATIENCE = 20 * float(os.environ.get("TCPNET_TEST_PATIENCE", "1"))
"""Seconds until a wait counts as failed."""


class Ear:
    """Keeps what one side of a connection hears, and how it ends."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.error: TcpnetError | None = None
        self._news = asyncio.Event()

    def received(self, item: FromClient | FromServer) -> None:
        """Keep an item."""
        self.items.append(item)
        self._news.set()

    def lost(self, error: TcpnetError) -> None:
        """Keep the end."""
        self.error = error
        self._news.set()

    async def hears(self, kind: type[Item], times: int = 1) -> None:
        """Wait for so many items of a kind."""
        async with asyncio.timeout(PATIENCE):
            while sum(isinstance(item, kind) for item in self.items) < times:
                await self._next()

    async def ends(self) -> TcpnetError:
        """Wait for the end; why it came."""
        async with asyncio.timeout(PATIENCE):
            while self.error is None:
                await self._next()
        return self.error

    async def _next(self) -> None:
        self._news.clear()
        await self._news.wait()


class Caller(Ear):
    """One connection on the hub's side: grants TLS when asked, unless it is told to wait."""

    def __init__(self, connection: Connection[FromClient], house: "House") -> None:
        super().__init__()
        self.connection = connection
        self._house = house
        self._ready = asyncio.Event()
        connection.receiver = self

    def received(self, item: FromClient | FromServer) -> None:
        """Keep an item, and answer `secure`."""
        super().received(item)
        if isinstance(item, Secure):
            self._house.spawn(self._grant())

    async def ready(self) -> None:
        """Wait until TLS is on."""
        async with asyncio.timeout(PATIENCE):
            await self._ready.wait()

    async def _grant(self) -> None:
        house = self._house
        try:
            async with asyncio.timeout(house.handshake):
                await house.grants.wait()
                await self.connection.secured(house.identity.context, server_side=True)
        except TimeoutError:
            self.lost(TcpnetError("too slow"))
        except TcpnetError as error:
            self.lost(error)
        else:
            self.connection.resume()
            self._ready.set()
            return
        await self.connection.close(Bye(reason=str(self.error)))


class House:
    """A port with an identity; keeps its callers in the order in which they came."""

    def __init__(self, identity: Identity, group: asyncio.TaskGroup) -> None:
        self.identity = identity
        self.port = 0
        self.handshake = PATIENCE
        """Seconds until who has asked for TLS must have it."""
        self.grants = asyncio.Event()
        self.grants.set()
        self.spawn = group.create_task
        self._callers: asyncio.Queue[Caller] = asyncio.Queue()

    @classmethod
    @asynccontextmanager
    async def open(cls, identity: Identity) -> AsyncIterator[Self]:
        """A house for the length of the block."""
        async with asyncio.TaskGroup() as group:
            house = cls(identity, group)
            with await tcp.Listener.bind("127.0.0.1", 0) as listener:
                house.port = listener.addresses[0][1]
                callers: list[Caller] = []

                def accept(caller: tcp.Caller) -> None:
                    callers.append(Caller(caller.connection(), house))
                    house._callers.put_nowait(callers[-1])

                await listener.open(Pulse(), accept)
                yield house
            for caller in callers:
                await caller.connection.close()

    async def caller(self) -> Caller:
        """The next who came."""
        async with asyncio.timeout(PATIENCE):
            return await self._callers.get()

    async def guest(self) -> tuple[Connection[FromServer], Ear, Caller]:
        """A connection under TLS, seen from both sides."""
        ear = Ear()
        connection = await tcp.dial("127.0.0.1", self.port, ear)
        connection.send(Secure())
        await ear.hears(Secure)
        async with asyncio.timeout(PATIENCE):
            await connection.secured(keys.trusting(), server_side=False)
        connection.resume()
        caller = await self.caller()
        await caller.ready()
        return connection, ear, caller


class Wire:
    """A client that sends bytes as they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    @asynccontextmanager
    async def dial(cls, port: int) -> AsyncIterator[Self]:
        """A connection for the length of the block."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield cls(reader, writer)
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)

    def says(self, data: bytes) -> None:
        """Send bytes in one write."""
        self._writer.write(data)

    async def line(self) -> bytes:
        """The next line."""
        async with asyncio.timeout(PATIENCE):
            return await self._reader.readline()

    async def rest(self) -> bytes:
        """All until the other side hangs up."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""


class Pipe(asyncio.Transport):
    """A transport without a kernel: what is written waits to be carried."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.reads = True
        self._closed = False
        self._protocol: asyncio.BaseProtocol | None = None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand what arrives to this protocol."""
        self._protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep bytes."""
        self.written += data

    def arrives(self, data: bytes) -> None:
        """Hand bytes to the protocol."""
        assert isinstance(self._protocol, asyncio.Protocol)
        self._protocol.data_received(data)

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def close(self) -> None:
        """Take note."""
        self._closed = True

    def pause_reading(self) -> None:
        """Take note."""
        self.reads = False

    def resume_reading(self) -> None:
        """Take note."""
        self.reads = True

    def get_write_buffer_size(self) -> int:
        """Nothing: all is taken at once."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever full."""


class Sink(asyncio.Protocol):
    """Keeps what arrives in plain."""

    def __init__(self) -> None:
        self.plain = bytearray()

    def data_received(self, data: bytes) -> None:
        """Keep bytes."""
        self.plain += data


class Pair:
    """A client (0) and a hub (1) under TLS, with nothing between them but the test."""

    def __init__(self, identity: Identity) -> None:
        self.pipes = Pipe(), Pipe()
        self.sinks = Sink(), Sink()
        self.ends = (
            TlsTransport(self.pipes[0], self.sinks[0], keys.trusting(), server_side=False),
            TlsTransport(self.pipes[1], self.sinks[1], identity.context, server_side=True),
        )

    def carry(self, source: int, cuts: list[int] | None = None) -> None:
        """Bring what one end wrote to the other, in pieces of these sizes as far as they go."""
        data = bytes(self.pipes[source].written)
        self.pipes[source].written.clear()
        while data:
            size = cuts.pop() if cuts else len(data)
            self.pipes[1 - source].arrives(data[:size])
            data = data[size:]

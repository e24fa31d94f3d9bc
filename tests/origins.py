"""Origins on loopback that say exactly what a test tells them to, however odd."""

import asyncio
import socket
import ssl
import struct
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER for a connection that ends with a reset."""

RESETS = pytest.mark.skipif(
    sys.platform == "win32", reason="asyncio's loop there says an orderly end before each reset"
)
"""For what only a reset shows."""


class Exchange:
    """One request that an origin has read, and what it says to it."""

    def __init__(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.head = head
        self.reader = reader
        self._writer = writer

    @property
    def target(self) -> str:
        return self.head.split(b" ")[1].decode("latin-1")

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def hang_up(self) -> None:
        """End the connection in order."""
        self._writer.close()

    def vanish(self) -> None:
        """End the connection of TCP without a word of TLS above it."""
        transport: Any = self._writer.transport
        transport._ssl_protocol._transport.close()

    def reset(self) -> None:
        """Break the connection off."""
        handle = self._writer.get_extra_info("socket")
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._writer.transport.abort()


Answer = Callable[[Exchange], Awaitable[None]]


class Origin:
    """Hands each request on its connections to `answer`, and keeps the heads as they came."""

    def __init__(self, answer: Answer, scheme: str) -> None:
        self.heads: list[bytes] = []
        self.connections = 0
        self.port = 0
        self._answer = answer
        self._scheme = scheme

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while not writer.is_closing():
                    head = await reader.readuntil(b"\r\n\r\n")
                    self.heads.append(head)
                    await self._answer(Exchange(head, reader, writer))
        finally:
            writer.transport.abort()


@asynccontextmanager
async def origin(
    answer: Answer | bytes, *, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Origin, None]:
    """Run an origin; bytes are said to each request, and the connection is ended."""
    made = Origin(
        _saying(answer) if isinstance(answer, bytes) else answer, "https" if tls else "http"
    )
    tasks: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as connections:

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = connections.create_task(made.serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
        made.port = server.sockets[0].getsockname()[1]
        try:
            yield made
        finally:
            server.close()
            for task in tasks:
                task.cancel()


def _saying(data: bytes) -> Answer:
    async def answer(exchange: Exchange) -> None:
        await exchange.say(data)
        exchange.hang_up()

    return answer

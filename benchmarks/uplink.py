"""A site for measuring the web proxy: `python -m benchmarks.uplink` prints its port and serves.

`/bytes/SIZE?wait=SECONDS&rate=BYTES` is a body that comes after a wait, so many bytes a second;
`/text/SIZE/NUMBER` is a text that follows from its address. Both are fresh for an hour. `/asked`
tells how many of them were asked for.
"""

import asyncio
import math
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qsl

BLOCK: Final = b"0123456789abcdef" * 4096


@dataclass(frozen=True, slots=True)
class Uplink:
    """The site, in a process of its own."""

    port: int

    def url(self, path: str) -> str:
        """The address of something on it."""
        return f"http://127.0.0.1:{self.port}{path}"

    async def asked(self) -> int:
        """How many bodies were asked for so far."""
        reader, writer = await self.ask("/asked")
        answer = await reader.read()
        writer.close()
        return int(answer.rpartition(b"\r\n")[2])

    async def ask(self, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send a bare request on a connection of its own; the answer is to be read."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode())
        return reader, writer


@asynccontextmanager
async def uplink() -> AsyncIterator[Uplink]:
    """Run the site for the length of the block."""
    command = (sys.executable, "-m", "benchmarks.uplink")
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    try:
        assert process.stdout is not None
        yield Uplink(int(await process.stdout.readline()))
    finally:
        process.kill()
        await process.wait()


def text(size: int, number: int) -> bytes:
    """The text of so many bytes under a number."""
    line = b"this is page %d, and nothing else is in it\n" % number
    return (line * (size // len(line) + 1))[:size]


class Site:
    """Answers one request after the other on each connection."""

    def __init__(self) -> None:
        self._asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the other side leaves."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            closing = False
            while not closing:
                head = await reader.readuntil(b"\r\n\r\n")
                closing = b"Connection: close" in head
                await self._answer(head.split(b" ", 2)[1].decode(), writer)
        writer.close()

    async def _answer(self, target: str, writer: asyncio.StreamWriter) -> None:
        path, _, query = target.partition("?")
        match path.split("/")[1:]:
            case ["bytes", size]:
                self._asked += 1
                asked = {name: float(value) for name, value in parse_qsl(query)}
                await asyncio.sleep(asked.get("wait", 0))
                writer.write(_head("application/octet-stream", int(size)))
                async for block in _blocks(int(size), asked.get("rate", math.inf)):
                    writer.write(block)
                    await writer.drain()
            case ["text", size, number]:
                self._asked += 1
                await _say(writer, text(int(size), int(number)))
            case _:
                await _say(writer, str(self._asked).encode())


async def _say(writer: asyncio.StreamWriter, words: bytes) -> None:
    # In one piece, as servers of small pages do.
    writer.write(_head("text/plain", len(words)) + words)
    await writer.drain()


def _head(kind: str, length: int) -> bytes:
    # Without a Date some caches take nothing for fresh.
    dated = f"Date: {formatdate(usegmt=True)}\r\nCache-Control: max-age=3600"
    head = f"Content-Type: {kind}\r\nContent-Length: {length}\r\n{dated}"
    return f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode()


async def _blocks(size: int, rate: float) -> AsyncIterator[bytes]:
    began = time.perf_counter()
    for start in range(0, size, len(BLOCK)):
        if (early := began + start / rate - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        yield BLOCK[: size - start]


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.start_server(Site().serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

"""A proxy port on loopback with all its parts, and clients that speak to it byte by byte."""

import asyncio
import re
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from tcpnet.proxy.origin.fetcher import Fetcher
from tcpnet.proxy.origin.guard import Guard, network
from tcpnet.proxy.port.asker import Asker, Caller
from tcpnet.proxy.port.connection import PortConnection
from tcpnet.proxy.port.hits import Hits
from tcpnet.proxy.port.listener import ProxyPort
from tcpnet.proxy.port.refusals import Refused
from tcpnet.proxy.port.service import OwnPage, Service
from tcpnet.proxy.proxy import WebProxy
from tcpnet.proxy.store.pages import Limits, PageStore
from tests.origins import RESET, Exchange
from tests.unit.net.memory import MemoryTransport

SECRET = b"s" * 32


@dataclass
class Door:
    """Lets everybody in as `who`, or nobody for the reason in `closed`."""

    who: Asker = field(default_factory=Asker)
    closed: Refused | None = None
    inside: int = 0
    asks_for_names: bool = False

    def admit(self, _caller: Caller) -> Refused | None:
        self.inside += self.closed is None
        return self.closed

    def leave(self, _caller: Caller) -> None:
        self.inside -= 1

    def known(self, _credentials: str | None) -> Asker | None:
        return self.who

    async def asker(self, _credentials: str | None, _caller: Caller) -> Asker:
        return self.who


@dataclass(frozen=True)
class Response:
    """One response as it came; `fields` by lower-case name, `lines` as they came."""

    status: int
    lines: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def fields(self) -> Mapping[str, str]:
        return {name.lower(): value for name, value in self.lines}

    @property
    def cached(self) -> str:
        return self.fields["cache-status"]


class Client:
    """A connection to the port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    @classmethod
    async def dial(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def say(self, data: str | bytes) -> None:
        self._writer.write(data.encode("latin-1") if isinstance(data, str) else data)
        await self._writer.drain()

    def half_close(self) -> None:
        self._writer.write_eof()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    def abort(self) -> None:
        """Break the connection off."""
        handle = self._writer.get_extra_info("socket")
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._writer.transport.abort()

    async def head(self) -> tuple[int, tuple[tuple[str, str], ...]]:
        """Read a head: status and fields."""
        first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        found = re.fullmatch(r"HTTP/1\.1 ([0-9]{3}) .*", first)
        assert found, first
        fields = tuple((n, v.strip()) for n, _, v in (line.partition(":") for line in lines[:-2]))
        return int(found[1]), fields

    async def response(self, method: str = "GET") -> Response:
        """Read a whole response to a request with this method."""
        status, lines = await self.head()
        fields = {name.lower(): value for name, value in lines}
        if method == "HEAD" or status < 200 or status in (204, 304):
            return Response(status, lines, b"")
        if fields.get("transfer-encoding") == "chunked":
            return Response(status, lines, await self._chunks())
        if "content-length" in fields:
            body = await self.reader.readexactly(int(fields["content-length"]))
            return Response(status, lines, body)
        return Response(status, lines, await self.reader.read())

    async def gone(self) -> bytes:
        """Read until the port closes the connection."""
        return await self.reader.read()

    async def get(self, url: str, *fields: str, method: str = "GET") -> Response:
        """Ask for a page and read the answer."""
        host = url.partition("://")[2].partition("/")[0]
        await self.say("\r\n".join((f"{method} {url} HTTP/1.1", f"Host: {host}", *fields, "", "")))
        return await self.response(method)

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return body


def hang_up(clients: Iterable[Client]) -> None:
    """Close what is still open."""
    for client in clients:
        client.close()


@dataclass
class Stand:
    """The port, its parts, and clients."""

    number: int
    pages: PageStore
    web: WebProxy
    service: Service
    door: Door
    clients: list[Client]

    async def client(self) -> Client:
        """Return one more connection."""
        self.clients.append(await Client.dial(self.number))
        return self.clients[-1]

    def in_memory(self, room: int) -> tuple[PortConnection, MemoryTransport]:
        """Return one more connection without a kernel, which takes `room` bytes."""
        service = self.service
        hits = Hits(self.pages, self.door, self.web.via(), service.counters, service.clock)
        port = PortConnection(service, hits, lambda _: None)
        return port, MemoryTransport(port, room)


def own_pages(path: str, base: str) -> OwnPage | None:
    """One page, at /."""
    fields = (("Content-Type", "text/plain"),)
    return OwnPage(200, fields, f"here at {base}".encode()) if path == "/" else None


@asynccontextmanager
async def standing(
    folder: Path, *, limits: Limits | None = None, allow: str = "127.0.0.0/8", **service: Any
) -> AsyncGenerator[Stand, None]:
    """A port that answers; `service` replaces parts of it."""
    clients: list[Client] = []
    async with AsyncExitStack() as stack:
        stack.callback(hang_up, clients)
        port = await ProxyPort.bind("127.0.0.1", 0)
        number = port.addresses[0][1]
        guard = Guard([network(allow)] if allow else [])
        guard.own_ports.add(number)
        fetcher = await stack.enter_async_context(Fetcher(guard))
        pages = await stack.enter_async_context(PageStore(folder, SECRET, limits))
        web = await stack.enter_async_context(WebProxy(pages, fetcher))
        door = Door()
        made = replace(Service(web, door, own_pages, fetcher.connect), **service)
        await stack.enter_async_context(port.serving(made, pages))
        yield Stand(number, pages, web, made, door, clients)


def said(status: str, *fields: str, body: bytes = b"", framed: bool = True) -> bytes:
    """What an origin says; `framed` gives the body its length."""
    lines = [f"HTTP/1.1 {status}", *fields]
    if framed:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


def echoing(status: str = "200 OK", *fields: str) -> Callable[[Exchange], Awaitable[None]]:
    """An origin that reads the body of each request, and answers with it."""

    async def answer(exchange: Exchange) -> None:
        found = re.search(rb"(?i)\r\ncontent-length: ([0-9]+)", exchange.head)
        body = await exchange.reader.readexactly(int(found[1])) if found else b""
        if b"chunked" in exchange.head.lower():
            while size := int(await exchange.reader.readuntil(b"\r\n"), 16):
                body += await exchange.reader.readexactly(size)
                await exchange.reader.readexactly(2)
            await exchange.reader.readexactly(2)
        await exchange.say(said(status, *fields, body=body))

    return answer

"""A proxy port on loopback with all its parts, and clients that speak to it byte by byte."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from tcpnet.proxy.fetcher import Fetcher
from tcpnet.proxy.guard import Guard, network
from tcpnet.proxy.pages import Limits, PageStore
from tcpnet.proxy.port.asker import Asker
from tcpnet.proxy.port.heads import RequestHead
from tcpnet.proxy.port.listener import ProxyPort
from tcpnet.proxy.port.refusals import Refused
from tcpnet.proxy.port.service import OwnPage, Service
from tcpnet.proxy.proxy import WebProxy

SECRET = b"s" * 32


@dataclass
class Door:
    """Lets everybody in as `who`, or nobody for the reason in `closed`."""

    who: Asker = field(default_factory=Asker)
    closed: Refused | None = None
    inside: int = 0

    def admit(self, _address: str) -> Refused | None:
        self.inside += self.closed is None
        return self.closed

    def leave(self, _address: str) -> None:
        self.inside -= 1

    def known(self, _credentials: str | None) -> Asker | None:
        return self.who

    async def asker(self, _credentials: str | None, _address: str) -> Asker:
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

    async def close(self) -> None:
        self._writer.close()

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


@dataclass
class Stand:
    """The port, its parts, and clients."""

    number: int
    pages: PageStore
    web: WebProxy
    service: Service
    door: Door
    clients: list[Client] = field(default_factory=list)

    async def client(self) -> Client:
        """Return one more connection."""
        self.clients.append(await Client.dial(self.number))
        return self.clients[-1]


def own_pages(head: RequestHead) -> OwnPage | None:
    """One page, at /."""
    return OwnPage(200, (("Content-Type", "text/plain"),), b"here") if head.target == "/" else None


@asynccontextmanager
async def standing(
    folder: Path, *, limits: Limits | None = None, allow: str = "127.0.0.0/8", **service: Any
) -> AsyncGenerator[Stand, None]:
    """A port that answers; `service` replaces parts of it."""
    async with AsyncExitStack() as stack:
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
        stand = Stand(number, pages, web, made, door)
        try:
            yield stand
        finally:
            for client in stand.clients:
                await client.close()

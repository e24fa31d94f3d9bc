"""Requests to origins: one pool of guarded connections, bodies streamed, bytes left as they are."""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Final, Self

import aiohttp
from yarl import URL

from tcpnet.proxy.entry import NO_FIELDS, Credentials, Fields, OnInterim
from tcpnet.proxy.failures import EndedEarly, Stage
from tcpnet.proxy.origin import credentials as proof
from tcpnet.proxy.origin import diagnosis, dialling, routes, wire
from tcpnet.proxy.origin.connector import Connector
from tcpnet.proxy.origin.guard import Guard
from tcpnet.proxy.origin.patience import Patience, Progress
from tcpnet.proxy.origin.requests import Body, Request
from tcpnet.proxy.origin.resolver import Lookup, Resolver, look_up
from tcpnet.proxy.origin.responses import Response
from tcpnet.proxy.origin.uplink import Uplink

MAX_CONNECTIONS: Final = 256
MAX_CONNECTIONS_A_SITE: Final = 16

# Seconds to find out which way leads to a site, which the person only reads.
_LOOKUP: Final = 5.0

# Bytes; where writing a body at once begins to hold up the loop.
_PIECE: Final = 64 * 1024


class Fetcher:
    """Sends requests to origins; an async context manager around one pool of connections.

    Follows no redirect, keeps no cookie, decodes nothing, reads no proxy settings of the
    environment, and dials only what its guard permits.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        patience: Patience | None = None,
        tls: ssl.SSLContext | None = None,
        lookup: Lookup = look_up,
    ) -> None:
        self.guard = guard
        self.uplink = Uplink()
        self._patience = patience or Patience()
        self._tls = tls or _tls_context()  # here, where a thread may make one: files are read
        self._resolver = Resolver(guard, lookup)
        self._pool: Connector | None = None

    async def __aenter__(self) -> Self:
        self._pool = Connector(
            self._patience,
            ssl=self._tls,
            limit=MAX_CONNECTIONS,
            limit_per_host=MAX_CONNECTIONS_A_SITE,
            resolver=self._resolver,
            socket_factory=self.guard.socket,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def own_address(self, url: str) -> str:
        """Return the address of this machine on the way to a site; nothing is sent to it.

        Where the name cannot be looked up, it is the first address on the local network.
        """
        target = URL(url, encoded=True)
        try:
            async with asyncio.timeout(_LOOKUP):
                answers = await self._resolver.addresses(target.raw_host or "", target.port or 443)
        except OSError:
            answers = ()
        return routes.own_address(answers)

    async def connect(self, host: str, port: int) -> socket.socket:
        """Return a bare connection to a site on a port that is open. Raises FetchError."""
        seconds = self._patience.connect
        return await dialling.connected(self.guard, self._resolver, host, port, seconds)

    def send(
        self,
        method: str,
        url: str,
        fields: Fields = NO_FIELDS,
        body: Body = None,
        *,
        credentials: Credentials | None = None,
        on_interim: OnInterim | None = None,
    ) -> AbstractAsyncContextManager["Reply"]:
        """Send one request; leaving the context ends it, whether it was read to the end or not.

        `url` is absolute and goes on the wire byte for byte (`*` for an OPTIONS without a path);
        `fields` too, less those of one connection and Host, which the URL decides. `credentials`
        go out as Basic, and once more as the answer to a Digest challenge if the body can be sent
        again. `on_interim` is told of answers that come before (1xx, less 100). Raises FetchError,
        also while the reply is iterated, and UserError for credentials that cannot be any.
        """
        if credentials is not None:
            return self._proven(method, url, fields, body, credentials, on_interim)
        assert self._pool is not None, "a Fetcher sends only inside its own context"
        return _Sending(self._pool, self.uplink, method, url, fields, body, on_interim)

    @asynccontextmanager
    async def _proven(
        self,
        method: str,
        url: str,
        fields: Fields,
        body: Body,
        credentials: Credentials,
        on_interim: OnInterim | None,
    ) -> AsyncGenerator["Reply", None]:
        proof.check(credentials)
        fields = fields.replaced("Authorization", proof.basic(credentials))
        async with self.send(method, url, fields, body, on_interim=on_interim) as reply:
            answer = _digest(credentials, reply, method, url, body)
            if answer is None:
                yield reply
                return
        fields = fields.replaced("Authorization", answer)
        async with self.send(method, url, fields, body, on_interim=on_interim) as reply:
            yield reply


class _Sending(AbstractAsyncContextManager["Reply"]):
    """A request that is sent when the context is entered."""

    def __init__(
        self,
        pool: Connector,
        uplink: Uplink,
        method: str,
        url: str,
        fields: Fields,
        body: Body,
        on_interim: OnInterim | None,
    ) -> None:
        self._pool = pool
        self._uplink = uplink
        self._method = method
        self._url = url
        self._fields = fields
        self._body = body
        self._on_interim = on_interim

    async def __aenter__(self) -> "Reply":
        method, body = self._method, self._body
        where, path = wire.target(method, self._url)
        length = 0 if body is None else len(body) if isinstance(body, bytes) else None
        if isinstance(body, bytes) and len(body) > _PIECE:
            body = _pieces(body)
        site = self._pool.site(where)
        head = wire.request(method, path, site.host_field, self._fields, length=length)
        self._uplink.requests += 1
        progress = Progress(wire.host(where), self._pool.watch)
        request = Request(method, head, body, self._on_interim)
        response = await request.answered(self._pool, site, progress)
        self._reply = reply = Reply(response, progress, self._uplink)
        if flaw := wire.flaw(progress.host, reply.version, reply.status, reply.fields):
            reply.close()
            raise flaw
        return reply

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reply.close()


class Reply:
    """The answer to one request: its head, and the body as an async iterator of chunks.

    `version` is that of HTTP, `peer` the numeric address that was dialled, `length` counts the
    bytes of the whole body (None where the origin names no number) and `received` those so far.
    Only reading to the end proves that the body is complete: one that stops before its framing
    says so raises EndedEarly, and one without framing does if the connection broke.
    """

    def __init__(self, response: Response, progress: Progress, uplink: Uplink) -> None:
        self._response = response
        self._progress = progress
        message = response.message
        self.status: int = message.code
        self.reason = wire.phrase(message.reason or "")
        self.fields = response.fields
        major, minor = message.version or (0, 9)
        self.version: tuple[int, int] = (major, minor)
        self.peer = response.wire.peer
        self.received = 0
        length = self.fields.index.get("content-length")
        self.length = int(length) if length and length.isdecimal() else None
        self._uplink = uplink

    def close(self) -> None:
        """End the request."""
        self._response.close()

    def whole(self) -> bytes | None:
        """Return all of the body if it is there already; else None, and nothing was read."""
        content = self._response.content
        if self.received or not content.is_eof() or content.exception() is not None:
            return None
        if self._response.broke_off:
            return None
        body = content.read_nowait()
        self.received = len(body)
        self._uplink.bytes += len(body)
        return body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        host, content = self._progress.host, self._response.content
        try:
            chunk = content.read_nowait()
            if not chunk and not content.at_eof():
                with self._progress as progress:
                    progress.enter(Stage.BODY)
                    chunk = await content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise diagnosis.of_body(error, host, self.received, self.length) from error
        if not chunk and self._response.broke_off:
            raise EndedEarly(host, self.received, self.length)
        if not chunk:
            raise StopAsyncIteration
        self.received += len(chunk)
        self._uplink.bytes += len(chunk)
        return chunk


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _pieces(body: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]


def _digest(
    credentials: Credentials, reply: Reply, method: str, url: str, body: Body
) -> str | None:
    if reply.status != 401 or not isinstance(body, bytes | None):
        return None
    target = URL(url, encoded=True).raw_path_qs
    return proof.digest(credentials, reply.fields, method, target, body or b"")

"""aiohttp's response, less what it takes for an answer and is none (seen with 3.14.5)."""

import asyncio
import ssl
from contextvars import ContextVar
from typing import Any, Self

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError

from tcpnet.proxy.entry import OnInterim
from tcpnet.proxy.origin.excess import AnswerAlone
from tcpnet.proxy.origin.wire import harmless, incoming

interim: ContextVar[OnInterim | None] = ContextVar("interim", default=None)
"""Whom the running request tells of answers that come before the one to it."""


class Response(aiohttp.ClientResponse):
    """A response that notes who sent it, and is sure that its connection ended as it should."""

    peer: str = ""
    _wire: Any = None
    _tls: ssl.SSLObject | None = None
    _lost: "asyncio.Future[None] | None" = None

    async def start(self, connection: Connection) -> Self:
        """Read the head, unless the origin has already spoken without being asked.

        aiohttp hands out an idle connection without looking whether bytes came meanwhile, and
        would take them for the answer to this request.
        """
        wire, transport = connection.protocol, connection.transport
        if wire is None or transport is None or wire.should_close:
            raise aiohttp.ServerDisconnectedError
        self._wire = wire
        self._wire._parser = AnswerAlone(wire)
        self._tls = transport.get_extra_info("ssl_object")
        self.peer = (transport.get_extra_info("peername") or ("",))[0]
        self._lost = wire.closed
        if (on_interim := interim.get()) is not None:
            await self._pass_interim(wire, on_interim)
        await super().start(connection)
        if self._lost is not None:
            self._lost.add_done_callback(self._on_lost)
        return self

    def close(self) -> None:
        """Let go of the connection: it is kept if the body was read to the end, else closed."""
        if self._lost is not None:
            self._lost.remove_done_callback(self._on_lost)
            self._lost.remove_done_callback(_take)
            self._lost.add_done_callback(_take)  # or the loop reports what nobody asked for
        super().close()

    async def _pass_interim(self, wire: Any, on_interim: OnInterim) -> None:
        """Tell of the answers before the last one, which is put back for aiohttp to read."""
        while True:
            try:
                message, payload = await wire.read()
            except HttpProcessingError:
                return  # raised again when aiohttp reads
            if not 100 <= message.code < 200 or message.code == 101:
                wire.feed_data((message, payload))
                return
            if message.code > 101:
                reason = harmless((message.reason or "").encode(errors="surrogateescape"))
                on_interim(message.code, reason, incoming(message.raw_headers))

    @property
    def broke_off(self) -> bool:
        """Whether a body that only the end of its connection ends had no proper end.

        That is a reset, or under TLS a close without a word: anybody on the way can send that,
        so what came is not known to be whole (RFC 9112 §9.8).
        """
        if self._is_framed:
            return False
        return isinstance(self._wire.exception(), aiohttp.ClientOSError) or (
            self._tls is not None and not _said_goodbye(self._tls)
        )

    @property
    def _is_framed(self) -> bool:
        return (
            self.content is aiohttp.EMPTY_PAYLOAD
            or "Content-Length" in self.headers
            or "Transfer-Encoding" in self.headers
        )

    def _on_lost(self, lost: "asyncio.Future[None]") -> None:
        # After a bad chunk aiohttp closes the connection but leaves the reader waiting.
        _take(lost)
        if not self.content.is_eof() and self.content.exception() is None:
            self.content.set_exception(aiohttp.ClientPayloadError("the connection was given up"))


def _take(lost: "asyncio.Future[None]") -> None:
    if not lost.cancelled():
        lost.exception()


def _said_goodbye(tls: ssl.SSLObject) -> bool:
    """Tell whether close_notify came on a connection that is over."""
    try:
        return tls.read(1) == b""
    except ssl.SSLZeroReturnError:
        return True  # it came, and was answered
    except ssl.SSLError:
        return False  # OpenSSL still waits for more

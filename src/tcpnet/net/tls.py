"""TLS between a connection and its transport, begun at any moment."""

import asyncio
import ssl
from contextlib import suppress
from typing import Any, Final

from tcpnet.errors import ConnectionLost, ProtocolError, TcpnetError

RECORD: Final = 16 * 1024
"""Bytes of plain text that one TLS record can carry (RFC 8446, 5.1)."""


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """Seals what is written, opens what arrives, and leaves flow control to the transport below.

    So a byte that the kernel did not take is counted and paused for exactly as without TLS. It
    keeps no buffer of its own between two calls; `docs/decisions/0008-tls-in-band.md` says what
    that saves.
    """

    __slots__ = (
        "_above",
        "_begun",
        "_below",
        "_error",
        "_established",
        "_incoming",
        "_outgoing",
        "_tls",
    )

    def __init__(
        self,
        below: asyncio.Transport,
        above: asyncio.Protocol,
        context: ssl.SSLContext,
        *,
        server_side: bool,
    ) -> None:
        super().__init__()
        self._below, self._above = below, above
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side)
        self._established = False
        self._error: TcpnetError | None = None
        self._begun: asyncio.Future[None] | None = None

    async def begin(self) -> None:
        """Shake hands; afterwards nothing more is read until `resume_reading`.

        Up to its first wait it runs without a pause, so that no byte of the handshake is taken for
        something else. Raises ProtocolError where the other side speaks no TLS that we take, and
        ConnectionLost where it hangs up. Who waits bounds the time, and closes what has failed.
        """
        self._begun = asyncio.get_running_loop().create_future()
        self._below.set_protocol(self)
        self._below.resume_reading()
        self.data_received(b"")  # a client speaks first
        await self._begun
        if self._error is not None:
            raise self._error

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes, sealed; nothing is sent before the handshake is complete."""
        if not self._established or self._below.is_closing():
            return
        rest = memoryview(data)
        sealed: list[bytes] = []
        try:
            while rest:
                rest = rest[self._tls.write(rest[:RECORD]) :]
                sealed.append(self._outgoing.read())
        except ssl.SSLError as error:
            self._fail(error)
            return
        self._below.write(b"".join(sealed))

    def close(self) -> None:
        """Tell the other side that nothing follows, and close once all is sent."""
        if self._established and not self._below.is_closing():
            with suppress(ssl.SSLError):  # it would wait to be told the same, and need not
                self._tls.unwrap()
            self._pass_on()
        self._below.close()

    def abort(self) -> None:
        """Close at once."""
        self._below.abort()

    def is_closing(self) -> bool:
        """Whether the transport below is closed, or about to be."""
        return self._below.is_closing()

    def pause_reading(self) -> None:
        """Leave what arrives with the kernel."""
        self._below.pause_reading()

    def resume_reading(self) -> None:
        """Take again what arrives."""
        self._below.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Bytes, sealed, that the kernel has not taken yet."""
        return self._below.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the transport below; `ssl_object` once the handshake is complete."""
        if name == "ssl_object":
            return self._tls if self._established else default
        return self._below.get_extra_info(name, default)

    def data_received(self, data: bytes) -> None:
        """Open what arrived; called by the transport below."""
        plain, over = b"", False
        try:
            plain, over = self._opened(data)
        except ssl.SSLError as error:
            self._fail(error)
        self._pass_on()
        if plain:
            self._above.data_received(plain)
        if over:
            self.close()

    def pause_writing(self) -> None:
        """Pass on that the kernel is full."""
        if self._established:
            self._above.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the kernel takes more."""
        if self._established:
            self._above.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that it is over, and why."""
        if not self._established:
            self._end(ConnectionLost("the connection was lost while TLS began"))
        self._above.connection_lost(self._error or exc)

    def _opened(self, data: bytes) -> tuple[bytes, bool]:
        """The plain text in what arrived, and whether the other side says that it was the last."""
        plain = bytearray()
        # In pieces: what OpenSSL once had to hold at a time it keeps allocated.
        for start in range(0, max(len(data), 1), RECORD):
            self._incoming.write(data[start : start + RECORD])
            try:
                if not self._established:
                    self._shake()
                while piece := self._tls.read(RECORD):
                    plain += piece
            except ssl.SSLWantReadError:
                continue
            return bytes(plain), True
        return bytes(plain), False

    def _shake(self) -> None:
        self._tls.do_handshake()
        self._established = True
        self._below.pause_reading()
        self._end(None)

    def _pass_on(self) -> None:
        if self._outgoing.pending and not self._below.is_closing():
            self._below.write(self._outgoing.read())

    def _fail(self, error: ssl.SSLError) -> None:
        self._pass_on()  # the alert that tells the other side
        why = (error.reason or str(error)).lower().replace("_", " ")
        self._end(ProtocolError(f"TLS failed: {why}"))
        self._below.close()

    def _end(self, error: TcpnetError | None) -> None:
        self._error = self._error or error
        if self._begun is not None and not self._begun.done():
            self._begun.set_result(None)

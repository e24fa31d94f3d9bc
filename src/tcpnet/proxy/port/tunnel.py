"""A tunnel (CONNECT): bytes both ways as they come, at the pace of the slower end."""

import asyncio
import socket
from typing import Final, cast

from tcpnet.proxy.port.service import Counters, Service

ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"

_HIGH_WATER: Final = 512 * 1024
"""Bytes that may wait at one end before the other is made to wait."""

_SMALL: Final = 16 * 1024
_LARGE: Final = 256 * 1024
"""Bytes heard at once: most tunnels are idle, and a few carry all; the buffer grows with use."""


class Tunnel:
    """Joins a client's connection to the one it asked for, until both have said all."""

    def __init__(self, service: Service, client: asyncio.Transport) -> None:
        self._service = service
        self._near = _End(service.counters, client)
        self._far = _End(service.counters)
        self._near.join(self._far)
        self._far.join(self._near)

    async def run(self, sock: socket.socket, early: bytes) -> None:
        """Carry bytes until both ends have enough; `early` came before the tunnel stood."""
        counters, near, far = self._service.counters, self._near, self._far
        await asyncio.get_running_loop().create_connection(lambda: far, sock=sock)
        counters.tunnels += 1
        near.adopt(ESTABLISHED)
        if early:
            near.forward(early)
        far.transport.resume_reading()
        try:
            await self._idle()
            for end in (near, far):
                end.transport.close()
            async with asyncio.timeout(self._service.patience.stall):
                await asyncio.gather(near.lost.wait(), far.lost.wait())
        except TimeoutError:
            pass  # what was said last, one end never took
        finally:
            for end in (near, far):
                end.transport.abort()

    async def _idle(self) -> None:
        """Wait until both have said all, or neither has said anything for too long."""
        heard = -1
        while heard != self._near.heard + self._far.heard:
            heard = self._near.heard + self._far.heard
            try:
                async with asyncio.timeout(self._service.patience.tunnel):
                    await self._near.silent.wait()
                    await self._far.silent.wait()
                    return
            except TimeoutError:
                continue


class _End(asyncio.BufferedProtocol):
    """One end of a tunnel: what it hears, the other says."""

    def __init__(self, counters: Counters, transport: asyncio.Transport | None = None) -> None:
        self.transport = transport or asyncio.Transport()
        self.heard = 0
        self._counters = counters
        self._buffer = bytearray(_SMALL)
        self.silent = asyncio.Event()
        self.lost = asyncio.Event()

    def join(self, other: "_End") -> None:
        """Note who says what this one hears."""
        self._peer = other

    def adopt(self, greeting: bytes) -> None:
        """Take over a connection that stands, and say that the tunnel does."""
        self.transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.transport.write(greeting)
        self.transport.set_protocol(self)
        self.transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection; its first words wait until the client knows of the tunnel."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self.transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.transport.pause_reading()

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Where the next bytes go."""
        return self._buffer

    def buffer_updated(self, size: int) -> None:
        """Let the other end say what came."""
        self.forward(memoryview(self._buffer)[:size])
        if (wanted := self._room_for(size)) != len(self._buffer):
            self._buffer = bytearray(wanted)
        elif self._peer.transport.get_write_buffer_size():
            self._buffer = bytearray(wanted)  # the transport may still hold the one before

    def _room_for(self, size: int) -> int:
        """The room for what comes next, where so much came now."""
        room = len(self._buffer)
        if size == room:
            return min(room * 4, _LARGE)
        return max(room // 4, _SMALL) if size < room // 16 else room

    def forward(self, data: bytes | memoryview) -> None:
        """Let the other end say these bytes."""
        self.heard += len(data)
        self._counters.tunnel_bytes += len(data)
        self._peer.transport.write(data)

    def eof_received(self) -> bool:
        """Pass on that this end has said all; it may still hear."""
        self.silent.set()
        if not self._peer.transport.is_closing():
            self._peer.transport.write_eof()
        return True

    def connection_lost(self, _: Exception | None) -> None:
        """End both directions: nobody hears the other any more."""
        self.lost.set()
        self.silent.set()
        self._peer.silent.set()

    def pause_writing(self) -> None:
        """Make the other end wait."""
        if not self._peer.transport.is_closing():
            self._peer.transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the other end go on."""
        if not self._peer.transport.is_closing():
            self._peer.transport.resume_reading()

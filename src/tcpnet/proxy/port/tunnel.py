"""A tunnel (CONNECT): bytes both ways as they come, at the pace of the slower end."""

import asyncio
import socket
from typing import Final, cast

from tcpnet.proxy.port.service import Counters, Service
from tcpnet.proxy.port.splice import Splice

ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"

_HIGH_WATER: Final = 512 * 1024
"""Bytes that may wait at one end before the other is made to wait."""

_SMALL: Final = 16 * 1024
_LARGE: Final = 256 * 1024
"""Bytes heard at once: most tunnels are idle, and a few carry all; the buffer grows with use."""

_MUCH: Final = 4 * 1024 * 1024
"""Bytes after which the kernel is asked to carry the rest: four descriptors are worth it."""


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
                end.abort()

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
        self._carries_much = False
        self._has_tried = False
        self._splice: Splice | None = None
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
        if self.heard >= _MUCH and not (self._carries_much or self._peer.transport.is_closing()):
            self._carries_much = True
            # What was said must have left before the kernel says the rest behind it.
            self._peer.transport.set_write_buffer_limits(high=0)
            if not self._peer.transport.get_write_buffer_size():
                self._go_on()

    def _room_for(self, size: int) -> int:
        """The room for what comes next, where so much came now."""
        room = len(self._buffer)
        if size == room:
            return min(room * 4, _LARGE)
        return max(room // 4, _SMALL) if size < room // 16 else room

    def forward(self, data: bytes | memoryview) -> None:
        """Let the other end say these bytes."""
        self._count(len(data))
        self._peer.transport.write(data)

    def abort(self) -> None:
        """End at once."""
        if self._splice is not None:
            self._splice.close()  # or its descriptor would hold the connection open
        self.transport.abort()

    def eof_received(self) -> bool:
        """Pass on that this end has said all; it may still hear."""
        self.silent.set()
        if not self._peer.transport.is_closing():
            self._peer.transport.write_eof()
        return True

    def connection_lost(self, _: Exception | None) -> None:
        """End both directions: nobody hears the other any more."""
        for splice in (self._splice, self._peer._splice):
            if splice is not None:
                splice.close()
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
            self._peer._go_on()

    def _count(self, size: int) -> None:
        self.heard += size
        self._counters.tunnel_bytes += size

    def _go_on(self) -> None:
        """Hear again; where much comes, let the kernel carry it, if it can."""
        if self._carries_much and not self._has_tried:
            self._has_tried = True
            self.transport.pause_reading()
            source, sink = _descriptor(self.transport), _descriptor(self._peer.transport)
            self._splice = Splice.begun(source, sink, self._count, self._spliced)
            if self._splice is not None:
                return
            self._peer.transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.transport.resume_reading()

    def _spliced(self, error: OSError | None) -> None:
        """Take the end of what the kernel carried for the end of what came."""
        if error is None:
            self.eof_received()
        else:
            self.transport.abort()


def _descriptor(transport: asyncio.Transport) -> int:
    number: int = transport.get_extra_info("socket").fileno()
    return number

"""A transport without a kernel: it takes as much as a test lets it."""

import asyncio
from collections.abc import Callable
from typing import Any

from tcpnet.errors import TcpnetError
from tcpnet.net.connection import Connection
from tcpnet.net.pulse import Pulse
from tcpnet.protocol import codec
from tcpnet.protocol.items import FromClient


class MemoryTransport(asyncio.Transport):
    """Keeps each write; beyond `room` bytes they wait, as with a full kernel."""

    def __init__(self, protocol: asyncio.Protocol, room: int | None = None) -> None:
        super().__init__()
        self.protocol = protocol
        self.room = room
        self.writes: list[bytes] = []
        self.reading = True
        self.aborted = False
        self._waiting = 0
        self._high = 64 * 1024
        self._closing = False
        self._told_to_pause = False
        protocol.connection_made(self)

    @property
    def written(self) -> bytes:
        """All that was ever written."""
        return b"".join(self.writes)

    def write(self, data: Any) -> None:
        """Take a write whole; what is over the room waits."""
        assert not self._closing, "written after close"
        self.writes.append(bytes(data))
        self._waiting += len(data)
        self.takes(0)
        if self._waiting > self._high and not self._told_to_pause:
            self._told_to_pause = True
            self.protocol.pause_writing()

    def takes(self, more: int) -> None:
        """Let the peer read this much more."""
        if self.room is None:
            self._waiting = 0
        else:
            self.room += more
            taken = min(self.room, self._waiting)
            self.room -= taken
            self._waiting -= taken
        if self._waiting == 0 and self._told_to_pause:
            self._told_to_pause = False
            self.protocol.resume_writing()
        if self._waiting == 0 and self._closing:
            self._end()

    def get_write_buffer_size(self) -> int:
        """Bytes that wait."""
        return self._waiting

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Note when to tell the protocol; it goes on when nothing waits."""
        assert not low
        self._high = high if high is not None else self._high

    def pause_reading(self) -> None:
        """Note that nothing is to be read."""
        self.reading = False

    def resume_reading(self) -> None:
        """Note that it is."""
        self.reading = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self._closing

    def close(self) -> None:
        """End once all was taken."""
        self._closing = True
        if self._waiting == 0:
            self._end()

    def abort(self) -> None:
        """End at once."""
        self.aborted = True
        self._closing = True
        self._end()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The address of the other side."""
        return ("192.0.2.7", 50_000) if name == "peername" else default

    def _end(self, error: Exception | None = None) -> None:
        asyncio.get_running_loop().call_soon(self.protocol.connection_lost, error)


class Listener:
    """Keeps what a connection hands over; `on_item` may act or raise."""

    def __init__(self, on_item: Callable[[Any], None] = lambda _: None) -> None:
        self.items: list[Any] = []
        self.errors: list[TcpnetError] = []
        self.spoken = asyncio.Event()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_item = on_item

    def received(self, item: Any) -> None:
        """Keep an item."""
        self.items.append(item)
        self.spoken.set()
        self.on_item(item)

    def lost(self, error: TcpnetError) -> None:
        """Keep why it ended."""
        self.errors.append(error)
        if not self.ended.done():
            self.ended.set_result(None)


def connected(
    room: int | None = None, **bounds: Any
) -> tuple[Connection[FromClient], MemoryTransport, Listener]:
    """A server's connection, what it writes to, and what it hands over to."""
    listener = Listener()
    connection = Connection(codec.from_client(), Pulse(), listener, **bounds)
    return connection, MemoryTransport(connection, room), listener


async def tick() -> None:
    """Let everything that is due happen."""
    for _ in range(3):  # what is due may make something due
        await asyncio.sleep(0)

"""A bad line between people and a hub: slow, in crumbs, cut, reset, or swallowing everything."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from tcpnet.server.tasks import Spawn, owned

_RESET: Final = struct.pack("ii", 1, 0)


@dataclass
class Weather:
    """What happens to bytes on their way, in both directions, on links made from now on."""

    delay: float = 0.0
    """Seconds before each write."""
    crumb: int = 1 << 16
    """Bytes in one write."""
    cut_after: int | None = None
    """Bytes from the hub after which the link is reset, wherever in a frame that is."""


@dataclass(eq=False)
class Crossing:
    """One link between somebody and the hub."""

    person: asyncio.StreamWriter
    hub: asyncio.StreamWriter
    weather: Weather
    swallows: bool = False
    """Nothing crosses, and neither side notices."""
    crossed: int = 0
    """Bytes that came from the hub."""

    def reset(self) -> None:
        """Reset both sides: the bytes that were on their way are gone."""
        for writer in (self.person, self.hub):
            _reset(writer)

    def leave_half_open(self) -> None:
        """Reset the person's side alone; the hub's seems to live, and nothing comes of it."""
        self.swallows = True
        _reset(self.person)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Move bytes in one direction until that side ends."""
        with suppress(ConnectionError):
            while data := await reader.read(self.weather.crumb):
                if not self.swallows:
                    await self._write(data, writer)
        if not self.swallows:
            writer.close()

    async def _write(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self.weather.delay:
            await asyncio.sleep(self.weather.delay)
        if writer is self.person:
            before, self.crossed = self.crossed, self.crossed + len(data)
            if (end := self.weather.cut_after) is not None and self.crossed > end:
                writer.write(data[: max(0, end - before)])
                await writer.drain()
                self.reset()
                return
        writer.write(data)
        await writer.drain()


@dataclass
class Relay:
    """Listens where people dial, and dials the hub for each of them."""

    to: Callable[[], int]
    """The port of the hub at the moment."""
    weather: Weather = field(default_factory=Weather)
    port: int = 0
    crossings: list[Crossing] = field(default_factory=list)

    async def cross(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one link to its end."""
        try:
            from_hub, to_hub = await asyncio.open_connection("127.0.0.1", self.to())
        except OSError:
            return
        crossing = Crossing(writer, to_hub, self.weather)
        self.crossings.append(crossing)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(crossing.carry(reader, to_hub))
                group.create_task(crossing.carry(from_hub, writer))
        finally:
            self.crossings.remove(crossing)
            to_hub.transport.abort()


@asynccontextmanager
async def relay(to: Callable[[], int], weather: Weather | None = None) -> AsyncIterator[Relay]:
    """A relay on a free port for the length of the block."""
    made = Relay(to, weather or Weather())
    async with owned() as spawn:
        listening = await asyncio.start_server(_accepting(made, spawn), "127.0.0.1", 0)
        made.port = listening.sockets[0].getsockname()[1]
        try:
            yield made
        finally:
            listening.close()


def _accepting(
    made: Relay, spawn: Spawn
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not in `cross`: a task that is cancelled before its first step never comes to its end.
        spawn(made.cross(reader, writer)).add_done_callback(lambda _: writer.transport.abort())

    return accept


def _reset(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()

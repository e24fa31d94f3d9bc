"""TCP: dial a hub, and serve the people who dial."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final, Self, cast

from tcpnet.net.connection import MAX_OUTBOX, Connection, Receiver, whence
from tcpnet.net.pulse import Pulse
from tcpnet.protocol import codec
from tcpnet.protocol.items import FromClient, FromServer

SEND_BUFFER: Final = 128 * 1024
"""Bytes the kernel may hold for one reader.

Left alone it swallows megabytes, and a slow reader is noticed only after some 20,000 lines.
"""

_BACKLOG: Final = 1024
"""Callers that the kernel keeps until they are accepted."""

_A_TICK: Final = 16
"""Callers whom asyncio accepts in one go: then what others said has its turn."""

MAX_TO_SAY: Final = 64 * 1024 * 1024
"""Bytes that may wait for a hub, which takes a little at a time of what one person pastes."""


class Caller:
    """Somebody who dials, as long as nothing is made for him."""

    __slots__ = ("_make", "_writer", "household", "peer")

    def __init__(
        self, writer: asyncio.StreamWriter, make: Callable[[], Connection[FromClient]]
    ) -> None:
        self._writer = writer
        self._make = make
        self.peer, self.household = whence(writer.transport)

    def connection(self) -> Connection[FromClient]:
        """Let him in, or have a word with him."""
        made = self._make()
        _adopt(made, self._writer)
        return made

    def hang_up(self) -> None:
        """End without a word: what is cheapest, for a flood of callers."""
        self._writer.transport.abort()


Accept = Callable[[Caller], None]


class Listener:
    """A port that is ours from `bind` to the end of its `with`, and lets people in once `open`."""

    def __init__(self) -> None:
        self.addresses: tuple[tuple[str, int], ...] = ()
        self._server: asyncio.Server | None = None
        self._begin: Callable[[asyncio.StreamWriter], None] | None = None

    @classmethod
    async def bind(cls, host: str, port: int) -> Self:
        """Take a port (0: a free one); whoever dials waits until `open`. Raises OSError."""
        listener = cls()
        server = await asyncio.start_server(
            listener._accepted, host, port, backlog=_A_TICK, start_serving=False
        )
        listener._server = server
        try:
            listener.addresses = tuple(_listening(taken) for taken in server.sockets)
        except OSError:
            server.close()
            raise
        return listener

    async def open(
        self,
        pulse: Pulse,
        accept: Accept,
        *,
        max_outbox: int = MAX_OUTBOX,
        max_stall: float | None = None,
        max_frame: int = codec.MAX_FRAME,
    ) -> None:
        """Hand everybody who dials to `accept`; `max_outbox` bytes may wait for one of them.

        Whoever takes none of them for `max_stall` seconds is cut off, and so is whoever sends a
        frame of more than `max_frame` bytes.

        `accept` is a plain function: a coroutine would run outside any group and outlive a
        shutdown.
        """
        decoder = codec.from_client()

        def made() -> Connection[FromClient]:
            return Connection(
                decoder,
                pulse,
                max_outbox=max_outbox,
                max_stall=max_stall,
                max_frame=max_frame,
            )

        self._begin = lambda writer: accept(Caller(writer, made))
        assert self._server is not None, "a listener is made by bind"
        await self._server.start_serving()
        for taken in self._server.sockets:
            _queue_callers(taken)  # asyncio set it to what it takes in one go

    def close(self) -> None:
        """Let nobody in any more; again is harmless."""
        if self._server is not None:
            # Not wait_closed: since 3.12.1 it waits for every connection, and sessions end later.
            self._server.close()
            self._begin = _turn_away  # whoever the kernel let in comes a few turns later

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accepted(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._begin is not None, "nobody is accepted before open"
        self._begin(writer)


async def dial(
    host: str, port: int, receiver: Receiver[FromServer], *, within: float = 10
) -> Connection[FromServer]:
    """Connect to a hub `within` seconds; raises OSError, TimeoutError among them."""
    pulse = Pulse()
    async with asyncio.timeout(within):
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(codec.from_server(), pulse, receiver, max_outbox=MAX_TO_SAY),
            host,
            port,
        )
    return connection


def _turn_away(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def _listening(taken: socket.socket) -> tuple[str, int]:
    """Let the kernel take calls already: bound alone, a port can still be bound by others."""
    with socket.fromfd(taken.fileno(), taken.family, taken.type) as twin:
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # also of who is let in
    _queue_callers(taken)
    name = taken.getsockname()
    return str(name[0]), int(name[1])


def _queue_callers(taken: socket.socket) -> None:
    with socket.fromfd(taken.fileno(), taken.family, taken.type) as twin:
        twin.listen(_BACKLOG)


def _adopt(connection: Connection[FromClient], writer: asyncio.StreamWriter) -> None:
    """Let the connection read the transport itself: no task, no second buffer a peer."""
    transport = writer.transport
    # The writer among them: dropped, it would close the transport.
    connection.streams = cast("asyncio.Protocol", transport.get_protocol())
    transport.set_protocol(connection)
    connection.connection_made(transport)

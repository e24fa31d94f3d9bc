"""TCP: dial a hub, and serve the people who dial."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from tcpnet.net.connection import MAX_OUTBOX, Connection, Receiver
from tcpnet.net.pulse import Pulse
from tcpnet.protocol import codec
from tcpnet.protocol.items import FromClient, FromServer

SEND_BUFFER: Final = 128 * 1024
"""Bytes the kernel may hold for one reader.

Left alone it swallows megabytes, and a slow reader is noticed only after some 20,000 lines.
"""

Accept = Callable[[Connection[FromClient]], None]


@asynccontextmanager
async def serve_tcp(
    host: str, port: int, pulse: Pulse, accept: Accept, *, max_outbox: int = MAX_OUTBOX
) -> AsyncIterator[tuple[tuple[str, int], ...]]:
    """Accept on host and port (0: a free one) until the block ends; gives the real addresses.

    `accept` is a plain function: a coroutine would run outside any group and outlive a shutdown.
    `max_outbox`: bytes that may wait for one of them. Raises OSError.
    """
    decoder = codec.from_client()

    def begin(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(decoder, pulse, max_outbox=max_outbox)
        _adopt(connection, writer)
        accept(connection)

    server = await asyncio.start_server(begin, host, port, backlog=1024)
    try:
        names = [listening.getsockname() for listening in server.sockets]
        yield tuple((str(name[0]), int(name[1])) for name in names)
    finally:
        # Not wait_closed: since 3.12.1 it waits for every connection, and sessions end later.
        server.close()


async def dial(
    host: str, port: int, receiver: Receiver[FromServer], *, within: float = 10
) -> Connection[FromServer]:
    """Connect to a hub `within` seconds; raises OSError, TimeoutError among them."""
    pulse = Pulse()
    async with asyncio.timeout(within):
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(codec.from_server(), pulse, receiver), host, port
        )
    return connection


def _adopt(connection: Connection[FromClient], writer: asyncio.StreamWriter) -> None:
    """Let the connection read the transport itself: no task, no second buffer a peer."""
    transport = writer.transport
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    transport.set_protocol(connection)
    connection.connection_made(transport)
    connection.origin = writer  # dropped, it would close the transport

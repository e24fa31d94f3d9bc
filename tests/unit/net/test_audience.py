"""Many who hear the same: past their transports where nothing waits, in order, all counted."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tcpnet.net.audience import Audience
from tcpnet.net.connection import Connection
from tcpnet.net.pulse import Pulse
from tcpnet.protocol import codec
from tcpnet.protocol.items import FromClient, Print
from tests.hub import PATIENCE
from tests.unit.net.memory import Listener, connected, tick

LINE = codec.encode(Print(message="one"))
NEXT = codec.encode(Print(message="two"))
LONG = codec.encode(Print(message="x" * 60_000))


@asynccontextmanager
async def over_a_socket(*, max_outbox: int = 256 * 1024) -> AsyncIterator["OverASocket"]:
    """A connection over a real socket, and the other end of it."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    listener = Listener()
    made = Connection(codec.from_client(), Pulse(), listener, max_outbox=max_outbox)
    await loop.create_connection(lambda: made, sock=ours)
    try:
        yield OverASocket(made, theirs)
    finally:
        made.abort()
        theirs.close()
        await listener.ended


class OverASocket:
    """A connection, and what its peer reads."""

    def __init__(self, connection: Connection[FromClient], peer: socket.socket) -> None:
        self.connection = connection
        self.peer = peer

    async def read(self, size: int) -> bytes:
        """So many bytes."""
        loop, got = asyncio.get_running_loop(), b""
        async with asyncio.timeout(PATIENCE):
            while len(got) < size:
                got += await loop.sock_recv(self.peer, size - len(got))
        return got

    def there(self) -> bytes:
        """What the kernel has for the peer in this moment."""
        try:
            return self.peer.recv(1 << 20)
        except BlockingIOError:
            return b""


async def test_everybody_gets_a_batch_at_once() -> None:
    """Before the event loop turns, whether by the descriptor or by the transport."""
    audience = Audience()
    async with over_a_socket() as ann:
        bob, transport, _ = connected()
        for one in (ann.connection, bob):
            audience.join(one)

        refused = audience.tell(LINE + NEXT, 2)

        assert refused == []
        assert ann.there() == transport.written == LINE + NEXT


@pytest.mark.skipif(os.name != "posix", reason="there a socket is no descriptor")
async def test_only_a_socket_of_asyncios_own_loop_is_written_to_directly() -> None:
    """Any other transport may hold bytes back, or seal them."""
    async with over_a_socket() as ann:
        bob, _, _ = connected()

        assert ann.connection.direct >= 0
        assert bob.direct == -1


async def test_a_batch_overtakes_nothing_that_was_said_before() -> None:
    """What waits for the end of the tick leaves first."""
    audience = Audience()
    async with over_a_socket() as ann:
        audience.join(ann.connection)
        ann.connection.send_encoded(LINE)

        audience.tell(NEXT, 1)
        waiting = ann.there()
        await tick()

        assert waiting == b""
        assert ann.there() == LINE + NEXT
        audience.tell(NEXT, 1)
        assert ann.there() == NEXT


async def test_what_the_kernel_does_not_take_follows_in_order() -> None:
    """A part of a batch, the batches behind it, and one when all was read; none is lost."""
    audience, whole = Audience(), b""
    async with over_a_socket(max_outbox=1 << 24) as ann:
        audience.join(ann.connection)
        while ann.connection.unsent < 3 * len(LONG):
            assert audience.tell(LONG, 1) == []
            whole += LONG

        got = await ann.read(len(whole))
        await tick()
        audience.tell(LINE, 1)

        assert got == whole
        assert await ann.read(len(LINE)) == LINE
        assert ann.connection.bytes_out == len(whole + LINE)


async def test_who_has_too_much_to_read_refuses_and_is_not_counted() -> None:
    """The others get it."""
    audience = Audience()
    slow, transport, _ = connected(room=0, max_outbox=10)
    quick, _, _ = connected()
    for one in (slow, quick):
        audience.join(one)
    audience.tell(LINE, 1)

    refused = audience.tell(NEXT, 1)

    assert refused == [slow]
    assert (slow.frames_out, slow.bytes_out) == (1, len(LINE))
    assert (quick.frames_out, quick.bytes_out) == (2, len(LINE + NEXT))
    assert transport.written == LINE


async def test_a_connection_counts_what_it_heard_in_any_audience() -> None:
    """What was told before it came and after it left is not its own."""
    den, hall = Audience(), Audience()
    connection, transport, _ = connected()
    den.tell(LINE, 1)
    den.join(connection)
    den.tell(LINE + NEXT, 2)
    den.leave(connection)
    den.tell(LINE, 1)
    hall.tell(NEXT, 1)
    hall.join(connection)
    hall.tell(NEXT, 1)
    connection.push_now(LINE, 1)

    assert transport.written == LINE + NEXT + NEXT + LINE
    assert (connection.frames_out, connection.bytes_out) == (4, len(transport.written))


async def test_who_is_gone_refuses_and_nobody_else_gets_his_bytes() -> None:
    """The kernel gives his descriptor to the next one who comes."""
    audience = Audience()
    async with over_a_socket() as ann:
        audience.join(ann.connection)
        ann.connection.abort()
        await tick()

        refused = audience.tell(LINE, 1)

        assert refused == [ann.connection]
        assert ann.connection.direct == -1
        assert ann.connection.frames_out == 0


async def test_a_peer_who_hung_up_ends_only_his_own_connection() -> None:
    """The kernel says so at a write; the batch goes on."""
    audience = Audience()
    async with over_a_socket() as gone, over_a_socket() as ann:
        for one in (gone, ann):
            audience.join(one.connection)
        gone.peer.close()

        audience.tell(LINE, 1)

        assert ann.there() == LINE
        await tick()
        assert audience.tell(NEXT, 1) == [gone.connection]

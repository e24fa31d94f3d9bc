"""A port of our own, and dialling one."""

import asyncio
import errno
import socket

import pytest

from tcpnet.net import tcp
from tcpnet.net.connection import Connection
from tcpnet.net.pulse import Pulse
from tcpnet.net.tcp import Caller, Listener
from tcpnet.protocol.items import FromClient, Ping, Pong
from tests.hub import PATIENCE
from tests.unit.net import memory


async def test_a_port_is_taken_before_anybody_is_let_in() -> None:
    """Whoever dials before `open` waits, and is served then."""
    heard = memory.Listener()
    let_in: asyncio.Future[Connection[FromClient]] = asyncio.get_running_loop().create_future()

    def accept(caller: Caller) -> None:
        connection = caller.connection()
        connection.receiver = memory.Listener(lambda item: connection.send(Pong(t=item.t)))
        let_in.set_result(connection)

    with await Listener.bind("127.0.0.1", 0) as listener:
        ((host, port),) = listener.addresses
        client = await tcp.dial(host, port, heard)
        client.send(Ping(t=1.5))
        await memory.tick()
        assert not let_in.done()

        await listener.open(Pulse(), accept)
        async with asyncio.timeout(PATIENCE):
            server = await let_in
            await heard.spoken.wait()

        assert heard.items == [Pong(t=1.5)]
        assert server.peer == host
        await server.close()
        await client.close()


async def test_the_kernel_keeps_little_for_whoever_is_let_in() -> None:
    """The port's own bound holds for each caller: left alone the kernel would keep megabytes."""
    let_in: asyncio.Future[Connection[FromClient]] = asyncio.get_running_loop().create_future()
    with socket.socket() as example:
        example.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, tcp.SEND_BUFFER)
        bound = example.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)

    with await Listener.bind("127.0.0.1", 0) as listener:
        client = await tcp.dial(*listener.addresses[0], memory.Listener())
        await listener.open(Pulse(), lambda caller: let_in.set_result(caller.connection()))
        async with asyncio.timeout(PATIENCE):
            server = await let_in

        kept = server._extra("socket").getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        assert kept == bound
        await server.close()
        await client.close()


async def test_a_port_that_is_taken_is_an_error_of_the_system() -> None:
    """The caller knows how to say it."""
    with await Listener.bind("127.0.0.1", 0) as listener:
        with pytest.raises(OSError, match=r"[Aa]ddress") as refusal:
            await Listener.bind(*listener.addresses[0])

        assert refusal.value.errno == errno.EADDRINUSE


async def test_nobody_is_at_a_port_that_was_closed() -> None:
    """Dialling it is an error of the system, too."""
    listener = await Listener.bind("127.0.0.1", 0)
    address = listener.addresses[0]
    listener.close()
    listener.close()

    with pytest.raises(ConnectionRefusedError):
        await tcp.dial(*address, memory.Listener())


async def test_a_peer_that_hangs_up_is_lost() -> None:
    """Its receiver learns it, whoever of the two went."""
    heard = memory.Listener()
    gone = memory.Listener()
    with await Listener.bind("127.0.0.1", 0) as listener:

        def accept(caller: Caller) -> None:
            caller.connection().receiver = gone

        await listener.open(Pulse(), accept)
        client = await tcp.dial(*listener.addresses[0], heard)

        await client.close()
        async with asyncio.timeout(PATIENCE):
            await gone.ended

    assert [str(error) for error in gone.errors] == ["closed"]
    assert heard.errors == []


async def test_who_is_hung_up_on_hears_nothing() -> None:
    """And nothing was made for him that would have to be ended."""
    heard, turned_away = memory.Listener(), []

    def accept(caller: Caller) -> None:
        turned_away.append((caller.peer, caller.household))
        caller.hang_up()

    with await Listener.bind("127.0.0.1", 0) as listener:
        await listener.open(Pulse(), accept)
        client = await tcp.dial(*listener.addresses[0], heard)

        async with asyncio.timeout(PATIENCE):
            await heard.ended
        await client.close()

    assert turned_away == [("127.0.0.1", "127.0.0.1")]
    assert not heard.items


async def test_many_who_dial_at_once_are_all_let_in() -> None:
    """However few are accepted in one go: the others wait with the kernel."""
    count, all_in = 200, asyncio.Event()
    let_in: list[Connection[FromClient]] = []

    def accept(caller: Caller) -> None:
        let_in.append(caller.connection())
        if len(let_in) == count:
            all_in.set()

    with await Listener.bind("127.0.0.1", 0) as listener:
        await listener.open(Pulse(), accept)
        address, ears = listener.addresses[0], [memory.Listener() for _ in range(count)]

        clients = await asyncio.gather(*(tcp.dial(*address, ear) for ear in ears))
        async with asyncio.timeout(PATIENCE):
            await all_in.wait()
        await asyncio.gather(*(client.close() for client in clients))
        await asyncio.gather(*(connection.close() for connection in let_in))

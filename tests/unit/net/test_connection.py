"""One peer over a transport: order, bounds and ends."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.errors import ConnectionLost, ProtocolError, SlowConsumer
from tcpnet.net import connection as module
from tcpnet.net.connection import Connection
from tcpnet.net.pulse import Pulse
from tcpnet.protocol import codec
from tcpnet.protocol.items import Bye, Hello, Item, Ping, Pong, Print, Reply, Seen, Status
from tests.hub import PATIENCE
from tests.unit.net.memory import Listener, MemoryTransport, connected, tick


def pings(*times: float) -> bytes:
    """One line for each ping."""
    return b"".join(codec.encode(Ping(t=time)) for time in times)


async def test_all_that_is_sent_in_a_tick_leaves_in_one_write() -> None:
    """In the order in which it was sent, whatever the way."""
    connection, transport, _ = connected()

    connection.send(Print(message="one"))
    connection.send(Print(message="two"), Print(message="three"))
    connection.send_encoded(codec.encode(Print(message="four")))
    assert connection.push(codec.encode(Print(message="five")), 1)
    assert transport.writes == []
    await tick()

    assert len(transport.writes) == 1
    shown = [
        item.message
        for line in transport.written.splitlines()
        for item in codec.from_server().decode(line)
        if isinstance(item, Print)
    ]
    assert shown == ["one", "two", "three", "four", "five"]
    assert connection.bytes_out == len(transport.written)


async def test_each_tick_has_its_own_write() -> None:
    """What comes later does not wait for more."""
    connection, transport, _ = connected()

    connection.send(Print(message="one"))
    await tick()
    connection.send(Print(message="two"))
    await tick()

    assert transport.writes == [
        codec.encode(Print(message="one")),
        codec.encode(Print(message="two")),
    ]


async def test_items_arrive_in_order() -> None:
    """Several in a frame, several frames in a read, and a frame in several reads."""
    connection, _, listener = connected()
    stream = codec.encode(Ping(t=1), Ping(t=2)) + pings(3, 4)

    connection.data_received(stream[:-10])
    connection.data_received(stream[-10:])

    assert listener.items == [Ping(t=1), Ping(t=2), Ping(t=3), Ping(t=4)]
    assert (connection.frames_in, connection.bytes_in) == (3, len(stream))


@given(st.lists(st.integers(1, 40), max_size=30))
def test_reads_of_any_size_give_the_same_items(sizes: list[int]) -> None:
    """The cuts between reads mean nothing."""

    async def scenario() -> list[Item]:
        connection, _, listener = connected()
        stream = codec.encode(Reply(res_key="k", value="Grüße 😀", id=1)) * 3
        for size in [*sizes, len(stream)]:
            connection.data_received(stream[:size])
            stream = stream[size:]
        return list(listener.items)

    assert asyncio.run(scenario()) == [Reply(res_key="k", value="Grüße 😀", id=1)] * 3


async def test_two_connections_back_to_back_understand_each_other() -> None:
    """A client's and a server's, joined by nothing but their bytes."""
    server, to_client, heard_by_server = connected()
    heard_by_client = Listener()
    client = Connection(codec.from_server(), Pulse(), heard_by_client)
    to_server = MemoryTransport(client)

    client.send(Hello(protocol=1, agent="test", id_key="Nina"))
    client.send(Status(ok=True), Seen(mail=3))
    await tick()
    server.data_received(to_server.written)
    server.send(Print(message="Nina> Grüße"), Pong(t=1.5))
    await tick()
    client.data_received(to_client.written)

    assert heard_by_server.items == [
        Hello(protocol=1, agent="test", id_key="Nina"),
        Status(ok=True),
        Seen(mail=3),
    ]
    assert heard_by_client.items == [Print(message="Nina> Grüße"), Pong(t=1.5)]


async def test_a_paused_connection_hands_over_nothing_until_it_is_resumed() -> None:
    """The peer is held back by its kernel; what had arrived already is kept, in order."""
    connection, transport, listener = connected()
    listener.on_item = lambda item: connection.pause() if item == Ping(t=2) else None

    connection.data_received(pings(1, 2, 3))
    connection.data_received(pings(4))

    assert listener.items == [Ping(t=1), Ping(t=2)]
    assert connection.paused
    assert not transport.reading

    connection.resume()

    assert listener.items == [Ping(t=1), Ping(t=2), Ping(t=3), Ping(t=4)]
    assert transport.reading


async def test_a_connection_paused_again_while_it_resumes_stays_paused() -> None:
    """What waits is taken one by one."""
    connection, transport, listener = connected()
    listener.on_item = lambda _: connection.pause()

    connection.data_received(pings(1, 2, 3))
    connection.resume()

    assert listener.items == [Ping(t=1), Ping(t=2)]
    assert not transport.reading


async def test_a_frame_is_handed_over_whole() -> None:
    """A pause holds back the next frame, not the rest of this one."""
    connection, _, listener = connected()
    listener.on_item = lambda _: connection.pause()

    connection.data_received(codec.encode(Ping(t=1), Ping(t=2)) + pings(3))

    assert listener.items == [Ping(t=1), Ping(t=2)]


@pytest.mark.parametrize(
    "rubbish", [b"rubbish\n", b"x" * codec.MAX_FRAME, b'{"headers":[{"type":"ping","body":{}}]}\n']
)
async def test_a_broken_frame_ends_what_is_taken(rubbish: bytes) -> None:
    """What came before it counts, nothing behind it does, and it is told once."""
    connection, _, listener = connected()

    connection.data_received(pings(1) + rubbish)
    connection.data_received(pings(2))
    connection.resume()
    connection.connection_lost(None)

    assert listener.items == [Ping(t=1)]
    assert [type(error) for error in listener.errors] == [ProtocolError]


async def test_a_receiver_may_refuse_an_item() -> None:
    """Its ProtocolError is one of the peer."""
    connection, _, listener = connected()

    def refuse(item: Item) -> None:
        raise ProtocolError(f"no {item!r} here")

    listener.on_item = refuse
    connection.data_received(pings(1, 2))

    assert listener.items == [Ping(t=1)]
    assert [str(error) for error in listener.errors] == ["no Ping(t=1.0) here"]


async def test_a_connection_that_is_over_takes_nothing_when_it_is_resumed() -> None:
    """Who lets go of a question resumes its connection, also when it was cut meanwhile."""
    connection, _, listener = connected(room=0, max_outbox=100)
    connection.pause()
    connection.data_received(pings(1) + b"rubbish\n")

    connection.send(Print(message="x" * 300))
    connection.resume()

    assert listener.items == []
    assert [type(error) for error in listener.errors] == [SlowConsumer]


async def test_a_peer_that_hangs_up_is_lost_once() -> None:
    """With the reason of the system where there is one."""
    connection, _, listener = connected()

    connection.connection_lost(ConnectionResetError("reset by peer"))
    connection.send(Print(message="too late"))

    assert [str(error) for error in listener.errors] == ["reset by peer"]
    assert isinstance(listener.errors[0], ConnectionLost)
    assert connection.unsent == 0
    assert connection.peer == "192.0.2.7"


async def test_a_full_kernel_keeps_what_is_sent_with_us() -> None:
    """It leaves in one write when the peer has read."""
    connection, transport, _ = connected(room=10)

    connection.send(Print(message="one"))
    await tick()
    connection.send(Print(message="two"))
    connection.send(Print(message="three"))
    await tick()
    assert len(transport.writes) == 1

    transport.takes(1000)
    await tick()

    assert transport.writes[1:] == [
        codec.encode(Print(message="two")) + codec.encode(Print(message="three"))
    ]


async def test_who_says_too_much_to_a_peer_that_does_not_read_is_told_once() -> None:
    """Twice the outbox: a dialogue that waits never comes there."""
    connection, _, listener = connected(room=0, max_outbox=1000)
    line = codec.encode(Print(message="x" * 100))

    while not listener.errors:
        connection.send_encoded(line)
    connection.send_encoded(line)

    (error,) = listener.errors
    assert isinstance(error, SlowConsumer)
    assert 2000 < error.unsent <= 2000 + len(line)


async def test_what_others_say_waits_within_the_outbox() -> None:
    """Past it `push` says no, and nobody is cut off for what others say."""
    connection, transport, listener = connected(room=0, max_outbox=1000)
    line = codec.encode(Print(message="x" * 100))

    pushed = 0
    while connection.push(line, 1):
        pushed += 1

    assert 1000 < pushed * len(line) <= 1000 + len(line)
    assert connection.unsent == pushed * len(line)
    assert listener.errors == []
    transport.takes(100_000)
    await tick()
    transport.takes(100_000)
    assert connection.push(line, 1)


async def test_drained_waits_until_three_quarters_are_free() -> None:
    """The rest of the outbox is for what others say meanwhile."""
    connection, transport, _ = connected(room=0, max_outbox=1000)
    connection.send(Print(message="x" * 500))
    waiting = asyncio.create_task(connection.drained())
    await tick()
    assert not waiting.done()

    transport.takes(10_000)
    await waiting

    assert connection.unsent <= 250


async def test_drained_returns_at_once_where_little_waits() -> None:
    """A quarter is free to be used."""
    connection, _, _ = connected(room=0, max_outbox=1000)
    connection.send(Print(message="x" * 100))

    await connection.drained()

    assert connection.unsent > 0


async def test_nobody_waits_for_a_connection_that_has_ended() -> None:
    """There is nothing left to be read."""
    connection, transport, _ = connected(room=0, max_outbox=1000)
    connection.send(Print(message="x" * 500))
    waiting = [asyncio.create_task(connection.drained()) for _ in range(3)]
    await tick()

    transport.abort()

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*waiting)


async def test_a_cancelled_wait_harms_no_other() -> None:
    """Two may wait for the same room."""
    connection, transport, _ = connected(room=0, max_outbox=1000)
    connection.send(Print(message="x" * 500))
    one, other = (asyncio.create_task(connection.drained()) for _ in range(2))
    await tick()

    one.cancel()
    await tick()
    transport.takes(10_000)

    await other
    assert one.cancelled()


async def test_the_farewell_is_the_last_line() -> None:
    """All that was sent before goes out, and the connection ends without a `lost`."""
    connection, transport, listener = connected()
    connection.send(Print(message="one"))

    await connection.close(Bye(reason="goodbye", kind="quit"))

    assert transport.written == codec.encode(Print(message="one")) + codec.encode(
        Bye(reason="goodbye", kind="quit")
    )
    assert listener.errors == []


async def test_a_slow_reader_still_gets_the_farewell() -> None:
    """Closing waits for it a little."""
    connection, transport, _ = connected(room=0)
    connection.send(Print(message="one"))
    closing = asyncio.create_task(connection.close(Bye(reason="goodbye")))
    await tick()

    transport.takes(10_000)
    await closing

    assert transport.written.endswith(codec.encode(Bye(reason="goodbye")))
    assert not transport.aborted


async def test_closing_is_bounded_with_a_peer_that_never_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After its time the connection is cut."""
    monkeypatch.setattr(module, "FAREWELL", 0.01)
    connection, transport, listener = connected(room=0)
    connection.send(Print(message="one"))

    async with asyncio.timeout(PATIENCE):
        await connection.close(Bye(reason="goodbye"))

    assert transport.aborted
    assert listener.errors == []


async def test_a_close_that_is_cancelled_cuts_the_connection() -> None:
    """Nobody who ends a hub waits for a peer."""
    connection, transport, _ = connected(room=0)
    connection.send(Print(message="one"))
    closing = asyncio.create_task(connection.close(Bye(reason="goodbye")))
    await tick()

    closing.cancel()
    await tick()

    assert closing.cancelled()
    assert transport.aborted


async def test_closing_takes_nothing_more() -> None:
    """What a peer says while it is sent away has no reader."""
    connection, transport, listener = connected(room=0)
    connection.pause()
    connection.send(Print(message="one"))
    closing = asyncio.create_task(connection.close(Bye(reason="goodbye")))
    await tick()

    connection.data_received(pings(1) + b"rubbish\n")
    connection.resume()
    transport.takes(10_000)
    await closing

    assert listener.items == []
    assert listener.errors == []


async def test_closing_again_or_too_late_is_harmless() -> None:
    """Both sides may be first."""
    connection, transport, listener = connected()

    await connection.close(Bye(reason="goodbye"))
    await connection.close(Bye(reason="goodbye"))
    connection.abort()

    assert transport.writes == [codec.encode(Bye(reason="goodbye"))]
    assert listener.errors == []


async def test_a_silent_peer_is_lost() -> None:
    """With the time, for the log."""
    connection, _, listener = connected()

    connection.silent(60.2)

    assert [str(error) for error in listener.errors] == ["nothing was heard for 60 s"]


async def test_a_peer_that_we_hold_back_is_not_silent() -> None:
    """It cannot speak: what it says stays with its kernel."""
    connection, _, listener = connected()
    connection.pause()

    connection.silent(60)

    assert listener.errors == []


async def test_a_peer_that_is_being_closed_is_not_told_that_it_was_silent() -> None:
    """Its session has ended, and takes no second end."""
    pulse = Pulse(max_silence=0.0)
    listener = Listener()
    connection = Connection(codec.from_client(), pulse, listener)
    transport = MemoryTransport(connection, room=0)
    connection.send(Print(message="one"))
    closing = asyncio.create_task(connection.close(Bye(reason="goodbye")))
    await tick()

    watching = asyncio.create_task(pulse.watch())
    await tick()

    assert listener.errors == []
    transport.takes(10_000)
    await closing
    watching.cancel()


async def test_a_peer_that_takes_not_one_byte_is_cut_off() -> None:
    """After `max_stall` seconds, however little waits for it."""
    connection, _, listener = connected(room=0, max_stall=0.01)

    connection.send(Print(message="one"))
    async with asyncio.timeout(PATIENCE):
        await listener.ended

    assert [type(error) for error in listener.errors] == [SlowConsumer]


async def test_a_peer_that_takes_a_byte_has_its_time_again() -> None:
    """Slow is not stalled."""
    connection, transport, listener = connected(room=0, max_stall=0.02)
    loop = asyncio.get_running_loop()
    connection.send(Print(message="one"))
    await tick()
    began = loop.time()

    transport.takes(1)
    async with asyncio.timeout(PATIENCE):
        await listener.ended

    # The clock of the loop may be a little early.
    assert loop.time() - began > 0.035


async def test_the_address_of_the_peer_has_no_port() -> None:
    """It is what limits and logs count."""
    connection, _, _ = connected()

    assert connection.peer == "192.0.2.7"
    assert not connection.is_encrypted

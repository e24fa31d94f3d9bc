"""Tunnels through the proxy port."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tcpnet.proxy.port.service import Patience
from tcpnet.proxy.port.splice import Splice
from tests.unit.proxy.ports import Client, Stand, standing

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncGenerator[Stand, None]:
    async with standing(tmp_path / "pages") as made:
        yield made


@asynccontextmanager
async def far_end(serve: Serve) -> AsyncGenerator[int, None]:
    """A listener on loopback; its port."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def tunnelled(stand: Stand, port: int, early: str = "") -> Client:
    """A client whose tunnel to a port of this machine stands."""
    stand.service.connect_ports |= {port}
    client = await stand.client()
    await client.say(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: h\r\n\r\n{early}")
    status, fields = await client.head()
    assert (status, fields) == (200, ())
    return client


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def test_a_tunnel_carries_bytes_both_ways(stand: Stand) -> None:
    """As they are, what the client said too early included."""
    async with far_end(echo) as port:
        client = await tunnelled(stand, port, early="early ")
        await client.say(b"\x00\xff\r\n")

        came = await client.reader.readexactly(10)

    assert came == b"early \x00\xff\r\n"


async def test_who_speaks_first_behind_a_tunnel_is_heard_after_the_answer(stand: Stand) -> None:
    """The client is told of the tunnel before a word comes through it."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        await writer.drain()

    async with far_end(greet) as port:
        client = await tunnelled(stand, port)

        assert await client.gone() == b"220 ready\r\n"


async def test_one_end_may_say_all_and_still_hear(stand: Stand) -> None:
    """A half-closed tunnel carries the other direction on."""

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"%d" % len(await reader.read()))
        await writer.drain()

    async with far_end(count) as port:
        client = await tunnelled(stand, port)
        await client.say(b"x" * 300_000)
        client.half_close()

        assert await client.gone() == b"300000"


async def test_a_tunnel_is_metered(stand: Stand) -> None:
    """Bytes of both directions count, though nobody can read them."""
    async with far_end(echo) as port:
        client = await tunnelled(stand, port)
        await client.say(b"x" * 1000)
        await client.reader.readexactly(1000)
        client.half_close()
        await client.gone()

    assert stand.service.counters.tunnel_bytes == 2000


async def test_who_reads_slowly_makes_the_sender_wait(stand: Stand) -> None:
    """What waits here for the client stays bounded."""
    sent = 0

    async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while sent < 64 * 1024 * 1024:
            writer.write(bytes(65536))
            await writer.drain()
            sent += 65536

    async with far_end(pour) as port:
        await tunnelled(stand, port)
        before = -1
        while before != sent:  # until nothing moves any more
            before = sent
            for _ in range(200):
                await asyncio.sleep(0)

        assert sent < 32 * 1024 * 1024


MUCH = 24 * 1024 * 1024


async def test_a_tunnel_that_carries_much_loses_nothing(stand: Stand) -> None:
    """Both ways at once, beyond where the kernel is asked to carry the rest, and metered."""
    sent = bytes(range(256)) * (MUCH // 256)

    async with far_end(echo) as port:
        client = await tunnelled(stand, port)

        async def say() -> None:
            for start in range(0, MUCH, 65536):
                await client.say(sent[start : start + 65536])
            client.half_close()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(say())
            came = tasks.create_task(client.gone())

    assert came.result() == sent
    assert stand.service.counters.tunnel_bytes == 2 * MUCH


async def test_a_tunnel_goes_on_where_the_kernel_carries_nothing(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on other systems, or where no descriptor is left."""
    monkeypatch.setattr(Splice, "begun", lambda *_: None)

    await test_a_tunnel_that_carries_much_loses_nothing(stand)


async def test_who_takes_much_and_leaves_ends_the_tunnel(stand: Stand) -> None:
    """The other end hears of it, also where the kernel carries what it says."""
    left = asyncio.Event()

    async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(bytes(65536))
                await writer.drain()
        except ConnectionError:
            left.set()

    async with far_end(pour) as port:
        client = await tunnelled(stand, port)
        await client.reader.readexactly(MUCH)
        client.abort()

        await asyncio.wait_for(left.wait(), 20)


async def test_a_silent_tunnel_ends(tmp_path: Path) -> None:
    """After the patience for it."""

    async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    patience = Patience(tunnel=0.05)
    async with standing(tmp_path / "pages", patience=patience) as stand, far_end(wait) as port:
        client = await tunnelled(stand, port)

        assert await client.gone() == b""


@pytest.mark.parametrize(
    ("target", "status", "words"),
    [
        ("example.com", 400, "host:port"),
        ("http://example.com/", 400, "host:port"),
        ("example.com:443/", 400, "host:port"),
        ("user@example.com:443", 400, "host:port"),
        ("example.com:0", 400, "port"),
        ("example.com:99999", 400, "port"),
        ("2130706433:443", 400, "numbers"),
        ("example.com:25", 403, "proxy.connect_ports"),
        ("10.0.0.1:443", 403, "proxy.allow"),
        ("[::1]:443", 403, "proxy.allow"),
        ("169.254.169.254:443", 403, "link-local"),
    ],
)
async def test_a_tunnel_that_may_not_be_is_refused(
    stand: Stand, target: str, status: int, words: str
) -> None:
    """In a sentence, with the setting that would allow it if there is one."""
    client = await stand.client()

    await client.say(f"CONNECT {target} HTTP/1.1\r\nHost: h\r\n\r\n")
    answer = await client.response()

    assert answer.status == status
    assert words in answer.body.decode()


async def test_a_name_that_leads_inside_is_refused(tmp_path: Path) -> None:
    """What it leads to is judged, not how it is called."""
    async with standing(tmp_path / "pages", allow="") as stand:
        client = await stand.client()
        await client.say("CONNECT localhost:443 HTTP/1.1\r\nHost: h\r\n\r\n")

        answer = await client.response()

    assert (answer.status, "proxy.allow" in answer.body.decode()) == (403, True)


async def test_a_tunnel_to_nobody_is_answered_so(stand: Stand) -> None:
    """502, and the connection may be used for something else."""
    async with far_end(echo) as port:
        pass
    stand.service.connect_ports |= {port}
    client = await stand.client()

    await client.say(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: h\r\n\r\n")
    answer = await client.response()

    assert answer.status == 502
    assert (await client.get("http://127.0.0.1:25/")).status == 403


async def test_the_hub_itself_is_no_end_of_a_tunnel(stand: Stand) -> None:
    """Through it one could speak to the hub as its own machine."""
    stand.service.connect_ports |= {stand.number}
    client = await stand.client()

    await client.say(f"CONNECT 127.0.0.1:{stand.number} HTTP/1.1\r\nHost: h\r\n\r\n")

    assert (await client.response()).status == 403


async def test_tunnels_end_with_the_hub(tmp_path: Path) -> None:
    """Both their connections are closed, and nobody is counted inside any more."""
    async with far_end(echo) as port:
        async with standing(tmp_path / "pages") as stand:
            client = await tunnelled(stand, port)
            assert stand.door.inside == 1
        assert await client.gone() == b""

    assert stand.door.inside == 0

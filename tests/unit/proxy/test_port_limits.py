"""What a client of the port may take: time, size and places."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tcpnet.proxy.port.refusals import Refused
from tcpnet.proxy.port.service import Patience
from tests.origins import Exchange, origin
from tests.unit.net.memory import tick
from tests.unit.proxy.ports import Stand, echoing, said, standing

SOON = 0.05


@asynccontextmanager
async def page_in_memory(stand: Stand) -> AsyncGenerator[bytes, None]:
    """A page of 50,000 bytes that the port has in memory; gives the request for it."""
    page = said("200 OK", "Cache-Control: max-age=60", body=bytes(50_000))
    async with origin(page) as site:
        client = await stand.client()
        await client.get(site.url())
        await client.get(site.url())  # and is in memory from here on
        yield f"GET {site.url()} HTTP/1.1\r\nHost: h\r\n\r\n".encode()


async def test_a_head_that_does_not_end_is_given_up(tmp_path: Path) -> None:
    """408: so that slow heads take no place for ever."""
    async with standing(tmp_path / "pages", patience=Patience(head=SOON)) as stand:
        client = await stand.client()
        await client.say("GET http://example.com/ HTTP/1.1\r\nHost: exam")

        answer = await client.response()
        after = await client.gone()

    assert (answer.status, answer.fields["connection"], after) == (408, "close", b"")


async def test_a_body_that_does_not_end_is_given_up(tmp_path: Path) -> None:
    """408, and the origin gets no whole request."""
    patience = Patience(body=SOON)
    async with standing(tmp_path / "pages", patience=patience) as stand, origin(echoing()) as site:
        client = await stand.client()
        await client.say(f"PUT {site.url()} HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab")

        answer = await client.response()

    assert answer.status == 408


@pytest.mark.parametrize(("blank", "statuses"), [(1, [200, 200]), (2, [200, 400])])
async def test_one_empty_line_before_a_request_is_forgiven(
    tmp_path: Path, blank: int, statuses: list[int]
) -> None:
    """Some programs end a body so (RFC 9112 §2.2); many would keep the hub busy for nothing."""
    async with standing(tmp_path / "pages") as stand, origin(echoing()) as site:
        client = await stand.client()
        request = f"GET {site.url()} HTTP/1.1\r\nHost: h\r\n\r\n"
        found: list[int] = []
        for _ in range(2):
            for _ in range(blank if found else 1):
                await client.say("\r\n")
            await client.say(request)
            found.append((await client.response()).status)

    assert found == statuses


async def test_an_idle_connection_is_closed(tmp_path: Path) -> None:
    """Without a word: nothing was asked."""
    async with standing(tmp_path / "pages", patience=Patience(idle=SOON)) as stand:
        client = await stand.client()

        assert await client.gone() == b""


async def test_who_takes_nothing_is_cut_off(tmp_path: Path) -> None:
    """His answer would be kept for ever."""
    gone = asyncio.Event()

    async def pour(exchange: Exchange) -> None:
        await exchange.say(b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n\r\n")
        try:
            while True:
                await exchange.say(bytes(65536))
        finally:
            gone.set()

    patience = Patience(stall=SOON, idle=SOON)
    async with standing(tmp_path / "pages", patience=patience) as stand, origin(pour) as site:
        client = await stand.client()
        await client.say(f"GET {site.url()} HTTP/1.1\r\nHost: h\r\n\r\n")

        async with asyncio.timeout(10):
            await gone.wait()


async def test_nobody_is_let_in_at_a_closed_door(tmp_path: Path) -> None:
    """The reason is said, and that is all."""
    async with standing(tmp_path / "pages") as stand:
        stand.door.closed = Refused(403, "Not you.", final=True)
        client = await stand.client()

        answer = await client.response()
        after = await client.gone()

    assert (answer.status, answer.body, after) == (403, b"Not you.\n", b"")


async def test_places_are_given_back(tmp_path: Path) -> None:
    """Whoever leaves, and however, counts no more."""
    async with standing(tmp_path / "pages") as stand, origin(said("200 OK")) as site:
        for _ in range(3):
            client = await stand.client()
            await client.get(site.url())
            assert stand.door.inside == 1
            client.half_close()
            await client.gone()

    assert stand.door.inside == 0


async def test_one_who_takes_nothing_gets_no_more_answers(tmp_path: Path) -> None:
    """However small the pieces are in which he asks; what he asked for comes when he takes it."""
    async with standing(tmp_path / "pages") as stand, page_in_memory(stand) as ask:
        port, transport = stand.in_memory(room=0)

        for _ in range(20):
            port.data_received(ask)
        while_full = transport.written.count(b"HTTP/1.1 200")
        while transport.get_write_buffer_size():
            transport.takes(1_000_000)

        assert while_full == 6  # 256 KiB and what goes beyond
        assert transport.written.count(b"HTTP/1.1 200") == 20
        transport.close()


async def test_one_who_takes_slowly_is_not_told_to_ask_faster(tmp_path: Path) -> None:
    """His next request is not read meanwhile; what counts is when he took a byte last."""
    async with standing(tmp_path / "pages") as stand, page_in_memory(stand) as ask:
        port, transport = stand.in_memory(room=0)
        port.data_received(ask * 10 + ask[:-2])
        now, patience = asyncio.get_running_loop().time(), stand.service.patience

        port.check(now + patience.stall - 1)
        was_cut_off = transport.is_closing()
        port.check(now + patience.stall + 1)

        assert not was_cut_off
        assert transport.aborted
        assert b"HTTP/1.1 408" not in transport.written


async def test_a_place_is_given_back_by_one_who_leaves_before_his_request_began(
    tmp_path: Path,
) -> None:
    """His task is cancelled before its first step, and so ends without a word of its own."""
    async with standing(tmp_path / "pages") as stand, origin(echoing()) as site:
        port, transport = stand.in_memory(room=0)
        port.data_received(f"GET {site.url()} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        inside, task = stand.door.inside, port.task
        port.connection_lost(None)

        assert task is not None
        await asyncio.wait([task])
        await tick()

        assert (inside, stand.door.inside) == (1, 0)
        assert site.heads == []
        transport.close()


async def test_requests_that_wait_are_bounded(tmp_path: Path) -> None:
    """A pipeline behind a slow answer waits with its sender."""
    asked = asyncio.Event()

    async def never(_: Exchange) -> None:
        asked.set()
        await asyncio.Event().wait()

    async with standing(tmp_path / "pages") as stand, origin(never) as site:
        client = await stand.client()
        line = f"GET {site.url()} HTTP/1.1\r\nHost: h\r\n\r\n"
        await client.say(line)
        await asked.wait()

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await client.say(line * 1_000_000)


async def test_what_was_begun_ends_before_the_hub_does(tmp_path: Path) -> None:
    """A short answer is finished; nothing new is begun."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        asked.set()
        await go_on.wait()
        await exchange.say(said("200 OK", body=b"hello"))

    async with origin(slow) as site:
        async with standing(tmp_path / "pages") as stand:
            client, idle = await stand.client(), await stand.client()
            await client.say(f"GET {site.url()} HTTP/1.1\r\nHost: h\r\n\r\n")
            await asked.wait()
            asyncio.get_running_loop().call_later(SOON, go_on.set)
        came = await client.gone()

    assert came.endswith(b"hello")
    assert await idle.gone() == b""

"""The proxy port: pages through it, one request after the other."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.origins import Exchange, origin
from tests.unit.proxy.ports import Stand, standing

FRESH = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncGenerator[Stand, None]:
    async with standing(tmp_path / "pages") as made:
        yield made


async def test_the_second_client_gets_the_page_from_the_cache(stand: Stand) -> None:
    """What may be kept crosses the uplink once."""
    async with origin(FRESH) as site:
        first, second = await stand.client(), await stand.client()

        came = await first.get(site.url("/a"))
        kept = await second.get(site.url("/a"))

    assert (came.status, came.body) == (kept.status, kept.body) == (200, b"hello")
    assert came.cached == "tcpnet; fwd=uri-miss; stored"
    assert kept.cached.startswith("tcpnet; hit; ttl=")
    assert int(kept.fields["age"]) < 5
    assert len(site.heads) == 1


async def test_a_connection_is_used_again(stand: Stand) -> None:
    """One connection carries any number of requests, hits and misses alike."""
    async with origin(FRESH) as site:
        client = await stand.client()

        bodies = [(await client.get(site.url(path))).body for path in ("/a", "/b", "/a", "/b")]

    assert bodies == [b"hello"] * 4
    assert stand.service.counters.at_once == 2


async def test_bodies_that_are_answered_at_once_are_counted(stand: Stand) -> None:
    """With or without a head that came before; a HEAD has none, and a part is as long as it is."""
    async with origin(FRESH) as site:
        client = await stand.client()
        for _ in range(3):
            await client.get(site.url("/a"))
        await client.get(site.url("/a"), method="HEAD")
        await client.get(site.url("/a"), "Range: bytes=0-1")

    counters = stand.service.counters
    assert (counters.requests, counters.at_once) == (5, 4)
    assert counters.bytes_at_once == 5 + 5 + 2


async def test_requests_that_come_together_are_answered_in_order(stand: Stand) -> None:
    """A pipeline of hits and misses keeps its order (RFC 9112 §9.3.2)."""

    async def answer(exchange: Exchange) -> None:
        body = exchange.target.encode()
        head = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: %d\r\n\r\n"
        await exchange.say(head % len(body) + body)

    async with origin(answer) as site:
        client = await stand.client()
        await client.get(site.url("/1"))
        paths = ["/1", "/2", "/1", "/3", "/3", "/1"]
        asked = "".join(f"GET {site.url(path)} HTTP/1.1\r\nHost: h\r\n\r\n" for path in paths)

        await client.say(asked)
        answers = [(await client.response()).body.decode() for _ in paths]

    assert answers == paths


async def test_a_request_in_pieces_is_one_request(stand: Stand) -> None:
    """A head may come byte by byte."""
    async with origin(FRESH) as site:
        client = await stand.client()

        for byte in f"GET {site.url('/a')} HTTP/1.1\r\nHost: h\r\n\r\n":
            await client.say(byte)
            await asyncio.sleep(0)
        answer = await client.response()

    assert answer.body == b"hello"

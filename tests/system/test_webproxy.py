"""The web proxy with all its parts, against a real origin on loopback."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tcpnet.proxy.answers import Answer, Source
from tcpnet.proxy.entry import NO_FIELDS, Fields, PageRequest
from tcpnet.proxy.failures import ConnectionFailed, EndedEarly, ForbiddenAddress
from tcpnet.proxy.origin.fetcher import Fetcher
from tcpnet.proxy.origin.guard import Guard, network
from tcpnet.proxy.proxy import WebProxy
from tcpnet.proxy.store.pages import PageStore

SECRET = b"s" * 32
PIECE = b"0123456789abcdef" * 4096
FRESH = {"Cache-Control": "max-age=60"}


@dataclass
class Site:
    """An origin that notes its requests; its pages come when `gate` is open."""

    requests: list[web.Request] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    origin: str = ""

    def url(self, path: str) -> str:
        """Return the address of a page."""
        return self.origin + path

    async def slow(self, request: web.Request) -> web.Response:
        """A page that thinks before it answers."""
        self._note(request)
        await self.gate.wait()
        return web.Response(body=PIECE, headers=FRESH)

    async def long(self, request: web.Request) -> web.StreamResponse:
        """A page in two pieces, the second after the gate."""
        self._note(request)
        response = web.StreamResponse(headers=FRESH)
        await response.prepare(request)
        await response.write(PIECE)
        await self.gate.wait()
        await response.write(PIECE)
        return response

    async def torn(self, request: web.Request) -> web.StreamResponse:
        """A page that breaks off the first time."""
        self._note(request)
        response = web.StreamResponse(headers=FRESH)
        response.content_length = 2 * len(PIECE)
        await response.prepare(request)
        await response.write(PIECE)
        if len(self.requests) > 1:
            await response.write(PIECE)
        elif request.transport:
            request.transport.close()
        return response

    async def echo(self, request: web.Request) -> web.Response:
        """What was sent, and under which fields."""
        self._note(request)
        shown = [f"{name}: {value}" for name, value in request.headers.items()]
        return web.json_response({"fields": shown, "body": (await request.read()).decode()})

    def _note(self, request: web.Request) -> None:
        self.requests.append(request)
        self.asked.set()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncGenerator[Site, None]:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "page.txt").write_bytes(PIECE * 3)
    site = Site()
    app = web.Application()
    for page in (site.slow, site.long, site.torn):
        app.router.add_get(f"/{page.__name__}", page)
    app.router.add_route("*", "/echo", site.echo)
    app.router.add_static("/files", tmp_path / "files")
    server = TestServer(app)
    await server.start_server()
    site.origin = f"http://{server.host}:{server.port}"
    yield site
    site.gate.set()
    await server.close()


@asynccontextmanager
async def running(folder: Path, guard: Guard | None = None) -> AsyncGenerator[WebProxy, None]:
    """Run a hub that may fetch from this machine."""
    async with (
        PageStore(folder, SECRET) as pages,
        Fetcher(guard or Guard([network("127.0.0.0/8")])) as fetcher,
        WebProxy(pages, fetcher) as proxy,
    ):
        await pages.loaded()
        yield proxy


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncGenerator[WebProxy, None]:
    async with running(tmp_path / "cache") as proxy:
        yield proxy


async def get(proxy: WebProxy, url: str, fields: Fields = NO_FIELDS) -> tuple[Answer, bytes]:
    """Ask, and read to the end."""
    async with proxy.fetch(PageRequest("GET", url, fields)) as answer:
        return answer, b"".join([chunk async for chunk in answer])


async def test_a_thousand_simultaneous_askers_cost_one_request(site: Site, proxy: WebProxy) -> None:
    """Everybody gets the page that one fetch brought."""
    asking = [asyncio.create_task(get(proxy, site.url("/slow"))) for _ in range(1000)]
    await site.asked.wait()
    site.gate.set()

    answers = await asyncio.gather(*asking)

    assert len(site.requests) == 1
    assert all(body == PIECE for _, body in answers)
    assert sum(answer.source is Source.ORIGIN for answer, _ in answers) == 1


async def test_the_first_asker_may_die_without_harm_to_the_others(
    site: Site, proxy: WebProxy
) -> None:
    """They get all of it, and the page is kept."""
    request = PageRequest("GET", site.url("/long"))
    async with AsyncExitStack() as leading:
        first = await leading.enter_async_context(proxy.fetch(request))
        assert PIECE.startswith(await anext(first))
        async with proxy.fetch(request) as follower:
            await leading.aclose()
            site.gate.set()
            body = b"".join([chunk async for chunk in follower])

    assert (first.source, follower.source, body) == (Source.ORIGIN, Source.SHARED, PIECE * 2)
    assert (await get(proxy, request.url))[0].source is Source.CACHE
    assert len(site.requests) == 1


async def test_followers_read_while_the_page_comes(site: Site, proxy: WebProxy) -> None:
    """Nobody waits for the end of a body to see its beginning."""
    url = site.url("/long")
    async with (
        proxy.fetch(PageRequest("GET", url)) as first,
        proxy.fetch(PageRequest("GET", url)) as second,
    ):
        for answer in (first, second):
            while answer.received < len(PIECE):
                await anext(answer)
        site.gate.set()
        for answer in (first, second):
            rest = b"".join([chunk async for chunk in answer])
            assert rest == PIECE

    assert len(site.requests) == 1


async def test_a_page_that_broke_off_is_not_kept(site: Site, proxy: WebProxy) -> None:
    """The next request fetches it whole."""
    url = site.url("/torn")
    outcomes = await asyncio.gather(*(get(proxy, url) for _ in range(3)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [EndedEarly] * 3
    answer, body = await get(proxy, url)
    assert (answer.source, body) == (Source.ORIGIN, PIECE * 2)
    assert (await get(proxy, url))[0].source is Source.CACHE


async def test_a_file_is_confirmed_rather_than_sent_again(site: Site, proxy: WebProxy) -> None:
    """The origin's own validators bring a 304, and ranges are cut here."""
    url, anew = site.url("/files/page.txt"), Fields((("Cache-Control", "no-cache"),))
    await get(proxy, url)

    confirmed, body = await get(proxy, url, anew)
    part, some = await get(proxy, url, anew.added(("Range", "bytes=5-9")))

    assert (confirmed.source, body) == (Source.VALIDATED, PIECE * 3)
    assert (part.status, part.source, some) == (206, Source.VALIDATED, b"56789")
    assert part.fields.index.get("content-range") == f"bytes 5-9/{3 * len(PIECE)}"


async def test_a_page_outlives_the_hub(site: Site, tmp_path: Path) -> None:
    """After a restart it is still there."""
    url = site.url("/files/page.txt")
    async with running(tmp_path / "cache") as proxy:
        await get(proxy, url)

    async with running(tmp_path / "cache") as proxy:
        answer, body = await get(proxy, url, Fields((("Cache-Control", "max-stale"),)))

    assert answer.from_cache
    assert body == PIECE * 3


async def test_an_origin_that_went_away_is_replaced_by_its_stale_pages(tmp_path: Path) -> None:
    """With their age; what is not stored is an error in words."""

    async def page(request: web.Request) -> web.Response:
        return web.Response(text="hello", headers={"Cache-Control": "max-age=0"})

    app = web.Application()
    app.router.add_get("/page", page)
    server = TestServer(app)
    await server.start_server()
    origin = f"http://{server.host}:{server.port}"
    async with running(tmp_path / "cache") as proxy:
        await get(proxy, origin + "/page")
        await server.close()

        answer, body = await get(proxy, origin + "/page")
        with pytest.raises(ConnectionFailed):
            await get(proxy, origin + "/other")

    assert (answer.source, body) == (Source.STALE, b"hello")
    assert answer.age is not None


async def test_the_origin_learns_the_clients_address_only_if_told(
    site: Site, proxy: WebProxy
) -> None:
    """Private browsing decides, and Via never names the client."""
    for client in (None, "192.0.2.7"):
        request = PageRequest("GET", site.url("/echo"), client=client, caching=False)
        async with proxy.fetch(request) as answer:
            assert answer.status == 200

    private, revealed = (Fields(tuple(request.headers.items())) for request in site.requests)
    assert "x-forwarded-for" not in private.index
    assert "forwarded" not in private.index
    assert revealed.index.get("x-forwarded-for") == "192.0.2.7"
    assert private.index.get("via") == revealed.index.get("via")


async def test_a_body_is_sent_as_it_comes(site: Site, proxy: WebProxy) -> None:
    """A POST may stream, and its answer is not kept."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a=1"
        yield b"&b=2"

    request = PageRequest("POST", site.url("/echo"), body=pieces())
    async with proxy.fetch(request) as answer:
        shown = b"".join([chunk async for chunk in answer])

    assert b"a=1&b=2" in shown
    assert answer.not_stored


async def test_addresses_of_the_local_network_stay_closed(site: Site, tmp_path: Path) -> None:
    """Even where a stored page could stand in."""
    url = site.url("/files/page.txt")
    async with running(tmp_path / "cache") as proxy:
        await get(proxy, url)
    async with running(tmp_path / "cache", Guard()) as proxy:
        with pytest.raises(ForbiddenAddress):
            await get(proxy, url, Fields((("Cache-Control", "no-cache"),)))

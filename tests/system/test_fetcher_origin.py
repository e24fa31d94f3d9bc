"""The fetcher against real parts: httpbin behind a real server, and TLS with real certificates."""

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from httpbin import app as httpbin
from werkzeug.serving import WSGIRequestHandler, make_server

from tcpnet.proxy import body
from tcpnet.proxy.codings import MAX_SHOWN, Undecodable, decoded
from tcpnet.proxy.entry import Credentials, Fields, PageRequest
from tcpnet.proxy.failures import EndedEarly, TlsFailed
from tcpnet.proxy.origin.fetcher import Fetcher, Reply
from tcpnet.proxy.origin.guard import Guard, network
from tcpnet.proxy.origin.resolver import Lookup, look_up
from tcpnet.proxy.redirects import next_hop
from tests.origins import Exchange, origin
from tests.unit.proxy.test_resolver import saying

HERE = saying("127.0.0.1")
JOSE = Credentials("jose", "pass:wörd")


class Quiet(WSGIRequestHandler):
    """Speaks HTTP/1.1, and nothing on standard error."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, httpbin, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def local(tls: ssl.SSLContext | None = None, lookup: Lookup = look_up) -> Fetcher:
    return Fetcher(Guard([network("127.0.0.0/8")]), tls=tls, lookup=lookup)


async def whole(reply: Reply) -> bytes:
    return b"".join([chunk async for chunk in reply])


async def get(fetcher: Fetcher, url: str) -> bytes:
    async with fetcher.send("GET", url) as reply:
        return await whole(reply)


async def shown(reply: Reply, limit: int = MAX_SHOWN) -> str:
    """What a person would read of it."""
    coding = reply.fields.index.get("content-encoding")
    data = b"".join([piece async for piece in decoded(reply, coding, limit)])
    return body.text(data, reply.fields.index.get("content-type"))


async def test_a_query_arrives_as_it_was_typed(site: str) -> None:
    """The brief's own example, as the origin sees it."""
    async with local() as fetcher:
        seen = json.loads(await get(fetcher, f"{site}/get?name=Jose&lastname=Ortiz"))

    assert seen["args"] == {"name": "Jose", "lastname": "Ortiz"}
    assert seen["headers"].keys() == {"Host"}


async def test_a_form_arrives_as_a_form(site: str) -> None:
    """A POST with its type and its bytes."""
    form = Fields((("Content-Type", "application/x-www-form-urlencoded"),))
    pair = b"name=Jose&lastname=Ortiz"
    async with local() as fetcher, fetcher.send("POST", f"{site}/post", form, pair) as reply:
        assert json.loads(await whole(reply))["form"] == {"name": "Jose", "lastname": "Ortiz"}


async def test_a_head_has_fields_and_no_body(site: str) -> None:
    """As the answer to the GET would have them."""
    async with local() as fetcher, fetcher.send("HEAD", f"{site}/html") as reply:
        assert (reply.status, reply.fields.index.get("content-type")) == (
            200,
            "text/html; charset=utf-8",
        )
        assert await whole(reply) == b""


@pytest.mark.parametrize("path", ["/gzip", "/deflate"])
async def test_a_packed_page_comes_packed_and_is_shown_unpacked(site: str, path: str) -> None:
    """The bytes stay those of the origin; only showing undoes them."""
    async with local() as fetcher, fetcher.send("GET", f"{site}{path}") as reply:
        assert reply.fields.index.get("content-encoding") == path[1:]
        assert '"method": "GET"' in await shown(reply)


async def test_a_coding_without_a_library_is_named(site: str) -> None:
    """Brotli has no decoder here."""
    async with local() as fetcher, fetcher.send("GET", f"{site}/brotli") as reply:
        with pytest.raises(Undecodable, match="'br'"):
            await shown(reply)


async def test_a_page_in_many_scripts_is_read(site: str) -> None:
    """UTF-8 by its header."""
    async with local() as fetcher, fetcher.send("GET", f"{site}/encoding/utf8") as reply:
        assert "コンニチハ" in await shown(reply)


async def test_a_picture_is_not_shown(site: str) -> None:
    """Its type and its name are what there is to say."""
    async with local() as fetcher, fetcher.send("GET", f"{site}/image/png") as reply:
        data, kind = await whole(reply), reply.fields.index.get("content-type")

    assert not body.is_text(kind, data)
    assert body.file_name(f"{site}/image/png", reply.fields) == "png.png"


async def test_a_streamed_page_comes_whole(site: str) -> None:
    """Without a length, in chunks or up to the end of the connection."""
    async with (
        local() as fetcher,
        fetcher.send("GET", f"{site}/stream-bytes/200000?seed=1") as reply,
    ):
        assert reply.length is None
        assert len(await whole(reply)) == 102400


async def test_basic_authentication_opens_the_page(site: str) -> None:
    """With the right password; without one the origin says no."""
    url = f"{site}/basic-auth/jose/pass:w%C3%B6rd"
    async with local() as fetcher:
        async with fetcher.send("GET", url) as reply:
            assert reply.status == 401
        async with fetcher.send("GET", url, credentials=JOSE) as reply:
            assert (reply.status, json.loads(await whole(reply))["user"]) == (200, "jose")
        wrong = Credentials("jose", "guess")
        async with fetcher.send("GET", url, credentials=wrong) as reply:
            assert reply.status == 401


@pytest.mark.parametrize("qop", ["auth", "auth-int"])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_digest_authentication_opens_the_page(site: str, qop: str, algorithm: str) -> None:
    """The challenge is answered, in another implementation's eyes too."""
    url = f"{site}/digest-auth/{qop}/jose/secret/{algorithm}"
    async with local() as fetcher:
        right, wrong = Credentials("jose", "secret"), Credentials("jose", "guess")
        async with fetcher.send("GET", url, credentials=right) as reply:
            assert (reply.status, json.loads(await whole(reply))["user"]) == (200, "jose")
        async with fetcher.send("GET", url, credentials=wrong) as reply:
            assert reply.status == 401


@pytest.mark.parametrize(
    "path", ["/redirect/5", "/absolute-redirect/5", "/relative-redirect/5", "/redirect-to?url=/get"]
)
async def test_redirects_lead_to_the_page(site: str, path: str) -> None:
    """Each hop is a request of its own, made by whoever asks."""
    request = PageRequest("GET", f"{site}{path}")
    async with local() as fetcher:
        for followed in range(6):
            async with fetcher.send(request.method, request.url) as reply:
                hop = next_hop(request, reply.status, reply.fields, followed)
                if hop is None:
                    break
                request = hop.request

    assert (reply.status, request.url) == (200, f"{site}/get")


@pytest.mark.parametrize("status", [200, 304, 404, 418, 500, 503])
async def test_every_status_is_an_answer(site: str, status: int) -> None:
    """What an origin says of a page is no failure to fetch it."""
    async with local() as fetcher, fetcher.send("GET", f"{site}/status/{status}") as reply:
        assert reply.status == status


async def test_many_people_fetch_at_once(site: str) -> None:
    """One pool serves them all."""

    async def one(number: int) -> int:
        async with fetcher.send("GET", f"{site}/bytes/{number}") as reply:
            return len(await whole(reply))

    async with local() as fetcher:
        sizes = await asyncio.gather(*(one(number) for number in range(40)))

    assert sizes == list(range(40))


class Authority:
    """A certificate authority that one fetcher trusts and the next does not."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    def serving(
        self, name: str = "site.example", lapsed: timedelta = timedelta()
    ) -> ssl.SSLContext:
        """Return a server's context with a certificate for this name, over since `lapsed`."""
        until = datetime.now(UTC) - lapsed if lapsed else None
        begins = until - timedelta(days=1) if until else None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(name, not_before=begins, not_after=until).configure_cert(context)
        return context

    @property
    def trusted(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self._ca.configure_trust(context)
        return context


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_a_good_certificate_is_taken(authority: Authority) -> None:
    """For the name that was asked for, by somebody trusted."""
    async with (
        origin(OK, tls=authority.serving()) as site,
        local(authority.trusted, HERE) as fetcher,
        fetcher.send("GET", site.url(host="site.example")) as reply,
    ):
        assert (await whole(reply), reply.peer) == (b"ok", "127.0.0.1")


async def test_a_lapsed_certificate_is_not_taken(authority: Authority) -> None:
    """The words name the reason."""
    tls = authority.serving(lapsed=timedelta(hours=1))
    async with origin(OK, tls=tls) as site, local(authority.trusted, HERE) as fetcher:
        with pytest.raises(TlsFailed) as error:
            await get(fetcher, site.url(host="site.example"))

    assert str(error.value) == "No secure connection to site.example: its certificate has expired."
    assert site.heads == []


async def test_a_certificate_for_another_name_is_not_taken(authority: Authority) -> None:
    """Whoever answers is not the one that was asked."""
    async with (
        origin(OK, tls=authority.serving("other.example")) as site,
        local(authority.trusted, HERE) as fetcher,
    ):
        with pytest.raises(TlsFailed, match="its certificate is for another name"):
            await get(fetcher, site.url(host="site.example"))

    assert site.heads == []


async def test_a_certificate_for_another_address_is_not_taken(authority: Authority) -> None:
    """A numeric host needs a certificate for that number."""
    async with (
        origin(OK, tls=authority.serving()) as site,
        local(authority.trusted) as fetcher,
    ):
        with pytest.raises(TlsFailed, match="its certificate is for another address"):
            await get(fetcher, site.url())


async def test_a_certificate_by_nobody_known_is_not_taken(authority: Authority) -> None:
    """The machine's own list decides who is known."""
    async with origin(OK, tls=authority.serving()) as site, local(lookup=HERE) as fetcher:
        with pytest.raises(TlsFailed, match="signed by nobody known here"):
            await get(fetcher, site.url(host="site.example"))

    assert site.heads == []


@pytest.mark.parametrize("framing", [b"", b"Content-Length: 10\r\n"])
async def test_a_page_cut_off_under_tls_is_not_whole(authority: Authority, framing: bytes) -> None:
    """Anybody on the way can close the connection, but only the site can say that it is done."""

    async def answer(exchange: Exchange) -> None:
        await exchange.say(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\nabc")
        exchange.vanish()

    async with (
        origin(answer, tls=authority.serving()) as site,
        local(authority.trusted, HERE) as fetcher,
    ):
        with pytest.raises(EndedEarly):
            await get(fetcher, site.url(host="site.example"))


async def test_a_page_without_framing_ends_with_its_connection(authority: Authority) -> None:
    """Closed in order, it is whole."""
    async with (
        origin(b"HTTP/1.1 200 OK\r\n\r\nabc", tls=authority.serving()) as site,
        local(authority.trusted, HERE) as fetcher,
    ):
        assert await get(fetcher, site.url(host="site.example")) == b"abc"

"""Pages asked for under /+/: which links lead through the hub, and what stays out of a browser."""

import gzip
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.proxy.entry import Fields
from tcpnet.proxy.port import mapping
from tests.origins import origin
from tests.unit.proxy.ports import Response, Stand, said, standing

BASE = "http://hub:3128"
URL = "https://example.com/simple/a/"


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncGenerator[Stand, None]:
    async with standing(tmp_path / "pages") as made:
        yield made


async def mapped(stand: Stand, url: str, *fields: str, method: str = "GET") -> Response:
    """Ask for a page under /+/ as a program that calls the hub `hub:3128`."""
    client = await stand.client()
    lines = (f"{method} /+/{url} HTTP/1.1", "Host: hub:3128", *fields, "", "")
    await client.say("\r\n".join(lines))
    return await client.response(method)


async def body_of(text: str, kind: str, step: int = 1000) -> str:
    """Map the links of a body that comes in pieces."""

    async def pieces() -> AsyncIterator[bytes]:
        data = text.encode("latin-1")
        for start in range(0, len(data), step):
            yield data[start : start + step]

    fields = Fields((("Content-Type", kind),))
    chunks = [chunk async for chunk in mapping.mapped_body(pieces(), fields, URL, BASE)]
    return b"".join(chunks).decode("latin-1")


HTML = [
    ('<a href="https://files.example/a.whl">', '<a href="{b}/+/https://files.example/a.whl">'),
    ("<a HREF = 'http://x/'>", "<a HREF = '{b}/+/http://x/'>"),
    ('<a href="//cdn/x">', '<a href="{b}/+/https://cdn/x">'),
    ('<a href="/packages/x">', '<a href="{b}/+/https://example.com/packages/x">'),
    ('<a href="../x">', '<a href="../x">'),
    ('<a href="x#sha256=1">', '<a href="x#sha256=1">'),
    ('<a data-href="https://x">', '<a data-href="https://x">'),
    ("https://in.text/", "https://in.text/"),
    ('<a title="https://x">', '<a title="https://x">'),
]
JSON = [
    ('{"url": "https://files.example/a.whl"}', '{"url": "{b}/+/https://files.example/a.whl"}'),
    ('{"tarball":"http:\\/\\/x\\/a.tgz"}', '{"tarball":"{b}/+/http://x\\/a.tgz"}'),
    ('{"text": "see https://x"}', '{"text": "see https://x"}'),
]


@pytest.mark.parametrize(("text", "expected"), HTML)
@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_links_of_a_page_lead_through_the_hub(text: str, expected: str, step: int) -> None:
    """Absolute ones and those from the root; relative ones do so by themselves."""
    assert await body_of(text, "text/html; charset=utf-8", step) == expected.replace("{b}", BASE)


@pytest.mark.parametrize(("text", "expected"), JSON)
@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_links_of_a_list_lead_through_the_hub(text: str, expected: str, step: int) -> None:
    """Strings that begin with an address, in the lists of pip and npm."""
    kind = "application/vnd.pypi.simple.v1+json"

    assert await body_of(text, kind, step) == expected.replace("{b}", BASE)


@given(st.lists(st.sampled_from(["a", '"https://', "x" * 30, ' href="/', '"'])), st.integers(1, 50))
async def test_pieces_make_no_difference(words: list[str], step: int) -> None:
    """However a body is cut, the same links are mapped."""
    text = "".join(words)

    for kind in ("text/html", "application/json"):
        assert await body_of(text, kind, step) == await body_of(text, kind, 10_000)


async def test_a_page_is_fetched_for_programs_that_know_no_proxies(stand: Stand) -> None:
    """And it is the same page in the cache as for others."""
    async with origin(said("200 OK", "Cache-Control: max-age=60", body=b"hello")) as site:
        first = await mapped(stand, site.url("/a?b=c"))
        other = await (await stand.client()).get(site.url("/a?b=c"))

    assert first.body == other.body == b"hello"
    assert other.cached.startswith("tcpnet; hit")
    assert site.heads[0].startswith(b"GET /a?b=c ")


@pytest.mark.parametrize("spelling", [":/", "%3A//", "%3a/"])
async def test_addresses_that_programs_tidied_are_understood(stand: Stand, spelling: str) -> None:
    """One slash for two; %2B and %3A, as pip writes them."""
    async with origin(said("200 OK", body=b"hello")) as site:
        client = await stand.client()
        path = site.url("/a%3A").replace("://", spelling).replace("1:", "1%3A")

        await client.say(f"GET /%2B/{path} HTTP/1.1\r\nHost: h\r\n\r\n")
        answer = await client.response()

    assert answer.body == b"hello"
    assert site.heads[0].startswith(b"GET /a%3A HTTP")


@pytest.mark.parametrize("site", ["a%0d%0aX: y", "a%2F..%2Fb", "user%40host", "a%00", "a%20b"])
async def test_a_tidied_address_hides_nothing(stand: Stand, site: str) -> None:
    """What is undone is judged as if it had been written out."""
    client = await stand.client()

    await client.say(f"GET /+/http%3A//{site.replace(' ', '%20')}/ HTTP/1.1\r\nHost: h\r\n\r\n")

    assert (await client.response()).status == 400


async def test_a_browser_that_has_the_hub_for_its_proxy_finds_pages_behind_it_too(
    stand: Stand,
) -> None:
    """It asks for the whole address of the hub."""
    async with origin(said("200 OK", "Cache-Control: max-age=60", body=b"page")) as site:
        client = await stand.client()

        answer = await client.get(f"http://127.0.0.1:{stand.number}/+/{site.url('/a?b')}")
        own = await client.get(f"http://127.0.0.1:{stand.number}/")

    assert (answer.status, answer.body) == (200, b"page")
    assert site.heads[0].startswith(b"GET /a?b HTTP/1.1\r\n")
    assert own.status == 200


async def test_a_redirect_leads_through_the_hub(stand: Stand) -> None:
    """A relative one from its own site, an absolute one from wherever it leads."""
    for location, path in (("https://b.example/x", "https://b.example/x"), ("/x", "{site}/x")):
        async with origin(said("302 Found", f"Location: {location}")) as site:
            answer = await mapped(stand, site.url("/a/b"))

        assert answer.fields["location"] == "/+/" + path.replace("{site}", site.url(""))


async def test_a_packed_list_is_unpacked_to_be_mapped(stand: Stand) -> None:
    """It crosses the uplink packed; its tag is weak, since the bytes are others."""
    packed = gzip.compress(b'{"url": "https://files.example/a"}')
    fields = ("Content-Type: application/json", "Content-Encoding: gzip", 'ETag: "1"')
    async with origin(said("200 OK", *fields, body=packed)) as site:
        answer = await mapped(stand, site.url(), "Accept-Encoding: br, gzip")

    assert answer.body == b'{"url": "http://hub:3128/+/https://files.example/a"}'
    assert "content-encoding" not in answer.fields
    assert answer.fields["etag"] == 'W/"1"'
    assert b"Accept-Encoding: gzip\r\n" in site.heads[0]


async def test_files_come_as_they_are(stand: Stand) -> None:
    """What is no list is not touched, its length and tag neither."""
    fields = ("Content-Type: application/zip", 'ETag: "1"')
    async with origin(said("200 OK", *fields, body=b'"https://x"')) as site:
        answer = await mapped(stand, site.url())

    assert answer.body == b'"https://x"'
    assert (answer.fields["content-length"], answer.fields["etag"]) == ("11", '"1"')


async def test_nothing_stays_in_a_browser_under_the_name_of_the_hub(stand: Stand) -> None:
    """All sites would be one to it: no cookies either way, no scripts, no rules for later."""
    fields = ("Set-Cookie: a=b", "Strict-Transport-Security: max-age=1", "Clear-Site-Data: *")
    async with origin(said("200 OK", *fields, body=b"hello")) as site:
        answer = await mapped(stand, site.url(), "Cookie: c=d", "Referer: http://hub:3128/+/x")
        worker = await mapped(stand, site.url(), "Service-Worker: script")

    assert answer.fields.keys().isdisjoint(
        {"set-cookie", "strict-transport-security", "clear-site-data"}
    )
    assert answer.fields["content-security-policy"] == "sandbox"
    assert b"c=d" not in site.heads[0]
    assert b"eferer" not in site.heads[0]
    assert worker.status == 403


async def test_what_a_client_calls_the_hub_cannot_hurt_a_page(stand: Stand) -> None:
    """A Host that is none is not written into pages."""
    listed = said("200 OK", "Content-Type: text/html", body=b'<a href="https://x/">')
    async with origin(listed) as site:
        client = await stand.client()
        await client.say(f'GET /+/{site.url()} HTTP/1.1\r\nHost: "><script>\r\n\r\n')
        answer = await client.response()

    assert answer.body == f'<a href="http://127.0.0.1:{stand.number}/+/https://x/">'.encode()

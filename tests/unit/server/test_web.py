"""The proxy's menu over the wire, against an origin in this process."""

import asyncio
import gzip
import socket
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from tcpnet.protocol.items import Bye, Cancel, Data, File, Get, Progress
from tcpnet.proxy.origin.fetcher import Fetcher
from tcpnet.proxy.origin.routes import AddrInfo
from tcpnet.server.session import Session
from tests.hub import Person, Town, town

LAN = {"allow": ["127.0.0.0/8"]}


@dataclass
class Site:
    """An origin: what it answers by path, and what it was asked."""

    url: str = ""
    asked: list[web.Request] = field(default_factory=list)
    going: asyncio.Event = field(default_factory=asyncio.Event)
    runner: web.AppRunner | None = None

    async def close(self) -> None:
        """Be gone."""
        self.going.set()
        if self.runner is not None:
            await self.runner.cleanup()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer by path."""
        self.asked.append(request)
        match request.path:
            case "/page":
                return web.Response(text="a page", headers={"Cache-Control": "max-age=60"})
            case "/plain":
                return web.Response(text="says nothing of freshness")
            case "/stale":
                fields = {"Cache-Control": "max-age=60", "Age": str(2 * 86_400 + 5)}
                return web.Response(text="an old page", headers=fields)
            case "/private":
                return web.Response(text="mine", headers={"Cache-Control": "private"})
            case "/hostile":
                return web.Response(text="a\x1b[2J\u202eb\nline two")
            case "/bell":
                return web.Response(text="ding \x07, and not much more")
            case "/binary":
                return web.Response(body=bytes(range(256)), content_type="text/plain")
            case "/latin":
                return web.Response(
                    body=b"caf\xe9", headers={"Content-Type": "text/plain; charset=latin-1"}
                )
            case "/packed":
                packed = gzip.compress(b"unpacked " * 100)
                fields = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
                return web.Response(body=packed, headers=fields)
            case "/brotli":
                fields = {"Content-Encoding": "br", "Content-Type": "text/html"}
                return web.Response(body=b"\x0b\x02\x80hello\x03", headers=fields)
            case "/damaged":
                fields = {"Content-Encoding": "gzip", "Content-Type": "text/html"}
                return web.Response(body=gzip.compress(b"page" * 9000)[:-20], headers=fields)
            case "/data.json" | "/archive.tar.gz":
                packed = gzip.compress(b"[1, 2, 3]" * 1000)
                kind = "application/json" if request.path == "/data.json" else "application/x-tar"
                fields = {"Content-Encoding": "gzip", "Content-Type": kind}
                return web.Response(body=packed, headers=fields)
            case "/changes":
                changed = str(len(self.asked))
                fields = {"Cache-Control": "max-age=60", "ETag": f'"{changed}"'}
                return web.Response(text=f"text {changed}", headers=fields)
            case "/image":
                return web.Response(body=bytes(range(256)) * 300, content_type="image/png")
            case "/created":
                return web.Response(status=201, text="made")
            case "/nothing":
                return web.Response(status=204)
            case "/broken":
                return web.Response(status=500, text="the reason")
            case "/login":
                challenge = {"WWW-Authenticate": 'Basic realm="x"'}
                known = "Authorization" in request.headers
                return (
                    web.Response(text="in")
                    if known
                    else web.Response(status=401, headers=challenge)
                )
            case "/hop":
                return web.Response(status=302, headers={"Location": "/page"})
            case "/round":
                return web.Response(status=302, headers={"Location": "/round"})
        return await self._slow(request)

    async def _slow(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "1000"})
        await answer.prepare(request)
        await answer.write(b"x" * 10)
        if request.path == "/early":
            assert request.transport is not None
            request.transport.close()  # an abort might take back what was said
        await self.going.wait()
        await answer.write(b"x" * 990)
        return answer


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """An origin on a free port."""
    made = Site()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.serve)
    made.runner = web.AppRunner(application, shutdown_timeout=0.1)
    await made.runner.setup()
    await web.TCPSite(made.runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{made.runner.addresses[0][1]}"
    yield made
    await made.close()


@pytest.fixture
async def hub() -> AsyncIterator[Town]:
    """A hub that may fetch from this machine, and knows no names."""
    async with town(lambda guard: Fetcher(guard, lookup=_unknown), proxy=LAN) as made:
        yield made


def _unknown(host: str, port: int, family: socket.AddressFamily) -> Sequence[AddrInfo]:
    raise socket.gaierror(socket.EAI_NONAME, "no such name")


@asynccontextmanager
async def browsing(hub: Town, name: str = "ann") -> AsyncIterator[Person]:
    """Somebody at the proxy's menu."""
    person = await hub.person(name)
    await person.chooses(6)
    await person.sees("*** Proxy Server Settings ***")
    yield person


async def requests(person: Person, line: str) -> None:
    """Send a request by option 4."""
    await person.chooses(4)
    await person.answers("request> ", line)


async def taken_home(person: Person) -> tuple[File, bytes]:
    """The file on offer, and all its bytes."""
    file: File = await person.gets(File)
    taken = b""
    last = False
    while not last:
        person.send(Get(id=file.id, offset=len(taken)))
        piece: Data = await person.gets(Data)
        taken, last = taken + b64decode(piece.base64), piece.last
    return file, taken


async def test_the_labels_flip_with_the_state(hub: Town) -> None:
    """Caching and authentication are off at first, private browsing is on."""
    async with browsing(hub) as ann:
        menu = ann.messages()[-1]
        for option, words in ((1, "Web caching is on"), (2, "Web authentication is on")):
            await ann.chooses(option)
            await ann.sees(words)
        await ann.chooses(3)
        await ann.sees("Private browsing is off")
        flipped = (await ann.sees("*** Proxy Server Settings ***")).message

    assert menu.split("\n") == [
        "",
        "*** Proxy Server Settings *** ",
        "1. Turn web caching On",
        "2. Turn authentication On",
        "3. Turn private browsing Off",
        "4. Send a request (GET, HEAD OR POST): ",
        "5. Turn web proxy server off",
        "",
    ]
    assert flipped.split("\n")[2:5] == [
        "1. Turn web caching Off",
        "2. Turn authentication Off",
        "3. Turn private browsing On",
    ]


async def test_leaving_resets_authentication_only(hub: Town) -> None:
    """Caching and private browsing are the account's, also at its next visit."""
    async with browsing(hub) as ann:
        for option in (1, 2, 3):
            await ann.chooses(option)
        await ann.chooses(5)
        await ann.answers("Do you want to continue with the main menu (y/n)?: ", "y")
        await ann.leaves()
        await ann.gone()

    async with browsing(hub) as ann:
        rows = ann.messages()[-1].split("\n")
    assert rows[2:5] == [
        "1. Turn web caching Off",
        "2. Turn authentication On",
        "3. Turn private browsing On",
    ]


async def test_no_to_the_main_menu_disconnects(hub: Town) -> None:
    """As the brief says; anything but y and n is asked again."""
    async with browsing(hub) as ann:
        await ann.chooses(5)
        await ann.sees("Web server is now off")
        await ann.answers("Do you want", "perhaps")
        await ann.answers("Do you want", "n")

        bye: Bye = await ann.gets(Bye)

    assert bye.kind == "quit"


async def test_the_second_get_of_a_page_comes_from_the_cache(hub: Town, site: Site) -> None:
    """With the page again; and for everybody."""
    async with browsing(hub) as ann, browsing(hub, "bob") as bob:
        for person in (ann, bob):
            await person.chooses(1)
        await requests(ann, f"GET {site.url}/page")
        await ann.sees("Success 200 OK")
        await ann.sees("a page")
        await requests(bob, f"get {site.url}/page")

        assert (await bob.sees("Success 200 OK")).message == "Success 200 OK (cache)"
        assert (await bob.sees("a page")).kind == "page"
    assert len(site.asked) == 1


async def test_a_page_that_says_nothing_of_freshness_is_used_again(hub: Town, site: Site) -> None:
    """The brief's second GET of a plain page is a hit; without caching nothing is kept."""
    async with browsing(hub) as ann:
        for expected in ("Success 200 OK", "Success 200 OK"):
            await requests(ann, f"GET {site.url}/plain")
            assert (await ann.sees("Success")).message == expected
        await ann.chooses(1)
        for expected in ("Success 200 OK", "Success 200 OK (cache)"):
            await requests(ann, f"GET {site.url}/plain")
            assert (await ann.sees("Success")).message == expected


async def test_what_is_not_kept_says_why(hub: Town, site: Site) -> None:
    """The option never looks broken."""
    async with browsing(hub) as ann:
        await ann.chooses(1)
        await requests(ann, f"GET {site.url}/private")

        await ann.sees("Not cached: the site marked it private.")


async def test_a_page_is_harmless_text_in_its_charset(hub: Town, site: Site) -> None:
    """No escape or bidi character passes; bytes are read as what they are, unpacked."""
    async with browsing(hub) as ann:
        await requests(ann, f"GET {site.url}/hostile")
        hostile = await ann.sees("line two")
        await requests(ann, f"GET {site.url}/latin")
        await ann.sees("caf\xe9")
        await requests(ann, f"GET {site.url}/packed")
        await ann.sees("unpacked unpacked")

    assert hostile.message == "a␛[2J\ufffdb\nline two"


async def test_what_is_no_text_is_named_and_can_be_taken_home(hub: Town, site: Site) -> None:
    """Pulled in pieces, until the next request."""
    async with browsing(hub) as ann:
        await requests(ann, f"GET {site.url}/image")
        await ann.sees("Not shown: image/png, 76,800 bytes.")
        file, taken = await taken_home(ann)
        await requests(ann, f"GET {site.url}/plain")
        await ann.sees("Success")
        ann.send(Get(id=file.id, offset=0))
        gone: Data = await ann.gets(Data)

    assert (file.size, file.media_type) == (76_800, "image/png")
    assert taken == bytes(range(256)) * 300
    assert (gone.base64, gone.last) == ("", True)


async def test_only_the_start_of_a_huge_page_is_shown_and_all_of_it_offered(site: Site) -> None:
    """A setting bounds what is shown, not what is fetched."""
    async with town(proxy=LAN | {"show_bytes": 5}) as hub, browsing(hub) as ann:
        await requests(ann, f"GET {site.url}/plain")

        assert (await ann.sees("says")).message == "says "
        await ann.sees("Shown are the first 5 bytes.")
        file: File = await ann.gets(File)
    assert file.size == len("says nothing of freshness")


@pytest.mark.parametrize(
    ("path", "why", "name"),
    [
        ("/brotli", "The page is packed as 'br', which cannot be undone.", "brotli.html.br"),
        ("/damaged", "The page is damaged: its packed form ends early.", "damaged.html.gz"),
    ],
)
async def test_what_cannot_be_unpacked_is_offered_as_it_came(
    hub: Town, site: Site, path: str, why: str, name: str
) -> None:
    """The name says how it is packed."""
    async with browsing(hub) as ann:
        await requests(ann, f"GET {site.url}{path}")
        await ann.sees("Success 200 OK")
        await ann.sees(why)
        await ann.sees("Not shown: text/html, ")
        file, taken = await taken_home(ann)

    assert (file.name, file.size) == (name, len(taken))


async def test_a_file_is_taken_home_as_it_was_before_its_transfer(site: Site) -> None:
    """Packing on the way is undone; an archive stays an archive."""
    async with town(proxy=LAN | {"show_bytes": 5}) as hub, browsing(hub) as ann:
        await requests(ann, f"GET {site.url}/data.json")
        await ann.sees("Shown are the first 5 bytes.")
        data, unpacked = await taken_home(ann)
        await requests(ann, f"GET {site.url}/archive.tar.gz")
        archive, packed = await taken_home(ann)

    assert (data.name, unpacked) == ("data.json", b"[1, 2, 3]" * 1000)
    assert (archive.name, gzip.decompress(packed)) == ("archive.tar.gz", b"[1, 2, 3]" * 1000)


async def test_a_bomb_is_offered_packed(site: Site) -> None:
    """What would be larger than anything fetched is not unpacked."""
    limits = LAN | {"show_bytes": 5, "max_bytes": 2000}
    async with town(proxy=limits) as hub, browsing(hub) as ann:
        await requests(ann, f"GET {site.url}/data.json")
        file, taken = await taken_home(ann)

    assert (file.name, len(taken)) == ("data.json.gz", file.size)


@pytest.mark.parametrize("path", ["/slow", "/plain"])
async def test_a_page_that_is_too_large_is_not_fetched(site: Site, path: str) -> None:
    """Where the site says how large it is, nobody waits for it."""
    async with town(proxy=LAN | {"max_bytes": 9}) as hub, browsing(hub) as ann:
        await requests(ann, f"GET {site.url}{path}")

        await ann.sees("Only pages of up to 9 bytes are fetched here.")
        await ann.asked("Your option")


async def test_a_head_comes_from_the_site_and_shows_that_the_page_is_outdated(
    hub: Town, site: Site
) -> None:
    """A stored page is no answer to it; the next GET fetches anew."""
    async with browsing(hub) as ann:
        await ann.chooses(1)
        for method, expected in (
            ("GET", "text 1"),
            ("HEAD", "'ETag': '\"2\"'"),
            ("GET", "text 3"),
        ):
            await requests(ann, f"{method} {site.url}/changes")
            await ann.sees(expected)

    assert [request.method for request in site.asked] == ["GET", "HEAD", "GET"]


async def test_a_stale_page_is_shown_with_its_age(hub: Town, site: Site) -> None:
    """Where the site is gone and the rules allow it."""
    async with browsing(hub) as ann:
        await ann.chooses(1)
        await requests(ann, f"GET {site.url}/stale")
        await ann.sees("Success 200 OK")
        await site.close()
        await requests(ann, f"GET {site.url}/stale")
        await ann.sees("Success 200 OK (cache)")

        notice = await ann.sees("this one is 2 days old")
        await ann.sees("an old page")
    assert notice.message == "The site gave no newer copy: this one is 2 days old."


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/created", ["Success 201 Created", "made"]),
        ("/nothing", ["Success 204 No Content"]),
        ("/broken", ["Request failed with status code 500", "the reason"]),
        (
            "/login",
            ["401 Unauthorized. Activate authentication in your proxy server"],
        ),
        ("/hop", ["Success 200 OK", "a page"]),
        ("/round", ["The site sent the request on more than 10 times."]),
    ],
)
async def test_every_status_has_its_line(
    hub: Town, site: Site, path: str, expected: list[str]
) -> None:
    """The body follows where there is one; redirects are followed, not for ever."""
    async with browsing(hub) as ann:
        await requests(ann, f"GET {site.url}{path}")

        for words in expected:
            await ann.sees(words)
        await ann.asked("Your option")


async def test_credentials_are_asked_for_one_request(hub: Town, site: Site) -> None:
    """The password is a secret, and is gone with the request."""
    async with browsing(hub) as ann:
        await ann.chooses(2)
        await requests(ann, f"GET {site.url}/login")
        await ann.answers("Username: ", "jose")
        assert (await ann.asked("Password: ")).res_type == "secret"
        ann.types("hunter2")
        await ann.sees("Success 200 OK")
        await ann.chooses(2)
        await requests(ann, f"GET {site.url}/login")
        await ann.sees("401 Unauthorized.")

    assert "hunter2" not in repr(ann.messages())


@pytest.mark.parametrize(
    ("username", "password", "words"),
    [("jo:se", None, "no colon"), ("jo\x07", None, "control"), ("jo", "p\x00", "control")],
)
async def test_credentials_that_cannot_be_sent_are_refused_at_once(
    hub: Town, site: Site, username: str, password: str | None, words: str
) -> None:
    """Before a password is typed for nothing, and before the site is asked."""
    async with browsing(hub) as ann:
        await ann.chooses(2)
        await requests(ann, f"GET {site.url}/login")
        await ann.answers("Username: ", username)
        if password is not None:
            await ann.answers("Password: ", password)
        await ann.sees(words)
        await ann.asked("Your option")

    assert site.asked == []


async def test_a_password_is_not_asked_for_in_the_clear_without_a_word(
    hub: Town, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the name is typed: of the way to the hub, and of the way to the site."""
    monkeypatch.setattr(Session, "is_private", False)
    async with browsing(hub) as ann:
        await ann.chooses(2)
        await requests(ann, f"GET {site.url}/login")
        await ann.asked("Username: ")

    assert [line for line in ann.messages("notice") if "encrypt" in line] == [
        "This connection is not encrypted: others on the network can read what you type now.",
        "The site is asked without encryption, password included.",
    ]


async def test_the_source_address_is_the_hubs_while_browsing_is_private(
    hub: Town, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it is the person's own."""

    async def own_address(_: Fetcher, url: str) -> str:
        assert url == f"{site.url}/page"
        return "192.0.2.7"

    monkeypatch.setattr(Fetcher, "own_address", own_address)
    async with browsing(hub) as ann:
        await requests(ann, f"GET {site.url}/page")
        await ann.sees("Source IP address: 192.0.2.7")
        await ann.chooses(3)
        await requests(ann, f"GET {site.url}/page")
        await ann.sees("Source IP address: 127.0.0.1")


async def test_the_origin_learns_the_address_only_when_browsing_is_not_private(
    hub: Town, site: Site
) -> None:
    """Private: no field names the client. Else two do."""
    async with browsing(hub) as ann:
        await requests(ann, f"GET {site.url}/page")
        await ann.sees("Success")
        await ann.chooses(3)
        await requests(ann, f"GET {site.url}/page")
        await ann.sees("Success")

    private, public = (request.headers for request in site.asked)
    assert not {"X-Forwarded-For", "Forwarded"} & set(private)
    assert "127.0.0.1" not in private["Via"]
    assert public["X-Forwarded-For"] == "127.0.0.1"


async def test_a_long_request_shows_progress_and_can_be_stopped(hub: Town, site: Site) -> None:
    """Others are not disturbed, and the menu comes again."""
    async with browsing(hub) as ann:
        bob = await hub.person("bob")
        await requests(ann, f"GET {site.url}/slow")
        progress: Progress = await ann.gets(Progress)
        await bob.chooses(1)
        await bob.sees("ann")
        ann.send(Cancel(id=progress.id))

        await ann.sees("Stopped.")
        await ann.asked("Your option")
    assert progress.total == 1000


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("GET {site}/early", "10 of 1"),
        ("GET http://127.0.0.1:9/", "refused"),
        ("GET http://10.0.0.1/", "proxy.allow"),
        ("GET http://no.such.name.invalid/", "no.such.name.invalid was not found"),
        ("DELETE http://x/", "GET, HEAD or POST"),
        ("GET", "GET https://example.com"),
        ("", "GET https://example.com"),
        ("GET http://a b/", "no spaces"),
        ("GET ftp://x/", "Only http:// and https://"),
    ],
)
async def test_what_cannot_be_had_is_a_sentence(
    hub: Town, site: Site, line: str, words: str
) -> None:
    """Never a lost session."""
    async with browsing(hub) as ann:
        await requests(ann, line.replace("{site}", site.url))

        refusal = await ann.sees(words)
        await ann.asked("Your option")
    assert refusal.kind == "error"


async def test_a_person_who_leaves_ends_the_fetch(hub: Town, site: Site) -> None:
    """Nothing goes on for nobody."""
    async with browsing(hub) as ann:
        await requests(ann, f"GET {site.url}/slow")
        await ann.gets(Progress)
        assert ann.connection is not None
        await ann.connection.close()

        bob = await hub.person("bob")
        while "ann" in (await _users(bob)):
            pass
    assert hub.hub.community.web.fetching == 0


async def _users(person: Person) -> str:
    await person.chooses(1)
    return (await person.sees("Users in server")).message


async def test_who_is_taken_to_mean_https_is_told_what_to_write_for_http(
    hub: Town, site: Site
) -> None:
    """Only where it was assumed: who wrote https:// means it."""
    plain = f"{site.url}/page"
    async with browsing(hub) as ann:
        await requests(ann, f"get {plain.removeprefix('http://')}")
        assumed = await ann.sees("No secure connection")
        await requests(ann, f"get {plain.replace('http:', 'https:')}")
        meant = await ann.sees("No secure connection")

    assert assumed.message == f"{meant.message} Write {plain} to ask without encryption."
    assert "TLS" in meant.message


async def test_what_is_called_text_is_shown_unless_it_is_none(hub: Town, site: Site) -> None:
    """A stray control character is made visible; bytes of all kinds are named for what they are."""
    async with browsing(hub) as ann:
        await requests(ann, f"get {site.url}/bell")
        await ann.sees("ding ␇, and not much more")
        await requests(ann, f"get {site.url}/binary")
        await ann.sees("Not shown: text/plain, 256 bytes, which are no text.")

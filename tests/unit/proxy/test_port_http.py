"""HTTP at the proxy port: bodies both ways, conditions, ranges, marks and refusals."""

import asyncio
import re
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tcpnet.proxy.entry import HTTP_1_0, HTTP_1_1, NO_FIELDS, Fields
from tcpnet.proxy.port.connection import PortConnection
from tcpnet.proxy.port.heads import RequestHead
from tcpnet.proxy.port.hits import Hits
from tcpnet.proxy.port.responses import Framed
from tests.origins import RESETS, Exchange, origin
from tests.unit.net.memory import MemoryTransport, tick
from tests.unit.proxy.ports import Stand, echoing, said, standing

PAGE = said("200 OK", "Cache-Control: max-age=60", 'ETag: "1"', body=b"0123456789")


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncGenerator[Stand, None]:
    async with standing(tmp_path / "pages") as made:
        yield made


@pytest.mark.parametrize(
    ("fields", "status", "body"),
    [
        (("Range: bytes=2-4",), 206, b"234"),
        (("Range: bytes=-3",), 206, b"789"),
        (("Range: bytes=20-",), 416, b""),
        (("Range: bytes=2-4", 'If-Range: "2"'), 200, b"0123456789"),
        (('If-None-Match: "1"',), 304, b""),
        (('If-None-Match: W/"1", "5"',), 304, b""),
        (('If-None-Match: "2"',), 200, b"0123456789"),
        (("If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT",), 304, b""),
    ],
)
async def test_conditions_and_ranges_are_answered_from_the_store(
    stand: Stand, fields: tuple[str, ...], status: int, body: bytes
) -> None:
    """RFC 9110 §13, §14: the origin is asked once, for the whole page."""
    async with origin(PAGE) as site:
        client = await stand.client()
        await client.get(site.url())

        answer = await client.get(site.url(), *fields)
        again = await client.get(site.url())

    assert (answer.status, answer.body) == (status, body)
    assert answer.cached.startswith("tcpnet; hit")
    assert again.body == b"0123456789"
    assert len(site.heads) == 1


async def test_a_loop_may_hand_over_what_can_be_changed(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the one of Windows does: every read is a bytearray there, or those after a pause."""
    take = PortConnection.data_received
    monkeypatch.setattr(
        PortConnection, "data_received", lambda port, data: take(port, bytearray(data))
    )
    async with origin(PAGE) as site:
        client = await stand.client()

        first = await client.get(site.url())
        again = await client.get(site.url())

    assert first.body == again.body == b"0123456789"
    assert again.cached.startswith("tcpnet; hit")


async def test_a_call_in_the_moment_of_the_end_is_ended_too(stand: Stand) -> None:
    """A loop makes the protocol first, and tells it of its connection a turn later."""
    service = stand.service
    lost: list[PortConnection] = []
    hits = Hits(stand.pages, stand.door, "hub", service.counters, service.clock)
    port = PortConnection(service, hits, lost.append)

    port.finish()
    port.abort()
    transport = MemoryTransport(port)
    await tick()

    assert transport.aborted
    assert lost == [port]
    assert stand.door.inside == 0


async def test_a_head_is_answered_from_a_stored_get(stand: Stand) -> None:
    """RFC 9110 §9.3.2: with the length that the body would have."""
    async with origin(PAGE) as site:
        client = await stand.client()
        await client.get(site.url())

        answer = await client.get(site.url(), method="HEAD")

    assert (answer.status, answer.fields["content-length"]) == (200, "10")
    assert len(site.heads) == 1


async def test_every_answer_tells_its_age_and_what_the_cache_did(stand: Stand) -> None:
    """Fetched, stored, unchanged, posted, refused, or the hub's own page."""
    async with origin(echoing("200 OK", "Cache-Control: max-age=60", 'ETag: "1"')) as site:
        client = await stand.client()
        answers = [
            await client.get(site.url()),
            await client.get(site.url()),
            await client.get(site.url(), 'If-None-Match: "1"'),
            await client.get(site.url(), "Cache-Control: no-cache"),
            await client.get(site.url(), method="POST"),
            await client.get("http://10.0.0.1/"),
            await client.get("/"),
        ]

    assert [answer.status for answer in answers] == [200, 200, 304, 200, 200, 403, 200]
    for answer in answers:
        assert answer.cached.startswith("tcpnet")
        assert int(answer.fields["age"]) < 5


async def test_the_age_of_an_answer_counts_the_time_that_it_took(tmp_path: Path) -> None:
    """The site may have made it when it was asked (RFC 9111 §4.2.3)."""
    time = [1000.0]

    async def late(exchange: Exchange) -> None:
        time[0] += 7
        await exchange.say(said("200 OK", "Cache-Control: no-store", body=b"late"))

    async with (
        standing(tmp_path / "pages", clock=lambda: time[0]) as stand,
        origin(late) as site,
    ):
        client = await stand.client()
        answer = await client.get(site.url())

    assert answer.fields["age"] == "7"


async def test_the_age_that_the_site_tells_stays(stand: Stand) -> None:
    """A cache in front of the site knows better."""
    async with origin(said("200 OK", "Age: 30", body=b"kept there")) as site:
        client = await stand.client()
        answer = await client.get(site.url())

    assert [value for name, value in answer.lines if name.lower() == "age"] == ["30"]


async def test_an_unsafe_method_outdates_what_is_stored(stand: Stand) -> None:
    """RFC 9111 §4.4."""
    async with origin(echoing("200 OK", "Cache-Control: max-age=60")) as site:
        client = await stand.client()
        await client.get(site.url())

        changed = await client.get(site.url(), method="DELETE")
        again = await client.get(site.url())

    assert changed.cached == "tcpnet; fwd=method"
    assert again.cached == "tcpnet; fwd=uri-miss; stored"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "M-SEARCH"])
async def test_a_body_reaches_the_origin(stand: Stand, method: str) -> None:
    """With its length, under the same method."""
    async with origin(echoing()) as site:
        client = await stand.client()

        await client.say(
            f"{method} {site.url()} HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nfour"
        )
        answer = await client.response()

    assert answer.body == b"four"
    assert site.heads[0].startswith(method.encode())
    assert b"Content-Length: 4\r\n" in site.heads[0]


async def test_a_chunked_body_reaches_the_origin_piece_by_piece(stand: Stand) -> None:
    """And the next request on the connection is not taken for a part of it."""
    async with origin(echoing()) as site:
        client = await stand.client()

        await client.say(
            f"POST {site.url()} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"
        )
        await client.say(
            f"lo\r\n6\r\n, you!\r\n0\r\n\r\nGET {site.url()} HTTP/1.1\r\nHost: h\r\n\r\n"
        )
        first, second = await client.response(), await client.response()

    assert first.body == b"hello, you!"
    assert second.status == 200
    assert b"transfer-encoding: chunked" in site.heads[0].lower()


async def test_an_answer_without_a_length_goes_out_in_chunks(stand: Stand) -> None:
    """Whoever speaks HTTP/1.0 gets it up to the end of the connection."""
    endless = said("200 OK", "Cache-Control: no-store", body=b"endless", framed=False)
    async with origin(endless) as site:
        client, old = await stand.client(), await stand.client()

        answer = await client.get(site.url())
        await old.say(f"GET {site.url()} HTTP/1.0\r\n\r\n")
        plain = await old.response()

    assert (answer.fields["transfer-encoding"], answer.body) == ("chunked", b"endless")
    assert "transfer-encoding" not in plain.fields
    assert (plain.fields["connection"], plain.body) == ("close", b"endless")


@pytest.mark.parametrize(
    ("said_there", "length", "sent"),
    [
        (["4"], 4, ["4"]),
        (["04"], 4, ["4"]),
        (["4", "4"], 4, ["4"]),
        (["5"], 4, ["4"]),
        ([], 4, ["4"]),
        (["4"], None, []),
    ],
)
def test_an_answer_says_its_length_once_and_right(
    said_there: list[str], length: int | None, sent: list[str]
) -> None:
    """Whatever came from elsewhere; of one that nobody knows nothing is said."""
    asked = RequestHead("GET", "/", True, NO_FIELDS)
    fields = Fields(tuple(("Content-Length", number) for number in said_there))

    framed = Framed(asked, 200, "OK", fields, length, keeps_alive=True)

    assert re.findall(r"\r\nContent-Length: (.*)\r\n", framed.head.decode()) == sent


async def test_an_answer_that_breaks_off_is_seen_to(stand: Stand) -> None:
    """Nobody takes a part for the whole: the connection ends before the last chunk."""
    torn = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    async with origin(torn) as site:
        client = await stand.client()

        await client.say(f"GET {site.url()} HTTP/1.1\r\nHost: h\r\n\r\n")
        came = await client.gone()

    assert came.endswith(b"5\r\nhello\r\n")


@RESETS
async def test_an_answer_of_unknown_length_that_breaks_off_resets_an_old_client(
    stand: Stand,
) -> None:
    """In HTTP/1.0 an orderly end would say that it is whole."""
    torn = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    async with origin(torn) as site:
        client = await stand.client()

        await client.say(f"GET {site.url()} HTTP/1.0\r\n\r\n")

        with pytest.raises(ConnectionResetError):
            await client.gone()


async def test_who_expects_100_is_told_to_go_on(stand: Stand) -> None:
    """RFC 9110 §10.1.1; the expectation itself is met here and not passed on."""
    async with origin(echoing("201 Created")) as site:
        client = await stand.client()

        await client.say(
            f"PUT {site.url()} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
            "Expect: 100-continue\r\n\r\n"
        )
        interim = await client.response()
        await client.say("ok")
        answer = await client.response()

    assert (interim.status, answer.status, answer.body) == (100, 201, b"ok")
    assert b"xpect" not in site.heads[0]


async def test_what_comes_before_an_answer_is_passed_on(stand: Stand) -> None:
    """RFC 9110 §15.2: 1xx, less what is the hub's own; none to HTTP/1.0."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nConnection: x\r\n\r\n"
    async with origin(b"HTTP/1.1 100 Continue\r\n\r\n" + hints + PAGE) as site:
        client, old = await stand.client(), await stand.client()

        early, answer = await client.get(site.url("/1")), await client.response()
        await old.say(f"GET {site.url('/2')} HTTP/1.0\r\n\r\n")
        plain = await old.response()

    assert (early.status, early.fields["link"]) == (103, "</a>; rel=preload")
    assert "connection" not in early.fields
    assert (answer.status, plain.status) == (200, 200)


async def test_another_expectation_is_refused(stand: Stand) -> None:
    """RFC 9110 §10.1.1."""
    answer = await (await stand.client()).get("http://127.0.0.1:1/", "Expect: cake")

    assert answer.status == 417


async def test_fields_of_one_hop_stay_here(stand: Stand) -> None:
    """RFC 9110 §7.6.1: in both directions, also those that Connection names."""
    reply = said(
        "200 OK", "Connection: X-Mine", "X-Mine: 1", "Proxy-Authenticate: Basic", "X-Theirs: 2"
    )
    async with origin(reply) as site:
        client = await stand.client()

        answer = await client.get(
            site.url(),
            "Connection: X-Hop, keep-alive",
            "X-Hop: 1",
            "Proxy-Connection: keep-alive",
            "Proxy-Authorization: Basic eDp5",
            "TE: trailers",
            "Upgrade: websocket",
            "Keep-Alive: 5",
            "X-Kept: 2",
        )

    sent = site.heads[0].lower()
    for name in (b"x-hop", b"proxy-", b"te:", b"upgrade", b"keep-alive", b"127.0.0.1, "):
        assert b"\r\n" + name not in sent
    assert b"\r\nx-kept: 2" in sent
    assert "x-theirs" in answer.fields
    assert "x-mine" not in answer.fields
    assert "proxy-authenticate" not in answer.fields


async def test_the_host_is_that_of_the_target(stand: Stand) -> None:
    """RFC 9112 §3.2.2: what the client wrote in Host does not matter."""
    async with origin(PAGE) as site:
        client = await stand.client()
        await client.say(f"GET {site.url()} HTTP/1.1\r\nHost: bank.example\r\n\r\n")
        await client.response()

    assert f"Host: 127.0.0.1:{site.port}".encode() in site.heads[0]
    assert b"bank" not in site.heads[0]


async def test_every_message_carries_the_mark_of_this_hub(stand: Stand) -> None:
    """Via, both ways (RFC 9110 §7.6.3), and on hits too."""
    async with origin(PAGE) as site:
        client = await stand.client()
        first, hit = await client.get(site.url()), await client.get(site.url())
        refused = await client.get("ftp://example.com/")

    assert f"Via: {stand.web.via()}".encode() in site.heads[0]
    assert first.fields["via"] == hit.fields["via"] == refused.fields["via"] == stand.web.via()


async def test_the_mark_tells_in_which_version_a_message_came(stand: Stand) -> None:
    """RFC 9110 §7.6.3: the request's to the site, the answer's to the client; here all is 1.1."""
    of_old = PAGE.replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    name = stand.web.via().partition(" ")[2]
    async with origin(of_old) as site:
        client, old = await stand.client(), await stand.client()
        await old.say(f"GET {site.url('/old')} HTTP/1.0\r\n\r\n")

        to_old, to_new = await old.response(), await client.get(site.url("/new"))
        hit = await client.get(site.url("/new"))

    assert f"Via: 1.0 {name}\r\n".encode() in site.heads[0]
    assert f"Via: 1.1 {name}\r\n".encode() in site.heads[1]
    assert to_old.fields["via"] == to_new.fields["via"] == f"1.0 {name}"
    assert hit.fields["via"] == f"1.1 {name}"


async def test_an_answer_that_failed_to_come_has_this_hubs_own_mark(stand: Stand) -> None:
    """A refusal is made here, whatever the client speaks."""
    client = await stand.client()

    await client.say("GET ftp://example.com/ HTTP/1.0\r\n\r\n")

    assert (await client.response()).fields["via"] == stand.web.via()


async def test_a_request_that_comes_back_is_a_loop(stand: Stand) -> None:
    """508: its Via names this hub, in whichever version it was sent."""
    async with origin(PAGE) as site:
        client = await stand.client()
        await client.get(site.url())

        answers = [
            await client.get(site.url(), f"Via: 1.0 other, {stand.web.via(version)}")
            for version in (HTTP_1_0, HTTP_1_1)
        ]

    assert [answer.status for answer in answers] == [508, 508]
    assert len(site.heads) == 1


async def test_a_site_learns_nothing_of_its_reader(stand: Stand) -> None:
    """Private browsing is on where nobody has a name."""
    async with origin(PAGE) as site:
        client = await stand.client()
        await client.get(site.url(), "X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1")

    assert b"192.0.2.1" not in site.heads[0]
    assert b"orwarded" not in site.heads[0]


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET ftp://example.com/", 400),
        ("GET example.com", 400),
        ("GET http://", 400),
        ("GET http:///path", 400),
        ("GET http://user:secret@example.com/", 400),
        ("GET http://example.com/#fragment", 400),
        ("GET http://2130706433/", 400),
        ("GET http://0x7f.1/", 400),
        ("GET http://a_b!c/", 400),
        ("GET http://example.com:99999/", 400),
        ("GET http://10.0.0.1/", 403),
        ("GET http://[::1]/", 403),
        ("GET http://[::ffff:10.0.0.1]/", 403),
        ("GET http://169.254.169.254/latest/meta-data", 403),
        ("GET http://127.0.0.1:25/", 403),
        ("get http://example.com/", 501),
        ("TRACE http://example.com/", 405),
        ("POST /", 405),
        ("GET /nothing", 404),
        ("GET /+/ftp://example.com/", 400),
        ("GET /+/example.com/", 400),
        ("GET /+/https://10.0.0.1/", 403),
    ],
)
async def test_what_is_not_done_is_refused_in_a_sentence(
    stand: Stand, request_line: str, status: int
) -> None:
    """Each with its status, as plain text; where it was HTTP the connection goes on."""
    client = await stand.client()

    await client.say(f"{request_line} HTTP/1.1\r\nHost: h\r\n\r\n")
    answer = await client.response()

    text = answer.body.decode()
    assert answer.status == status
    assert answer.fields["content-type"] == "text/plain; charset=utf-8"
    assert text[0].isupper() or text[0] in '"02'
    assert text.endswith(".\n")
    assert text.count("\n") == 1
    assert answer.cached == "tcpnet; detail=refused"


async def test_the_hub_does_not_ask_itself(stand: Stand) -> None:
    """Its own port is closed to it on every address of its machine; its page is answered here."""
    client = await stand.client()

    own = await client.get(f"http://127.0.0.1:{stand.number}/")
    other = await client.get(f"http://127.0.0.2:{stand.number}/")

    assert (own.status, own.body) == (200, f"here at http://127.0.0.1:{stand.number}".encode())
    assert other.status == 403


async def test_a_request_that_may_go_no_further_is_answered_here(stand: Stand) -> None:
    """RFC 9110 §7.6.2; others lose one hop."""
    async with origin(echoing()) as site:
        client = await stand.client()

        here = await client.get(site.url(), "Max-Forwards: 0", method="OPTIONS")
        there = await client.get(site.url(), "Max-Forwards: 5", method="OPTIONS")

    assert "CONNECT" in here.fields["allow"]
    assert there.status == 200
    assert b"Max-Forwards: 4" in site.heads[0]
    assert len(site.heads) == 1


@pytest.mark.parametrize(("path", "asked"), [("", b"*"), ("/", b"/"), ("?a", b"/?a")])
async def test_options_without_a_path_are_about_the_site(
    stand: Stand, path: str, asked: bytes
) -> None:
    """The last proxy of a chain asks for `*` (RFC 9112 §3.2.4)."""
    async with origin(echoing()) as site:
        client = await stand.client()

        answer = await client.get(site.url(path), "Max-Forwards: 5", method="OPTIONS")

    assert answer.status == 200
    assert site.heads[0].startswith(b"OPTIONS %b HTTP/1.1\r\n" % asked)
    assert b"Host: 127.0.0.1:%d\r\n" % site.port in site.heads[0]


async def test_an_old_client_that_wants_to_stay_may(stand: Stand) -> None:
    """HTTP/1.0 with keep-alive: answered so, as long as the length is known."""
    async with origin(PAGE) as site:
        client = await stand.client()
        for _ in range(2):
            await client.say(f"GET {site.url()} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = await client.response()

            assert answer.fields["connection"] == "keep-alive"
            assert answer.body == b"0123456789"


async def test_a_client_that_says_all_at_once_and_no_more_is_answered(stand: Stand) -> None:
    """A half-closed connection is answered before it ends."""
    async with origin(PAGE) as site:
        client = await stand.client()
        await client.say(f"GET {site.url()} HTTP/1.1\r\nHost: h\r\n\r\n")
        client.half_close()

        came = await client.gone()

    assert came.endswith(b"0123456789")


async def test_a_body_that_is_not_read_ends_the_connection(stand: Stand) -> None:
    """What the origin did not want to hear cannot be told from the next request."""

    async def answer(exchange: Exchange) -> None:
        await exchange.say(said("413 Content Too Large", "Connection: close"))
        exchange.hang_up()

    async with origin(answer) as site:
        client = await stand.client()
        await client.say(f"PUT {site.url()} HTTP/1.1\r\nHost: h\r\nContent-Length: 90\r\n\r\nfour")

        answered = await client.response()
        after = await client.gone()

    assert answered.status == 413
    assert after == b""


async def test_a_broken_body_never_reaches_the_origin_as_whole(stand: Stand) -> None:
    """The chunk that breaks the grammar ends the request on both sides."""
    async with origin(echoing()) as site:
        client = await stand.client()
        await client.say(
            f"POST {site.url()} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            "5\r\nhello\r\nzz\r\n"
        )
        answer = await client.response()
        after = await client.gone()

    assert answer.status == 400
    assert after == b""


async def test_what_is_logged_names_neither_reader_nor_query(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    """One line a request, on debug: pages, hits and refusals."""
    caplog.set_level("DEBUG", "tcpnet")
    async with origin(PAGE) as site:
        client = await stand.client()
        for path in ("/a?token=secret", "/a?token=secret"):
            await client.get(site.url(path))
        await client.get("ftp://example.com/?token=secret")

    lines = [vars(record) for record in caplog.records if record.getMessage() == "answered"]
    assert [line["page"] for line in lines] == [site.url("/a")] * 2 + ["ftp://example.com/"]
    assert [line["status"] for line in lines] == [200, 200, 400]
    assert "secret" not in str(lines)
    assert not [line for line in lines if "address" in line or "client" in line]


@RESETS
async def test_a_client_that_leaves_takes_its_fetch_along(stand: Stand) -> None:
    """Nobody waits for it: the thin link is for those who do."""
    left = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.say(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100)
        await exchange.reader.read()
        left.set()

    async with origin(answer) as site:
        client = await stand.client()
        await client.say(f"GET {site.url()} HTTP/1.1\r\nHost: h\r\n\r\n")
        await client.head()

        client.abort()
        async with asyncio.timeout(5):
            await left.wait()

    assert stand.web.fetching == 0

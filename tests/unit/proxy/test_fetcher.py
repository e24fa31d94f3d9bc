"""The fetcher against origins on loopback that behave in every odd way."""

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from ipaddress import ip_address

import pytest

from tcpnet.errors import UserError
from tcpnet.proxy.entry import NO_FIELDS, Credentials, Fields
from tcpnet.proxy.failures import (
    ConnectionFailed,
    EndedEarly,
    FetchError,
    ForbiddenAddress,
    HeadTooLarge,
    LookupFailed,
    MalformedAnswer,
    NameNotFound,
    Stage,
    TimedOut,
    TlsFailed,
    Unsendable,
)
from tcpnet.proxy.origin.fetcher import MAX_CONNECTIONS_A_SITE, Fetcher, Reply
from tcpnet.proxy.origin.guard import Guard, network
from tcpnet.proxy.origin.patience import Patience
from tcpnet.proxy.origin.requests import Body
from tcpnet.proxy.origin.resolver import Lookup, look_up
from tcpnet.proxy.origin.routes import AddrInfo, local_addresses
from tests.origins import RESETS, Exchange, origin

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TLS = ssl.create_default_context()  # once: reading the system's certificates takes 20 ms
STRETCH = float(os.environ.get("TCPNET_TEST_PATIENCE", "1"))  # for slow machines
SHORT = 0.1 * STRETCH  # seconds until what never happens is given up


def local(patience: Patience | None = None, lookup: Lookup = look_up) -> Fetcher:
    """A fetcher that may dial this machine, as the setting allows it."""
    guard = Guard([network("127.0.0.0/8"), network("::1/128")])
    return Fetcher(guard, patience=patience, tls=TLS, lookup=lookup)


async def body(reply: Reply) -> bytes:
    return b"".join([chunk async for chunk in reply])


async def fetch(
    fetcher: Fetcher, url: str, method: str = "GET", fields: Fields = NO_FIELDS, sent: Body = None
) -> bytes:
    async with fetcher.send(method, url, fields, sent) as reply:
        return await body(reply)


async def test_a_reply_is_head_and_body_as_they_were_sent() -> None:
    """Status, reason, fields in their case and order, duplicates, and every byte."""
    said = (
        b"HTTP/1.1 203 Fine\x1b\xfcber\r\nX-Case: One\r\nx-case: two\r\nSet-Cookie: a\r\n"
        b"Set-Cookie: b\r\nContent-Length: 4\r\nX-Latin: \xe9\r\n\r\n\x00\xff\r\n"
    )
    async with origin(said) as site, local() as fetcher, fetcher.send("GET", site.url()) as reply:
        assert (reply.status, reply.reason, reply.version) == (203, "Fine über", (1, 1))
        assert reply.fields.lines == (
            ("X-Case", "One"),
            ("x-case", "two"),
            ("Set-Cookie", "a"),
            ("Set-Cookie", "b"),
            ("Content-Length", "4"),
            ("X-Latin", "é"),
        )
        assert (reply.peer, reply.length) == ("127.0.0.1", 4)
        assert await body(reply) == b"\x00\xff\r\n"
        assert reply.received == 4


async def test_a_request_is_sent_as_it_was_given() -> None:
    """Target and fields byte for byte; of its own it adds the host alone."""
    target = "/A%2fb/../c//d;e?x=[1]&y={z}|%zz&&=+\\"
    async with origin(OK) as site, local() as fetcher:
        await fetch(
            fetcher,
            site.url(target),
            fields=Fields((("x-b", "1"), ("Accept", "*/*"), ("X-B", "2"))),
        )

    assert site.heads == [
        f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n"
        f"x-b: 1\r\nAccept: */*\r\nX-B: 2\r\n\r\n".encode()
    ]


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 3 * 1024 * 1024])
async def test_a_body_of_bytes_goes_out_with_its_length(size: int) -> None:
    """Whatever its size, and though the asker's fields may say otherwise."""
    got = bytearray()

    async def answer(exchange: Exchange) -> None:
        got.extend(await exchange.reader.readexactly(size))
        await exchange.say(OK)

    async with origin(answer) as site, local() as fetcher:
        lie = Fields((("Content-Length", "7"),))
        async with fetcher.send("POST", site.url(), lie, b"x" * size) as reply:
            assert reply.status == 200

    assert got == b"x" * size
    assert site.heads[0].count(b"ontent-Length") == 1
    assert f"Content-Length: {size}\r\n".encode() in site.heads[0]


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        (NO_FIELDS, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
        (Fields((("Content-Length", "5"),)), b"abcde"),
    ],
)
async def test_a_stream_goes_out_by_its_length_or_in_chunks(fields: Fields, sent: bytes) -> None:
    """The asker's length is used where there is one."""
    got = bytearray()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"de"

    async def answer(exchange: Exchange) -> None:
        got.extend(await exchange.reader.readexactly(len(sent)))
        await exchange.say(OK)

    async with origin(answer) as site, local() as fetcher:
        assert await fetch(fetcher, site.url(), "PUT", fields, pieces()) == b"ok"

    assert got == sent


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    ],
)
async def test_a_body_ends_where_its_framing_says(said: bytes) -> None:
    """By chunks, by length, by the end of the connection; interim answers are passed over."""
    async with origin(said) as site, local() as fetcher:
        assert await fetch(fetcher, site.url()) == b"hello"


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"),
    ],
)
async def test_some_answers_have_no_body_whatever_they_say(method: str, said: bytes) -> None:
    """RFC 9112 §6.3: HEAD, 204 and 304 end with their head."""
    async with origin(said) as site, local() as fetcher:
        assert await fetch(fetcher, site.url(), method) == b""


@pytest.mark.parametrize(
    ("said", "received", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", 3, 10),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", 2, None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", 2, None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n", 2, None),
    ],
)
async def test_a_body_that_ends_early_is_no_body(
    said: bytes, received: int, expected: int | None
) -> None:
    """What was framed and did not come to its end raises, after what did come."""
    async with origin(said) as site, local() as fetcher, fetcher.send("GET", site.url()) as reply:
        assert reply.whole() is None
        with pytest.raises(EndedEarly, match="ended early") as error:
            await body(reply)

    assert (error.value.received, error.value.expected) == (received, expected)


@RESETS
@pytest.mark.parametrize(
    "framing", [b"", b"Content-Length: 10\r\n", b"Transfer-Encoding: chunked\r\n"]
)
async def test_a_connection_that_breaks_is_no_end_of_a_body(framing: bytes) -> None:
    """Without framing an ordinary close is the end, and a reset is not."""

    async def answer(exchange: Exchange) -> None:
        await exchange.say(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n3\r\n")
        await exchange.reader.readexactly(1)
        exchange.reset()

    async with origin(answer) as site, local() as fetcher:
        with pytest.raises(EndedEarly):
            await fetch(fetcher, site.url(), "POST", NO_FIELDS, b"x")


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (OK, b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok"),
    ],
)
async def test_a_body_that_came_with_its_head_is_there_at_once(said: bytes, sent: bytes) -> None:
    """All of it, counted, and nothing is left to be read."""
    async with origin(said) as site, local() as fetcher, fetcher.send("GET", site.url()) as reply:
        whole = reply.whole()
        rest = await body(reply)

    assert (whole, rest, reply.received) == (sent, b"", len(sent))


async def test_a_body_that_has_come_is_whole_though_its_connection_breaks() -> None:
    """What has its length needs no proper end of the connection."""
    has_head, is_broken = asyncio.Event(), asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.say(OK)
        await has_head.wait()
        exchange.reset()
        is_broken.set()

    async with (
        origin(answer) as site,
        origin(OK) as other,
        local() as fetcher,
        fetcher.send("GET", site.url()) as reply,
    ):
        has_head.set()
        await is_broken.wait()
        await fetch(fetcher, other.url())  # meanwhile the reset arrives
        assert await body(reply) == b"ok"


@pytest.mark.parametrize(
    "said",
    [
        *(
            b"hello there\r\n\r\n",
            b"<html>",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/2.0 200 OK\r\n\r\n",
        ),
        *(b"HTTP/1.1 099 No\r\n\r\n", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"),
        b"HTTP/1.1 200 OK\r\nA B: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\x00c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ],
)
async def test_an_answer_that_is_not_http_is_said_to_be(said: bytes) -> None:
    """Nothing of it is passed on: what two programs read differently can carry a second answer."""
    async with origin(said) as site, local() as fetcher:
        with pytest.raises(MalformedAnswer, match=r"127\.0\.0\.1 sent"):
            await fetch(fetcher, site.url())


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 4_000_000,
        b"HTTP/1.1 200 " + b"x" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + (b"A: " + b"x" * 8000 + b"\r\n") * 9 + b"\r\n",
    ],
)
async def test_a_giant_head_is_not_read_to_its_end(said: bytes) -> None:
    """A line, the number of lines and the whole have a limit each."""
    async with origin(said) as site, local() as fetcher:
        with pytest.raises(HeadTooLarge, match="more headers than are accepted"):
            await fetch(fetcher, site.url())


async def test_chunked_rubbish_ends_the_reading_at_once() -> None:
    """A bad chunk that comes after the head is an error, not a wait without end."""
    may_go_on = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
        await may_go_on.wait()
        await exchange.say(b"rubbish\r\n")
        await exchange.reader.read()

    async with origin(answer) as site, local() as fetcher, fetcher.send("GET", site.url()) as reply:
        assert await anext(reply) == b"ab"
        may_go_on.set()
        with pytest.raises(MalformedAnswer, match="a page that is not valid HTTP"):
            await anext(reply)


@pytest.mark.parametrize("early", [b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
@pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"])
@pytest.mark.parametrize(("method", "body"), [("GET", b"0123456789"), ("HEAD", b"")])
async def test_what_is_behind_the_end_of_an_answer_is_thrown_away(
    method: str, body: bytes, close: bytes, early: bytes
) -> None:
    """The length in the head holds, and the connection is not used again (RFC 9112 §6.3)."""
    excess = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n%b\r\n0123456789 and more" % close

    async def answer(exchange: Exchange) -> None:
        await exchange.say(early + excess)

    async with origin(answer) as site, local() as fetcher:
        for _ in range(2):
            async with fetcher.send(method, site.url()) as reply:
                assert b"".join([chunk async for chunk in reply]) == body

    assert site.connections == 2


@pytest.mark.parametrize("cut", [0, 1, 3, 20])
@pytest.mark.parametrize("excess", [b"HTTP/1.1 200 OK\r\nX-Poison: ", b"HTTP/1.1 2", b"\r"])
@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
    ],
)
async def test_the_beginning_of_a_head_behind_an_answer_is_not_that_of_the_next(
    said: bytes, excess: bytes, cut: int
) -> None:
    """However it arrives, it is thrown away, and the connection is not used again."""

    async def answer(exchange: Exchange) -> None:
        if exchange.target == "/second":
            await exchange.say(OK)
            return
        await exchange.say(said[: len(said) - cut])
        await exchange.say(said[len(said) - cut :] + excess)

    async with origin(answer) as site, local() as fetcher:
        await fetch(fetcher, site.url("/first"))

        async with fetcher.send("POST", site.url("/second")) as reply:
            assert (await body(reply), reply.fields.lines) == (b"ok", (("Content-Length", "2"),))

    assert site.connections == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "unasked",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON", id="a whole answer"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Poison: ", id="the beginning of one"),
        pytest.param(b"POISON", id="no answer"),
    ],
)
async def test_an_answer_that_nobody_asked_for_is_nobody_s(method: str, unasked: bytes) -> None:
    """Bytes on an idle connection are not taken for the answer to the next request."""
    is_idle, is_spoiled = asyncio.Event(), asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.say(OK)
        if exchange.target == "/first":
            await is_idle.wait()
            await exchange.say(unasked)
            is_spoiled.set()

    async with origin(answer) as site, origin(OK) as other, local() as fetcher:
        await fetch(fetcher, site.url("/first"))
        is_idle.set()
        await is_spoiled.wait()
        await fetch(fetcher, other.url())  # meanwhile the bytes arrive

        async with fetcher.send(method, site.url("/second")) as reply:
            assert (await body(reply), reply.fields.lines) == (b"ok", (("Content-Length", "2"),))


@pytest.mark.parametrize("at_hand", [1.0, 0.0])  # seconds
async def test_a_connection_is_used_again(monkeypatch: pytest.MonkeyPatch, at_hand: float) -> None:
    """What was read to its end leaves the connection to the next request, soon and later."""
    monkeypatch.setattr("tcpnet.proxy.origin.connector._AT_HAND", at_hand)

    async def answer(exchange: Exchange) -> None:
        await exchange.say(OK)

    async with origin(answer) as site, local() as fetcher:
        for _ in range(5):
            assert await fetch(fetcher, site.url()) == b"ok"

    assert (len(site.heads), site.connections) == (5, 1)


async def test_a_connection_takes_answers_of_all_kinds() -> None:
    """What one answer was says nothing about the next on its connection."""
    said = {
        "/head": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "/length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbytes",
        "/unchanged": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbytes\r\n0\r\n\r\n",
        "/nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
        "/interim": b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    }

    async def answer(exchange: Exchange) -> None:
        await exchange.say(said[exchange.target])

    async with origin(answer) as site, local() as fetcher:
        for target in [*said, *reversed(said)]:
            method = "HEAD" if target == "/head" else "GET"
            expected = b"bytes" if target in ("/length", "/chunks") else b""
            assert await fetch(fetcher, site.url(target), method) == expected, target

    assert site.connections == 1


@pytest.mark.parametrize(("line", "connections"), [(b"\r\n", 1), (b"\n", 3)])
@pytest.mark.parametrize("end", [b"0\r\n", b"5\r\nbytes\r\n0\r\n", b"5\r\nbytes\r\n00;x=y\r\n"])
async def test_the_trailers_of_an_answer_are_not_fields_of_the_next(
    end: bytes, line: bytes, connections: int
) -> None:
    """What followed the chunks of one answer is over with it; after bare LF the connection is."""
    head = line.join((b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", b"", b""))

    async def answer(exchange: Exchange) -> None:
        first = head + end + b"Set-Cookie: a=b\r\n\r\n"
        await exchange.say(first if exchange.target == "/first" else OK)

    async with origin(answer) as site, local() as fetcher:
        for target in ("/first", "/first", "/second", "/second"):
            async with fetcher.send("GET", site.url(target)) as reply:
                await body(reply)
                assert "set-cookie" not in reply.fields.index

    assert site.connections == connections


async def test_an_idle_connection_is_in_nobody_s_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only connections with a request on them count, and one is kept for the next request."""
    monkeypatch.setattr("tcpnet.proxy.origin.fetcher.MAX_CONNECTIONS", 1)

    async def answer(exchange: Exchange) -> None:
        await exchange.say(OK)

    async with origin(answer) as one, origin(answer) as other, local() as fetcher:
        for _ in range(3):
            assert await fetch(fetcher, one.url()) == b"ok"
            assert await fetch(fetcher, other.url()) == b"ok"

    assert (one.connections, other.connections) == (1, 1)


async def test_a_connection_that_ended_meanwhile_is_replaced() -> None:
    """An origin closes an idle connection when it likes."""
    async with origin(OK) as site, local() as fetcher:
        for _ in range(3):
            assert await fetch(fetcher, site.url()) == b"ok"

    assert site.connections == 3


@pytest.mark.parametrize("at_hand", [1.0, 0.0])  # seconds
async def test_a_site_that_forgot_its_connections_is_dialled(
    monkeypatch: pytest.MonkeyPatch, at_hand: float
) -> None:
    """Where one idle connection has ended without a word, the others may have, too."""
    monkeypatch.setattr("tcpnet.proxy.origin.connector._AT_HAND", at_hand)
    all_ask = asyncio.Barrier(3)

    async def answer(exchange: Exchange) -> None:
        if exchange.target == "/first":
            await all_ask.wait()
            await exchange.say(OK)
        elif site.connections == 3:
            exchange.hang_up()
        else:
            await exchange.say(OK)

    async with origin(answer) as site, local() as fetcher:
        await asyncio.gather(*(fetch(fetcher, site.url("/first")) for _ in range(3)))

        assert await fetch(fetcher, site.url("/second")) == b"ok"

    assert site.connections == 4


async def test_a_redirect_is_an_answer() -> None:
    """Who asked decides what follows, so that the cache and the guard see every step."""
    said = b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"
    async with origin(said) as site, local() as fetcher, fetcher.send("GET", site.url()) as reply:
        assert (reply.status, reply.fields.lines[0]) == (302, ("Location", "/other"))

    assert len(site.heads) == 1


async def test_no_cookie_is_kept_for_anybody() -> None:
    """What one person's request brought is not sent with the next one's."""
    said = b"HTTP/1.1 200 OK\r\nSet-Cookie: id=1\r\nContent-Length: 2\r\n\r\nok"
    async with origin(said) as site, local() as fetcher:
        for _ in range(2):
            await fetch(fetcher, site.url())

    assert not any(b"ookie" in head for head in site.heads)


async def test_settings_of_the_environment_do_not_lead_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy named there would dial what the guard here forbids."""
    async with origin(OK) as site, origin(OK) as proxy, local() as fetcher:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        await fetch(fetcher, site.url())

    assert (site.connections, proxy.connections) == (1, 0)


async def test_a_reply_left_in_the_middle_gives_its_connection_up() -> None:
    """Who has read enough leaves, and the origin learns it."""
    gone = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nfirst")
        await exchange.reader.read()
        gone.set()

    async with origin(answer) as site, local() as fetcher:
        async with fetcher.send("GET", site.url()) as reply:
            assert await anext(reply) == b"first"
        async with asyncio.timeout(5):
            await gone.wait()


async def test_a_person_may_stop_waiting() -> None:
    """Cancelling the task that fetches ends the request, in the head and in the body."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        asked.set()
        await exchange.reader.read()
        gone.set()

    async with origin(answer) as site, local() as fetcher:
        task = asyncio.create_task(fetch(fetcher, site.url()))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await gone.wait()


async def test_what_the_caller_raises_passes_through() -> None:
    """An error of the one who reads is no failure of the fetch."""
    async with origin(OK) as site, local() as fetcher:
        with pytest.raises(OSError, match="disk full"):
            async with fetcher.send("GET", site.url()):
                raise OSError("disk full")


async def test_a_slow_reader_gets_all_of_a_large_body() -> None:
    """The origin is held up, not the memory; the end of the connection waits its turn."""
    size = 3 * 1024 * 1024

    async def answer(exchange: Exchange) -> None:
        await exchange.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        await exchange.say(b"x" * size)
        exchange.hang_up()

    largest = total = 0
    async with (
        origin(answer) as site,
        origin(OK) as other,
        local() as fetcher,
        fetcher.send("GET", site.url()) as reply,
    ):
        async for chunk in reply:
            largest, total = max(largest, len(chunk)), total + len(chunk)
            await fetch(fetcher, other.url())  # meanwhile much more could arrive

    assert total == size
    assert largest <= 1024 * 1024


async def test_nothing_is_sent_that_must_not_be() -> None:
    """No connection is made for a target that could carry a second request."""
    async with origin(OK) as site, local() as fetcher:
        with pytest.raises(Unsendable):
            await fetch(fetcher, site.url("/a b"))

    assert site.connections == 0


async def test_a_refused_connection_is_said_to_be() -> None:
    """The words name the host."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with local() as fetcher:
        with pytest.raises(ConnectionFailed, match=r"^127\.0\.0\.1 refused the connection\.$"):
            await fetch(fetcher, f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nA: b", b"HTTP/1.1 200 OK\r\nA: b\r\n"])
async def test_a_connection_that_ends_without_an_answer_is_said_to(said: bytes) -> None:
    """Half a head is no answer."""
    async with origin(said) as site, local() as fetcher:
        with pytest.raises(ConnectionFailed, match="closed the connection without an answer"):
            await fetch(fetcher, site.url(), "POST")

    assert len(site.heads) == 1  # what may have taken effect is not sent again


@RESETS
async def test_a_connection_that_breaks_before_the_answer_is_said_to() -> None:
    """A reset is not an end."""

    async def answer(exchange: Exchange) -> None:
        exchange.reset()

    async with origin(answer) as site, local() as fetcher:
        with pytest.raises(ConnectionFailed, match="broke the connection off"):
            await fetch(fetcher, site.url(), "POST")


def failing(error: OSError) -> Lookup:
    def lookup(host: str, port: int, family: socket.AddressFamily) -> list[AddrInfo]:
        raise error

    return lookup


async def test_a_name_that_does_not_exist_is_said_not_to() -> None:
    """The name service knows that there is none."""
    async with local(lookup=failing(socket.gaierror(socket.EAI_NONAME, "unknown"))) as fetcher:
        with pytest.raises(NameNotFound, match=r"^The name exmaple\.com was not found\.$"):
            await fetch(fetcher, "https://exmaple.com/")


async def test_a_name_service_out_of_reach_is_said_to_be() -> None:
    """Nobody knows whether the name exists."""
    async with local(lookup=failing(socket.gaierror(socket.EAI_AGAIN, "later"))) as fetcher:
        with pytest.raises(LookupFailed, match="could not be looked up: the link may be down"):
            await fetch(fetcher, "https://example.com/")


class Rebinding:
    """A name service that answers with each of its addresses in turn."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked = 0

    def __call__(self, _host: str, port: int, _family: socket.AddressFamily) -> list[AddrInfo]:
        address = self.addresses[min(self.asked, len(self.addresses) - 1)]
        self.asked += 1
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(kind, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))]


async def test_a_name_that_changes_its_address_leads_nowhere_else() -> None:
    """Whatever was answered before, the address that is dialled is the one that was checked."""
    names = Rebinding("8.8.8.8", "127.0.0.1")
    async with origin(OK) as site, Fetcher(Guard(), tls=TLS, lookup=names) as fetcher:
        guard_answers = names("rebind.example", 443, socket.AF_UNSPEC)
        assert guard_answers[0][4][0] == "8.8.8.8"

        with pytest.raises(ForbiddenAddress, match=r"its address 127\.0\.0\.1 is this machine"):
            await fetch(fetcher, site.url(host="rebind.example"))

    assert site.connections == 0


@pytest.mark.parametrize("addresses", [("10.0.0.5",), ("fd00::5",)])
async def test_a_name_with_a_private_address_is_refused_by_its_address(
    addresses: tuple[str, ...],
) -> None:
    """The person reads the address, and the operator the setting."""
    async with Fetcher(Guard(), tls=TLS, lookup=Rebinding(*addresses)) as fetcher:
        with pytest.raises(ForbiddenAddress) as error:
            await fetch(fetcher, "https://intranet.example/")

    assert str(error.value) == (
        f"Fetching intranet.example is refused: its address {addresses[0]} is inside the local "
        "network (the operator can allow it: proxy.allow)."
    )


async def test_a_private_address_is_refused_in_the_words_of_the_manual() -> None:
    """As it is shown to a person."""
    async with Fetcher(Guard(), tls=TLS) as fetcher:
        with pytest.raises(ForbiddenAddress) as error:
            await fetch(fetcher, "http://10.0.0.5/")

    assert str(error.value) == (
        "Fetching 10.0.0.5 is refused: it is inside the local network "
        "(the operator can allow it: proxy.allow)."
    )
    assert (error.value.address, error.value.port, error.value.setting) == (
        "10.0.0.5",
        80,
        "proxy.allow",
    )


SPELLINGS = [
    *("127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "127.0.0.1."),
    *("0x7f.0.0.1", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "2130706433"),
    *("127.0.0.01", "0", "0x0", "00000", "0.0.0.0", "127.0.0.0x1"),
    *("localhost", "LOCALHOST", "localhost.", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]"),
    *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]"),
    *("[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]"),
    *("[2001:0:7f00:1::]", "[fe80::1]", "[fc00::1]", "[fd12:3456::1]", "[fec0::1]", "[ff02::1]"),
    *("[2001:db8::1]", "[fd00:ec2::254]", "10.0.0.1", "10.255.255.255", "172.16.0.1"),
    *("172.31.255.255", "192.168.0.1", "192.168.255.255", "169.254.169.254", "168.63.129.16"),
    *("100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "192.0.2.1", "203.0.113.9"),
    *("198.51.100.7", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "[2002:a00:1::]", "[64:ff9b::169.254.169.254]", "[::ffff:a00:1]"),
]


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_a_host_leads_inside(host: str) -> None:
    """The fetcher alone refuses it, though nobody looked at the address before."""
    async with origin(OK) as site, Fetcher(Guard(), tls=TLS) as fetcher:
        with pytest.raises((ForbiddenAddress, Unsendable, NameNotFound)):
            await fetch(fetcher, site.url(host=host))

    assert site.connections == 0


@pytest.mark.parametrize("port", [22, 25, 79, 1023])
async def test_ports_of_other_services_are_not_asked(port: int) -> None:
    """The refusal says which ports are."""
    async with local() as fetcher:
        with pytest.raises(ForbiddenAddress, match="allowed are 80, 443 and those above 1023"):
            await fetch(fetcher, f"http://127.0.0.1:{port}/")


async def test_the_hub_is_not_fetched_from() -> None:
    """Its own port stays closed, whatever the operator allows."""
    async with origin(OK) as site, local() as fetcher:
        fetcher.guard.own_ports.add(site.port)
        with pytest.raises(ForbiddenAddress, match=r"127\.0\.0\.1 is refused: it is this hub\."):
            await fetch(fetcher, site.url())

    assert site.connections == 0


async def test_a_lookup_without_an_answer_is_given_up() -> None:
    """The words say what took so long."""
    may_end = threading.Event()

    def silent(host: str, port: int, family: socket.AddressFamily) -> list[AddrInfo]:
        may_end.wait(5)
        return []

    async with local(Patience(connect=SHORT), silent) as fetcher:
        try:
            with pytest.raises(TimedOut) as error:
                await fetch(fetcher, "http://slow.example/")
        finally:
            may_end.set()

    assert (
        str(error.value) == f"Looking up the name slow.example took longer than {SHORT:g} seconds."
    )


async def test_a_handshake_without_an_answer_is_given_up() -> None:
    """A listener that never speaks TLS is left when the time for connecting is over."""

    async def answer(exchange: Exchange) -> None:
        raise AssertionError("there is no request in this")

    async with origin(answer) as site, local(Patience(connect=SHORT)) as fetcher:
        with pytest.raises(TimedOut) as error:
            await fetch(fetcher, site.url().replace("http:", "https:"))

    assert error.value.stage is Stage.CONNECT


async def test_an_answer_that_does_not_come_is_given_up() -> None:
    """The site has the request, and is silent."""

    async def answer(exchange: Exchange) -> None:
        await exchange.reader.read()

    async with origin(answer) as site, local(Patience(answer=SHORT)) as fetcher:
        with pytest.raises(TimedOut) as error:
            await fetch(fetcher, site.url())

    assert (
        str(error.value) == f"Waiting for 127.0.0.1 to answer took longer than {SHORT:g} seconds."
    )


async def test_interim_answers_without_end_are_given_up() -> None:
    """They do not make the time begin anew."""

    async def answer(exchange: Exchange) -> None:
        while True:
            await exchange.say(b"HTTP/1.1 100 Continue\r\n\r\n")

    async with origin(answer) as site, local(Patience(answer=SHORT)) as fetcher:
        with pytest.raises(TimedOut) as error:
            await fetch(fetcher, site.url())

    assert error.value.stage is Stage.ANSWER


async def test_a_body_that_stops_coming_is_given_up() -> None:
    """What came is handed on; then the silence is counted."""

    async def answer(exchange: Exchange) -> None:
        await exchange.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await exchange.reader.read()

    async with (
        origin(answer) as site,
        local(Patience(idle=SHORT)) as fetcher,
        fetcher.send("GET", site.url()) as reply,
    ):
        assert await anext(reply) == b"abc"
        with pytest.raises(TimedOut) as error:
            await anext(reply)

    assert error.value.stage is Stage.BODY


async def test_an_origin_that_takes_no_body_is_given_up() -> None:
    """An upload counts the time that the origin takes for a piece."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(65536)

    async def answer(exchange: Exchange) -> None:
        await asyncio.Event().wait()

    async with origin(answer) as site, local(Patience(answer=SHORT)) as fetcher:
        with pytest.raises(TimedOut) as error:
            async with fetcher.send("PUT", site.url(), NO_FIELDS, endless()):
                pass

    assert error.value.stage is Stage.UPLOAD


async def test_the_time_of_a_slow_asker_is_not_the_origin_s() -> None:
    """Somebody on a thin line uploads for as long as it takes."""
    gate = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"a"
        await gate.wait()
        yield b"b"

    async def answer(exchange: Exchange) -> None:
        await exchange.reader.readexactly(len(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"))
        await exchange.say(OK)

    async with origin(answer) as site, local(Patience(answer=3 * SHORT)) as fetcher:
        asyncio.get_running_loop().call_later(6 * SHORT, gate.set)
        async with fetcher.send("PUT", site.url(), NO_FIELDS, slow()) as reply:
            assert await body(reply) == b"ok"


async def test_a_site_has_so_many_connections_and_no_more() -> None:
    """The next request waits for a place, and says so if there is none."""

    async def answer(exchange: Exchange) -> None:
        await exchange.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await exchange.reader.read()

    async with (
        origin(answer) as site,
        local(Patience(connect=5 * SHORT)) as fetcher,
        AsyncExitStack() as open_replies,
    ):
        for _ in range(MAX_CONNECTIONS_A_SITE):
            await open_replies.enter_async_context(fetcher.send("GET", site.url()))
        with pytest.raises(TimedOut) as error:
            await fetch(fetcher, site.url())

    assert error.value.stage is Stage.QUEUE
    assert site.connections == MAX_CONNECTIONS_A_SITE


async def test_a_body_that_its_source_breaks_off_is_not_sent_as_whole() -> None:
    """The origin does not get the last chunk, and the asker an error."""
    got = bytearray()
    done = asyncio.Event()

    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise ConnectionResetError("the asker is gone")

    async def answer(exchange: Exchange) -> None:
        got.extend(await exchange.reader.read())
        done.set()

    async with origin(answer) as site, local() as fetcher:
        with pytest.raises(FetchError):
            async with fetcher.send("PUT", site.url(), NO_FIELDS, broken()):
                pass
        async with asyncio.timeout(5):
            await done.wait()

    assert b"0\r\n\r\n" not in got


async def test_basic_credentials_go_out_at_once() -> None:
    """They take the place of what the asker's fields say."""
    async with origin(OK) as site, local() as fetcher:
        given = Fields((("authorization", "Bearer x"),))
        jose = Credentials("jose", "swordfish")
        async with fetcher.send("GET", site.url(), given, credentials=jose) as reply:
            assert reply.status == 200

    assert site.heads[0].lower().count(b"authorization") == 1
    assert b"Authorization: Basic am9zZTpzd29yZGZpc2g=\r\n" in site.heads[0]


async def test_credentials_that_cannot_be_any_are_not_sent() -> None:
    """A line break in a password would be one in the head."""
    async with origin(OK) as site, local() as fetcher:
        with pytest.raises(UserError):
            async with fetcher.send("GET", site.url(), credentials=Credentials("a:b", "c")):
                pass

    assert site.connections == 0


async def test_a_digest_challenge_is_answered_once() -> None:
    """The second 401 is the answer."""
    said = (
        b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n"
        b'WWW-Authenticate: Basic realm="r"\r\n'
        b'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n\r\nno'
    )

    async def answer(exchange: Exchange) -> None:
        await exchange.reader.readexactly(3)
        await exchange.say(said)

    async with origin(answer) as site, local() as fetcher:
        jose = Credentials("jose", "swordfish")
        async with fetcher.send(
            "POST", site.url("/x?y"), NO_FIELDS, b"a=1", credentials=jose
        ) as reply:
            assert (reply.status, await body(reply)) == (401, b"no")

    assert len(site.heads) == 2
    assert b"Authorization: Digest " in site.heads[1]
    assert b'uri="/x?y"' in site.heads[1]
    assert b"Content-Length: 3\r\n" in site.heads[1]


async def test_a_stream_is_not_sent_twice() -> None:
    """It is gone after the first time, so the 401 is the answer."""

    async def stream() -> AsyncIterator[bytes]:
        yield b"a"

    said = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\n\r\n'
    async with origin(said) as site, local() as fetcher:
        jose = Credentials("jose", "swordfish")
        async with fetcher.send("POST", site.url(), NO_FIELDS, stream(), credentials=jose) as reply:
            assert reply.status == 401

    assert len(site.heads) == 1


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it does not speak TLS on this port"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "it speaks only TLS versions that are no longer safe"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "the two ends could not agree"),
    ],
)
async def test_tls_that_does_not_come_about_has_a_reason(said: bytes, reason: str) -> None:
    """No TLS at all, and the alerts 70 and 40 (RFC 8446 §6.2)."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(said)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server, local() as fetcher:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TlsFailed) as error:
            await fetch(fetcher, f"https://127.0.0.1:{port}/")

    assert str(error.value) == f"No secure connection to 127.0.0.1: {reason}."


async def test_the_way_to_a_site_is_found_without_asking_it() -> None:
    """The address that the origin would see, and no connection."""
    async with origin(OK) as site, local() as fetcher:
        assert await fetcher.own_address(site.url()) == "127.0.0.1"

    assert site.connections == 0


async def test_without_a_name_service_an_address_of_this_machine_is_shown() -> None:
    """The person reads something true while the link is down."""
    async with local(lookup=failing(socket.gaierror(socket.EAI_AGAIN, "later"))) as fetcher:
        own = await fetcher.own_address("https://example.com/")

    assert ip_address(own) in local_addresses()

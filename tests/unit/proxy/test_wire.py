"""Heads on the wire: what leaves, what comes in, and what is refused both ways."""

import pytest
from aiohttp.http_exceptions import LineTooLong

from tcpnet.proxy.entry import NO_FIELDS, Fields
from tcpnet.proxy.failures import MalformedAnswer, Unsendable
from tcpnet.proxy.origin.wire import flaw, incoming, request, target
from tests.unit.proxy.messages import fields

URL = "https://example.com/"


def lines(method: str, given: Fields, length: int | None = 0) -> list[bytes]:
    """The fields of a request that leaves for example.com."""
    first, host, *rest = request(method, "/", "example.com", given, length=length).split(b"\r\n")
    assert (first, host) == (b"%b / HTTP/1.1" % method.encode(), b"Host: example.com")
    assert rest[-2:] == [b"", b""]
    return rest[:-2]


def test_fields_leave_as_they_are() -> None:
    """Lines stay apart and in order, in the case in which they came."""
    given = fields(["x-dup: a", "Other: 1", "X-Dup: b", "X-DUP: c"])

    assert lines("GET", given) == [b"x-dup: a", b"Other: 1", b"X-Dup: b", b"X-DUP: c"]


def test_what_belongs_to_one_connection_does_not_leave() -> None:
    """Hop-by-hop fields end here, and the URL alone decides the host (RFC 9110 §7.6.1)."""
    given = fields(
        [
            *("Host: other.example", "Connection: close, X-Mine", "X-Mine: 1", "TE: trailers"),
            *("Proxy-Authorization: Basic x", "Upgrade: h2c", "Transfer-Encoding: chunked"),
            "A: 1",
        ]
    )

    assert lines("GET", given) == [b"A: 1"]


@pytest.mark.parametrize(
    ("method", "length", "said", "sent"),
    [
        ("GET", 0, "Content-Length: 3", []),
        ("GET", 2, "Content-Length: 3", [b"Content-Length: 2"]),
        ("POST", 0, "Content-Length: 3", [b"Content-Length: 0"]),
        ("POST", None, "Content-Length: 3", [b"Content-Length: 3"]),
        ("POST", None, "Transfer-Encoding: gzip", [b"Transfer-Encoding: chunked"]),
    ],
)
def test_the_length_of_a_body_is_taken_over_only_where_nobody_else_knows_it(
    method: str, length: int | None, said: str, sent: list[bytes]
) -> None:
    """A stream's length is the asker's word; bytes are counted when they are sent."""
    assert lines(method, fields([said]), length) == sent


def test_letters_beyond_ascii_leave_as_the_bytes_they_came_as() -> None:
    """Fields hold any bytes as latin-1, UTF-8 or not (RFC 9110 §5.5)."""
    assert lines("GET", Fields((("X", "ü".encode().decode("latin-1")),))) == [b"X: \xc3\xbc"]
    assert lines("GET", Fields((("X", "\xfc"),))) == [b"X: \xfc"]
    with pytest.raises(Unsendable):
        lines("GET", Fields((("X", "\u20ac"),)))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://example.com", "/"),
        ("http://example.com/", "/"),
        ("http://example.com?", "/?"),
        ("http://example.com/a?b=c?", "/a?b=c?"),
        ("http://example.com/..//%2f?", "/..//%2f?"),
    ],
)
def test_an_address_goes_out_byte_for_byte(url: str, path: str) -> None:
    """Only a path that is missing becomes one (RFC 9112 §3.2.1)."""
    assert target("GET", url) == ("http://example.com", path)


@pytest.mark.parametrize(
    ("method", "url", "name", "value"),
    [
        ("GET /x HTTP/1.1\r\nA: b\r\n\r\nGET", URL, "A", "b"),
        ("", URL, "A", "b"),
        ("GE T", URL, "A", "b"),
        ("CONNECT", URL, "A", "b"),
        ("GET", "https://example.com/a b", "A", "b"),
        ("GET", "https://example.com/\r\nA:%20b", "A", "b"),
        ("GET", "https://example.com/ü", "A", "b"),
        ("GET", "https://example.com/#x", "A", "b"),
        ("GET", "ftp://example.com/", "A", "b"),
        ("GET", "/relative", "A", "b"),
        ("GET", "https://[::1/", "A", "b"),
        ("GET", "https:///path", "A", "b"),
        ("GET", "https://example.com:99999/", "A", "b"),
        ("GET", "https://ann:secret@example.com/", "A", "b"),
        ("GET", URL, "A b", "c"),
        ("GET", URL, "A:", "c"),
        ("GET", URL, "", "c"),
        ("GET", URL, "A\r\nB", "c"),
        ("GET", URL, "A", "b\r\nC: d"),
        ("GET", URL, "A", "b\nC: d"),
        ("GET", URL, "A", "b\rC: d"),
        ("GET", URL, "A", "b\x00"),
        ("GET", URL, "A", "\x1b[2J"),
    ],
)
def test_nothing_leaves_that_could_be_read_as_a_second_request(
    method: str, url: str, name: str, value: str
) -> None:
    """Method, target, names and values are checked here, since the library checks not all."""
    with pytest.raises(Unsendable):
        request(method, target(method, url)[1], "example.com", Fields(((name, value),)), length=0)


def test_fields_come_in_as_they_were_sent() -> None:
    """Case, order, duplicates and bytes beyond ASCII are kept; control characters are not."""
    raw = [(b"Set-Cookie", b"a=1"), (b"X-Odd", b"o\x01n\x1be\t\xfc"), (b"set-cookie", b"b=2")]

    assert incoming(raw).lines == (
        ("Set-Cookie", "a=1"),
        ("X-Odd", "o n e\t\xfc"),
        ("set-cookie", "b=2"),
    )


@pytest.mark.parametrize("version", [(0, 9), (1, 2), (2, 0)])
def test_an_answer_in_another_version_is_malformed(version: tuple[int, int]) -> None:
    """Over a connection of HTTP/1 nothing else is spoken."""
    assert isinstance(flaw("h", version, 200, NO_FIELDS), MalformedAnswer)


@pytest.mark.parametrize("status", [0, 99, 101, 103, 199])
def test_an_answer_that_is_none_is_malformed(status: int) -> None:
    """Nobody asked for another protocol, and an interim answer is not the last."""
    assert isinstance(flaw("h", (1, 1), status, NO_FIELDS), MalformedAnswer)


@pytest.mark.parametrize(
    ("coding", "passes"),
    [("chunked", True), ("Chunked", True), ("gzip, chunked", False), ("identity", False)],
)
def test_no_transfer_coding_but_chunks_is_passed_on(coding: str, passes: bool) -> None:
    """Nobody undoes another one, so the body would be passed on as what it is not."""
    assert (flaw("h", (1, 1), 200, Fields((("transfer-encoding", coding),))) is None) == passes


def test_a_head_has_a_largest_size() -> None:
    """64 KiB, though each line may be shorter than its own limit."""
    large = [(b"X-%d" % number, b"x" * 8000) for number in range(9)]

    with pytest.raises(LineTooLong):
        incoming(large)
    assert len(incoming(large[:7]).lines) == 7

"""Heads on the wire: what leaves, what comes in, and what is refused both ways."""

import pytest

from tcpnet.proxy.failures import HeadTooLarge, MalformedAnswer, Unsendable
from tcpnet.proxy.origin.wire import flaw, incoming, outgoing, target
from tests.unit.proxy.messages import fields

URL = "https://example.com/"


def test_fields_of_one_name_get_one_spelling_and_none_is_lost() -> None:
    """Lines stay apart and in order; only the case of the name changes."""
    given = fields(["x-dup: a", "Other: 1", "X-Dup: b", "X-DUP: c"])

    assert outgoing("GET", given, streams=False) == [
        ("x-dup", "a"),
        ("Other", "1"),
        ("x-dup", "b"),
        ("x-dup", "c"),
    ]


def test_what_belongs_to_one_connection_does_not_leave() -> None:
    """Hop-by-hop fields end here, and the URL alone decides the host (RFC 9110 §7.6.1)."""
    given = fields(
        [
            *("Host: other.example", "Connection: close, X-Mine", "X-Mine: 1", "TE: trailers"),
            *("Proxy-Authorization: Basic x", "Upgrade: h2c", "Transfer-Encoding: chunked"),
            "A: 1",
        ]
    )

    assert outgoing("GET", given, streams=False) == [("A", "1")]


def test_the_length_of_a_body_is_taken_over_only_where_nobody_else_knows_it() -> None:
    """A stream's length is the asker's word; bytes are counted when they are sent."""
    given = fields(["Content-Length: 3"])

    assert outgoing("POST", given, streams=True) == [("Content-Length", "3")]
    assert outgoing("POST", given, streams=False) == []


def test_letters_beyond_ascii_leave_as_the_bytes_they_came_as() -> None:
    """The sender writes UTF-8: what was UTF-8 is decoded first, so that it is the same again."""
    came = "ü".encode().decode("latin-1")

    assert outgoing("GET", (("X", came),), streams=False) == [("X", "ü")]
    assert outgoing("GET", (("X", "\xfc"),), streams=False) == [("X", "\xfc")]


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
        target(method, url), outgoing(method, ((name, value),), streams=False)


def test_fields_come_in_as_they_were_sent() -> None:
    """Case, order, duplicates and bytes beyond ASCII are kept; control characters are not."""
    raw = [(b"Set-Cookie", b"a=1"), (b"X-Odd", b"o\x01n\x1be\t\xfc"), (b"set-cookie", b"b=2")]

    assert incoming(raw) == (
        ("Set-Cookie", "a=1"),
        ("X-Odd", "o n e\t\xfc"),
        ("set-cookie", "b=2"),
    )


@pytest.mark.parametrize("version", [(0, 9), (1, 2), (2, 0)])
def test_an_answer_in_another_version_is_malformed(version: tuple[int, int]) -> None:
    """Over a connection of HTTP/1 nothing else is spoken."""
    assert isinstance(flaw("h", version, 200, ()), MalformedAnswer)


@pytest.mark.parametrize("status", [0, 99, 101, 103, 199])
def test_an_answer_that_is_none_is_malformed(status: int) -> None:
    """Nobody asked for another protocol, and an interim answer is not the last."""
    assert isinstance(flaw("h", (1, 1), status, ()), MalformedAnswer)


@pytest.mark.parametrize(
    ("coding", "passes"),
    [("chunked", True), ("Chunked", True), ("gzip, chunked", False), ("identity", False)],
)
def test_no_transfer_coding_but_chunks_is_passed_on(coding: str, passes: bool) -> None:
    """Nobody undoes another one, so the body would be passed on as what it is not."""
    assert (flaw("h", (1, 1), 200, (("transfer-encoding", coding),)) is None) == passes


def test_a_head_has_a_largest_size() -> None:
    """64 KiB, though each line may be shorter than its own limit."""
    large = tuple((f"X-{number}", "x" * 8000) for number in range(9))

    assert isinstance(flaw("h", (1, 1), 200, large), HeadTooLarge)
    assert flaw("h", (1, 0), 200, large[:7]) is None

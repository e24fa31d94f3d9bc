"""Heads of requests: what is read, and what is refused with which status."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.proxy.port import framing, heads
from tcpnet.proxy.port.refusals import Malformed, Refused

GET = b"GET http://example.com/a HTTP/1.1\r\n"
HOST = b"Host: example.com\r\n"

REFUSED = [
    (b"GET http://a/ HTTP/1.1\nHost: a\n\n", 400),
    (b"GET http://a/ HTTP/1.1\r\nHost: a\r\nX: 1\nY: 2\r\n\r\n", 400),
    (b"GET http://a/ HTTP/1.1\r\nHost: a\r\nX: 1\rY: 2\r\n\r\n", 400),
    (b"GET http://a/ HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", 400),
    (b"GET http://a/ HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400),
    (b"GET http://a/ HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n", 400),
    (b"GET http://a/ HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    (b"GET http://a/ HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    (b"GET http://a/ HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n", 400),
    (b"GET http://a/ HTTP/1.1\r\nHost: a\r\n: nameless\r\n\r\n", 400),
    (b"GET http://a/ HTTP/1.1\r\nHost: a\r\nN\xc3\xa4me: 1\r\n\r\n", 400),
    (b"GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET http://a/ HTTP/1.1\r\n\r\n", 400),
    (b"GET  http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET http://a/ x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET http://a/\tx HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET http://a/\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET http://a/\r HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"G(T http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET http://a/ HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    (b"GET http://a/ http/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET http://a/\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 400),
    (b"GET http://a/ HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    (b"GET http://a/" + b"a" * 8200 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (b"GET http://a/" + b"a" * 9000, 414),
    (GET + HOST + b"X: " + b"a" * 33_000 + b"\r\n\r\n", 431),
    (GET + HOST + b"X: " + b"a" * 33_000, 431),
    (GET + HOST + b"X: 1\r\n" * 100 + b"\r\n", 431),
]


@pytest.mark.parametrize(("data", "status"), REFUSED)
def test_what_is_not_http_is_refused(data: bytes, status: int) -> None:
    """RFC 9112 §2.2, §3, §5: also where lenient programs would guess."""
    with pytest.raises(Malformed) as refused:
        heads.parse(data)

    assert refused.value.status == status
    assert refused.value.final


@pytest.mark.parametrize("size", range(len(GET + HOST + b"X-A: 1\r\n\r\n")))
def test_a_head_that_is_not_all_there_is_waited_for(size: int) -> None:
    """Wherever the bytes were cut."""
    assert heads.parse((GET + HOST + b"X-A: 1\r\n\r\n")[:size]) is None


def test_a_head_is_read_as_it_was_written() -> None:
    """Case, order and duplicates of fields are kept; blanks around values are not."""
    lines = b"hOST: a\r\nX-A: \t1 2 \r\nx-a:\xe9\r\nEmpty:\r\n\r\n"
    data = b"POST http://a/b?c=%2F HTTP/1.1\r\n" + lines + b"rest"

    found = heads.parse(b"..." + data, 3)

    assert found is not None
    head, end = found
    assert end == 3 + len(data) - len(b"rest")
    assert (head.method, head.target, head.is_1_1) == ("POST", "http://a/b?c=%2F", True)
    assert head.fields.lines == (("hOST", "a"), ("X-A", "1 2"), ("x-a", "é"), ("Empty", ""))
    assert head.fields.index == {"host": "a", "x-a": "1 2, é", "empty": ""}


@pytest.mark.parametrize(
    ("version", "field", "keeps"),
    [
        ("1.1", "X: y", True),
        ("1.1", "Connection: close", False),
        ("1.1", "Connection: TE, Close", False),
        ("1.1", "Proxy-Connection: close", False),
        ("1.0", "X: y", False),
        ("1.0", "Connection: Keep-Alive", True),
        ("1.0", "Proxy-Connection: keep-alive", True),
    ],
)
def test_the_client_says_whether_it_comes_again(version: str, field: str, keeps: bool) -> None:
    """RFC 9112 §9.3."""
    found = heads.parse(f"GET http://a/ HTTP/{version}\r\nHost: a\r\n{field}\r\n\r\n".encode())

    assert found is not None
    assert found[0].keeps_alive is keeps


@given(st.binary(max_size=300))
def test_any_bytes_are_read_waited_for_or_refused(data: bytes) -> None:
    """Nothing else happens, whatever comes."""
    try:
        found = heads.parse(GET + data)
    except Refused:
        return
    assert found is None or found[1] <= len(GET + data)


def test_a_bad_line_is_shown_as_text() -> None:
    """As it was sent, made harmless, in nobody's programming language."""
    with pytest.raises(Malformed) as refused:
        heads.parse(GET + HOST + b"X\xe9 : \x1b[31m\r\n\r\n")

    assert str(refused.value).endswith("that is not valid: 'X\\xe9 : \\x1b[31m'.")


SMUGGLING = [
    (b"Content-Length: 3\r\nTransfer-Encoding: chunked", 400),
    (b"Content-Length: 3\r\nContent-Length: 3", 400),
    (b"Content-Length: 3\r\nContent-Length: 4", 400),
    (b"Content-Length: 3, 3", 400),
    (b"Content-Length: +3", 400),
    (b"Content-Length: -3", 400),
    (b"Content-Length: 0x3", 400),
    (b"Content-Length: 3 4", 400),
    (b"Content-Length:", 400),
    (b"Content-Length: 3.0", 400),
    (b"Content-Length: \xb2", 400),
    (b"Content-Length: " + b"9" * 30, 400),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
    (b"Transfer-Encoding: chunked, chunked", 400),
    (b"Transfer-Encoding: chunked, identity", 400),
    (b"Transfer-Encoding: identity", 400),
    (b"Transfer-Encoding: xchunked", 400),
    (b"Transfer-Encoding: \x0bchunked", 400),
    (b'Transfer-Encoding: "chunked"', 400),
    (b"Transfer-Encoding: chunked;a=b", 400),
    (b"Transfer-Encoding:", 400),
    (b"Transfer-Encoding: gzip", 400),
    (b"Transfer-Encoding: gzip, chunked", 501),
]


@pytest.mark.parametrize(("fields", "status"), SMUGGLING)
def test_two_opinions_of_where_a_body_ends_are_refused(fields: bytes, status: int) -> None:
    """RFC 9112 §6.3: one program's body is the next one's request."""
    data = b"POST http://a/ HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n\r\n"

    with pytest.raises(Malformed) as refused:
        framing.of(_parsed(data))

    assert refused.value.status == status


def test_http_1_0_has_no_chunks() -> None:
    """RFC 9112 §6.1: what such a client sends is faulty framing."""
    data = b"POST http://a/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"

    with pytest.raises(Malformed):
        framing.of(_parsed(data))


def _parsed(data: bytes) -> heads.RequestHead:
    found = heads.parse(data)
    assert found is not None
    return found[0]


BAD_CHUNKS = [
    b"5\nhello\r\n",
    b"5\r\nhelloo\r\n0\r\n\r\n",
    b"5\r\nhello\n0\r\n\r\n",
    b"-5\r\nhello\r\n",
    b"+5\r\nhello\r\n",
    b"0x5\r\nhello\r\n",
    b"5 \r\nhello\r\n",
    b" 5\r\nhello\r\n",
    b"\r\n",
    b"g\r\n",
    b"5;a\nb\r\nhello\r\n",
    b"5;\x00\r\nhello\r\n",
    b"f" * 17 + b"\r\n",
    b"5;" + b"a" * 5000,
    b"0\r\nno trailer\r\n\r\n",
    b"0\r\n X: folded\r\n\r\n",
    b"0\r\n" + b"X: 1\r\n" * 100 + b"\r\n",
]


@pytest.mark.parametrize("data", BAD_CHUNKS)
@pytest.mark.parametrize("step", [1, 3, 10_000])
def test_chunks_that_break_the_grammar_are_refused(data: bytes, step: int) -> None:
    """RFC 9112 §7.1, however the bytes come."""
    with pytest.raises(Malformed):
        _fed(framing.Chunked(), data, step)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_chunks_are_taken_apart(step: int) -> None:
    """Extensions and trailers are read and left out; what follows is not touched."""
    data = b'5;a="b"\r\nhello\r\nA\r\n, you all!\r\n000\r\nX: 1\r\n\r\nGET '

    body, rest = _fed(framing.Chunked(), data, step)

    assert (body, rest) == (b"hello, you all!", b"GET ")


@given(st.lists(st.binary(min_size=1, max_size=50)), st.binary(max_size=10), st.integers(1, 40))
def test_what_was_chunked_comes_out_again(pieces: list[bytes], rest: bytes, step: int) -> None:
    """In any pieces."""
    data = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)

    assert _fed(framing.Chunked(), data + b"0\r\n\r\n" + rest, step) == (b"".join(pieces), rest)


@given(st.binary(max_size=100), st.integers(1, 20))
def test_any_bytes_are_chunks_or_refused(data: bytes, step: int) -> None:
    """Nothing else happens, whatever comes."""
    try:
        body, _ = _fed(framing.Chunked(), data, step)
    except Malformed:
        return
    assert len(body) <= len(data)


def test_a_counted_body_ends_where_it_says() -> None:
    """What follows is the next request."""
    assert _fed(framing.Counted(5), b"helloGET ", 2) == (b"hello", b"GET ")


def _fed(framed: framing.Framing, data: bytes, step: int) -> tuple[bytes, bytes]:
    body, held = b"", b""
    for start in range(0, len(data), step):
        held += data[start : start + step]
        if not framed.ended:
            pieces, held = framed.feed(held)
            body += b"".join(pieces)
    return body, held

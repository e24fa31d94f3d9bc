"""Targets: what people type, and the one address that is made of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from tcpnet.errors import UserError
from tcpnet.proxy.targets import Target, checked, read, typed


@pytest.mark.parametrize(
    ("line", "method", "url", "assumed"),
    [
        ("GET https://example.com", "GET", "https://example.com/", False),
        ("get https://example.com/a", "GET", "https://example.com/a", False),
        ("  Head   http://example.com  ", "HEAD", "http://example.com/", False),
        ("POST http://httpbin.org/post", "POST", "http://httpbin.org/post", False),
        (
            "GET www.example.com?name=Jose&lastname=Ortiz",
            "GET",
            "https://www.example.com/?name=Jose&lastname=Ortiz",
            True,
        ),
    ],
)
def test_a_method_and_an_address_are_read(line: str, method: str, url: str, assumed: bool) -> None:
    """Case and blanks around do not matter; what was assumed is said."""
    assert read(line) == Target(method, url, assumed)


@pytest.mark.parametrize(
    "line", ["", "GET", "GET ", "https://example.com", "PUT https://a.example"]
)
def test_anything_else_is_answered_with_the_right_form(line: str) -> None:
    """One sentence shows what to write."""
    with pytest.raises(UserError, match="GET, HEAD or POST and an address, as in: GET https://"):
        read(line)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("HTTPS://Example.COM", "https://example.com/"),
        ("http://example.com:80/", "http://example.com/"),
        ("https://example.com:443", "https://example.com/"),
        ("https://example.com:/", "https://example.com/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("https://example.com:8443/x", "https://example.com:8443/x"),
        ("https://example.com/#top", "https://example.com/"),
        ("https://example.com#top", "https://example.com/"),
        ("https://example.com#@other.example/", "https://example.com/"),
        ("https://example.com?q#top?x", "https://example.com/?q"),
        ("https://example.com./", "https://example.com./"),
        ("https://a_b.example/", "https://a_b.example/"),
        ("https://1.2.3.4/", "https://1.2.3.4/"),
        ("https://3com.example/", "https://3com.example/"),
        ("https://[2606:4700::1111]:8080/x", "https://[2606:4700::1111]:8080/x"),
        # every byte of path and query stays as it is
        ("https://h.example/A%2fb/../c//d", "https://h.example/A%2fb/../c//d"),
        ("https://h.example/a;b=1?x=[1]&y={z}|^`", "https://h.example/a;b=1?x=[1]&y={z}|^`"),
        ("https://h.example/%zz%", "https://h.example/%zz%"),
        ("https://h.example/a\\b", "https://h.example/a\\b"),
        ("https://h.example/http://x.example/@:1", "https://h.example/http://x.example/@:1"),
        # letters beyond ASCII
        ("https://Bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://日本語.example:8080/", "https://xn--wgv71a119e.example:8080/"),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://h.example/wiki/Zürich?q=é", "https://h.example/wiki/Z%C3%BCrich?q=%C3%A9"),
        ("https://ⓔⓧample。com/", "https://example.com/"),
    ],
)
def test_an_address_has_one_spelling(address: str, url: str) -> None:
    """Scheme, host and port in one form; path and query byte for byte."""
    assert typed(address) == (url, False)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("example.com", "https://example.com/"),
        ("example.com:8080/x", "https://example.com:8080/x"),
        (
            "example.com/go?to=http://other.example/",
            "https://example.com/go?to=http://other.example/",
        ),
        ("localhost:8000", "https://localhost:8000/"),
        ("[::1]:8000", "https://[::1]:8000/"),
        ("10.0.0.5", "https://10.0.0.5/"),
        ("bücher.example", "https://xn--bcher-kva.example/"),
    ],
)
def test_a_missing_scheme_is_assumed_to_be_https(address: str, url: str) -> None:
    """A name alone is enough, and the caller learns that something was assumed."""
    assert typed(address) == (url, True)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("https://example.com/a b", "%20"),
        ("https://example.com/\ta", "%20"),
        ("https://exa\nmple.com/", "%20"),
        ("https://example.com/\u00a0a", "%20"),
        ("https://example.com/\x00", "blanks"),
        ("https://example.com/\x7f", "blanks"),
        ("https://example.com/\x1b[2J", "blanks"),
        ("ftp://example.com/", "Only http:// and https://"),
        ("file:///etc/passwd", "Only http:// and https://"),
        ("gopher://example.com/", "Only http:// and https://"),
        ("javascript:alert(1)", "not a host name"),
        ("mailto:ann@example.com", "password"),
        ("http:/example.com", "two slashes"),
        ("https:example.com", "two slashes"),
        ("https:///path", "not a host name"),
        ("https://", "not a host name"),
        ("https://?q", "not a host name"),
        ("//example.com/", "not a host name"),
        ("/etc/passwd", "not a host name"),
        ("https://ann:secret@example.com/", "password"),
        ("https://example.com@10.0.0.5/", "password"),
        ("https://example.com\\@10.0.0.5/", "password"),
        ("https://example.com:0/", "port"),
        ("https://example.com:65536/", "port"),
        ("https://example.com:http/", "host name"),
        ("https://example.com:80:80/", "host name"),
        ("https://exa%6dple.com/", "name|IPv6"),
        ("https://exa$mple.com/", "name|IPv6"),
        ("https://a..example/", "name|IPv6"),
        ("https://.example/", "name|IPv6"),
        (f"https://{'a' * 64}.example/", "name|IPv6"),
        (f"https://{'a.' * 127}example/", "name|IPv6"),
        ("https://℀.example/", "name|IPv6"),
        ("https://\u00ad.example/", "name|IPv6"),
        (f"https://example.com/{'x' * 9000}", "longer"),
        # numbers that some programs read as an address
        ("http://2130706433/", "four decimal numbers"),
        ("http://127.1/", "four decimal numbers"),
        ("http://0x7f.0.0.1/", "four decimal numbers"),
        ("http://0x7f000001/", "four decimal numbers"),
        ("http://0177.0.0.1/", "four decimal numbers"),
        ("http://127.0.0.01/", "four decimal numbers"),
        ("http://127.0.0.1./", "four decimal numbers"),
        ("http://256.0.0.1/", "four decimal numbers"),
        ("http://1.2.3.4.5/", "four decimal numbers"),
        ("http://0/", "four decimal numbers"),
        ("http://example.0x/", "four decimal numbers"),
        ("http://②①③⓪⑦⓪⑥④③③/", "four decimal numbers"),
        # IPv6
        ("http://[::1/", "name|IPv6"),
        ("http://::1/", "name|IPv6"),
        ("http://[]/", "name|IPv6"),
        ("http://[1]/", "IPv6"),
        ("http://[fe80::1%25lo]/", "name|IPv6"),
        ("http://[127.0.0.1]/", "IPv6"),
        ("http://[v1.x]/", "name|IPv6"),
    ],
)
def test_what_is_no_single_certain_address_is_refused_with_a_reason(
    address: str, reason: str
) -> None:
    """Whatever two programs could read differently is not read at all."""
    with pytest.raises(UserError, match=reason):
        typed(address)


@given(st.text(max_size=40))
def test_no_text_makes_an_address_that_could_break_a_request(text: str) -> None:
    """Whatever is typed, the result is visible ASCII without a fragment, and stays as it is."""
    try:
        url, _ = typed(text)
    except UserError:
        return
    assert url.startswith(("http://", "https://"))
    assert all("!" <= letter <= "~" for letter in url)
    assert "#" not in url
    assert checked(url) == url


@given(st.from_regex(r"https?://[a-z0-9.-]{1,20}(:[0-9]{1,5})?(/[!-\"$-~]*)?", fullmatch=True))
def test_what_is_checked_is_what_is_dialled_and_sent(url: str) -> None:
    """The library that sends it sees the host, the port and the bytes that were checked."""
    try:
        url = checked(url)
    except UserError:
        return
    parsed = URL(url, encoded=True)
    authority, _, target = url.partition("://")[2].partition("/")
    host, _, port = authority.partition(":")

    assert (parsed.raw_host, parsed.explicit_port) == (host, int(port) if port else None)
    assert parsed.raw_path_qs.rstrip("?") == f"/{target}".rstrip("?")

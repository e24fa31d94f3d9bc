"""Addresses of pages: one spelling for each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.errors import UserError
from tcpnet.proxy.urls import MAX_URL, normalised, origin, resolved, site


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://EXAMPLE.com/A", "https://example.com/A"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("http://example.com:80", "http://example.com/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("http://example.com:08080/", "http://example.com:8080/"),
        ("http://example.com:/", "http://example.com/"),
        (
            "https://example.com?name=Jose&lastname=Ortiz",
            "https://example.com/?name=Jose&lastname=Ortiz",
        ),
        ("https://example.com/a?", "https://example.com/a?"),
        ("https://example.com/a#b", "https://example.com/a"),
        ("https://example.com#b", "https://example.com/"),
        ("https://example.com/%7e/%7E/../a//b/.", "https://example.com/%7e/%7E/../a//b/."),
        ("https://example.com/a+b?c=[1]&d={2}|\\", "https://example.com/a+b?c=[1]&d={2}|\\"),
        ("https://example.com/Käse?ü=ß", "https://example.com/K%C3%A4se?%C3%BC=%C3%9F"),
        ("https://example.com/a?b=http://c/d", "https://example.com/a?b=http://c/d"),
        ("http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080/"),
        ("http://192.0.2.1/", "http://192.0.2.1/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://a_b.example./", "https://a_b.example./"),
    ],
)
def test_an_address_has_one_spelling(url: str, expected: str) -> None:
    """Scheme, host and port are normalised, path and query keep their bytes."""
    assert normalised(url) == expected
    assert normalised(expected) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https:/example.com",
        "https:///a",
        "https://?a",
        "https://:80/",
        "https://a b/",
        "https://example.com/a b",
        "https://example.com/a\tb",
        "https://example.com/\r\nHost: x",
        "https://example.com/\x00",
        "https://example.com/\x7f",
        "https://example.com/\u0085",
        "https://example.com/\udcff",
        " https://example.com/",
        "https://example.com/ ",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://@example.com/",
        "https://example.com@evil.example/",
        "https://example.com\\@evil.example/",
        "https://example.com:port/",
        "https://example.com:-1/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:1000000/",
        "https://example.com:٨٠/",
        "https://ex%61mple.com/",
        "https://bücher.example/",
        "https://[::1/",
        "https://::1/",
        "https://[fe80::1%25eth0]/",
        "https://exam<ple.com/",
    ],
)
def test_what_is_no_such_address_is_refused_in_words(url: str) -> None:
    """Nothing that could be read in two ways passes."""
    with pytest.raises(UserError):
        normalised(url)


def test_an_address_has_a_bounded_length() -> None:
    """The bound counts what goes on the wire."""
    fits = "https://example.com/" + "a" * (MAX_URL - 20)

    assert normalised(fits) == fits
    with pytest.raises(UserError, match="longer than 8190"):
        normalised(fits + "a")


@given(st.text(max_size=40))
def test_a_normalised_address_holds_visible_ascii_alone(rest: str) -> None:
    """Whatever comes in, what goes out can stand in a request line."""
    try:
        url = normalised(f"https://example.com/{rest}")
    except UserError:
        return
    assert url.isascii()
    assert all("!" <= mark <= "~" for mark in url)
    assert "#" not in url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/", "https://example.com"),
        ("https://example.com/a/b?c=//d", "https://example.com"),
        ("http://[2001:db8::1]:8080/a", "http://[2001:db8::1]:8080"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, expected: str) -> None:
    """The unit of RFC 9110 §4.3.1."""
    assert origin(url) == expected


@pytest.mark.parametrize("port", [80, 8080])
@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_the_site_of_a_hub_is_spelt_like_any_other(address: str, port: int) -> None:
    """Or a hub on port 80 would not know that it is asked for itself."""
    assert normalised(f"{site(address, port)}/") == f"{site(address, port)}/"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("/x", "https://example.com/x"),
        ("/x//y", "https://example.com/x//y"),
        ("x", "https://example.com/a/x"),
        ("../x", "https://example.com/x"),
        ("?x", "https://example.com/a/b?x"),
        ("//other.example", "https://other.example/"),
        ("http://other.example/y", "http://other.example/y"),
        ("mailto:x@example.com", None),
        ("https://[::1", None),
        ("x y", None),
    ],
)
def test_a_reference_is_read_from_where_it_stood(reference: str, expected: str | None) -> None:
    """What means no page means nothing."""
    assert resolved("https://example.com/a/b?c", reference) == expected

"""Redirects: which request follows which answer."""

import pytest

from tcpnet.proxy.entry import NO_FIELDS, Credentials, Fields, PageRequest
from tcpnet.proxy.failures import BadRedirect, TooManyRedirects
from tcpnet.proxy.redirects import LIMIT, next_hop
from tests.unit.proxy.messages import fields

HERE = "https://a.example/b/c/d;p?q"
JOSE = Credentials("jose", "swordfish")


def to(location: str) -> Fields:
    return Fields((("Location", location),))


def onward(request: PageRequest, status: int, location: str) -> PageRequest:
    hop = next_hop(request, status, to(location))
    assert hop is not None
    return hop.request


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_get_is_followed(status: int) -> None:
    """Every redirect leads a GET on, with its own fields."""
    request = PageRequest("GET", HERE, fields(["Accept: text/html"]))

    followed = onward(request, status, "https://b.example/")

    assert (followed.method, followed.url) == ("GET", "https://b.example/")
    assert followed.fields == request.fields


@pytest.mark.parametrize("status", [200, 300, 304, 305, 306, 309, 404])
def test_other_answers_are_the_last(status: int) -> None:
    """A Location elsewhere is information, or belongs to a choice nobody has made."""
    assert next_hop(PageRequest("GET", HERE), status, to("/x")) is None


def test_a_redirect_without_a_location_is_the_last_answer() -> None:
    """There is nowhere to go (RFC 9110 §15.4)."""
    assert next_hop(PageRequest("GET", HERE), 302, NO_FIELDS) is None


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS"])
def test_a_head_and_rarer_methods_are_not_followed(method: str) -> None:
    """A HEAD shows the redirect itself."""
    assert next_hop(PageRequest(method, HERE), 301, to("/x")) is None


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_post_goes_on_as_get_without_its_body(status: int) -> None:
    """The form has been sent; what follows is a page (RFC 9110 §15.4.2 to 15.4.4)."""
    sent = fields(["Content-Type: text/plain", "Content-Length: 1", "Accept: */*"])

    followed = onward(PageRequest("POST", HERE, sent, b"x"), status, "/done")

    assert followed == PageRequest("GET", "https://a.example/done", fields(["Accept: */*"]))


@pytest.mark.parametrize("status", [307, 308])
def test_a_post_is_repeated_on_the_same_site_only(status: int) -> None:
    """What was typed for one site is not handed to another one."""
    request = PageRequest("POST", HERE, fields(["Content-Type: text/plain"]), b"x")

    repeated = onward(request, status, "/other")

    assert (repeated.method, repeated.url, repeated.body) == (
        "POST",
        "https://a.example/other",
        b"x",
    )
    assert repeated.fields == request.fields
    for elsewhere in ("https://b.example/", "http://a.example/", "https://a.example:8443/"):
        assert next_hop(request, status, to(elsewhere)) is None


def test_a_body_that_is_gone_is_not_repeated() -> None:
    """A stream has been read by the first request."""

    async def stream() -> object:
        yield b"x"

    request = PageRequest("POST", HERE, (), stream())  # type: ignore[arg-type]

    assert next_hop(request, 307, to("/other")) is None


def test_the_limit_is_ten() -> None:
    """The tenth redirect is followed, one more is not."""
    request = PageRequest("GET", HERE)

    assert next_hop(request, 302, to("/x"), followed=LIMIT - 1) is not None
    with pytest.raises(TooManyRedirects, match="more than 10 times"):
        next_hop(request, 302, to("/x"), followed=LIMIT)
    assert next_hop(request, 200, NO_FIELDS, followed=LIMIT) is None


@pytest.mark.parametrize(
    "location", ["https://b.example/", "http://a.example/", "https://a.example:8443/"]
)
def test_credentials_never_leave_the_site_they_were_given_for(location: str) -> None:
    """Another name, scheme or port is another site; the person is told."""
    secret = fields(["Authorization: Basic x", "Cookie: a=1", "Accept: */*"])
    request = PageRequest("GET", HERE, secret, credentials=JOSE)

    hop = next_hop(request, 302, to(location))

    assert hop is not None
    assert hop.request.credentials is None
    assert hop.request.fields == fields(["Accept: */*"])
    assert any("User name and password" in note for note in hop.notes)


def test_credentials_stay_on_the_same_site() -> None:
    """Scheme, name and port are the same, whatever the spelling."""
    request = PageRequest("GET", HERE, fields(["Authorization: Basic x"]), credentials=JOSE)

    hop = next_hop(request, 302, to("HTTPS://A.example:443/login"))

    assert hop is not None
    assert hop.request.credentials == JOSE
    assert hop.request.fields == request.fields
    assert hop.notes == ()


def test_a_way_into_the_clear_is_followed_and_told() -> None:
    """Anybody on the way can read what comes now."""
    hop = next_hop(PageRequest("GET", HERE), 302, to("http://a.example/x"))

    assert hop is not None
    assert hop.notes == ("The site sends the request on without encryption: http://a.example/x",)


def test_what_the_asker_is_told_holds_no_password() -> None:
    """Notes are shown and may be logged."""
    hop = next_hop(PageRequest("GET", HERE, credentials=JOSE), 302, to("http://b.example/"))

    assert hop is not None
    assert not any("swordfish" in note or "jose" in note for note in hop.notes)


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        # RFC 3986 §5.4, as far as it stays on the web
        ("g", "/b/c/g"),
        ("./g", "/b/c/g"),
        ("g/", "/b/c/g/"),
        ("/g", "/g"),
        ("?y", "/b/c/d;p?y"),
        ("g?y", "/b/c/g?y"),
        ("#s", "/b/c/d;p?q"),
        ("g#s", "/b/c/g"),
        ("g?y#s", "/b/c/g?y"),
        (";x", "/b/c/;x"),
        ("g;x?y#s", "/b/c/g;x?y"),
        ("", "/b/c/d;p?q"),
        (".", "/b/c/"),
        ("./", "/b/c/"),
        ("..", "/b/"),
        ("../g", "/b/g"),
        ("../..", "/"),
        ("../../../g", "/g"),
        ("/./g", "/g"),
        ("/../g", "/g"),
        ("g.", "/b/c/g."),
        ("..g", "/b/c/..g"),
        ("./g/.", "/b/c/g/"),
        ("g;x=1/../y", "/b/c/y"),
        ("g?y/../x", "/b/c/g?y/../x"),
        ("g//h", "/b/c/g//h"),
        # what sites send all the same
        ("  /g  ", "/g"),
        ("/a b", "/a%20b"),
        ("/a%20b", "/a%20b"),
        ("/z\xc3\xbcrich", "/z%C3%BCrich"),
        ("/a\x01b", "/a%01b"),
    ],
)
def test_a_relative_location_is_seen_from_the_address_it_came_from(
    reference: str, url: str
) -> None:
    """RFC 3986 §5.4; the fragment stays here, and what a URL cannot hold is encoded."""
    followed = onward(PageRequest("GET", HERE), 302, reference)

    assert followed.url == f"https://a.example{url}"


def test_a_location_may_leave_out_the_scheme() -> None:
    """`//host/` is the same scheme on another host (RFC 3986 §5.4.1)."""
    assert onward(PageRequest("GET", HERE), 302, "//g.example/x").url == "https://g.example/x"


@pytest.mark.parametrize(
    "location",
    [
        *("ftp://b.example/", "file:///etc/passwd", "javascript:alert(1)", "data:,x", "g:h"),
        *("https://ann:pw@b.example/", "http://2130706433/", "http://127.1/", "https://"),
        *("https://[::1/", "https://b.example:99999/", "https://b\xfc.example/", "//"),
    ],
)
def test_a_location_that_is_no_address_of_the_web_is_an_error(location: str) -> None:
    """It is said, and not followed to something else."""
    with pytest.raises(BadRedirect, match="which is no address"):
        next_hop(PageRequest("GET", HERE), 302, to(location))

"""RFC 9111 §3.2, §4.3.4, §4.3.5 and §4.4: what later responses do to stored ones."""

import pytest

from tcpnet.proxy.entry import PageRequest
from tcpnet.proxy.rules.freshness import view
from tcpnet.proxy.rules.storing import (
    freshened,
    freshened_by_head,
    invalidated,
    keepable,
    outdates,
    received,
)
from tests.unit.proxy.messages import JOSE, NOW, URL, ask, date, fields, head, keep

LATER = NOW + 100


@pytest.mark.parametrize(
    ("kept", "told", "updates"),
    [
        (['ETag: "a"'], ['ETag: "a"'], True),
        (['ETag: "a"'], ['ETag: "b"'], False),
        (['ETag: W/"a"'], ['ETag: W/"a"'], True),
        (['ETag: "a"'], ['ETag: W/"a"'], True),
        (['ETag: W/"a"'], ['ETag: "a"'], False),
        (['ETag: W/"a"'], ['ETag: W/"b"'], False),
        ([f"Last-Modified: {date(-9)}"], [f"Last-Modified: {date(-9)}"], True),
        ([f"Last-Modified: {date(-9)}"], [f"Last-Modified: {date(-8)}"], False),
        ([f"Last-Modified: {date(-9)}"], ['ETag: "a"'], False),
        (['ETag: "a"', f"Last-Modified: {date(-9)}"], [f"Last-Modified: {date(-9)}"], True),
        (['ETag: "a"', f"Last-Modified: {date(-9)}"], ['ETag: "a"'], True),
        (
            ['ETag: "a"', f"Last-Modified: {date(-9)}"],
            ['ETag: "a"', f"Last-Modified: {date(-8)}"],
            True,
        ),
        (['ETag: "a"'], [], True),
        ([], [], True),
    ],
)
def test_rfc_9111_4_3_4_a_304_updates_only_what_its_validators_name(
    kept: list[str], told: list[str], updates: bool
) -> None:
    """Strong tags compare strongly, weak ones weakly; a bare 304 answers what was sent."""
    updated = freshened(ask(), keep(*kept), head(*told, status=304, at=LATER))

    assert (updated is not None) is updates


def test_rfc_9111_3_2_a_304_replaces_the_fields_it_brings() -> None:
    """All lines of a name go; what it does not mention stays; status and times are right."""
    entry = keep("X-A: 1", "x-a: 2", "X-B: 1", 'ETag: "a"', "Cache-Control: max-age=60")

    updated = freshened(ask(), entry, head("X-A: 3", "X-C: 4", status=304, at=LATER, took=2))

    assert updated is not None
    assert updated.fields.values("x-a") == ("3",)
    assert updated.fields.index.get("x-b") == "1"
    assert updated.fields.index.get("x-c") == "4"
    assert (updated.status, updated.reason) == (200, "Phrase")
    assert (updated.requested_at, updated.received_at) == (LATER - 2, LATER)
    assert updated.fields.index.get("date") == date(100)


@pytest.mark.parametrize(
    "line",
    [
        "Content-Length: 9",
        "Content-Encoding: br",
        "Content-Range: bytes 0-1/9",
        "Connection: close",
        "Keep-Alive: 9",
        "Proxy-Authenticate: x",
        "Proxy-Authentication-Info: x",
        "TE: x",
        "Trailer: x",
        "Transfer-Encoding: chunked",
        "Upgrade: x",
        "Set-Cookie: a=1",
    ],
)
def test_rfc_9111_3_2_some_fields_are_never_updated(line: str) -> None:
    """Those of one hop, those that the stored bytes depend on, and cookies."""
    entry = keep("Content-Length: 5", "Content-Encoding: gzip", "Content-Type: a/b")

    updated = freshened(ask(), entry, head(line, "Content-Type: c/d", status=304))

    assert updated is not None
    assert updated.fields.index.get("content-length") == "5"
    assert updated.fields.index.get("content-encoding") == "gzip"
    assert updated.fields.index.get("content-type") == "c/d"
    name = line.partition(":")[0].lower()
    assert name.startswith("content-") or name not in updated.fields.index


def test_rfc_9111_3_2_an_old_age_does_not_outlive_a_304() -> None:
    """The age starts anew with the validation, or with the Age that the 304 brings."""
    entry = keep("Age: 50", "Cache-Control: max-age=60")

    fresh = freshened(ask(), entry, head(status=304, at=LATER))
    aged = freshened(ask(), entry, head("Age: 7", status=304, at=LATER))

    assert fresh is not None
    assert aged is not None
    assert view(fresh).age(LATER) == 0
    assert view(aged).age(LATER) == 7


def test_rfc_9111_3_2_a_304_may_change_the_lifetime() -> None:
    """Its directives are the response's from then on."""
    entry = keep("Cache-Control: max-age=60", 'ETag: "a"')

    updated = freshened(ask(), entry, head("Cache-Control: max-age=5", status=304, at=LATER))

    assert updated is not None
    assert view(updated).lifetime == 5


@pytest.mark.parametrize(
    ("line", "stays"),
    [
        ("Cache-Control: max-age=5", True),
        ("Cache-Control: no-cache", True),
        ("Cache-Control: no-store", False),
        ("Cache-Control: private", False),
        ('Cache-Control: private="x"', True),
        ("Vary: *", False),
    ],
)
def test_a_304_may_end_the_stay_of_a_response(line: str, stays: bool) -> None:
    """What could not be stored as it is now does not stay."""
    updated = freshened(ask(), keep('ETag: "a"'), head(line, status=304))

    assert updated is not None
    assert keepable(updated) is stays


def test_a_304_with_another_vary_gives_the_response_another_variant() -> None:
    """Its selecting fields are those of the request that it answered."""
    updated = freshened(ask("Foo: 1"), keep('ETag: "a"'), head("Vary: Foo", status=304))

    assert updated is not None
    assert updated.vary == (("foo", "1"),)


@pytest.mark.parametrize(
    ("lines", "updates"),
    [
        ([], True),
        (['ETag: "a"'], True),
        (['ETag: "b"'], False),
        (['ETag: W/"a"'], False),
        ([f"Last-Modified: {date(-9)}"], True),
        ([f"Last-Modified: {date(-8)}"], False),
        (['ETag: "a"', f"Last-Modified: {date(-8)}"], False),
        (["Content-Length: 5"], True),
        (["Content-Length: 6"], False),
    ],
)
def test_rfc_9111_4_3_5_a_head_updates_what_it_matches_and_outdates_the_rest(
    lines: list[str], updates: bool
) -> None:
    """Validators and length that it names must be those of the stored response."""
    entry = keep('ETag: "a"', f"Last-Modified: {date(-9)}", "X: 1")

    updated = freshened_by_head(ask(method="HEAD"), entry, 5, head("X: 2", *lines))

    assert (updated is not None) is updates
    if updated:
        assert updated.fields.index.get("x") == "2"


@pytest.mark.parametrize(
    ("method", "status", "expected"),
    [
        ("POST", 200, True),
        ("PUT", 204, True),
        ("DELETE", 202, True),
        ("PATCH", 302, True),
        ("M-UNKNOWN", 200, True),
        ("POST", 400, False),
        ("POST", 500, False),
        ("POST", 103, False),
        ("GET", 200, False),
        ("HEAD", 200, False),
        ("OPTIONS", 200, False),
        ("TRACE", 200, False),
    ],
)
def test_rfc_9111_4_4_unsafe_requests_that_succeed_invalidate(
    method: str, status: int, expected: bool
) -> None:
    """2xx and 3xx count as success, and unknown methods as unsafe."""
    assert invalidated(ask(method=method), head(status=status)) == ((URL,) if expected else ())


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Location: /a"], ["https://example.com/a"]),
        (["Content-Location: b"], ["https://example.com/b"]),
        (
            ["Location: /a", "Content-Location: /b"],
            ["https://example.com/a", "https://example.com/b"],
        ),
        (["Location: HTTPS://Example.com:443/a#x"], ["https://example.com/a"]),
        (["Location: //example.com/a"], ["https://example.com/a"]),
        (["Location: /page"], []),
        (["Location: http://example.com/a"], []),
        (["Location: https://example.com:8443/a"], []),
        (["Location: https://other.example/a"], []),
        (["Location: https://example.com.evil.example/a"], []),
        (["Location: https://user@example.com/a"], []),
        (["Location: https://[::1/a"], []),
        (["Location: not a url"], []),
        (["Location: javascript:x"], []),
    ],
)
def test_rfc_9111_4_4_neighbours_are_invalidated_on_the_same_origin_alone(
    lines: list[str], expected: list[str]
) -> None:
    """Else anybody could empty the cache of others."""
    assert invalidated(ask(method="POST"), head(*lines, status=201)) == (URL, *expected)


@pytest.mark.parametrize(
    ("request_", "status", "expected"),
    [
        (ask(), 200, True),
        (ask(), 301, True),
        (ask(), 404, True),
        (ask(), 410, True),
        (ask(), 403, False),
        (ask(), 500, False),
        (ask(method="HEAD"), 200, False),
        (ask("Cookie: a=1"), 200, False),
        (ask("Authorization: x"), 200, False),
        (ask(credentials=JOSE), 200, False),
    ],
)
def test_a_personal_answer_or_an_error_does_not_outdate_what_others_read(
    request_: PageRequest, status: int, expected: bool
) -> None:
    """A plain answer does, and so does the news that the page is gone."""
    assert outdates(request_, head(status=status)) is expected


def test_what_goes_on_has_a_date_and_nothing_of_the_last_hop() -> None:
    """RFC 9110 §6.6.1 and §7.6.1; cookies pass."""
    told = fields(["Date: no", "Connection: X", "X: 1", "Set-Cookie: a=1", "Age: 5"])

    passed = received(200, "OK", told, NOW - 1, NOW).fields

    assert passed.lines == (("Set-Cookie", "a=1"), ("Age", "5"), ("Date", date()))

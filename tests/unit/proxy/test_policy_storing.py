"""RFC 9111 §3: what may be kept, and the reason for what may not."""

import pytest

from tcpnet.proxy.entry import Entry, Head, PageRequest
from tcpnet.proxy.rules.dates import http_date_text
from tcpnet.proxy.rules.freshness import Rules
from tcpnet.proxy.rules.storing import UNDERSTOOD, NotStored, stored
from tests.unit.proxy.messages import JOSE, NOW, URL, ask, date, head, keep

FRESH = "Cache-Control: max-age=60"
CDN = Rules(targets=("cdn-cache-control",))


@pytest.mark.parametrize(
    ("request_", "answer", "reason"),
    [
        (ask(), head("Cache-Control: no-store"), NotStored.NO_STORE),
        (ask(), head("Cache-Control: max-age=60, No-Store"), NotStored.NO_STORE),
        (ask(), head(FRESH, "Cache-Control: no-store"), NotStored.NO_STORE),
        (ask(), head("Cache-Control: no-store=x"), NotStored.NO_STORE),
        (ask(), head("Cache-Control: private, max-age=60"), NotStored.PRIVATE),
        (ask(), head("Cache-Control: public, private"), NotStored.PRIVATE),
        (ask(), head('Cache-Control: private=""'), NotStored.PRIVATE),
        (ask(), head('Cache-Control: private="a", private'), NotStored.PRIVATE),
        (ask("Cache-Control: no-store"), head(FRESH), NotStored.ASKED),
        (ask(caching=False), head(FRESH), NotStored.OFF),
        (ask(method="HEAD"), head(FRESH), NotStored.METHOD),
        (ask(method="PUT", body=b"x"), head(FRESH), NotStored.METHOD),
        (ask(method="get"), head(FRESH), NotStored.METHOD),
        (ask(body=b"x"), head(FRESH), NotStored.METHOD),
        (ask(), head(FRESH, status=206), NotStored.PARTIAL),
        (ask(), head(FRESH, status=304), NotStored.STATUS),
        (ask(), head(FRESH, status=103), NotStored.STATUS),
        (ask(), head(FRESH, status=401), NotStored.STATUS),
        (ask(), head(FRESH, status=407), NotStored.STATUS),
        (ask("Range: bytes=0-1"), head(FRESH, status=416), NotStored.STATUS),
        (ask(), head(FRESH, status=429), NotStored.STATUS),
        (ask(), head(FRESH, status=511), NotStored.STATUS),
        (ask(), head(status=302), NotStored.LIFETIME),
        (ask(), head(status=599), NotStored.LIFETIME),
        (ask(), head(status=404), NotStored.LIFETIME),
        (ask(), head(f"Last-Modified: {date(-9)}", status=403), NotStored.LIFETIME),
        (ask(), head(FRESH, "Vary: *"), NotStored.VARIES),
        (ask(), head(FRESH, "Vary: Accept, *"), NotStored.VARIES),
        (ask(), head(FRESH, "Vary: Accept", "Vary: *, Foo"), NotStored.VARIES),
        (ask(), head(FRESH, "Vary: X-Forwarded-For"), NotStored.PERSONAL),
        (ask(), head(FRESH, "Set-Cookie: a=1"), NotStored.COOKIE),
        (ask(), head(FRESH, "set-cookie: a=1", 'Cache-Control: private="x"'), NotStored.COOKIE),
        (ask("Cookie: a=1"), head(), NotStored.PERSONAL),
        (ask("Cookie: a=1"), head(f"Last-Modified: {date(-99)}"), NotStored.PERSONAL),
        (ask(), head("Cache-Control: no-cache"), NotStored.UNUSABLE),
        (ask(), head('Cache-Control: no-cache="etag"', "ETag: x", status=302), NotStored.LIFETIME),
    ],
)
def test_rfc_9111_3_what_must_not_be_shared_is_not_kept(
    request_: PageRequest, answer: Head, reason: NotStored
) -> None:
    """Each refusal names its reason."""
    assert stored(request_, answer) is reason


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (ask(), head()),
        (ask(), head(FRESH)),
        (ask(), head("Cache-Control: public", status=302)),
        (ask(), head("Expires: 0", status=302)),
        (ask(), head("Cache-Control: s-maxage=0", status=403)),
        (ask(), head(FRESH, status=599)),
        (ask(), head(FRESH, status=299)),
        (ask(), head(FRESH, status=404)),
        (ask(), head(FRESH, status=500)),
        (ask(), head(f"Last-Modified: {date(-99)}", status=404)),
        *((ask(), head(status=status)) for status in (203, 204, 300, 301, 308)),
        *(
            (ask(), head(f"Last-Modified: {date(-99)}", status=status))
            for status in (405, 410, 414, 501)
        ),
        (ask(), head("Cache-Control: max-stale=60, no-storing, x=private")),
        (ask(), head('Cache-Control: max-age=60, x="no-store"')),
        (ask(), head("Cache-Control: no-cache", "ETag: x")),
        (ask(), head("Cache-Control: no-cache", f"Last-Modified: {date(-99)}")),
        (ask(), head('Cache-Control: private="x-a", max-age=60')),
        (ask(), head("Pragma: no-cache", FRESH)),
        (ask("Cookie: a=1"), head(FRESH)),
        (ask("Cookie: a=1"), head("Cache-Control: public")),
        (ask("Cookie: a=1"), head(f"Expires: {date(9)}")),
        (ask(), head("Set-Cookie: a=1", "Cache-Control: public")),
        (ask(), head("Set-Cookie: a=1", "Cache-Control: s-maxage=60")),
        (ask(), head("Set-Cookie: a=1", 'Cache-Control: max-age=60, no-cache="set-cookie"')),
        (ask(), head("Set-Cookie: a=1", 'Cache-Control: max-age=60, private="Set-Cookie"')),
    ],
)
def test_rfc_9111_3_all_else_is_kept(request_: PageRequest, answer: Head) -> None:
    """Unusual status codes with a lifetime, and words that only look like directives, are fine."""
    assert isinstance(stored(request_, answer), Entry)


@pytest.mark.parametrize("request_", [ask("Authorization: Basic eA=="), ask(credentials=JOSE)])
@pytest.mark.parametrize(
    ("control", "kept"),
    [
        ("max-age=60", False),
        ("no-cache, max-age=60", False),
        ("proxy-revalidate, max-age=60", False),
        ("public", True),
        ("max-age=60, public", True),
        ("max-age=60, must-revalidate", True),
        ("s-maxage=60", True),
    ],
)
def test_rfc_9111_3_5_what_a_password_opened_needs_the_origins_leave(
    request_: PageRequest, control: str, kept: bool
) -> None:
    """Only public, s-maxage and must-revalidate give it."""
    outcome = stored(request_, head(f"Cache-Control: {control}", "ETag: x"))

    assert isinstance(outcome, Entry) if kept else outcome is NotStored.CREDENTIALS


@pytest.mark.parametrize(
    ("control", "status", "expected"),
    [
        ("must-understand, no-store, max-age=60", 200, None),
        ("must-understand, no-store, max-age=60", 404, None),
        ("must-understand, max-age=60", 599, NotStored.STATUS),
        ("must-understand, no-store, max-age=60", 599, NotStored.STATUS),
        ("must-understand, no-store, max-age=60", 206, NotStored.PARTIAL),
        ("no-store, max-age=60", 200, NotStored.NO_STORE),
    ],
)
def test_rfc_9111_5_2_2_3_must_understand_displaces_no_store_where_it_is_met(
    control: str, status: int, expected: NotStored | None
) -> None:
    """A status code that is not understood is not kept then."""
    outcome = stored(ask(), head(f"Cache-Control: {control}", status=status))

    assert outcome is expected if expected else isinstance(outcome, Entry)


def test_understood_codes_are_final_and_storable() -> None:
    """Neither interim codes nor answers to one request alone are among them."""
    assert 200 in UNDERSTOOD
    assert 503 in UNDERSTOOD
    assert UNDERSTOOD.isdisjoint({100, 103, 206, 304, 401, 511, 599})


@pytest.mark.parametrize(
    ("lines", "status", "kept"),
    [
        ([FRESH, f"Content-Location: {URL}"], 200, True),
        ([FRESH, "Content-Location: /page"], 200, True),
        ([FRESH, "Content-Location: HTTPS://EXAMPLE.com:443/page"], 201, True),
        ([f"Expires: {date(60)}", "Content-Location: /page"], 200, True),
        ([FRESH], 200, False),
        ([FRESH, "Content-Location: /other"], 200, False),
        ([FRESH, "Content-Location: /page", "Content-Location: /other"], 200, False),
        (["Content-Location: /page"], 200, False),
        ([f"Last-Modified: {date(-99)}", "Content-Location: /page"], 200, False),
        ([FRESH, "Content-Location: /page"], 404, False),
    ],
)
def test_rfc_9110_9_3_3_a_post_is_kept_for_get_with_lifetime_and_address(
    lines: list[str], status: int, kept: bool
) -> None:
    """Explicit freshness, and a Content-Location equal to the target."""
    outcome = stored(ask(method="POST", body=b"a=1"), head(*lines, status=status))

    assert isinstance(outcome, Entry) if kept else outcome is NotStored.METHOD


def test_rfc_9111_3_1_all_fields_are_kept_but_those_of_one_hop() -> None:
    """Unknown fields, order and duplicates survive."""
    entry = keep(
        "X-B: 1",
        "Connection: X-Hop",
        "X-Hop: 1",
        "Keep-Alive: 5",
        "Proxy-Authenticate: Basic",
        "Proxy-Authentication-Info: x",
        "Transfer-Encoding: chunked",
        "x-b: 2",
        "Content-Length: 3",
    )

    assert entry.fields.lines[1:] == (("X-B", "1"), ("x-b", "2"), ("Content-Length", "3"))


@pytest.mark.parametrize("directive", ["private", "no-cache"])
def test_rfc_9111_5_2_2_named_fields_are_not_kept(directive: str) -> None:
    """The qualified forms withhold some fields and let the rest be used."""
    entry = keep(f'Cache-Control: max-age=60, {directive}="X-A, x-b"', "x-a: 1", "X-B: 2", "X-C: 3")

    assert "x-a" not in entry.fields.index
    assert "x-b" not in entry.fields.index
    assert "x-c" in entry.fields.index


@pytest.mark.parametrize("line", ["Date:", "Date: 0", "Date: yesterday"])
def test_rfc_9110_6_6_1_a_missing_date_is_the_time_of_receipt(line: str) -> None:
    """What has no readable Date gets one."""
    assert keep(line).fields.values("date") == (http_date_text(NOW),)


def test_rfc_9110_6_6_1_a_date_that_may_not_be_kept_is_the_time_of_receipt() -> None:
    """What is stored has a Date, even where the site withholds its own."""
    entry = keep('Cache-Control: max-age=60, no-cache="Date"', f"Date: {date(-5)}")

    assert entry.fields.values("date") == (date(),)


def test_an_entry_carries_what_selected_it_and_its_times() -> None:
    """Selecting fields are sorted and normalised; one that is absent stands as an empty value."""
    request = ask("Accept-Language: de, EN", "X-Y: 1", "x-y:  2 ,3")
    answer = head("Vary: X-Y, Accept-Language", "vary: Accept", FRESH, took=2.5)

    entry = stored(request, answer)

    assert isinstance(entry, Entry)
    assert entry.vary == (("accept", ""), ("accept-language", "de,en"), ("x-y", "1,2,3"))
    assert (entry.url, entry.status, entry.reason) == (URL, 200, "Phrase")
    assert (entry.requested_at, entry.received_at) == (NOW - 2.5, NOW)
    assert entry.fields.index.get("cache-control") == "max-age=60"


def test_rfc_9213_2_2_a_targeted_field_decides_on_storing_too() -> None:
    """It alone is asked where it can be read."""
    lines = ["CDN-Cache-Control: max-age=60", "Cache-Control: no-store"]
    closed = ["CDN-Cache-Control: no-store", FRESH]

    assert isinstance(stored(ask(), head(*lines), CDN), Entry)
    assert stored(ask(), head(*closed), CDN) is NotStored.NO_STORE
    assert stored(ask(), head(*lines)) is NotStored.NO_STORE


def test_every_reason_ends_a_sentence() -> None:
    """`Not cached: …` reads well with each of them."""
    for reason in NotStored:
        assert reason[0].islower()
        assert not reason.endswith(".")

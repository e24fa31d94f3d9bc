"""Our decisions beside those of ccdirectives and hishel; each difference stands here by name."""

from collections.abc import Callable
from uuid import uuid4

import ccdirectives
import pytest
from hishel import CacheMiss, CacheOptions, Headers, Request, Response, StoreAndUse
from hishel import Entry as TheirEntry
from hishel._core import _spec as hishel
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.proxy.entry import Entry, Fields
from tcpnet.proxy.rules.freshness import controls, view
from tcpnet.proxy.rules.policy import Serve, decide, fits, stale_answer
from tcpnet.proxy.rules.storing import NotStored, freshened, stored
from tests.unit.proxy.messages import NOW, URL, ask, date, head, keep

AGES = st.integers(0, 90)
SECONDS = st.sampled_from(["0", "1", "30", "060", '"30"', "99999999999"])
TIMED = ("max-age", "s-maxage", "stale-while-revalidate", "stale-if-error")
FLAGS = (
    *("no-store", "private", "public", "must-revalidate", "proxy-revalidate", "must-understand"),
    *("no-cache", "x", 'x="no-store, max-age=5"', 'private="x-a"', "immutable"),
)


def cased(name: str) -> st.SearchStrategy[str]:
    """Write a name in several cases."""
    return st.sampled_from([name, name.upper(), name.title()])


def timed(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Draw directives with a number of seconds."""
    return st.tuples(st.sampled_from(names).flatmap(cased), SECONDS).map("=".join)


def lists(members: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Join directives, no name twice."""
    unique = st.lists(members, max_size=5, unique_by=lambda one: one.partition("=")[0].lower())
    return st.builds(lambda comma, found: comma.join(found), st.sampled_from([",", ", "]), unique)


RESPONSES = lists(timed(TIMED) | st.sampled_from(FLAGS).flatmap(cased))
REQUESTS = lists(
    timed(("max-age", "min-fresh", "max-stale")) | st.sampled_from(["no-cache", "max-stale", "x"])
)


@given(RESPONSES)
def test_ccdirectives_finds_the_same_lifetime(control: str) -> None:
    """§4.2.1: s-maxage before max-age, capped at 2³¹."""
    theirs = ccdirectives.freshness_lifetime(ccdirectives.parse(control), shared=True)

    assert controls(Fields((("Cache-Control", control),))).lifetime(NOW, NOW) == theirs


@given(RESPONSES, st.booleans(), st.sampled_from([200, 599]))
def test_ccdirectives_stores_the_same(control: str, authorized: bool, status: int) -> None:
    """§3, §3.5 and §5.2.2: what the directives forbid."""
    lines = ["Authorization: x"] if authorized else []
    ours = stored(ask(*lines), head(f"Cache-Control: {control}", 'ETag: "a"', status=status))
    theirs = ccdirectives.may_store(
        ccdirectives.parse(control),
        shared=True,
        authorized=authorized,
        understood_status=status == 200,
    )

    # Whether a status needs a lifetime is beyond what they judge.
    if ours is not NotStored.LIFETIME:
        assert isinstance(ours, Entry) is theirs


def reusable(control: str) -> Entry | None:
    """Return the stored form of a response with these directives, if it has one."""
    entry = stored(ask(), head(f"Cache-Control: {control}", 'ETag: "a"'))
    return entry if isinstance(entry, Entry) else None


@given(RESPONSES, REQUESTS, AGES)
def test_ccdirectives_reuses_the_same(control: str, wish: str, age: int) -> None:
    """§4.2, §4.2.4 and §5.2.1: fresh, or stale and wanted."""
    entry = reusable(control)
    if entry is None:
        return
    plan = decide(ask(f"Cache-Control: {wish}"), [entry], NOW + age)
    theirs = ccdirectives.assess(
        ccdirectives.parse(control), age=age, shared=True, request=ccdirectives.parse(wish)
    )
    wants_age_0 = "max-age=0" in wish.lower().replace('"', "")

    ours = isinstance(plan, Serve) and not plan.refresh
    # Without a lifetime they have no staleness to compare with; max-age=0 is a row below.
    if theirs.lifetime is not None and not wants_age_0:
        assert ours is theirs.reusable


@given(RESPONSES, AGES)
def test_ccdirectives_serves_the_same_stale_responses(control: str, age: int) -> None:
    """RFC 5861: while it is renewed, and when the origin fails."""
    entry = reusable(control)
    if entry is None:
        return
    theirs = ccdirectives.assess(ccdirectives.parse(control), age=age, shared=True)
    plan = decide(ask(), [entry], NOW + age)
    excused = stale_answer(ask(), entry, NOW + age, 503)

    renews = isinstance(plan, Serve) and plan.refresh
    # A window of no seconds is a row below.
    if "stale-while-revalidate=0" not in control.lower():
        assert renews is theirs.stale_while_revalidate
    assert (excused is not None) is theirs.stale_if_error


@given(AGES, st.integers(0, 90), st.integers(0, 90), st.integers(-90, 90))
def test_ccdirectives_computes_the_same_age(
    received: int, took: int, resident: int, skew: int
) -> None:
    """§4.2.3, with both estimates."""
    entry = keep(f"Age: {received}", f"Date: {date(skew)}", took=took)
    theirs = ccdirectives.current_age(
        age_value=received,
        date_value=NOW + skew,
        request_time=NOW - took,
        response_time=NOW,
        now=NOW + resident,
    )

    assert view(entry).age(NOW + resident) == theirs


VARYING = st.sampled_from(["foo", "bar"])
VALUES = st.sampled_from(["1", "2", "a, b"])
ASKED = st.dictionaries(VARYING, VALUES)


@given(st.lists(VARYING, min_size=1, unique=True), ASKED, ASKED)
def test_hishel_matches_the_same_variants(
    vary: list[str], first: dict[str, str], second: dict[str, str]
) -> None:
    """§4.1, for values spelled alike."""
    entry = keep(f"Vary: {', '.join(vary)}", request=ask(*map(": ".join, first.items())))
    theirs = hishel.vary_headers_match(
        Request("GET", URL, Headers(second)),
        TheirEntry(
            uuid4(),
            Request("GET", URL, Headers(first)),
            Response(200, Headers({"Vary": ", ".join(vary)})),
        ),
    )

    assert fits(entry.vary, second) is theirs


@given(
    lists(timed(("max-age", "s-maxage")) | st.sampled_from(["public", "x"]).flatmap(cased)),
    st.sampled_from([None, -60, 0, 60, 3600]),
    st.sampled_from([None, -3600, -60]),
)
def test_hishel_finds_the_same_lifetime(
    control: str, expires: int | None, modified: int | None
) -> None:
    """§4.2.1 and §4.2.2: directives, Expires, a tenth of the time unchanged."""
    lines = [f"Cache-Control: {control}"]
    lines += [] if expires is None else [f"Expires: {date(expires)}"]
    lines += [] if modified is None else [f"Last-Modified: {date(modified)}"]
    theirs = hishel.get_freshness_lifetime(response(200, *lines), True)

    # Their heuristic counts from now, and the ceiling of their seconds is lower by one.
    if expires is not None or "max" in control.lower():
        assert min(view(keep(*lines)).lifetime, 2**31 - 1) == max(theirs or 0, 0)


@given(
    lists(timed(("max-age", "s-maxage")) | st.sampled_from(FLAGS).flatmap(cased)),
    st.sampled_from([103, 200, 206, 301, 302, 304, 404, 500, 599]),
    st.booleans(),
)
def test_hishel_stores_the_same(control: str, status: int, authorized: bool) -> None:
    """§3, for directives that it knows."""
    if "must-understand" in control.lower() or "private=" in control.lower():
        return  # rows below
    request = ["Authorization: x"] if authorized else []
    lines = [f"Cache-Control: {control}", 'ETag: "a"', f"Last-Modified: {date(-99)}"]
    ours = stored(ask(*request), head(*lines, status=status))

    assert isinstance(ours, Entry) is they_store(response(status, *lines), *request)


@given(st.dictionaries(st.sampled_from(["X-A", "X-B", "ETag", "Server"]), VALUES))
def test_hishel_updates_the_same_fields(told: dict[str, str]) -> None:
    """§3.2, for ordinary fields."""
    kept = keep('ETag: "a"', "X-A: old", "Server: old")
    lines = [f"{name}: {value}" for name, value in (told | {"ETag": '"a"'}).items()]
    ours = freshened(ask(), kept, head(*lines, status=304))
    theirs = hishel.refresh_response_headers(
        response(200, 'ETag: "a"', "X-A: old", "Server: old"), response(304, *lines), True
    )

    assert ours is not None
    for name in ("x-a", "x-b", "etag", "server"):
        assert ours.fields.index.get(name) == theirs.headers.get(name)


def response(status: int, *lines: str) -> Response:
    """Return a response of theirs."""
    fields = head(*lines, status=status).fields
    return Response(status, Headers(dict(fields.lines)))


def they_store(answer: Response, *asked: str) -> bool:
    """Tell whether hishel would store a response."""
    state = CacheMiss(
        request=Request("GET", URL, Headers(dict(ask(*asked).fields.lines))),
        options=CacheOptions(shared=True, supported_methods=["GET"], allow_stale=False),
    ).next(answer)
    return isinstance(state, StoreAndUse)


def we_store(*lines: str, status: int = 200) -> bool:
    """Tell whether we would store a response."""
    return isinstance(stored(ask(), head(*lines, status=status)), Entry)


def we_serve(control: str, age: int, wish: str = "") -> bool:
    """Tell whether we would answer from the store."""
    entry = reusable(control)
    plan = decide(ask(f"Cache-Control: {wish}"), [entry] if entry else [], NOW + age)
    return isinstance(plan, Serve)


def they_serve(control: str, age: int, wish: str = "") -> bool:
    """Tell whether ccdirectives would answer from the store."""
    verdict = ccdirectives.assess(
        ccdirectives.parse(control), age=age, shared=True, request=ccdirectives.parse(wish)
    )
    return verdict.reusable or verdict.stale_while_revalidate


def they_allow(control: str) -> bool:
    """Tell whether ccdirectives lets a response be stored."""
    return ccdirectives.may_store(ccdirectives.parse(control), shared=True, understood_status=True)


def lifetime(*lines: str) -> float:
    """Return our lifetime."""
    return view(keep(*lines)).lifetime


def hishels_lifetime(*lines: str) -> float | None:
    """Return the lifetime that hishel finds."""
    return hishel.get_freshness_lifetime(response(200, *lines), True)


def parsed(control: str) -> int | None:
    """Return the lifetime that ccdirectives finds."""
    return ccdirectives.freshness_lifetime(ccdirectives.parse(control), shared=True)


OLD = f"Last-Modified: {date(-10_000 * 86_400)}"
DIFFERENCES: list[tuple[str, Callable[[], object], object, Callable[[], object], object]] = [
    (
        "ccdirectives forgives blanks around =; the grammar has none, and bad grammar is stale",
        lambda: lifetime("Cache-Control: max-age= 60"),
        0,
        lambda: parsed("max-age= 60"),
        60,
    ),
    (
        "ccdirectives never reuses a qualified no-cache; without the named fields one may",
        lambda: we_serve('max-age=60, no-cache="x"', 1),
        True,
        lambda: they_serve('max-age=60, no-cache="x"', 1),
        False,
    ),
    (
        "ccdirectives takes max-age=0 by the letter; people reload a page with it",
        lambda: we_serve("max-age=60", 0, "max-age=0"),
        False,
        lambda: they_serve("max-age=60", 0, "max-age=0"),
        True,
    ),
    (
        "ccdirectives gives a window of 0 seconds one moment; ours has none",
        lambda: we_serve("max-age=60, stale-while-revalidate=0", 60),
        False,
        lambda: they_serve("max-age=60, stale-while-revalidate=0", 60),
        True,
    ),
    (
        "ccdirectives serves stale to a request that limits the age; §5.2.1.1 says it wants none",
        lambda: we_serve("max-age=60, stale-while-revalidate=30", 70, "max-age=80"),
        False,
        lambda: they_serve("max-age=60, stale-while-revalidate=30", 70, "max-age=80"),
        True,
    ),
    (
        "ccdirectives lets a list of fields hide a later private; ours takes the stricter",
        lambda: we_store('Cache-Control: private="a", private'),
        False,
        lambda: they_allow('private="a", private'),
        True,
    ),
    (
        "hishel knows no must-understand; it displaces no-store (§5.2.2.3)",
        lambda: we_store("Cache-Control: must-understand, no-store, max-age=60"),
        True,
        lambda: they_store(response(200, "Cache-Control: must-understand, no-store, max-age=60")),
        False,
    ),
    (
        "hishel caps its heuristic at a week; ours at a day",
        lambda: lifetime(OLD),
        86_400,
        lambda: hishels_lifetime(OLD),
        604_800,
    ),
    (
        "hishel has a negative lifetime for what has expired; ours ends at 0",
        lambda: lifetime("Expires: 0"),
        0,
        lambda: hishels_lifetime("Expires: 0"),
        -1,
    ),
    (
        "hishel stores what sets a cookie; a shared cache had better not",
        lambda: we_store("Cache-Control: max-age=60", "Set-Cookie: a=1"),
        False,
        lambda: they_store(response(200, "Cache-Control: max-age=60", "Set-Cookie: a=1")),
        True,
    ),
    (
        "hishel stores a 401; it would answer whoever then brings a password",
        lambda: we_store("Cache-Control: max-age=60", status=401),
        False,
        lambda: they_store(response(401, "Cache-Control: max-age=60")),
        True,
    ),
    (
        "hishel stores errors that state no lifetime; they would outlive their cause",
        lambda: we_store(status=404),
        False,
        lambda: they_store(response(404)),
        True,
    ),
    (
        "hishel stores what nobody can ever use: no-cache without a validator",
        lambda: we_store("Cache-Control: no-cache"),
        False,
        lambda: they_store(response(200, "Cache-Control: no-cache")),
        True,
    ),
    (
        "hishel stores Vary: *, which never matches (§4.1)",
        lambda: we_store("Cache-Control: max-age=60", "Vary: *"),
        False,
        lambda: they_store(response(200, "Cache-Control: max-age=60", "Vary: *")),
        True,
    ),
    (
        "hishel ignores Age; §4.2.3 counts it",
        lambda: view(keep("Age: 50")).age(NOW),
        50,
        lambda: hishel.get_age(Response(200, Headers({"Age": "50"}))),
        0,
    ),
    (
        "hishel keeps the old Content-Type; §3.2 updates it",
        lambda: updated("Content-Type: c/d").index.get("content-type"),
        "c/d",
        lambda: hishel.refresh_response_headers(
            response(200, "Content-Type: a/b"), response(304, "Content-Type: c/d"), True
        ).headers["content-type"],
        "a/b",
    ),
]


def updated(line: str) -> Fields:
    """Return the fields of a stored response after a 304 with one more line."""
    entry = freshened(ask(), keep("Content-Type: a/b"), head(line, status=304))
    assert entry is not None
    return entry.fields


@pytest.mark.parametrize(
    ("ours", "expected", "theirs", "theirs_expected"),
    [row[1:] for row in DIFFERENCES],
    ids=[row[0].replace(" ", "-") for row in DIFFERENCES],
)
def test_each_difference_is_deliberate(
    ours: Callable[[], object],
    expected: object,
    theirs: Callable[[], object],
    theirs_expected: object,
) -> None:
    """The reason is the row's name; a row that no longer differs fails."""
    assert ours() == expected
    assert theirs() == theirs_expected
    assert expected != theirs_expected

"""RFC 9111 §4 and §5.2.1: what is done for a request."""

import pytest

from tcpnet.proxy.entry import Entry, PageRequest
from tcpnet.proxy.rules.policy import Absent, Forward, Plan, Serve, decide, stale_answer, validators
from tests.unit.proxy.messages import JOSE, NOW, ask, date, keep

PLAIN = keep("Cache-Control: max-age=60", 'ETag: "a"', f"Last-Modified: {date(-900)}")
CONDITIONS = (("If-None-Match", '"a"'), ("If-Modified-Since", date(-900)))


def kind(plan: Plan) -> str:
    """Name a plan in one word."""
    if isinstance(plan, Serve):
        return "refresh" if plan.refresh else "stale" if plan.stale else "fresh"
    if isinstance(plan, Absent):
        return "absent"
    return "validate" if plan.conditions else "forward"


def with_control(control: str) -> Entry:
    """Return a stored response with a validator, living for 60 s unless it says otherwise."""
    return keep(f"Cache-Control: max-age=60, {control}", 'ETag: "a"')


@pytest.mark.parametrize(
    ("later", "expected"), [(0, "fresh"), (59.9, "fresh"), (60, "validate"), (600, "validate")]
)
def test_rfc_9111_4_2_fresh_means_younger_than_the_lifetime(later: float, expected: str) -> None:
    """A lifetime that equals the age is over."""
    assert kind(decide(ask(), [PLAIN], NOW + later)) == expected


def test_rfc_9111_4_a_served_response_tells_its_age() -> None:
    """The age goes with the plan."""
    assert decide(ask(), [PLAIN], NOW + 7) == Serve(PLAIN, 7)


@pytest.mark.parametrize(
    ("request_", "later", "expected"),
    [
        (ask("Cache-Control: no-cache"), 1, "validate"),
        (ask("Cache-Control: NO-CACHE"), 1, "validate"),
        (ask("Pragma: no-cache"), 1, "validate"),
        (ask("Pragma: no-cache", "Cache-Control: x"), 1, "fresh"),
        (ask("Pragma: foo"), 1, "fresh"),
        (ask("Cache-Control: max-age=0"), 0, "validate"),
        (ask("Cache-Control: max-age=5"), 5, "fresh"),
        (ask("Cache-Control: max-age=5"), 6, "validate"),
        (ask("Cache-Control: max-age=x"), 1, "validate"),
        (ask("Cache-Control: max-age=900"), 61, "validate"),
        (ask("Cache-Control: min-fresh=10"), 50, "fresh"),
        (ask("Cache-Control: min-fresh=10"), 51, "validate"),
        (ask("Cache-Control: max-stale=10"), 70, "stale"),
        (ask("Cache-Control: max-stale=10"), 71, "validate"),
        (ask("Cache-Control: max-stale"), 90_000, "stale"),
        (ask('Cache-Control: max-stale="10"'), 70, "stale"),
        (ask("Cache-Control: max-stale=x"), 70, "validate"),
        (ask("Cache-Control: max-stale, max-age=65"), 65, "stale"),
        (ask("Cache-Control: max-stale, max-age=65"), 66, "validate"),
        (ask("Cache-Control: max-stale, no-cache"), 1, "validate"),
        (ask("Cache-Control: only-if-cached"), 1, "fresh"),
        (ask("Cache-Control: only-if-cached"), 60, "absent"),
        (ask("Cache-Control: only-if-cached, max-stale=10"), 65, "stale"),
        (ask("Cache-Control: only-if-cached, no-cache"), 1, "absent"),
        (ask("Cache-Control: no-store"), 1, "fresh"),
        (ask("Cache-Control: no-transform, unknown=1"), 1, "fresh"),
        (ask(method="HEAD"), 1, "fresh"),
        (ask(method="HEAD"), 60, "forward"),
        (ask("Cache-Control: no-cache", method="HEAD"), 1, "forward"),
        (ask('If-None-Match: "b"'), 1, "fresh"),
        (ask('If-None-Match: "b"'), 60, "validate"),
        (ask("Range: bytes=0-1"), 1, "fresh"),
        (ask('If-Match: "a"'), 1, "forward"),
        (ask(f"If-Unmodified-Since: {date()}"), 1, "forward"),
        (ask(method="POST", body=b"a"), 1, "forward"),
        (ask(method="OPTIONS"), 1, "forward"),
        (ask(body=b"a"), 1, "forward"),
        (ask(caching=False), 1, "forward"),
        (ask("Authorization: Basic eA=="), 1, "forward"),
        (ask(credentials=JOSE), 1, "forward"),
    ],
)
def test_rfc_9111_5_2_1_requests_get_what_they_ask_for(
    request_: PageRequest, later: float, expected: str
) -> None:
    """Directives, methods, conditions and credentials each have their rule."""
    assert kind(decide(request_, [PLAIN], NOW + later)) == expected


@pytest.mark.parametrize(
    ("request_", "joinable"),
    [
        (ask(), True),
        (ask("Cache-Control: no-cache"), False),
        (ask("Cache-Control: no-store"), False),
        (ask("Range: bytes=0-1"), False),
        (ask("If-None-Match: x"), False),
        (ask("If-Modified-Since: x"), False),
        (ask("If-Range: x"), False),
        (ask("Authorization: x"), False),
        (ask(credentials=JOSE), False),
        (ask(method="HEAD"), False),
        (ask(method="POST", body=b"x"), False),
        (ask(caching=False), False),
    ],
)
def test_a_miss_is_shared_only_if_its_answer_fits_others(
    request_: PageRequest, joinable: bool
) -> None:
    """Conditions, ranges, credentials and other methods go to the origin on their own."""
    assert decide(request_, [], NOW) == Forward(joinable=joinable)


@pytest.mark.parametrize("line", ["Range: bytes=0-1", 'If-None-Match: "b"'])
def test_a_validation_may_be_shared_whatever_the_client_holds(line: str) -> None:
    """The stored validators take the place of the client's conditions."""
    assert decide(ask(line), [PLAIN], NOW + 60) == Forward(PLAIN, CONDITIONS, joinable=True)


def test_rfc_9111_5_2_1_7_only_if_cached_without_anything_cached_is_absent() -> None:
    """The port answers 504 then."""
    assert decide(ask("Cache-Control: only-if-cached"), [], NOW) == Absent()


@pytest.mark.parametrize(
    ("control", "later", "expected"),
    [
        ("no-cache", 1, "validate"),
        ("no-cache=x-a", 1, "fresh"),
        ('no-cache="x-a"', 1, "fresh"),
        ('no-cache=""', 1, "validate"),
        ("must-revalidate", 1, "fresh"),
        ("must-revalidate", 60, "validate"),
        ("stale-while-revalidate=10", 59, "fresh"),
        ("stale-while-revalidate=10", 60, "refresh"),
        ("stale-while-revalidate=10", 70, "refresh"),
        ("stale-while-revalidate=10", 71, "validate"),
        ("stale-while-revalidate=x", 60.5, "validate"),
        ("stale-while-revalidate=10, must-revalidate", 65, "validate"),
        ("stale-while-revalidate=10, proxy-revalidate", 65, "validate"),
        ("stale-while-revalidate=10, s-maxage=60", 65, "validate"),
        ("stale-while-revalidate=10, no-cache", 65, "validate"),
    ],
)
def test_rfc_9111_5_2_2_responses_say_when_the_origin_must_be_asked(
    control: str, later: float, expected: str
) -> None:
    """Stale is only what neither side forbids (§4.2.4, RFC 5861 §3)."""
    assert kind(decide(ask(), [with_control(control)], NOW + later)) == expected


@pytest.mark.parametrize(
    "control", ["must-revalidate", "proxy-revalidate", "s-maxage=60", "no-cache"]
)
def test_rfc_9111_4_2_4_max_stale_does_not_overrule_the_origin(control: str) -> None:
    """A prohibition of the origin is stronger than the client's tolerance."""
    plan = decide(ask("Cache-Control: max-stale"), [with_control(control)], NOW + 65)

    assert kind(plan) == "validate"


@pytest.mark.parametrize("line", ["max-age=5", "min-fresh=1", "no-cache"])
def test_stale_while_revalidate_yields_to_a_demanding_request(line: str) -> None:
    """Who asks for something fresh is not given something stale."""
    entry = with_control("stale-while-revalidate=99")

    assert kind(decide(ask(f"Cache-Control: {line}"), [entry], NOW + 65)) == "validate"


def test_a_default_lifetime_is_the_askers() -> None:
    """The same stored page is fresh for the menu and stale for the port."""
    silent = keep('ETag: "a"')

    assert kind(decide(ask(default_lifetime=300.0), [silent], NOW + 299)) == "fresh"
    assert kind(decide(ask(default_lifetime=300.0), [silent], NOW + 300)) == "validate"
    assert kind(decide(ask(), [silent], NOW + 1)) == "validate"


def test_what_the_origin_gave_to_everybody_serves_a_request_with_a_password() -> None:
    """Anything else is fetched anew for whoever shows credentials (§3.5)."""
    for control in ("public", "s-maxage=60", "must-revalidate"):
        entry = with_control(control)
        assert kind(decide(ask("Authorization: x"), [entry], NOW + 1)) == "fresh"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), ()),
        (('ETag: W/"a"',), (("If-None-Match", 'W/"a"'),)),
        ((f"Last-Modified: {date(-9)}",), (("If-Modified-Since", date(-9)),)),
        (("Last-Modified: some day",), ()),
    ],
)
def test_rfc_9111_4_3_1_validators_come_from_the_stored_response(
    lines: tuple[str, ...], expected: tuple[tuple[str, str], ...]
) -> None:
    """Entity tag and modification date, each if it is there and can be read."""
    assert validators(keep(*lines)) == expected
    assert validators(PLAIN) == CONDITIONS


def test_a_stale_page_without_validators_is_kept_at_hand() -> None:
    """It cannot be validated, but may stand in for an origin that is not reached."""
    bare = keep("Cache-Control: max-age=60")

    assert decide(ask(), [bare], NOW + 60) == Forward(bare, (), joinable=True)
    assert decide(ask("Range: bytes=0-1"), [bare], NOW + 60) == Forward(bare, ())


@pytest.mark.parametrize(
    ("control", "request_", "later", "status", "expected"),
    [
        ("x", ask(), 90_000, None, True),
        ("x", ask(method="HEAD"), 90_000, None, True),
        ("x", ask(), 1, None, True),
        ("x", ask("Cache-Control: no-cache"), 1, None, False),
        ("x", ask("Cache-Control: max-age=5"), 65, None, True),
        ("x", ask("Cache-Control: max-age=0"), 65, None, True),
        ("x", ask("Cache-Control: min-fresh=5"), 65, None, True),
        ("x", ask("Cache-Control: max-stale=9"), 69, None, True),
        ("x", ask("Cache-Control: max-stale=9"), 70, None, False),
        ("x", ask("Cache-Control: max-stale=0"), 61, None, False),
        ("x", ask("Cache-Control: max-stale"), 90_000, None, True),
        ("x", ask("Cache-Control: max-age=5, max-stale=0"), 60, None, True),
        ("x", ask("Authorization: x"), 65, None, False),
        ("public", ask("Authorization: x"), 65, None, True),
        ("must-revalidate", ask(), 65, None, False),
        ("proxy-revalidate", ask(), 65, None, False),
        ("s-maxage=60", ask(), 65, None, False),
        ("no-cache", ask(), 1, None, False),
        ("stale-if-error=10", ask(), 70, None, True),
        ("stale-if-error=10", ask(), 71, None, False),
        ("stale-if-error=10", ask(), 70, 503, True),
        ("stale-if-error=10", ask(), 60, 503, True),
        ("stale-if-error=10", ask(), 59, 503, False),
        ("stale-if-error=10", ask(), 70, 500, True),
        ("stale-if-error=10", ask(), 70, 501, False),
        ("stale-if-error=10", ask(), 70, 404, False),
        ("stale-if-error=10", ask(), 71, 503, False),
        ("stale-if-error=10, must-revalidate", ask(), 65, 503, False),
        ("stale-if-error=10, s-maxage=60", ask(), 65, 503, False),
        ("stale-if-error=x", ask(), 65, 503, False),
        ("x", ask(), 65, 503, False),
        ("x", ask("Cache-Control: stale-if-error=10"), 70, 503, True),
        ("x", ask("Cache-Control: stale-if-error=10"), 71, 503, False),
        ("stale-if-error=1", ask("Cache-Control: stale-if-error=10"), 70, 503, True),
    ],
)
def test_rfc_9111_4_2_4_and_rfc_5861_4_stale_stands_in_for_a_failing_origin(
    control: str, request_: PageRequest, later: float, status: int | None, expected: bool
) -> None:
    """Without contact unless forbidden; for a 5xx answer only where stale-if-error says so."""
    answer = stale_answer(request_, with_control(control), NOW + later, status)

    assert (answer is not None) is expected
    if answer and later >= 60:
        assert answer.stale
        assert answer.age == later

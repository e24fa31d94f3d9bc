"""RFC 9111 §4.2: lifetimes, ages, and the default of the menu."""

import pytest

from tcpnet.proxy.rules.freshness import Rules, view
from tests.unit.proxy.messages import NOW, date, keep

DAY = 86_400.0
CDN = Rules(targets=("cdn-cache-control",))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Cache-Control: max-age=60"], 60),
        (["Cache-Control: MAX-AGE=60"], 60),
        (['Cache-Control: max-age="60"'], 60),
        (["Cache-Control: max-age=0060"], 60),
        (["Cache-Control: s-maxage=90, max-age=60"], 90),
        (["Cache-Control: max-age=60", f"Expires: {date(900)}"], 60),
        (["Cache-Control: s-maxage=60", f"Expires: {date(900)}"], 60),
        (["Cache-Control: max-age=60", "Cache-Control: s-maxage=90"], 90),
        ([f"Expires: {date(900)}"], 900),
        ([f"expires: {date(900).upper()}"], 900),
        (["Cache-Control: public", f"Expires: {date(900)}"], 900),
        (["Cache-Control: max-age=9999999999999"], 2**31),
    ],
)
def test_rfc_9111_4_2_1_the_lifetime_is_the_first_that_is_stated(
    lines: list[str], expected: float
) -> None:
    """The order is s-maxage, max-age, Expires less Date."""
    assert view(keep(*lines)).lifetime == expected


@pytest.mark.parametrize(
    "lines",
    [
        ["Cache-Control: max-age=a60"],
        ["Cache-Control: max-age=60a"],
        ["Cache-Control: max-age=-60"],
        ["Cache-Control: max-age=60.0"],
        ["Cache-Control: max-age"],
        ["Cache-Control: max-age ="],
        ["Cache-Control: max-age= 60"],
        ["Cache-Control: max-age='60'"],
        ["Cache-Control: max-age=0"],
        ["Cache-Control: max-age=0, max-age=60"],
        ["Cache-Control: max-age=x", f"Expires: {date(900)}"],
        ["Cache-Control: s-maxage=x, max-age=60"],
        ["Cache-Control: s-maxage=0, max-age=60"],
        ["Expires: 0"],
        ["Expires: -1"],
        ["Expires: never"],
        ["Expires:"],
        [f"Expires: {date(-1)}"],
        [f"Expires: {date(0)}"],
        [f"Expires: {date(900)[:-3]}UTC"],
        [f"Expires: {date(900)}, {date(900)}"],
        ["Expires: 0", f"Expires: {date(900)}"],
    ],
)
def test_rfc_9111_4_2_1_an_invalid_or_past_lifetime_is_none(lines: list[str]) -> None:
    """What is invalid makes a response stale; it does not open the way to a heuristic."""
    entry = keep(*lines, f"Last-Modified: {date(-10 * DAY)}")

    assert view(entry).lifetime == 0
    assert not view(entry).silent


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([f"Date: {date(-100)}", f"Expires: {date(100)}"], 200),
        ([f"Date: {date(100)}", f"Expires: {date(200)}"], 100),
        (["Date: gibberish", f"Expires: {date(100)}"], 100),
        (["Date:", f"Expires: {date(100)}"], 100),
    ],
)
def test_rfc_9111_4_2_1_expires_counts_from_date(lines: list[str], expected: float) -> None:
    """The origin's own clock is used, else the time of receipt (RFC 9110 §6.6.1)."""
    assert view(keep(*lines)).lifetime == expected


@pytest.mark.parametrize(
    ("status", "lines", "expected"),
    [
        (200, [f"Last-Modified: {date(-1000)}"], 100),
        (203, [f"Last-Modified: {date(-1000)}"], 100),
        (404, [f"Last-Modified: {date(-1000)}"], 100),
        (200, [f"Last-Modified: {date(-1000 * DAY)}"], DAY),
        (200, [f"Last-Modified: {date(1000)}"], 0),
        (200, ["Last-Modified: yesterday"], 0),
        (200, [], 0),
        (599, ["Cache-Control: public", f"Last-Modified: {date(-1000)}"], 100),
        (302, ["Cache-Control: public", f"Last-Modified: {date(-1000)}"], 100),
        (200, [f"Date: {date(-500)}", f"Last-Modified: {date(-1000)}"], 50),
    ],
)
def test_rfc_9111_4_2_2_a_heuristic_takes_a_tenth_of_the_time_unchanged(
    status: int, lines: list[str], expected: float
) -> None:
    """At most a day; for heuristically cacheable codes, or public."""
    assert view(keep(*lines, status=status)).lifetime == pytest.approx(expected)


def test_the_operator_chooses_the_heuristic() -> None:
    """The share of time and its ceiling are settings."""
    entry = keep(f"Last-Modified: {date(-1000)}")

    assert view(entry, Rules(heuristic_fraction=0.5)).lifetime == 500
    assert view(entry, Rules(heuristic_fraction=0.5, max_heuristic=60)).lifetime == 60


@pytest.mark.parametrize(
    ("lines", "status", "expected"),
    [
        ([], 200, 300),
        (["ETag: x"], 200, 300),
        (["Last-Modified: unreadable"], 200, 300),
        ([f"Last-Modified: {date(-10)}"], 200, 1),
        (["Cache-Control: max-age=0"], 200, 0),
        (["Expires: 0"], 200, 0),
        ([], 301, 0),
    ],
)
def test_a_default_lifetime_is_for_a_200_that_says_nothing(
    lines: list[str], status: int, expected: float
) -> None:
    """Whoever asks may set a lifetime where the origin gave no hint at all, and only there."""
    assert view(keep(*lines, status=status)).lifetime_for(300) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("lines", "took", "expected"),
    [
        ([], 0, 0),
        ([], 3, 3),
        (["Age: 50"], 0, 50),
        (["Age: 50"], 3, 53),
        ([f"Date: {date(-80)}"], 0, 80),
        ([f"Date: {date(-80)}", "Age: 50"], 3, 80),
        ([f"Date: {date(-50)}", "Age: 80"], 3, 83),
        ([f"Date: {date(80)}"], 0, 0),
        ([f"Date: {date(80)}", "Age: 50"], 0, 50),
        (["Date: 0"], 0, 0),
    ],
)
def test_rfc_9111_4_2_3_the_age_is_the_greater_of_two_estimates(
    lines: list[str], took: float, expected: float
) -> None:
    """Time since Date, and received Age plus the time the response took; then it grows."""
    seen = view(keep(*lines, "Cache-Control: max-age=1000", took=took))

    assert seen.age(NOW) == expected
    assert seen.age(NOW + 10) == expected + 10


def test_a_clock_set_back_makes_nothing_younger() -> None:
    """An age never falls below the one at receipt."""
    assert view(keep("Age: 50")).age(NOW - 1000) == 50


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Age: 0"], 0),
        (["Age: 007"], 7),
        (["Age: 7200, 0"], 7200),
        (["Age: 0, 7200"], 0),
        (["Age: 7200", "Age: 0"], 7200),
        (["Age: 0", "Age: 7200"], 0),
        (["Age: -7200"], 0),
        (["Age: 7200.0"], 0),
        (["Age: 7200;x=1"], 0),
        (["Age: a7200"], 0),
        (["Age: 7200a"], 0),
        (["Age:"], 0),
        (["Age: 2147483647"], 2**31 - 1),
        (["Age: 2147483648"], 2**31),
        (["Age: 99999999999999999999"], 2**31),
    ],
)
def test_rfc_9111_5_1_age_is_its_first_member_or_ignored(lines: list[str], expected: float) -> None:
    """Only a non-negative integer counts, and a huge one as 2³¹."""
    assert view(keep(*lines)).age(NOW) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["CDN-Cache-Control: max-age=90", "Cache-Control: max-age=60"], 90),
        (["CDN-Cache-Control: max-age=90", f"Expires: {date(900)}"], 90),
        (["CDN-Cache-Control: public", "Cache-Control: max-age=60"], 0),
        (["CDN-Cache-Control: public", f"Expires: {date(900)}"], 0),
        (["CDN-Cache-Control:", "Cache-Control: max-age=60"], 60),
        (["CDN-Cache-Control: max-age=90;;", "Cache-Control: max-age=60"], 60),
        (["CDN-Cache-Control: Max-Age=90", "Cache-Control: max-age=60"], 60),
        (["CDN-Cache-Control: public", "CDN-Cache-Control: max-age=9"], 9),
        (["Cache-Control: max-age=60"], 60),
    ],
)
def test_rfc_9213_2_2_a_targeted_field_takes_the_place_of_the_others(
    lines: list[str], expected: float
) -> None:
    """If it can be read and is not empty, Cache-Control and Expires are ignored."""
    assert view(keep(*lines, rules=CDN), CDN).lifetime == expected


def test_rfc_9213_2_2_the_first_target_wins_and_none_is_a_target_by_default() -> None:
    """A target list is in order of preference."""
    lines = ["B-Cache-Control: max-age=2", "A-Cache-Control: max-age=1", "Cache-Control: max-age=3"]
    rules = Rules(targets=("a-cache-control", "b-cache-control"))

    assert view(keep(*lines), rules).lifetime == 1
    assert view(keep(*lines)).lifetime == 3

"""Dates, delta-seconds, Cache-Control and targeted fields: what counts, and what is invalid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.proxy.rules.dates import http_date, http_date_text
from tcpnet.proxy.rules.directives import Directives, delta_seconds, directives, field_names
from tcpnet.proxy.rules.targeted import targeted_directives
from tests.unit.proxy.messages import NOW


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun Nov 06 08:49:37 1994",
        "sun, 06 nov 1994 08:49:37 gmt",
    ],
)
def test_rfc_9110_5_6_7_three_formats_mean_one_moment(text: str) -> None:
    """All three formats are read, in any case (RFC 9111 §4.2)."""
    assert http_date(text, NOW) == NOW


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "784111777",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 EST",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nix 1994 08:49:37 GMT",
        "Foo, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Sun, ０6 Nov 1994 08:49:37 GMT",
        "1994-11-06T08:49:37Z",
    ],
)
def test_rfc_9110_5_6_7_nothing_else_is_a_date(text: str) -> None:
    """What is no HTTP-date has no value, rather than a guessed one."""
    assert http_date(text, NOW) is None


@pytest.mark.parametrize(
    ("this_year", "year", "full"),
    [
        (1994, "94", 1994),
        (1994, "44", 2044),
        (1994, "45", 1945),
        (1994, "00", 2000),
        (2020, "70", 2070),
        (2020, "71", 1971),
        (2020, "99", 1999),
    ],
)
def test_rfc_9110_5_6_7_a_year_of_two_digits_lies_at_most_50_years_ahead(
    this_year: int, year: str, full: int
) -> None:
    """Later ones mean the most recent past year that ends so."""
    now = http_date(f"Sun, 06 Nov {this_year} 08:49:37 GMT", NOW)
    assert now is not None

    short = http_date(f"Sunday, 06-Nov-{year} 08:49:37 GMT", now)

    assert short == http_date(f"Sun, 06 Nov {full} 08:49:37 GMT", now)


def test_a_leap_second_is_a_moment() -> None:
    """The grammar allows a 60th second."""
    assert http_date("Sun, 06 Nov 1994 08:49:60 GMT", NOW) == NOW + 23


@given(st.integers(0, 253_402_300_799))
def test_a_written_date_reads_as_itself(at: int) -> None:
    """Writing and reading are inverse for every second of four-digit years."""
    assert http_date(http_date_text(at), NOW) == at


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("3600", 3600),
        ("0003600", 3600),
        ("2147483647", 2147483647),
        ("2147483648", 2147483648),
        ("2147483649", 2147483648),
        ("9" * 10_000, 2147483648),
        ("0" * 10_000 + "7", 7),
        ("", None),
        (None, None),
        ("-1", None),
        ("+1", None),
        ("1.0", None),
        ("1e3", None),
        ("1 ", None),
        ("a100", None),
        ("100a", None),
        ("²", None),
        ("٣", None),
    ],
)
def test_rfc_9111_1_2_2_delta_seconds_are_ascii_digits(
    text: str | None, expected: int | None
) -> None:
    """Overflow counts as 2³¹, everything but digits as nothing."""
    assert delta_seconds(text) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("no-store", {"no-store": None}),
        ("No-Store, MAX-AGE=5", {"no-store": None, "max-age": "5"}),
        ('max-age="5"', {"max-age": "5"}),
        ("max-age=5, max-age=9", {"max-age": "5"}),
        ("max-age", {"max-age": None}),
        ("max-age=", {"max-age": ""}),
        ("max-age= 5", {"max-age": ""}),
        ("max-age =5", {"max-age": ""}),
        ("max-age=5;x=1", {"max-age": ""}),
        ('max-age="5', {"max-age": ""}),
        ("max-age='5'", {"max-age": "'5'"}),
        ('x="max-age=5"', {"x": "max-age=5"}),
        ('x="no-store, private"', {"x": "no-store, private"}),
        (r'x="a\"b"', {"x": 'a"b'}),
        ('x="open, no-store', {"x": "", "no-store": None}),
        ('private="a, B"', {"private": "a, B"}),
        ('private="a", private="b"', {"private": "a,b"}),
        ('private="a", private', {"private": None}),
        ('private, private="a"', {"private": None}),
        ('private=""', {"private": ""}),
        (", ,", {}),
        ("=5", {}),
        ("@no-store", {}),
    ],
)
def test_rfc_9111_5_2_directives_are_read_strictly(line: str, expected: Directives) -> None:
    """A name counts in any case, quoted text is no directive, bad grammar frees nothing."""
    assert directives((line,)) == expected


def test_rfc_9111_5_2_an_open_quote_ends_with_its_line() -> None:
    """A directive on the next line still counts."""
    assert directives(('x="open', "no-store")) == {"x": "", "no-store": None}


def test_rfc_9111_5_2_a_long_line_is_read_like_a_short_one() -> None:
    """Of many directives the last one counts as the first does."""
    many = {f"x{number}": str(number) for number in range(500)}

    said = directives((", ".join(f"{name}={value}" for name, value in many.items()), "no-store"))

    assert said == many | {"no-store": None}


def test_rfc_9111_5_2_2_4_lists_of_fields_compare_without_case() -> None:
    """Field names in an argument are as case-insensitive as elsewhere."""
    assert field_names("Set-Cookie , X-A,") == {"set-cookie", "x-a"}
    assert field_names(None) == frozenset()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("max-age=5", {"max-age": "5"}),
        ("max-age=5, no-store", {"max-age": "5", "no-store": None}),
        ("no-store=?1, private=?0", {"no-store": None}),
        ("max-age=5, max-age=9", {"max-age": "9"}),
        ("max-age=5;ext=1;other, public", {"max-age": "5", "public": None}),
        ('private="a, b", max-age=5', {"private": "a, b", "max-age": "5"}),
        ('max-age="5"', {"max-age": ""}),
        ("max-age=five", {"max-age": ""}),
        ("max-age=5.5", {"max-age": "5.5"}),
        ("max-age=-5", {"max-age": "-5"}),
        ("x=(a b), y=:aGk=:, max-age=5", {"x": "", "y": "", "max-age": "5"}),
        (r'x="a\"b", public', {"x": "", "public": None}),
        (" max-age=5 ", {"max-age": "5"}),
        ("a,\tb", {"a": None, "b": None}),
    ],
)
def test_rfc_9213_2_1_a_targeted_field_is_a_dictionary(value: str, expected: Directives) -> None:
    """Members are cache directives; the last of a name counts, parameters do not."""
    assert targeted_directives(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "  ",
        "max-age=5,",
        ",max-age=5",
        "max-age=5,,public",
        "max-age=5 public",
        "Max-Age=5",
        "max-age =5",
        "max-age= 5",
        "max-age=",
        "max-age=5.",
        'max-age="5',
        "max-age=5; =1",
        "max-age='5'",
        "&",
        "x=(a",
        "x=?2",
        "max-age=1234567890123456",
    ],
)
def test_rfc_9213_2_1_a_targeted_field_that_does_not_parse_is_ignored(value: str) -> None:
    """An empty or malformed field is as good as absent."""
    assert targeted_directives(value) is None

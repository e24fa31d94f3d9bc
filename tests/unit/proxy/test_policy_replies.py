"""RFC 9111 §4.3.2, RFC 9110 §13 and §14: conditions and ranges answered from the store."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.proxy.entry import Entry
from tcpnet.proxy.rules.replies import portion
from tests.unit.proxy.messages import ask, date, keep

TAGGED = keep('ETag: "a"', f"Last-Modified: {date(-100)}", "Content-Length: 10")
WEAK = keep('ETag: W/"a"', "Content-Length: 10")
DATED = keep(f"Last-Modified: {date(-100)}", "Content-Length: 10")
BARE = keep("Content-Length: 10")


@pytest.mark.parametrize(
    ("entry", "lines", "expected"),
    [
        (TAGGED, [], 200),
        (TAGGED, ['If-None-Match: "a"'], 304),
        (TAGGED, ['If-None-Match: W/"a"'], 304),
        (WEAK, ['If-None-Match: "a"'], 304),
        (WEAK, ['If-None-Match: W/"a"'], 304),
        (TAGGED, ['If-None-Match: "b"'], 200),
        (TAGGED, ['If-None-Match: "b", "a"'], 304),
        (TAGGED, ['If-None-Match: "b"', 'If-None-Match: "a"'], 304),
        (TAGGED, ['If-None-Match: "b,a", "c"'], 200),
        (TAGGED, ["If-None-Match: *"], 304),
        (BARE, ["If-None-Match: *"], 304),
        (BARE, ['If-None-Match: "a"'], 200),
        (TAGGED, ['If-None-Match: "A"'], 200),
        (TAGGED, ["If-None-Match: a"], 200),
        (TAGGED, ['If-None-Match: "b"', f"If-Modified-Since: {date()}"], 200),
        (TAGGED, ['If-None-Match: "a"', f"If-Modified-Since: {date(-900)}"], 304),
        (DATED, [f"If-Modified-Since: {date(-100)}"], 304),
        (DATED, [f"If-Modified-Since: {date(-99)}"], 304),
        (DATED, [f"If-Modified-Since: {date(-101)}"], 200),
        (DATED, ["If-Modified-Since: yesterday"], 200),
        (BARE, [f"If-Modified-Since: {date()}"], 304),
        (BARE, [f"If-Modified-Since: {date(-1)}"], 200),
        (keep('ETag: "a"', "Cache-Control: max-age=9", status=404), ['If-None-Match: "a"'], 404),
    ],
)
def test_rfc_9111_4_3_2_the_clients_conditions_are_judged_by_the_stored_response(
    entry: Entry, lines: list[str], expected: int
) -> None:
    """Weak comparison; If-None-Match before If-Modified-Since; Date where nothing else is."""
    assert portion(ask(*lines), entry, 10).status == expected


def test_rfc_9110_15_4_5_a_304_carries_what_updates_and_no_body() -> None:
    """Cache fields and validators stay, the rest of the representation's metadata goes."""
    entry = keep(
        'ETag: "a"',
        f"Last-Modified: {date(-9)}",
        "Cache-Control: max-age=60",
        "Vary: Accept",
        "Content-Location: /x",
        f"Expires: {date(9)}",
        "Content-Type: a/b",
        "Content-Length: 10",
        "Content-Encoding: gzip",
        "Content-Language: de",
        "X: 1",
    )

    part = portion(ask('If-None-Match: "a"'), entry, 10, 5.9)

    assert (part.status, part.reason, part.start, part.stop) == (304, "Not Modified", 0, 0)
    assert [name for name, _ in part.fields.lines] == [
        *("Date", "ETag", "Cache-Control", "Vary", "Content-Location", "Expires", "X", "Age")
    ]
    assert part.fields.index.get("age") == "5"


def test_rfc_9110_15_4_5_without_a_tag_last_modified_stays() -> None:
    """It is the only validator then."""
    part = portion(ask(f"If-Modified-Since: {date()}"), DATED, 10)

    assert "last-modified" in part.fields.index


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-4", (0, 5)),
        ("bytes=5-5", (5, 6)),
        ("bytes=5-", (5, 10)),
        ("bytes=5-99", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("BYTES=0-4", (0, 5)),
        ("bytes = 0-4", (0, 5)),
        ("bytes= 0-4 ,", (0, 5)),
    ],
)
def test_rfc_9110_14_a_range_is_cut_from_the_stored_page(
    value: str, expected: tuple[int, int]
) -> None:
    """206 with Content-Range and the length of the part."""
    part = portion(ask(f"Range: {value}"), TAGGED, 10)

    start, stop = expected
    assert (part.status, part.reason) == (206, "Partial Content")
    assert (part.start, part.stop) == expected
    assert part.fields.values("content-range") == (f"bytes {start}-{stop - 1}/10",)
    assert part.fields.values("content-length") == (str(stop - start),)
    assert part.fields.index.get("etag") == '"a"'


@pytest.mark.parametrize("value", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99-"])
def test_rfc_9110_14_4_a_range_beyond_the_page_is_not_satisfiable(value: str) -> None:
    """416 tells the length."""
    part = portion(ask(f"Range: {value}"), TAGGED, 10)

    assert (part.status, part.reason) == (416, "Requested Range Not Satisfiable")
    assert part.fields.index.get("content-range") == "bytes */10"
    assert "content-length" not in part.fields.index
    assert (part.start, part.stop) == (0, 0)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=4-2",
        "bytes=0-1,3-4",
        "bytes=0x1-2",
        "bytes=1.5-2",
        "bytes=+1-2",
        "bytes=²-3",
        f"bytes=0-{'9' * 5000}",
        "lines=0-4",
        "0-4",
    ],
)
def test_rfc_9110_14_2_other_ranges_get_the_whole_page(value: str) -> None:
    """What is invalid, several, or in another unit is ignored."""
    part = portion(ask(f"Range: {value}"), TAGGED, 10)

    assert (part.status, part.start, part.stop) == (200, 0, 10)
    assert part.fields == TAGGED.fields


def test_ranges_are_for_get_and_for_200_alone() -> None:
    """HEAD ignores them, and other stored answers have none (RFC 9110 §14.2)."""
    gone = keep("Cache-Control: max-age=9", status=404)

    assert portion(ask("Range: bytes=0-1", method="HEAD"), TAGGED, 10).status == 200
    assert portion(ask("Range: bytes=0-1"), gone, 10).status == 404


@pytest.mark.parametrize(
    ("entry", "condition", "expected"),
    [
        (TAGGED, '"a"', 206),
        (TAGGED, '"b"', 200),
        (TAGGED, 'W/"a"', 200),
        (WEAK, 'W/"a"', 200),
        (WEAK, '"a"', 200),
        (BARE, '"a"', 200),
        (TAGGED, date(-100), 206),
        (DATED, date(-100), 206),
        (DATED, date(-99), 200),
        (DATED, date(-101), 200),
        (DATED, "yesterday", 200),
        (BARE, date(), 200),
        (keep(f"Last-Modified: {date()}"), date(), 200),
    ],
)
def test_rfc_9110_13_1_5_if_range_asks_for_the_very_same_page(
    entry: Entry, condition: str, expected: int
) -> None:
    """Strong comparison, and a date only where it is a strong validator."""
    request = ask("Range: bytes=0-1", f"If-Range: {condition}")

    assert portion(request, entry, 10).status == expected


def test_rfc_9110_13_2_2_conditions_come_before_ranges() -> None:
    """A client that holds the page gets no part of it."""
    assert portion(ask('If-None-Match: "a"', "Range: bytes=0-1"), TAGGED, 10).status == 304
    assert portion(ask('If-None-Match: "b"', "Range: bytes=0-1"), TAGGED, 10).status == 206


@pytest.mark.parametrize(
    ("age", "expected"), [(0.0, "0"), (7.9, "7"), (2.0**31, "2147483648"), (None, "50")]
)
def test_rfc_9111_5_1_age_is_generated_in_place_of_the_received_one(
    age: float | None, expected: str
) -> None:
    """In whole seconds; after a validation it is what the origin sent."""
    part = portion(ask(), keep("Age: 50"), 10, age)

    assert part.fields.values("age") == (expected,)


@given(st.text(alphabet="bytes=0123456789-, ", max_size=20), st.integers(0, 50))
def test_no_range_reaches_beyond_the_page(value: str, length: int) -> None:
    """Whatever is asked, the cut lies within the body and says where."""
    part = portion(ask(f"Range: {value}"), BARE, length)

    assert 0 <= part.start <= part.stop <= length
    assert part.status in (200, 206, 416)
    if part.status == 206:
        assert part.start < part.stop

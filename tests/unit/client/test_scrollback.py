"""What the pane keeps, under which ids, and what it finds in it."""

from pathlib import Path

import pytest

from tcpnet.client.entry import Entry
from tcpnet.client.scrollback import (
    FOLD_BYTES,
    FOLD_LINES,
    HEAD_BYTES,
    HEAD_LINES,
    PAGE_BYTES,
    Scrollback,
)


def chat(text: str, *, mention: bool = False) -> Entry:
    return Entry(message=f"Bob> {text}", kind="chat", sender="Bob", text=text, mention=mention)


def filled(count: int, keep: int = 100) -> Scrollback:
    scrollback = Scrollback(keep)
    for number in range(count):
        scrollback.append(chat(str(number)))
    return scrollback


def test_entries_keep_their_ids_when_older_ones_are_dropped() -> None:
    """An id always means the same entry."""
    scrollback = filled(1000, keep=100)

    assert scrollback.end == 1000
    assert scrollback[999].message == "Bob> 999"
    assert scrollback[scrollback.first].message == f"Bob> {scrollback.first}"


def test_no_fewer_entries_are_kept_than_asked_for_and_few_more() -> None:
    """Trimming drops an eighth at a time, so that appending costs the same at any length."""
    scrollback = Scrollback(keep=80)
    lengths = set()
    for number in range(500):
        scrollback.append(chat(str(number)))
        lengths.add(len(scrollback))

    assert max(lengths) == 90
    assert {len_ for len_ in lengths if len_ > 80} == set(range(81, 91))


def test_long_lines_are_bounded_by_their_bytes() -> None:
    """A flood of long lines keeps fewer of them."""
    scrollback = Scrollback(keep=1000, keep_bytes=100_000)
    for _ in range(500):
        scrollback.append(chat("x" * 4000))

    assert 15 < len(scrollback) <= 25


def test_an_entry_that_is_gone_is_an_index_error() -> None:
    """Neither a dropped id nor a future one answers with another entry."""
    scrollback = filled(1000, keep=100)

    for id_ in (0, -1, 1000):
        with pytest.raises(IndexError):
            scrollback[id_]


def test_mentions_below_an_entry_are_counted() -> None:
    """Only those after it, and none that was dropped."""
    scrollback = Scrollback()
    for number in range(10):
        scrollback.append(chat("hi", mention=number in (2, 5, 8)))

    assert [scrollback.mentions_after(id_) for id_ in (-1, 2, 5, 9)] == [3, 2, 1, 0]


def test_a_direct_message_counts_as_a_mention() -> None:
    """It was for nobody else."""
    scrollback = Scrollback()

    scrollback.append(Entry(message="hi (from: Bob)", kind="direct", sender="Bob"))

    assert scrollback.mentions_after(-1) == 1


def test_the_next_mark_is_the_nearest_mention_or_the_first_unread() -> None:
    """Whichever comes first."""
    scrollback = Scrollback()
    for number in range(10):
        scrollback.append(chat("hi", mention=number in (2, 8)))
    scrollback.unread = 5

    assert [scrollback.next_mark(id_) for id_ in (-1, 2, 5, 8)] == [2, 5, 8, None]


@pytest.mark.parametrize(
    ("needle", "start", "step", "found"),
    [
        ("5", 9, -1, 5),
        ("5", 4, -1, None),
        ("5", 0, 1, 5),
        ("bob> 7", 9, -1, 7),
        ("Bob> 7", 9, -1, 7),
        ("BOB", 9, -1, None),
        ("5", 99, -1, 5),
        ("5", -99, 1, 5),
        ("nowhere", 9, -1, None),
    ],
)
def test_search_goes_one_way_and_heeds_upper_case_only_if_typed(
    needle: str, start: int, step: int, found: int | None
) -> None:
    """From the given entry on, itself included."""
    assert filled(10).search(needle, start, step) == found


def test_an_empty_scrollback_holds_nothing_to_find() -> None:
    """Searching it is no error."""
    assert Scrollback().search("x", 0, -1) is None
    assert Scrollback().search("x", 0, 1) is None


def test_pieces_of_one_text_become_one_entry() -> None:
    """`more` and `joined` say where pieces belong together, whatever came between."""
    scrollback = Scrollback()

    first = scrollback.append(Entry(message="one\ntw", more=True))
    aside = scrollback.append(Entry(message="-- searching", kind="state"))
    again = scrollback.append(Entry(message="o\nthree", joined=True))

    assert first == again
    assert scrollback[first].message == "one\ntwo\nthree"
    assert scrollback[aside].message == "-- searching"


def test_many_lines_are_folded_and_kept_beside() -> None:
    """The pane shows the head; the page has every character."""
    text = "\n".join(f"line {number}" for number in range(201))
    scrollback = Scrollback()

    id_ = scrollback.append(Entry(message=text, kind="page"))

    assert scrollback[id_].message.split("\n") == text.split("\n")[:HEAD_LINES]
    page = scrollback.page()
    assert page is not None
    assert (page.text, page.lines, page.complete) == (text, 201, True)


def test_two_hundred_lines_are_not_folded() -> None:
    """Only what is over the limit is."""
    scrollback = Scrollback()

    scrollback.append(Entry(message="\n".join("x" * 200), kind="page"))

    assert not scrollback.pages


def test_the_page_of_the_client_has_the_numbers_of_folding() -> None:
    """What is folded, what is shown of it, and how much is kept."""
    page = " ".join((Path(__file__).parents[3] / "docs" / "client.md").read_text("utf-8").split())

    assert f"over {FOLD_LINES} lines or {FOLD_BYTES >> 10} KiB" in page
    assert f"the first {HEAD_LINES} lines ({HEAD_BYTES >> 10} KiB at most)" in page
    assert f"Up to {PAGE_BYTES >> 20} MiB of such pages are kept" in page


def test_one_endless_line_is_folded_too() -> None:
    """Bytes count as lines do."""
    scrollback = Scrollback()

    id_ = scrollback.append(Entry(message="x" * (FOLD_BYTES + 1), kind="page"))

    assert len(scrollback[id_].message) == 4096


def test_a_text_that_grows_piece_by_piece_is_folded_on_its_way() -> None:
    """No piece is lost or doubled where the folding begins."""
    pieces = [f"{number:05d}\n" * 100 for number in range(20)]
    scrollback = Scrollback()

    scrollback.append(Entry(message=pieces[0], more=True))
    for piece in pieces[1:]:
        scrollback.append(Entry(message=piece, more=True, joined=True))

    page = scrollback.page()
    assert page is not None
    assert page.text == "".join(pieces)


def test_only_the_newest_pages_are_kept_whole() -> None:
    """Together they stay within their bytes; the oldest are forgotten first."""
    scrollback = Scrollback()
    third = PAGE_BYTES // 3

    for letter in "abcd":
        scrollback.append(Entry(message=letter * third, kind="page"))

    kept = [page.text[:1] for page in scrollback.pages.values()]
    assert kept == ["", "b", "c", "d"]
    assert [page.complete for page in scrollback.pages.values()] == [False, True, True, True]


def test_what_is_too_long_to_keep_says_so() -> None:
    """Its bytes are counted, its start is kept."""
    scrollback = Scrollback()

    scrollback.append(Entry(message="x" * 65_537, more=True))
    for _ in range(130):
        scrollback.append(Entry(message="y" * 65_536, more=True, joined=True))

    page = scrollback.page()
    assert page is not None
    assert not page.complete
    assert page.bytes == 65_537 + 130 * 65_536
    assert PAGE_BYTES - 65_536 <= len(page.text) <= PAGE_BYTES


def test_pages_are_numbered_from_the_newest() -> None:
    """`/page 2` is the one before the last."""
    scrollback = Scrollback()
    for letter in "ab":
        scrollback.append(Entry(message=letter * (FOLD_BYTES + 1)))

    assert [page and page.text[0] for page in map(scrollback.page, (0, 1, 2, 3))] == [
        None,
        "b",
        "a",
        None,
    ]


def test_clearing_forgets_everything_but_the_count() -> None:
    """Ids go on: an anchor of before never points at something new."""
    scrollback = filled(10)
    scrollback.unread = 3

    scrollback.clear()
    id_ = scrollback.append(chat("new"))

    assert (id_, len(scrollback)) == (10, 1)
    assert scrollback.unread is None


def test_what_all_lines_have_in_common_is_kept_once() -> None:
    """A hundred thousand lines of one person share a name and a kind; numbers are not shown."""
    scrollback = Scrollback()
    for number in range(2):
        kind, sender = "".join(["ch", "at"]), "".join(["Bo", "b"])
        scrollback.append(Entry(message="", kind=kind, sender=sender, seq=1000 + number))

    first, second = scrollback
    assert first.kind is second.kind
    assert first.sender is second.sender
    assert first.seq is None

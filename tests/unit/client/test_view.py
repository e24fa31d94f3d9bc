"""Following, holding, scrolling, jumping: what of a scrollback is seen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpnet.client.entry import Entry
from tcpnet.client.layout import Look
from tcpnet.client.scrollback import Scrollback
from tcpnet.client.view import View


def noon(_at: float) -> str:
    return "12:00"


LOOK = Look(noon)


def view_of(count: int, height: int = 5, keep: int = 100_000) -> View:
    view = View(Scrollback(keep), LOOK)
    view.resize(40, height)
    for number in range(count):
        view.append(line(number))
    return view


def line(number: int, *, mention: bool = False) -> Entry:
    return Entry(message=f"line {number}", mention=mention)


def seen(view: View) -> list[str]:
    return ["".join(text for _, text in row) for row in view.rows()]


def numbers(view: View) -> list[int]:
    return [int(row.removeprefix("line ")) for row in seen(view) if row.startswith("line")]


def test_the_newest_entries_are_seen() -> None:
    """A view follows until it is told otherwise."""
    assert numbers(view_of(10)) == [5, 6, 7, 8, 9]


def test_fewer_entries_than_rows_are_all_seen() -> None:
    """Nothing is made up to fill the screen."""
    assert numbers(view_of(3)) == [0, 1, 2]
    assert seen(view_of(0)) == []


def test_new_entries_do_not_move_what_is_held() -> None:
    """They are counted below."""
    view = view_of(20)
    view.scroll(-3)
    view.rows()

    for number in range(20, 62):
        view.append(line(number, mention=number == 30))

    assert numbers(view) == [12, 13, 14, 15, 16]
    assert (view.below, view.mentions_below) == (45, 1)


def test_what_is_below_is_counted_in_lines() -> None:
    """Those of entries further down, and the rows that are left of the lowest one seen."""
    view = view_of(3)
    view.append(Entry(message="a\nb\nc\nd"))
    view.append(Entry(message="e\nf", more=True))
    view.append(Entry(message="g\nh", joined=True))
    view.top()
    view.rows()

    assert view.below == 2 + 3


def test_an_answer_is_held_at_its_first_row() -> None:
    """What comes behind it is below, and is not unread."""
    view = view_of(20)

    view.lead()
    assert view.follows
    view.append(Entry(message="the answer"))
    assert view.follows
    view.append(Entry(message="\n".join("menu")))
    view.append(Entry(message="Your option"))

    assert seen(view) == ["the answer", *"menu"]
    assert view.below == 1
    assert view.scrollback.unread is None


def test_an_answer_is_held_until_the_person_goes_on() -> None:
    """Then the end is seen, and what comes next."""
    view = view_of(20)
    view.lead()
    for number in range(20, 40):
        view.append(line(number))

    view.go_on()

    assert view.follows
    assert numbers(view) == [35, 36, 37, 38, 39]


def test_scrolling_goes_on_from_an_answer_that_is_held() -> None:
    """As from any other place; there it stays."""
    view = view_of(20)
    view.lead()
    for number in range(20, 40):
        view.append(line(number))
    view.scroll(2)
    view.go_on()

    assert numbers(view) == [22, 23, 24, 25, 26]
    view.scroll(100)
    assert view.follows


def test_whoever_holds_the_view_is_not_taken_to_an_answer() -> None:
    """What comes is unread."""
    view = view_of(20)
    view.scroll(-3)
    view.lead()
    view.append(line(20))

    assert numbers(view) == [12, 13, 14, 15, 16]
    assert view.scrollback.unread == 20


def test_an_answer_that_was_dropped_gives_way_to_the_oldest() -> None:
    """As every place does."""
    view = view_of(10, keep=100)
    view.lead()
    for number in range(10, 400):
        view.append(line(number))

    first = view.scrollback.first
    assert numbers(view) == list(range(first, first + 5))


def test_trimming_does_not_move_what_is_held() -> None:
    """Ids outlive the entries before them."""
    view = view_of(100, keep=100)
    view.scroll(-3)

    for number in range(100, 150):
        view.append(line(number))

    assert numbers(view) == [92, 93, 94, 95, 96]


def test_a_held_entry_that_was_dropped_gives_way_to_the_oldest() -> None:
    """A flood can overrun a reader, never break his screen."""
    view = view_of(100, keep=100)
    view.top()

    for number in range(100, 1000):
        view.append(line(number))

    first = view.scrollback.first
    assert seen(view)[0].startswith("---------- unread since")
    assert numbers(view) == list(range(first, first + 4))


@pytest.mark.parametrize("size", [(80, 5), (12, 5), (40, 3), (20, 2)])
def test_a_resize_keeps_the_lowest_entry(size: tuple[int, int]) -> None:
    """The wrapped rows change around it."""
    view = view_of(0)
    for number in range(20):
        text = f"{number} is a line that is longer than forty cells are"
        view.append(Entry(message=text, mention=True))
    view.scroll(-8)
    view.rows()
    below = view.mentions_below

    view.resize(*size)
    view.rows()

    assert 0 < below == view.mentions_below


def test_a_page_down_after_a_page_up_is_where_it_was() -> None:
    """Paging keeps one row of the last page."""
    view = view_of(30)
    view.page(-1)

    assert numbers(view) == [21, 22, 23, 24, 25]
    view.page(-1)
    assert numbers(view) == [17, 18, 19, 20, 21]
    view.page(1)
    assert numbers(view) == [21, 22, 23, 24, 25]


def test_scrolling_to_the_end_follows_again() -> None:
    """The next entry is seen as it comes."""
    view = view_of(30)
    view.scroll(-3)
    view.scroll(3)

    view.append(line(30))

    assert view.follows
    assert numbers(view)[-1] == 30


def test_scrolling_up_stops_at_the_oldest() -> None:
    """The screen stays full."""
    view = view_of(10)

    view.scroll(-1000)

    assert numbers(view) == [0, 1, 2, 3, 4]
    view.scroll(1)
    assert numbers(view) == [1, 2, 3, 4, 5]


def test_what_fits_on_the_screen_does_not_scroll() -> None:
    """There is nothing to hold."""
    view = view_of(4)

    view.scroll(-1)
    view.top()

    assert view.follows


def test_a_taller_screen_at_the_top_is_filled_below() -> None:
    """No row is wasted above the oldest entry."""
    view = view_of(30)
    view.top()

    view.resize(40, 10)

    assert numbers(view) == list(range(10))


def test_what_comes_while_held_is_unread() -> None:
    """A rule stands above the first of it."""
    view = view_of(10)
    view.scroll(-1)

    view.append(line(10))
    view.append(line(11))
    view.follow()

    rows = seen(view)
    assert rows[2].startswith("---------- unread since 12:00")
    assert rows[3:] == ["line 10", "line 11"]


def test_next_mark_goes_from_mention_to_mention() -> None:
    """Then there is none."""
    view = view_of(30)
    view.top()
    view.rows()
    for number in range(30, 130):
        view.append(line(number, mention=number in (50, 90)))

    found = []
    while view.next_mark():
        found.append(numbers(view))

    assert [[number in rows for number in (30, 50, 90)].index(True) for rows in found] == [0, 1, 2]


def test_next_mark_while_following_goes_back_to_the_first_unread() -> None:
    """And is false where all was read."""
    view = view_of(30)

    assert not view.next_mark()
    view.scrollback.unread = 3
    assert view.next_mark()
    assert 3 in numbers(view)


def test_search_goes_up_from_match_to_match() -> None:
    """And down again; at the last it stays."""
    view = view_of(100)

    assert view.search("line 5", -1)
    assert 59 in numbers(view)
    assert view.search_on("line 5", -1)
    assert 58 in numbers(view)
    assert view.search_on("line 5", 1)
    assert 59 in numbers(view)
    held = numbers(view)
    assert not view.search_on("line 5", 1)
    assert not view.search("nowhere", -1)
    assert numbers(view) == held


@pytest.mark.parametrize("step", [-1, 1])
def test_a_search_goes_on_from_the_other_end(step: int) -> None:
    """What is there is found from everywhere."""
    view = view_of(100)
    view.top()
    view.scroll(50)
    view.rows()

    assert view.search("line 7", step)
    assert 7 in numbers(view) if step < 0 else 70 in numbers(view)
    assert view.search("line 99", step)
    assert view.search("line 33", step)


def test_a_search_downwards_sees_what_is_on_the_screen() -> None:
    """The first match may be in the top row."""
    view = view_of(100)
    view.top()
    view.rows()

    assert view.search("line", 1)
    assert numbers(view)[0] == 0


def test_an_empty_search_finds_nothing() -> None:
    """It moves nothing either."""
    view = view_of(100)

    assert not view.search("", -1)
    assert view.follows


MESSAGES = st.lists(st.integers(0, 100), min_size=1, max_size=30)
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("scroll"), st.integers(-30, 30)),
        st.tuples(st.just("width"), st.integers(5, 60)),
        st.tuples(st.just("height"), st.integers(1, 12)),
        st.tuples(st.just("append"), st.integers(0, 100)),
        st.tuples(st.just("show"), st.integers(0, 29)),
        st.tuples(st.just("top"), st.just(0)),
    ),
    max_size=30,
)


@settings(max_examples=200)
@given(MESSAGES, MOVES)
def test_a_view_is_always_a_window_on_the_whole_layout(
    lengths: list[int], moves: list[tuple[str, int]]
) -> None:
    """Whatever is done, the rows stand together in it, and no row of the screen is wasted."""
    view = view_of(0, height=5)
    width, height = 40, 5
    for number, length in enumerate(lengths):
        view.append(entry(number, length))
    for move, value in moves:
        match move:
            case "scroll":
                view.scroll(value)
            case "append":
                view.append(entry(view.scrollback.end, value))
            case "show":
                view.show(value % len(view.scrollback))
            case "top":
                view.top()
            case "width":
                width = value
            case "height":
                height = value
        view.resize(width, height)
        rows = view.rows()

        whole = [row for id_ in range(view.scrollback.end) for row in view._rows(id_)]
        assert len(rows) == min(height, len(whole))
        assert rows in [whole[at : at + len(rows)] for at in range(len(whole))]
        if view.follows:
            assert rows == whole[-height:]


def entry(number: int, length: int) -> Entry:
    return Entry(message=f"{number} " + "word " * (length // 5))

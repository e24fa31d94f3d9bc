"""Rows of one entry: columns, roles, folds."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tcpnet.client.entry import Entry
from tcpnet.client.layout import ROLES, Layout, Look, Row, name_role, rule
from tcpnet.client.scrollback import Page
from tcpnet.client.width import cells
from tcpnet.text import clean, clean_lines


def noon(_at: float) -> str:
    return "12:00"


def laid_out(entry: Entry, width: int = 40, look: Look | None = None) -> list[Row]:
    layout = Layout(look or Look(noon))
    layout.width = width
    return layout.rows(0, entry)


def texts(rows: list[Row]) -> list[str]:
    return ["".join(text for _, text in row) for row in rows]


ALICE = Entry(message="Alice> Hello", kind="chat", sender="Alice", text="Hello")


def test_a_room_line_is_the_hubs_text_behind_the_time() -> None:
    """Character for character, the name with a role of its own."""
    assert laid_out(ALICE) == [
        [("time", "12:00 "), (name_role("Alice"), "Alice"), ("text", "> Hello")]
    ]


def test_a_menu_is_shown_as_it_came() -> None:
    """No time column, empty lines kept."""
    menu = "\n****** TCP Client-Server Network ******\n1. Get user list\n"

    assert texts(laid_out(Entry(message=menu))) == menu.split("\n")


def test_a_long_line_goes_on_under_itself() -> None:
    """Nothing a person writes can begin at the edge, where a time stands."""
    entry = Entry(message="Bob> 12:01 Alice> " * 4, kind="chat", sender="Bob")

    first, *rest = texts(laid_out(entry))

    assert first.startswith("12:00 Bob> ")
    assert rest
    assert all(row.startswith(" " * 6) for row in rest)


def test_a_mention_is_marked_without_colour() -> None:
    """A star stands behind the time."""
    entry = Entry(message="Bob> Alice: hi", kind="chat", sender="Bob", mention=True)

    assert texts(laid_out(entry)) == ["12:00*Bob> Alice: hi"]


def test_a_narrow_screen_has_no_time_column() -> None:
    """Below 30 cells every one is for the text."""
    assert texts(laid_out(ALICE, width=20)) == ["Alice> Hello"]


def test_a_name_is_only_coloured_where_the_line_begins_with_it() -> None:
    """A sender named elsewhere gives no colour to other characters."""
    entry = Entry(message="2019-08-05 17:45: Hi (from: Nina)", kind="direct", sender="Nina")

    assert laid_out(entry) == [[("text", entry.message)]]


def test_ones_own_name_has_its_own_role() -> None:
    """It needs no colour."""
    entry = Entry(message="Me> hi", kind="chat", sender="Me", own=True)

    assert laid_out(entry)[0][1] == ("own", "Me")


def test_names_can_be_shown_without_colours() -> None:
    """All of them alike."""
    assert laid_out(ALICE, look=Look(noon, name_colours=False))[0][1] == ("name", "Alice")


def test_colours_of_names_are_spread() -> None:
    """A hundred names use all of them."""
    assert len({name_role(f"person{number}") for number in range(100)}) == 8


@pytest.mark.parametrize(
    ("needle", "marked"), [("hello", ["hello", "Hello"]), ("Hello", ["Hello"]), (".", [])]
)
def test_what_is_searched_for_is_marked(needle: str, marked: list[str]) -> None:
    """In any case unless upper case was typed; no character is special."""
    entry = Entry(message="Al> hello Hello", kind="chat", sender="Al")

    row = laid_out(entry, look=Look(noon, needle=needle))[0]

    assert [text for role, text in row if role == "match"] == marked


def test_a_match_across_two_rows_is_marked_in_both() -> None:
    """Marks belong to the line, not to the row."""
    rows = laid_out(Entry(message="abcdefghij"), width=6, look=Look(noon, needle="efgh"))

    assert [[text for role, text in row if role == "match"] for row in rows] == [["ef"], ["gh"]]


def test_a_folded_page_says_what_is_left_and_how_to_see_it() -> None:
    """The note is a row of its own."""
    layout = Layout(Look(noon))
    layout.width = 80

    rows = layout.rows(0, Entry(message="head", kind="page"), Page("x\n" * 300))

    assert texts(rows) == ["head", "... 300 more lines (/page shows them, /save FILE writes all)"]


def test_a_rule_is_as_wide_as_the_pane() -> None:
    """The word stands near its left end."""
    (((role, text),)) = rule("unread since 12:11", 60)

    assert role == "rule"
    assert text.startswith("---------- unread since 12:11 -----")
    assert len(text) == 60


def test_rows_are_remembered_until_the_width_or_the_entry_changes() -> None:
    """A key pressed lays out nothing."""
    layout = Layout(Look(noon))
    layout.width = 40
    first = layout.rows(0, ALICE)

    assert layout.rows(0, ALICE) is first
    layout.width = 41
    assert layout.rows(0, ALICE) is not first
    again = layout.rows(0, ALICE)
    layout.forget(0)
    assert layout.rows(0, ALICE) is not again


KINDS = st.sampled_from(["chat", "info", "state", "note", "error", "page", "direct", "join", "day"])


@example("", "", "state", 4, "")
@given(st.text(max_size=300), st.text(max_size=20), KINDS, st.integers(2, 100), st.text(max_size=3))
def test_rows_fit_roles_are_ours_and_the_text_is_whole(
    text: str, sender: str, kind: str, width: int, needle: str
) -> None:
    """Whatever people write, at every width, whatever is searched for."""
    name = clean(sender)
    entry = Entry(message=clean_lines(f"{sender}> {text}"), kind=kind, sender=name)

    rows = laid_out(entry, width, Look(noon, needle=needle))

    assert {role for row in rows for role, _ in row} <= ROLES
    assert all(cells(row) <= width for row in texts(rows))

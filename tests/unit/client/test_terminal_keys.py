"""Every key and what it does."""

from collections.abc import AsyncIterator

import pytest

from tcpnet.client.screen import State
from tcpnet.protocol.items import Cancel, Print, Progress
from tests.unit.client.seat import (
    BACK_TAB,
    CTRL_DOWN,
    CTRL_END,
    CTRL_HOME,
    CTRL_UP,
    DOWN,
    ENTER,
    ESCAPE,
    F1,
    PAGE_DOWN,
    PAGE_UP,
    TAB,
    UP,
    WELCOME,
    Seat,
    ask,
    ctrl,
    menu,
    room,
    said,
    seated,
)

ALT = "\x1b"


@pytest.fixture
async def seat() -> AsyncIterator[Seat]:
    """Alice in a room."""
    async with seated() as taken:
        await taken.link(State("connected"))
        await taken.hub(WELCOME, room())
        yield taken


async def fill(seat: Seat, count: int = 100) -> None:
    await seat.hub(*(said("Bob", f"line {number}") for number in range(count)))


def seen(seat: Seat) -> list[int]:
    return [int(line.rpartition(" ")[2]) for line in seat.lines if "Bob> line" in line]


async def test_enter_sends_the_line_and_empties_it(seat: Seat) -> None:
    """Once."""
    await seat.enter("hello")

    assert seat.answers == ["hello"]
    assert seat.typed == ">"


async def test_an_empty_line_is_not_posted_to_a_room(seat: Seat) -> None:
    """Nor are spaces."""
    await seat.enter("")
    await seat.enter("   ")

    assert seat.answers == []


async def test_an_empty_answer_is_sent_where_one_was_asked(seat: Seat) -> None:
    """The hub says whether it may be."""
    await seat.hub(ask("Anything? ", 2))
    await seat.enter("")

    assert seat.answers == [""]


async def test_letters_are_no_number(seat: Seat) -> None:
    """They stay for editing and are not sent."""
    await seat.hub(menu(2))
    await seat.enter("two")

    assert seat.answers == []
    assert "a number, please" in seat.status
    assert seat.typed.endswith(": two")


async def test_a_number_is_sent_as_one(seat: Seat) -> None:
    """Whatever spaces stand around it."""
    await seat.hub(menu(2))
    await seat.enter(" 5 ")

    assert seat.answers == [5]


async def test_the_next_key_takes_a_notice_away(seat: Seat) -> None:
    """It has been read by then."""
    await seat.hub(menu(2))
    await seat.enter("two")
    await seat.press("x")

    assert "a number" not in seat.status


async def test_tab_completes_names_and_addresses_them(seat: Seat) -> None:
    """Again for the next, back with Shift."""
    await seat.hub(said("Bob", "hi"), said("Bert", "hi"))

    await seat.press("b", TAB)
    assert seat.typed == "> Bert:"
    await seat.press(TAB)
    assert seat.typed == "> Bob:"
    await seat.press(BACK_TAB)
    assert seat.typed == "> Bert:"


async def test_tab_completes_words_of_the_client_and_of_the_hub(seat: Seat) -> None:
    """Where the question allows the client's own."""
    await seat.hub(room(2, "/kick"))
    await seat.press("/ki", TAB)
    assert seat.typed == "> /kick"

    await seat.press(ctrl("c"), "/he", TAB)
    assert seat.typed == "> /help"


async def test_up_and_down_recall_what_was_sent_to_this_kind_of_question(seat: Seat) -> None:
    """Menu answers do not come up in a room, and the draft comes back."""
    await seat.enter("one")
    await seat.enter("two")
    await seat.hub(menu(2))
    await seat.enter("5")
    await seat.hub(room(3))
    await seat.press("dra", UP)
    assert seat.typed == "> two"

    await seat.press(UP, UP)
    assert seat.typed == "> one"
    await seat.press(DOWN, DOWN)
    assert seat.typed == "> dra"


async def test_ctrl_r_finds_a_line_that_was_sent(seat: Seat) -> None:
    """By what it holds."""
    await seat.enter("make tea")
    await seat.enter("go home")
    await seat.press("tea", ctrl("r"))

    assert seat.typed == "> make tea"


async def test_a_secret_is_never_recalled(seat: Seat) -> None:
    """Not even by the next secret question."""
    await seat.hub(ask("Password: ", 2, type_="secret"))
    await seat.enter("hunter2")
    await seat.hub(ask("Password: ", 3, type_="secret"))
    await seat.press(UP)
    assert seat.typed == "Password:"
    await seat.hub(ask("Password: ", 4))
    await seat.press(UP, ctrl("p"), ctrl("r"))

    assert "hunter2" not in screen_text(seat)


def screen_text(seat: Seat) -> str:
    return "\n".join(seat.lines)


async def test_what_is_cut_from_a_secret_cannot_be_put_elsewhere(seat: Seat) -> None:
    """^U then ^Y at the next question brings nothing."""
    await seat.hub(ask("Password: ", 2, type_="secret"))
    await seat.press("hunter2", ctrl("u"))
    await seat.hub(ask("Name: ", 3))
    await seat.press(ctrl("y"))

    assert "hunter2" not in screen_text(seat)


async def test_what_is_cut_can_be_put_back(seat: Seat) -> None:
    """The usual keys of a line editor work."""
    await seat.press("one two", ctrl("w"), ctrl("a"), ctrl("y"))

    assert seat.typed == "> twoone"


async def test_page_up_and_down_keep_one_line(seat: Seat) -> None:
    """A page is the pane less a line."""
    await fill(seat)
    await seat.press(PAGE_UP)
    assert seen(seat) == list(range(77, 89))
    await seat.press(PAGE_UP, PAGE_DOWN)
    assert seen(seat) == list(range(77, 89))
    await seat.press(PAGE_DOWN)
    assert seen(seat) == list(range(88, 100))


async def test_ctrl_up_and_down_scroll_three_lines(seat: Seat) -> None:
    """The twins of the paging keys."""
    await fill(seat)
    await seat.press(CTRL_UP)
    assert seen(seat)[-1] == 96
    await seat.press(CTRL_DOWN)
    assert seen(seat)[-1] == 99


@pytest.mark.parametrize(("top", "end"), [(CTRL_HOME, CTRL_END), (ALT + "<", ALT + ">")])
async def test_to_the_top_and_to_the_end(seat: Seat, top: str, end: str) -> None:
    """The end is followed again."""
    await fill(seat)
    await seat.press(top)
    assert seat.lines[0] == "Successfully connected to server: 127.0.0.1/12005"
    await seat.press(end)
    await seat.hub(said("Bob", "line 100"))

    assert seen(seat)[-1] == 100


async def test_scrolling_leaves_the_typed_line_alone(seat: Seat) -> None:
    """Whatever is pressed above it."""
    await fill(seat)
    await seat.press("half", PAGE_UP, CTRL_HOME, CTRL_UP, CTRL_END)

    assert seat.typed == "> half"


async def test_ctrl_n_goes_from_mention_to_mention(seat: Seat) -> None:
    """Then says that there is none."""
    await fill(seat)
    await seat.press(CTRL_HOME)
    await seat.hub(said("Bob", "alice: first"))
    await fill(seat)
    await seat.hub(said("Bob", "alice: second"))
    await fill(seat)

    await seat.press(ctrl("n"))
    assert any("first" in line for line in seat.lines)
    await seat.press(ctrl("n"))
    assert any("second" in line for line in seat.lines)
    await seat.press(ctrl("n"))
    assert "nothing unread, no mention" in seat.status


async def test_search_moves_as_it_is_typed(seat: Seat) -> None:
    """Up and Down go on, Enter stays there."""
    await fill(seat)
    await seat.press("half", ctrl("f"), "line 1")
    assert 19 in seen(seat)
    await seat.press(UP)
    assert 18 in seen(seat)
    await seat.press(DOWN, "2")
    assert 12 in seen(seat)
    await seat.press(ENTER)

    assert 12 in seen(seat)
    assert seat.typed == "> half"
    assert seat.answers == []


@pytest.mark.parametrize("key", [ESCAPE, ctrl("g"), ctrl("c")])
async def test_a_search_given_up_goes_back(seat: Seat, key: str) -> None:
    """To where it began, with the typed line as it was."""
    await fill(seat)
    await seat.press("half", ctrl("f"), "line 1", key)

    assert seen(seat)[-1] == 99
    assert seat.typed == "> half"


async def test_a_search_for_what_is_not_there_says_so(seat: Seat) -> None:
    """And stays where it was."""
    await fill(seat)
    await seat.press(ctrl("f"), "no such")

    assert "nowhere" in seat.status
    assert seen(seat)[-1] == 99


async def test_a_second_search_begins_empty(seat: Seat) -> None:
    """What was looked for before is gone."""
    await fill(seat)
    await seat.press(ctrl("f"), "line 1", ESCAPE, ctrl("f"))

    assert seat.typed == "search:"


async def test_ctrl_c_clears_the_line_and_undo_brings_it_back(seat: Seat) -> None:
    """It does not leave."""
    await seat.press("half a line", ctrl("c"))
    assert seat.typed == ">"
    await seat.press(ctrl("_"))

    assert seat.typed == "> half a line"


async def test_ctrl_c_twice_on_an_empty_line_leaves(seat: Seat) -> None:
    """Within two seconds; the status says how."""
    await seat.press(ctrl("c"))
    assert "press ^C again or ^D to quit" in seat.status
    seat.now += 1.9
    await seat.press(ctrl("c"))

    assert seat.way.left == ("interrupted", 130)


async def test_ctrl_c_after_a_while_asks_again(seat: Seat) -> None:
    """The first one is forgotten."""
    await seat.press(ctrl("c"))
    seat.now += 2.1
    await seat.press(ctrl("c"))

    assert seat.way.left is None


async def test_ctrl_c_stops_a_fetch_and_nothing_else(seat: Seat) -> None:
    """What is typed stays."""
    await seat.press("half")
    await seat.hub(Progress(id=9, message="GET", done=10))
    await seat.press(ctrl("c"))

    assert seat.way.sent == [Cancel(id=9)]
    assert seat.typed == "> half"


async def test_ctrl_d_leaves_from_an_empty_line(seat: Seat) -> None:
    """With status 0."""
    await seat.press(ctrl("d"))

    assert seat.way.left == ("leaving", 0)


async def test_ctrl_d_deletes_in_a_line(seat: Seat) -> None:
    """As in every line editor."""
    await seat.press("ab", ctrl("a"), ctrl("d"))

    assert seat.typed == "> b"
    assert seat.way.left is None


@pytest.mark.parametrize("key", [ESCAPE, ctrl("c")])
async def test_f1_shows_help_until_it_is_closed(seat: Seat, key: str) -> None:
    """The talk goes on behind it."""
    await seat.press(F1)
    assert seat.lines[0] == "Keys"
    await seat.hub(said("Bob", "meanwhile"))
    assert seat.lines[0] == "Keys"
    await seat.press(PAGE_DOWN, key)

    assert "12:00 Bob> meanwhile" in seat.lines


async def test_ctrl_l_paints_everything_anew(seat: Seat) -> None:
    """After something else wrote on the terminal."""
    await fill(seat)
    before = list(seat.lines)
    seat.cells.screen.erase_in_display(2)
    await seat.press(ctrl("l"))

    assert seat.lines == before


async def test_alt_keys_move_by_words(seat: Seat) -> None:
    """Escape is also the beginning of a key."""
    await seat.press("one two", ALT + "b", "x")

    assert seat.typed == "> one xtwo"


async def test_mail_is_acknowledged_when_it_was_on_the_screen(seat: Seat) -> None:
    """Not while the person is reading further up."""
    await fill(seat)
    await seat.press(PAGE_UP)
    await seat.hub(Print(message="hi (from: Nina)", kind="direct", from_="Nina", seq=7))
    assert [type(item).__name__ for item in seat.way.sent] == []
    await seat.press(CTRL_END)

    assert [type(item).__name__ for item in seat.way.sent] == ["Seen"]

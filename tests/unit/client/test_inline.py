"""Inline: everything is printed once, in order, above the line that is typed."""

import re
from collections.abc import AsyncIterator

import pytest

from tcpnet.client.screen import State
from tcpnet.protocol.items import Print, Progress
from tests.unit.client.seat import (
    ENTER,
    F1,
    TAB,
    WELCOME,
    Seat,
    ask,
    ctrl,
    menu,
    pasted,
    room,
    said,
    seated,
)


@pytest.fixture
async def seat() -> AsyncIterator[Seat]:
    """Alice, connected."""
    async with seated(mode="inline") as taken:
        await taken.link(State("connected"))
        await taken.hub(WELCOME)
        yield taken


def roll(seat: Seat) -> list[str]:
    """All that was printed, and what is typed, from the top of the terminal's own history."""
    top = ["".join(row[x].data for x in range(80)) for row in seat.cells.screen.history.top]
    lines = [line.rstrip() for line in [*top, *seat.cells.screen.display]]
    while lines and not lines[-1]:
        lines.pop()
    return lines


async def printed(seat: Seat, text: str) -> None:
    await seat.until(lambda: any(text in line for line in roll(seat)))


async def test_there_is_no_second_screen(seat: Seat) -> None:
    """Nor any cursor moved to the top of it."""
    await seat.hub(menu())
    await printed(seat, "Your option")

    written = "".join(seat.cells.written)
    assert "\x1b[?1049h" not in written
    assert not re.search(r"\x1b\[\d*;?\d*H", written)


async def test_lines_are_printed_above_the_typed_one(seat: Seat) -> None:
    """As the hub says them, without a column of times."""
    await seat.hub(room())
    await seat.press("half")
    await seat.hub(said("Bob", "Hello"), said("Bob", "alice: can you hear me?"))
    await printed(seat, "can you hear me")
    await seat.press(" a line")

    assert roll(seat)[-3:] == ["Bob> Hello", "Bob> alice: can you hear me?", "> half a line"]


async def test_questions_and_answers_remain(seat: Seat) -> None:
    """Like a recording."""
    await seat.hub(Print(message="1. Get user list"), menu(1))
    await seat.enter("1")
    await seat.hub(Print(message="Users in server: Alice:50851"), menu(2))
    await printed(seat, "Users in server")

    assert roll(seat)[-4:] == [
        "1. Get user list",
        "Your option <enter a number>: 1",
        "Users in server: Alice:50851",
        "Your option <enter a number>:",
    ]


async def test_long_lines_are_left_to_the_terminal(seat: Seat) -> None:
    """Nothing of ours wraps them, so that they can be selected whole."""
    await seat.hub(room(), said("Bob", "x" * 200))
    await printed(seat, "xxx")

    assert "x" * 200 in "".join(seat.cells.written)


async def test_not_even_the_length_of_a_secret_is_shown(seat: Seat) -> None:
    """And a line says that it is hidden."""
    await seat.hub(ask("Password: ", 2, type_="secret"))
    await printed(seat, "what you type now is hidden")
    await seat.press("hunter2")
    assert seat.cells.screen.display[seat.cells.screen.cursor.y].rstrip() == "Password:"
    await seat.press(ENTER)

    assert seat.answers == ["hunter2"]
    assert "hunter2" not in "".join(seat.cells.written)


async def test_changes_of_the_connection_are_lines(seat: Seat) -> None:
    """There is no status to look at."""
    await seat.hub(room())
    await seat.link(State("lost", retry_at=1004.0, reason="reset by peer"))
    await printed(seat, "== connection lost: reset by peer")


async def test_a_notice_is_a_line(seat: Seat) -> None:
    """Said once."""
    await seat.hub(menu())
    await seat.enter("two")
    await printed(seat, "-- a number, please")

    assert sum("a number, please" in line for line in roll(seat)) == 1


async def test_a_paste_is_reviewed_in_words(seat: Seat) -> None:
    """Before anything is sent."""
    await seat.hub(room())
    await seat.press(pasted("one\ntwo\n"))
    await printed(seat, "-- paste 2 lines: Enter send 2 | e edit | j join | Esc drop")
    assert seat.answers == []
    await seat.press(ENTER)

    assert seat.answers == ["one", "two"]


async def test_a_page_is_printed_when_all_of_it_is_there(seat: Seat) -> None:
    """Its pieces are one text; a long one is folded."""
    await seat.hub(Print(message="one\ntw", more=True))
    await seat.hub(Print(message="o\nthree"))
    await printed(seat, "three")
    assert roll(seat)[-4:-1] == ["one", "two", "three"]
    await seat.hub(Print(message="row\n" * 300))
    await printed(seat, "281 more lines")

    assert sum(line == "row" for line in roll(seat)) == 20


async def test_help_and_pages_are_printed(seat: Seat) -> None:
    """Nothing opens that had to be closed."""
    await seat.hub(room(1))
    await seat.press(F1)
    await printed(seat, "this help")
    assert seat.desk.reading.text is None
    await seat.hub(Print(message="row\n" * 300), room(2))
    await seat.enter("/page")
    await seat.until(lambda: sum(line == "row" for line in roll(seat)) == 320)


@pytest.mark.parametrize("keys", [("/help", ENTER), (F1,)])
async def test_help_lists_no_word_that_needs_a_pane(seat: Seat, keys: tuple[str, ...]) -> None:
    """It would be refused."""
    await seat.hub(room())
    await seat.press(*keys)
    await printed(seat, "/reconnect")

    assert not any("/search" in line or "/top" in line for line in roll(seat))


async def test_help_shows_no_key_that_needs_a_pane(seat: Seat) -> None:
    """It would do nothing, and nothing has to be closed."""
    await seat.hub(room())
    await seat.press(F1)
    await printed(seat, "/reconnect")

    assert not any("PgUp" in line or "^F" in line or "Esc closes" in line for line in roll(seat))


async def test_tab_completes_no_word_that_needs_a_pane(seat: Seat) -> None:
    """It would be refused."""
    await seat.hub(room())
    await seat.press("/se", TAB)
    assert roll(seat)[-1] == "> /se"

    await seat.press(ctrl("u"), "/rec", TAB)

    assert roll(seat)[-1] == "> /reconnect"


async def test_words_that_need_a_pane_point_to_the_terminal(seat: Seat) -> None:
    """It scrolls and searches by itself."""
    await seat.hub(room())
    await seat.enter("/search x")
    await printed(seat, "-- scroll and search as your terminal does")
    await seat.press("hello")

    assert roll(seat)[-1] == "> hello"


async def test_progress_is_said_once(seat: Seat) -> None:
    """Not at every step."""
    await seat.hub(Progress(id=9, message="GET http://example.com", done=1000))
    await seat.hub(Progress(id=9, message="GET http://example.com", done=2000))
    await printed(seat, "-- GET http://example.com")
    await seat.press("x")

    assert sum("GET" in line for line in roll(seat)) == 1


async def test_a_day_begins_without_a_rule(seat: Seat) -> None:
    """Dashes would be read aloud."""
    await seat.hub(room(), said("Bob", "hi", at=86_400.0))
    await printed(seat, "Bob> hi")

    assert roll(seat)[-3:-1] == ["day 1", "Bob> hi"]


async def test_mail_is_acknowledged_when_it_was_printed(seat: Seat) -> None:
    """Not before."""
    await seat.hub(Print(message="hi (from: Nina)", kind="direct", from_="Nina", seq=7))
    await printed(seat, "hi (from: Nina)")

    assert [type(item).__name__ for item in seat.way.sent] == ["Seen"]


async def test_what_came_last_is_printed_before_the_end(seat: Seat) -> None:
    """The goodbye of the hub too."""
    seat.screen.on_item(Print(message="Good bye."), 0.0)
    seat.screen.on_state(State("ended", reason="goodbye", status=0), 0.0)
    await seat.until(lambda: seat.app.is_done)
    await printed(seat, "Good bye.")


async def test_ctrl_d_leaves(seat: Seat) -> None:
    """As everywhere."""
    await seat.hub(room())
    await seat.press(ctrl("d"))

    assert seat.way.left == ("leaving", 0)

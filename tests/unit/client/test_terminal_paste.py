"""Pastes: nothing of several lines is sent before the person has seen it."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from msgspec.structs import replace
from prompt_toolkit.key_binding import KeyPress

from tcpnet.client.keyboard import QUIET
from tcpnet.client.posting import PATIENCE, WINDOW
from tcpnet.client.screen import State
from tests.unit.client.seat import (
    ENTER,
    ESCAPE,
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

FOUR = pasted("one\ntwo\nthree\nfour\n")
"""And how they are reviewed."""
REVIEW = "paste> one\n       two\n       three\n       four"


@pytest.fixture
async def seat() -> AsyncIterator[Seat]:
    """Alice in a room."""
    async with seated() as taken:
        await taken.link(State("connected"))
        await taken.hub(WELCOME, room())
        yield taken


async def acknowledged(seat: Seat, count: int) -> None:
    """Let the hub take so many lines that it had not."""
    mids = list(seat.screen.pending)[:count]
    await seat.hub(*(said("Alice", seat.screen.pending[mid].text, mid=mid) for mid in mids))


async def taken(seat: Seat) -> list[str | int]:
    """Let the hub take whatever comes, to its end; all that was sent."""
    while seat.screen.pending:
        await acknowledged(seat, len(seat.screen.pending))
    return seat.answers


@pytest.mark.parametrize("text", ["hello", "hello\n", "hello\r\n"])
async def test_one_line_is_put_where_the_cursor_is(seat: Seat, text: str) -> None:
    """A closing newline sends nothing."""
    await seat.press("say: ", pasted(text))

    assert seat.typed == "> say: hello"
    assert seat.answers == []


async def test_several_lines_wait_for_enter(seat: Seat) -> None:
    """Then all are sent, in order."""
    await seat.press(FOUR)
    assert seat.answers == []
    await seat.press(ENTER)

    assert seat.answers == ["one", "two", "three", "four"]
    assert seat.typed == ">"


async def test_what_was_typed_begins_the_first_line(seat: Seat) -> None:
    """As it would in any editor."""
    await seat.press("see: ", FOUR)
    assert seat.typed == REVIEW.replace("one", "see: one")
    await seat.press(ENTER)

    assert seat.answers[0] == "see: one"


async def test_a_dropped_paste_leaves_what_was_typed(seat: Seat) -> None:
    """Nothing is sent."""
    await seat.press("see: ", FOUR, ESCAPE)

    assert seat.typed == "> see:"
    assert seat.answers == []


async def test_ctrl_c_drops_a_paste(seat: Seat) -> None:
    """It does not clear the line, nor leave."""
    await seat.press("see: ", FOUR, ctrl("c"))

    assert seat.typed == "> see:"


async def test_joined_lines_are_one_line_to_edit(seat: Seat) -> None:
    """Not sent yet."""
    await seat.press(FOUR, "j")

    assert seat.typed == "> one two three four"
    assert seat.answers == []


async def test_edited_lines_come_one_by_one(seat: Seat) -> None:
    """Each is sent by its own Enter."""
    await seat.press(FOUR, "e")
    assert seat.typed == "> one"
    assert "3 more lines" in seat.status
    await seat.press("!", ENTER)
    assert seat.typed == "> two"
    assert seat.answers == ["one!"]
    await seat.press(ESCAPE, ENTER)

    assert seat.typed == ">"
    assert seat.answers == ["one!", "two"]


async def test_other_keys_do_nothing_to_a_paste(seat: Seat) -> None:
    """They are answered with a question."""
    await seat.press(FOUR, "x", ctrl("w"))

    assert seat.typed == REVIEW
    await seat.press("x")
    assert "what is to become of the paste?" in seat.status


async def test_a_long_paste_needs_enter_twice(seat: Seat) -> None:
    """A thousand lines are not sent by a slip."""
    await seat.press(pasted("x\n" * 1000))
    assert "paste 1,000 lines: Enter twice: send" in seat.status
    await seat.press(ENTER)
    assert seat.answers == []
    await seat.press(ENTER)

    assert len(await taken(seat)) == 1000


async def test_lines_of_a_paste_go_as_the_hub_takes_them(seat: Seat) -> None:
    """The status counts, and what is being typed is no part of it."""
    await seat.press(pasted("".join(f"{number}\n" for number in range(40))), ENTER)
    assert seat.answers == [str(number) for number in range(WINDOW)]
    assert "sending 0/40  ^C stop" in seat.status
    await acknowledged(seat, 5)
    assert "sending 5/40" in seat.status
    assert seat.answers == [str(number) for number in range(WINDOW + 5)]
    await seat.enter("meanwhile")

    assert (await taken(seat))[WINDOW + 5 :] == [
        "meanwhile",
        *[str(number) for number in range(WINDOW + 5, 40)],
    ]
    assert "sending" not in seat.status


async def test_ctrl_c_stops_a_paste_and_keeps_the_rest(seat: Seat) -> None:
    """It is for review again; what is being typed stays too."""
    await seat.press(pasted("".join(f"{number}\n" for number in range(40))), ENTER)
    await acknowledged(seat, 2)
    await seat.press("typed", ctrl("c"))

    assert "stopped: 10 of 40 lines were sent" in seat.status
    assert seat.typed.splitlines()[0] == "paste> 10"
    await seat.press(ctrl("l"))
    assert "paste 30 lines: Enter send 30" in seat.status
    await seat.press(ENTER)
    assert [each for each in await taken(seat) if each != "typed"] == list(map(str, range(40)))
    assert seat.typed == "> typed"


async def test_a_hub_that_acknowledges_nothing_gets_a_few_lines_at_a_time(seat: Seat) -> None:
    """A hub need not know our lines by name."""
    await seat.press(pasted("x\n" * 20), ENTER)
    seat.now += PATIENCE
    await seat.press(ctrl("l"))

    assert len(seat.answers) == 2 * WINDOW


async def test_what_is_left_of_a_paste_waits_for_the_next_room(seat: Seat) -> None:
    """A line of it may have been the way out; nothing of it answers the menu."""
    await seat.press(pasted("one\nbye\nthree\nfour\n"), ENTER)
    await acknowledged(seat, 1)
    await seat.hub(menu(2))
    assert "12:00 -- not sent of your paste, and kept for the next room: 3 lines" in seat.lines
    await seat.enter("5")
    assert seat.answers[-1] == 5
    await seat.hub(room(3))

    assert seat.typed == "paste> bye\n       three\n       four"


async def test_a_paste_goes_on_where_the_session_does(seat: Seat) -> None:
    """After a loss the link itself sends again what was on its way."""
    await seat.press(pasted("".join(f"{number}\n" for number in range(40))), ENTER)
    await seat.link(State("lost", retry_at=1004.0, reason="reset"))
    assert seat.typed == ">"
    await seat.link(State("connected"))
    await seat.hub(replace(WELCOME, resumed=True), room())

    assert await taken(seat) == [str(number) for number in range(40)]


async def test_a_paste_is_kept_where_the_session_is_gone(seat: Seat) -> None:
    """Also what had been on its way."""
    await seat.press(pasted("".join(f"{number}\n" for number in range(40))), ENTER)
    await acknowledged(seat, 3)
    await seat.link(State("lost", retry_at=1004.0, reason="reset"))
    await seat.link(State("connected"))
    await seat.hub(WELCOME, menu(2))
    assert seat.typed == "Your option <enter a number>:"
    await seat.hub(room(3))

    assert seat.typed.splitlines()[0] == "paste> 3"
    assert "paste 37 lines" in seat.status


async def test_a_pasted_line_is_no_command(seat: Seat) -> None:
    """`/quit` in a listing is text."""
    await seat.press(pasted("one\n/quit\n"), ENTER)

    assert seat.answers == ["one", "/quit"]
    assert seat.way.left is None


@pytest.mark.parametrize("type_", ["int", "secret"])
async def test_numbers_and_secrets_take_one_line_only(seat: Seat, type_: str) -> None:
    """Nothing of the paste is taken."""
    await seat.hub(ask("Enter: ", 2, type_=type_))
    await seat.press(FOUR)

    assert "one line expected" in seat.status
    assert seat.typed == "Enter:"


async def test_a_question_for_one_answer_takes_joined_lines(seat: Seat) -> None:
    """The second line would answer another question."""
    await seat.hub(ask("Enter your message: ", 2))
    await seat.press(FOUR, ENTER)
    assert "one line expected" in seat.status
    assert seat.answers == []
    await seat.press("j", ENTER)

    assert seat.answers == ["one two three four"]


async def test_a_secret_can_be_pasted(seat: Seat) -> None:
    """Out of a password manager, with or without its newline."""
    await seat.hub(ask("Password: ", 2, type_="secret"))
    await seat.press(pasted("hunter2\n"), ENTER)

    assert seat.answers == ["hunter2"]


async def test_a_paste_waits_while_a_secret_is_asked(seat: Seat) -> None:
    """It comes back with the next question."""
    await seat.press(FOUR)
    await seat.hub(ask("Password: ", 2, type_="secret"))
    assert seat.typed == "Password:"
    await seat.press("e", ENTER)
    assert seat.answers == ["e"]
    await seat.hub(room(3))

    assert seat.typed == REVIEW


async def test_lines_arrive_while_a_paste_is_reviewed(seat: Seat) -> None:
    """The review is not disturbed."""
    await seat.press(FOUR)
    await seat.hub(said("Bob", "meanwhile"))

    assert "12:00 Bob> meanwhile" in seat.lines
    assert seat.typed == REVIEW


async def test_controls_in_a_paste_do_nothing(seat: Seat) -> None:
    """Neither ^C nor ^D nor an escape sequence."""
    await seat.press(pasted("a\x03b\x04c\x1b[31md\te"))

    assert seat.typed == "> abc[31md    e"
    assert seat.way.left is None


async def test_a_paste_without_marks_is_seen_by_its_haste(seat: Seat) -> None:
    """More than eight characters with an Enter in one read: nobody types so."""
    seat.keys.send_text("first line\rsecond line\r")
    await seat.until(lambda: "paste>" in seat.typed)

    assert seat.typed == "paste> first line\n       second line"
    assert seat.answers == []


async def test_a_thousand_lines_without_marks_send_nothing(seat: Seat) -> None:
    """However the reads cut them, and though the last may be short."""
    lines = [f"line {number}" for number in range(1000)]
    seat.keys.send_text("\r".join(lines) + "\r")
    await seat.until(lambda: "paste 1,000 lines" in seat.status)
    await seat.press("x\r")

    assert seat.answers == []
    assert "paste 1,001 lines" in seat.status
    seat.now += QUIET
    await seat.press(ENTER, ENTER)
    assert await taken(seat) == [*lines, "x"]


async def test_a_short_line_typed_quickly_is_sent(seat: Seat) -> None:
    """Eight characters and Enter in one read may have been typed."""
    await seat.press("12345678\r")

    assert seat.answers == ["12345678"]


async def test_a_whole_line_that_comes_at_once_with_its_enter_is_sent(seat: Seat) -> None:
    """As a program types it; it only waits a moment for more."""
    seat.keys.send_text("hello everybody here\r")
    await seat.until(lambda: bool(seat.answers))

    assert seat.answers == ["hello everybody here"]
    assert seat.typed == ">"


async def test_lines_that_follow_at_once_go_to_the_review_together(seat: Seat) -> None:
    """The first line of an unmarked paste may come in a read of its own."""
    seat.keys.send_text("the first of three\r")
    await asyncio.sleep(0)
    seat.keys.send_text("the second\rthe third\r")
    await seat.until(lambda: "paste 3 lines" in seat.status)

    assert seat.answers == []


async def test_a_key_behind_a_whole_line_does_not_wait_for_it(seat: Seat) -> None:
    """What is no text ends the wait."""
    seat.keys.send_text("hello everybody here\r")
    await asyncio.sleep(0)
    await seat.press(ctrl("l"))

    assert seat.answers == ["hello everybody here"]


async def test_an_enter_hidden_behind_a_paste_sends_nothing(seat: Seat) -> None:
    """A text may hold the closing mark to smuggle one in."""
    await seat.press("\x1b[200~rm x\x1b[201~\r")

    assert seat.answers == []
    assert seat.typed == "> rm x"


async def test_a_lost_closing_mark_does_not_deafen(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while what came is taken for the paste, and keys are keys again."""
    monkeypatch.setattr("tcpnet.client.keyboard.MARK_WITHIN", 0.01)
    seat.keys.send_text("\x1b[200~pasted text")
    await seat.until(lambda: seat.typed == "> pasted text")
    seat.now += 1.0
    await seat.press(" and typed", ENTER)

    assert seat.answers == ["pasted text and typed"]


async def test_a_closing_mark_that_comes_late_is_no_text(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait was too short for that terminal."""
    monkeypatch.setattr("tcpnet.client.keyboard.MARK_WITHIN", 0.01)
    seat.keys.send_text("\x1b[200~pasted")
    await seat.until(lambda: seat.typed == "> pasted")
    seat.now += 1.0
    await seat.press("\x1b[201~", "x")

    assert seat.typed == "> pastedx"


async def test_a_menu_is_not_answered_by_a_paste(seat: Seat) -> None:
    """A number pasted with its newline waits for Enter."""
    await seat.hub(menu(2))
    await seat.press(pasted("5\n"))
    assert seat.answers == []
    await seat.press(ENTER)

    assert seat.answers == [5]


async def test_two_enters_in_one_read_were_pasted(seat: Seat) -> None:
    """However short the lines are."""
    seat.keys.send_text("a\rb\r")
    await seat.until(lambda: seat.typed == "paste> a\n       b")

    assert seat.answers == []


async def test_a_whole_line_that_comes_alone_is_sent(seat: Seat) -> None:
    """As a program types, or a hand while the screen was busy."""
    await seat.press("a line of some length\r")

    assert seat.answers == ["a line of some length"]


async def test_a_whole_line_with_more_behind_it_was_pasted(seat: Seat) -> None:
    """However the reads cut it."""
    seat.keys.send_text("a line of some length\r")
    seat.app.input.read_keys = _once_more(seat, "and another\r")
    await seat.until(lambda: seat.typed == "paste> a line of some length\n       and another")

    assert seat.answers == []


def _once_more(seat: Seat, text: str) -> Callable[[], list[KeyPress]]:
    """Read as the keyboard does, and let more come right behind the first read."""
    read = seat.keyboard.read_keys
    rest = [text]

    def read_keys() -> list[KeyPress]:
        keys = read()
        if rest:
            seat.keys.send_text(rest.pop())
        return keys

    return read_keys

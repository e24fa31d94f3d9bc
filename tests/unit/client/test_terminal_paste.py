"""Pastes: nothing of several lines is sent before the person has seen it."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from prompt_toolkit.key_binding import KeyPress

from tcpnet.client.keyboard import QUIET
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


@pytest.fixture
async def seat() -> AsyncIterator[Seat]:
    """Alice in a room."""
    async with seated() as taken:
        await taken.link(State("connected"))
        await taken.hub(WELCOME, room())
        yield taken


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
    assert seat.typed == "paste> see: one (+3)"
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

    assert seat.typed == "paste> one (+3)"
    await seat.press("x")
    assert "what is to become of the paste?" in seat.status


async def test_a_long_paste_needs_enter_twice(seat: Seat) -> None:
    """A thousand lines are not sent by a slip."""
    await seat.press(pasted("x\n" * 1000))
    assert "paste 1,000 lines: Enter twice: send" in seat.status
    await seat.press(ENTER)
    assert seat.answers == []
    await seat.press(ENTER)

    assert len(seat.answers) == 1000


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

    assert seat.typed == "paste> one (+3)"


async def test_lines_arrive_while_a_paste_is_reviewed(seat: Seat) -> None:
    """The review is not disturbed."""
    await seat.press(FOUR)
    await seat.hub(said("Bob", "meanwhile"))

    assert "12:00 Bob> meanwhile" in seat.lines
    assert seat.typed == "paste> one (+3)"


async def test_controls_in_a_paste_do_nothing(seat: Seat) -> None:
    """Neither ^C nor ^D nor an escape sequence."""
    await seat.press(pasted("a\x03b\x04c\x1b[31md\te"))

    assert seat.typed == "> abc[31md    e"
    assert seat.way.left is None


async def test_a_paste_without_marks_is_seen_by_its_haste(seat: Seat) -> None:
    """More than eight characters with an Enter in one read: nobody types so."""
    seat.keys.send_text("first line\rsecond line\r")
    await seat.until(lambda: "paste>" in seat.typed)

    assert seat.typed == "paste> first line (+1)"
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
    assert seat.answers == [*lines, "x"]


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
    await seat.until(lambda: seat.typed == "paste> a (+1)")

    assert seat.answers == []


async def test_a_whole_line_that_comes_alone_is_sent(seat: Seat) -> None:
    """As a program types, or a hand while the screen was busy."""
    await seat.press("a line of some length\r")

    assert seat.answers == ["a line of some length"]


async def test_a_whole_line_with_more_behind_it_was_pasted(seat: Seat) -> None:
    """However the reads cut it."""
    seat.keys.send_text("a line of some length\r")
    seat.app.input.read_keys = _once_more(seat, "and another\r")
    await seat.until(lambda: seat.typed == "paste> a line of some length (+1)")

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

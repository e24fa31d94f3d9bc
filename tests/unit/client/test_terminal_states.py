"""Questions that change, links that break: what is typed is never lost and never misdirected."""

from collections.abc import AsyncIterator

import pytest

from tcpnet.client.desk import HELD
from tcpnet.client.inputline import PAUSE
from tcpnet.client.screen import State
from tcpnet.protocol.items import Print, Progress, Reply
from tests.unit.client.seat import (
    ENTER,
    ESCAPE,
    PAGE_UP,
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

CONNECTED = State("connected")
LOST = State("lost", retry_at=1004.0, reason="reset by peer")


@pytest.fixture
async def seat() -> AsyncIterator[Seat]:
    """Alice, connected; nothing is asked yet."""
    async with seated() as taken:
        await taken.link(CONNECTED)
        await taken.hub(WELCOME)
        yield taken


async def test_a_line_that_arrives_leaves_the_typed_one_alone(seat: Seat) -> None:
    """Both are intact."""
    await seat.hub(room())
    await seat.press("half a li")
    await seat.hub(said("Bob", "in between"))
    await seat.press("ne")

    assert "12:00 Bob> in between" in seat.lines
    assert seat.typed == "> half a line"


async def test_a_new_question_keeps_what_is_typed(seat: Seat) -> None:
    """From any to any that is no secret."""
    await seat.hub(menu(1))
    await seat.press("half")
    await seat.hub(room(2))
    assert seat.typed == "> half"
    await seat.hub(ask("Name: ", 3))

    assert seat.typed == "Name: half"


async def test_a_secret_does_not_get_what_was_typed_before(seat: Seat) -> None:
    """It comes back afterwards."""
    await seat.hub(room(1))
    await seat.press("half")
    seat.now += PAUSE
    await seat.hub(ask("Password: ", 2, type_="secret"))
    assert seat.typed == "Password:"
    await seat.enter("hunter2")
    assert seat.answers == ["hunter2"]
    await seat.hub(room(3))

    assert seat.typed == "> half"


async def test_half_a_secret_answers_nothing_else(seat: Seat) -> None:
    """It is wiped when another question comes, secret or not."""
    await seat.hub(ask("Password: ", 2, type_="secret"))
    await seat.press("hun")
    await seat.hub(ask("Password: ", 3, type_="secret"))
    assert seat.typed == "Password:"
    await seat.press("hun")
    await seat.hub(ask("Name: ", 4))

    assert seat.typed == "Name:"


async def test_a_secret_is_never_on_the_screen(seat: Seat) -> None:
    """Neither typed, nor sent, nor in what was said."""
    await seat.hub(ask("Password: ", 2, type_="secret"))
    await seat.enter("hunter2")
    await seat.hub(Print(message="Success 200 OK"), menu(3))

    assert "hunter2" not in "".join(seat.cells.written)
    assert "Password:" in seat.lines


async def test_what_is_typed_ahead_answers_the_next_question(seat: Seat) -> None:
    """In order, one each."""
    await seat.hub(menu(1))
    await seat.enter("2")
    await seat.enter("Hello")
    await seat.enter("Nina")
    assert seat.answers == [2]
    assert "2 lines held for the next question" in seat.status
    await seat.hub(ask("Enter your message: ", 2))
    await seat.hub(ask("Enter recipent id: ", 3))

    assert seat.answers == [2, "Hello", "Nina"]


async def test_what_is_typed_ahead_never_flows_into_a_secret(seat: Seat) -> None:
    """It is the person's again, in the input line."""
    await seat.hub(menu(1))
    await seat.enter("4")
    await seat.enter("my letter")
    await seat.hub(ask("Password: ", 2, type_="secret"))
    assert seat.answers == [4]
    await seat.enter("hunter2")
    await seat.hub(ask("Name: ", 3))

    assert seat.answers == [4, "hunter2"]
    assert seat.typed == "Name: my letter"


async def test_what_is_typed_ahead_and_is_no_number_comes_back(seat: Seat) -> None:
    """Where a number is asked."""
    await seat.hub(menu(1))
    await seat.enter("2")
    await seat.enter("Hello")
    await seat.hub(menu(2))

    assert seat.answers == [2]
    assert seat.typed.endswith(": Hello")


async def test_only_so_much_is_held(seat: Seat) -> None:
    """What is over it stays in the input line."""
    for number in range(HELD + 1):
        await seat.enter(f"line {number}")

    assert "enough lines are waiting" in seat.status
    assert seat.typed == f"(waiting) line {HELD}"


async def test_an_answer_goes_to_the_question_that_was_seen(seat: Seat) -> None:
    """Not to one that came in the moment of pressing Enter."""
    await seat.hub(menu(1))
    await seat.press("5")
    seat.screen.on_item(ask("Really delete everything? ", 2), 0.0)
    seat.keys.send_text(ENTER)
    await seat.until(lambda: seat.typed.startswith("Really"))

    assert seat.answers == []
    assert seat.typed == "Really delete everything? 5"


async def test_questions_and_answers_stay_in_the_talk(seat: Seat) -> None:
    """A recording reads like the brief."""
    await seat.hub(menu(1))
    await seat.enter("2")
    await seat.hub(ask("Enter your message: ", 2))
    await seat.enter("Hello World!")
    await seat.hub(Print(message="Message sent!"))

    assert seat.text.endswith(
        "Your option <enter a number>: 2\nEnter your message: Hello World!\nMessage sent!"
    )


async def test_a_room_line_is_shown_when_it_comes_back(seat: Seat) -> None:
    """In the hub's order, once."""
    await seat.hub(room())
    await seat.enter("hello")
    assert not any("hello" in line for line in seat.lines)
    await seat.hub(said("Bob", "first"), said("Alice", "hello", mid="m1"))

    assert seat.text.endswith("12:00 Bob> first\n12:00 Alice> hello")


async def test_a_line_that_is_long_on_its_way_is_shown_as_such(seat: Seat) -> None:
    """Until the hub has it."""
    await seat.hub(room())
    await seat.enter("hello")
    seat.now += 1.0
    await seat.press("x")
    assert seat.text.endswith("hello (sending)")
    await seat.hub(said("Alice", "hello", mid="m1"))

    assert seat.text.endswith("12:00 Alice> hello")


async def test_the_typed_line_survives_a_lost_connection(seat: Seat) -> None:
    """It stays in the input line and is not sent afterwards."""
    await seat.hub(room())
    await seat.press("half a line")
    await seat.link(LOST)
    assert "NOT CONNECTED" in seat.status
    assert seat.typed == "> half a line"
    await seat.link(CONNECTED)
    await seat.hub(WELCOME, menu(2))

    assert seat.answers == []
    assert seat.typed.endswith(": half a line")


async def test_enter_while_not_connected_dials_now_and_keeps_the_line(seat: Seat) -> None:
    """Nothing is sent."""
    await seat.hub(room())
    await seat.link(LOST)
    await seat.enter("hello")

    assert seat.way.retries == 1
    assert seat.answers == []
    assert seat.typed == "> hello"


async def test_a_line_that_was_on_its_way_comes_back(seat: Seat) -> None:
    """And waits there to be sent again, by the person."""
    await seat.hub(room())
    await seat.enter("hello")
    await seat.link(LOST)
    await seat.link(CONNECTED)
    await seat.hub(WELCOME, room(2))

    assert "Your 1 unsent line is kept." in seat.text
    assert seat.answers == ["hello"]
    assert seat.typed == "> hello"


async def test_several_lines_that_come_back_take_turns(seat: Seat) -> None:
    """The one being typed first; Escape forgets the rest."""
    await seat.hub(room())
    await seat.enter("one")
    await seat.enter("two")
    await seat.press("draft")
    await seat.link(LOST)
    await seat.link(CONNECTED)
    await seat.hub(WELCOME, room(2))
    assert "2 more lines: Enter send and next | Esc drop" in seat.status

    await seat.press(ENTER)
    assert seat.typed == "> one"
    await seat.press(ENTER)
    assert seat.typed == "> two"
    assert seat.answers == ["one", "two", "draft", "one"]


async def test_escape_drops_the_lines_that_wait(seat: Seat) -> None:
    """The one in the input line stays."""
    await seat.hub(room())
    await seat.enter("one")
    await seat.enter("two")
    await seat.link(LOST)
    await seat.link(CONNECTED)
    await seat.hub(WELCOME, room(2))
    await seat.press(ESCAPE)

    assert seat.typed == "> one"
    assert "more line" not in seat.status


async def test_lines_typed_ahead_come_back_when_the_link_breaks(seat: Seat) -> None:
    """Their question may never come."""
    await seat.hub(menu(1))
    await seat.enter("5")
    await seat.enter("den")
    await seat.link(LOST)
    await seat.link(CONNECTED)
    await seat.hub(WELCOME, menu(2))

    assert seat.answers == [5]
    assert seat.typed.endswith(": 5")
    assert "1 more line" in seat.status


async def test_a_lost_secret_is_not_shown(seat: Seat) -> None:
    """It is kept nowhere."""
    await seat.hub(ask("Password: ", 1, type_="secret"))
    await seat.enter("hunter2")
    await seat.link(LOST)

    assert "hunter2" not in "".join(seat.cells.written)
    assert seat.typed == ">"


async def test_trying_again_is_counted_in_the_status(seat: Seat) -> None:
    """So that nobody thinks it sleeps."""
    await seat.link(LOST)
    await seat.link(State("connecting", attempt=2, since=990.0))

    assert "NOT CONNECTED, try 2 since 10s" in seat.status


async def test_a_slow_hub_is_called_slow(seat: Seat) -> None:
    """In words, with the time."""
    seat.way.rtt = 1.24
    await seat.hub(room())
    assert "slow 1.2s" in seat.status
    seat.way.rtt = 0.003
    await seat.press("x")

    assert "ok 3ms" in seat.status


async def test_progress_ends_with_the_next_question(seat: Seat) -> None:
    """It never is a line of the talk."""
    await seat.hub(Progress(id=9, message="GET http://example.com", done=1000))
    assert "GET http://example.com 1.0 kB" in seat.status
    await seat.hub(menu(2))

    assert "GET" not in "\n".join(seat.lines)


async def test_the_bell_rings_for_a_mention_not_too_often(seat: Seat) -> None:
    """At most once in two seconds; not for one's own lines or history."""
    await seat.hub(room(), said("Bob", "alice: old", earlier=True), said("Alice", "alice"))
    assert seat.rings == 0
    await seat.hub(said("Bob", "alice: ping"), said("Bob", "alice: ping"))
    assert seat.rings == 1
    seat.now += 2.1
    await seat.hub(said("Bob", "alice: ping"))

    assert seat.rings == 2


async def test_the_unread_mark_goes_when_the_person_has_caught_up(seat: Seat) -> None:
    """With the first line sent at the end."""
    await seat.hub(room(), *(said("Bob", str(number)) for number in range(30)))
    await seat.press(PAGE_UP)
    await seat.hub(said("Bob", "new"))
    await seat.press(ctrl("n"))
    assert any("unread since" in line for line in seat.lines)
    await seat.enter("hello")

    assert not any("unread since" in line for line in seat.lines)


async def test_the_end_of_the_link_ends_the_screen() -> None:
    """Whoever dismissed the person."""
    async with seated() as seat:
        await seat.link(State("ended", reason="goodbye", status=0))
        await seat.until(lambda: seat.app.is_done)


async def test_leaving_twice_does_not_wait_for_the_hub(seat: Seat) -> None:
    """A hub that never answers holds nobody."""
    seat.way.on_leave = lambda: None
    await seat.press(ctrl("d"))
    assert not seat.app.is_done
    seat.keys.send_text(ctrl("d"))

    await seat.until(lambda: seat.app.is_done)


async def test_an_error_in_a_callback_ends_the_screen_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The terminal is put right, and the command says what happened."""
    seats = []

    async def broken() -> None:
        async with seated() as seat:
            seats.append(seat)
            monkeypatch.setattr(seat.desk, "take", lambda: 1 / 0)
            seat.stage.wake()
            await seat.until(lambda: seat.app.is_done)

    with pytest.raises(ExceptionGroup) as raised:
        await broken()

    assert raised.group_contains(ZeroDivisionError)
    assert "\x1b[?1049l" in "".join(seats[0].cells.written)


async def test_a_resize_keeps_what_is_typed_and_seen(seat: Seat) -> None:
    """The lowest line stays the lowest."""
    await seat.hub(room(), *(said("Bob", f"line {number}") for number in range(50)))
    await seat.press("half", PAGE_UP)
    lowest = seat.lines[11]

    for columns, rows in ((40, 20), (100, 9), (30, 8), (80, 14)):
        await seat.resize(columns, rows)
        assert seat.lines[-3] == lowest
        assert seat.typed == "> half"


async def test_answers_of_the_command_line_are_given_in_turn(seat: Seat) -> None:
    """As if they had been typed ahead."""
    seat.desk.held.extend(["1", "7"])
    await seat.hub(menu(1))
    await seat.hub(menu(2))

    assert [item.value for item in seat.way.sent if isinstance(item, Reply)] == [1, 7]


async def test_recalled_lines_are_not_numbers_of_a_menu(seat: Seat) -> None:
    """Nothing was sent to this kind of question yet."""
    await seat.hub(menu(1))
    await seat.enter("5")
    await seat.hub(room(2))
    await seat.press(UP)

    assert seat.typed == ">"


async def test_the_rest_of_a_line_does_not_become_a_password(seat: Seat) -> None:
    """Whoever is typing when a secret is asked goes on in the line, until a pause."""
    await seat.hub(room(1))
    await seat.press("half a")
    await seat.hub(ask("Password: ", 2, type_="secret"))
    assert "PASSWORD asked: pause to type it" in seat.status
    await seat.press(" line", ENTER)
    assert seat.answers == []
    assert seat.typed == "> half a line"

    seat.now += PAUSE
    await seat.until(lambda: seat.typed == "Password:")
    await seat.enter("hunter2")
    await seat.hub(room(3))

    assert seat.answers == ["hunter2"]
    assert seat.typed == "> half a line"


async def test_a_secret_is_taken_at_once_by_who_is_not_typing(seat: Seat) -> None:
    """Also with half a line left from before."""
    await seat.hub(room(1))
    await seat.press("half a")
    seat.now += PAUSE
    await seat.hub(ask("Password: ", 2, type_="secret"))

    assert seat.typed == "Password:"


async def test_ctrl_c_gives_up_connecting() -> None:
    """There is nothing yet to be asked about twice."""
    async with seated() as seat:
        await seat.link(State("connecting", since=1000.0))
        await seat.press(ctrl("c"))

        assert seat.way.left == ("interrupted", 130)


async def test_dialling_again_is_not_called_connecting(seat: Seat) -> None:
    """The first try after a loss is one of several."""
    await seat.link(LOST)
    await seat.link(State("connecting", attempt=1, since=999.0))

    assert "NOT CONNECTED, try 1 since 1s" in seat.status


async def test_the_end_of_a_room_stays_in_sight() -> None:
    """Whoever is put out reads why, however small the screen is."""
    async with seated(columns=40, rows=8) as seat:
        await seat.link(State("connected"))
        await seat.hub(WELCOME, room(), said("Bob", "goodbye"))
        closed = Print(message="Bob closed the chat room den.", kind="notice", room="den")
        await seat.hub(closed, Print(message="one\ntwo\nthree\nfour\nfive\nsix"), menu(2))

        assert "Bob closed the chat room den." in seat.lines
        assert "1 below" in seat.status


async def test_a_question_that_is_partly_seen_is_seen_whole() -> None:
    """Where the line has no room for it, it is worth more than what stands above."""
    async with seated(columns=20, rows=5) as seat:
        await seat.link(State("connected"))
        await seat.hub(WELCOME, menu())
        await seat.enter("5")
        await seat.hub(Print(message=""), ask("Enter chat room id to join: ", 2))

        assert seat.text == "Enter chat room id\nto join:"
        assert seat.status.startswith(" Alice | ok")

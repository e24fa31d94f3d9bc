"""The plain view: what is written, and when the next line is sent."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from tcpnet.client.known_hubs import KnownHubs
from tcpnet.client.link import Link
from tcpnet.client.plain import Plain
from tcpnet.client.screen import Screen
from tcpnet.client.trust import Trust
from tcpnet.client.visit import LEFT, LOST
from tcpnet.protocol.items import Bye, Print, Progress, Reply, Seen
from tests.unit.client.scripted import (
    PATIENCE,
    Caller,
    Display,
    Keyboard,
    ScriptedHub,
    asks,
    scripted_hub,
)

WELCOME = (
    "Successfully connected to server: 127.0.0.1/{port}\n"
    "Your client info is:\n"
    "Client Name: Nina\n"
    "Client ID: 50851\n"
)
MENU = asks("Your option <enter a number>: ", 1, "int")
ROOM = asks("", 2, keep=True)


@dataclass
class Table:
    """A person at the plain view, and the hub they talk with."""

    hub: ScriptedHub
    caller: Caller
    view: Plain
    keyboard: Keyboard
    display: Display
    running: asyncio.Task[int]

    def types(self, *lines: str) -> None:
        """Let the person type lines, which a terminal would echo by itself."""
        self.keyboard.types(*lines)

    def written(self) -> str:
        """Everything after the welcome."""
        return self.display.getvalue().partition("Client ID: 50851\n")[2]

    async def shows(self, text: str) -> str:
        """Wait for a text; everything after the welcome."""
        await self.display.shows(text)
        return self.written()

    async def answered(self) -> str | int:
        """The value of the next reply."""
        reply: Reply = await self.caller.gets(Reply)
        return reply.value

    async def ended(self) -> int:
        """The exit status."""
        async with asyncio.timeout(PATIENCE):
            return await self.running


@asynccontextmanager
async def table(*, terminal: bool = False, tries: int = 0, **more: Any) -> AsyncIterator[Table]:
    """Somebody who was let in."""
    async with scripted_hub() as hub, asyncio.TaskGroup() as group:
        keyboard, display = Keyboard(terminal=terminal), Display()
        screen = Screen(str(hub.address), "Nina")
        link = Link(
            hub.address, "Nina", [screen], Trust(KnownHubs()), tries=tries, first_pause=0.01
        )
        view = Plain(screen, link, keyboard, display, **more)
        linking = group.create_task(link.run())
        running = group.create_task(view.run())
        caller = await hub.caller()
        await caller.lets_in()
        yield Table(hub, caller, view, keyboard, display, running)
        keyboard.ends()
        linking.cancel()
        running.cancel()


@pytest.fixture
async def pipe() -> AsyncIterator[Table]:
    """A view whose input is a pipe."""
    async with table() as made:
        yield made


@pytest.fixture
async def terminal() -> AsyncIterator[Table]:
    """A view whose input is a terminal."""
    async with table(terminal=True) as made:
        yield made


async def test_a_prompt_is_written_as_it_came_and_the_answer_behind_it(pipe: Table) -> None:
    """Then the line is ended, as Enter does on a screen."""
    pipe.caller.says(Print(message="1. Get user list\n"), MENU)
    before = await pipe.shows("number>: ")
    pipe.types("1")
    value = await pipe.answered()
    pipe.caller.says(Print(message="Users in server: Nina:50851"))

    assert before == "1. Get user list\n\nYour option <enter a number>: "
    assert value == 1
    assert await pipe.shows(":50851\n") == before + "1\nUsers in server: Nina:50851\n"


async def test_the_welcome_is_the_briefs(pipe: Table) -> None:
    """Four lines, before anything else."""
    pipe.caller.says(MENU)

    await pipe.shows("number>: ")

    assert pipe.display.getvalue() == (
        WELCOME.format(port=pipe.hub.port) + "Your option <enter a number>: "
    )


async def test_each_line_answers_the_next_question(pipe: Table) -> None:
    """However early it was given."""
    pipe.types("2", "Hello World!", "50922")

    for number, message in enumerate(["Option: ", "Enter your message: ", "Enter recipent id: "]):
        pipe.caller.says(asks(message, number))
        await pipe.answered()
    pipe.caller.says(Print(message="Message sent!"))

    assert await pipe.shows("sent!\n") == (
        "Option: 2\nEnter your message: Hello World!\nEnter recipent id: 50922\nMessage sent!\n"
    )


async def test_a_secret_of_a_pipe_is_read_from_it_and_never_written(pipe: Table) -> None:
    """Only the end of its line is."""
    pipe.types("hunter2")
    pipe.caller.says(asks("Password: ", 1, "secret"))
    value = await pipe.answered()
    pipe.caller.says(Print(message="Success 200 OK"))

    assert value == "hunter2"
    assert await pipe.shows("OK\n") == "Password: \nSuccess 200 OK\n"


async def test_a_push_starts_a_line_and_the_prompt_is_written_again(pipe: Table) -> None:
    """Nobody's news ends up in the answer."""
    pipe.caller.says(MENU)
    await pipe.shows("number>: ")

    pipe.caller.says(Print(message="New message from Bob.", kind="notice"))

    assert await pipe.shows("Bob.\nYour option <enter a number>: ") == (
        "Your option <enter a number>: \nNew message from Bob.\nYour option <enter a number>: "
    )


async def test_a_question_asked_anew_is_not_written_twice(pipe: Table) -> None:
    """The same prompt stands already."""
    pipe.caller.says(MENU)
    await pipe.shows("number>: ")
    pipe.caller.says(MENU, Print(message="x"))

    assert await pipe.shows("x\nYour") == (
        "Your option <enter a number>: \nx\nYour option <enter a number>: "
    )


async def test_the_lines_of_a_room_are_written_when_they_come_back(pipe: Table) -> None:
    """So that a recording shows the room's order."""
    pipe.caller.says(ROOM)
    pipe.types("hello")
    reply = await pipe.caller.gets(Reply)
    pipe.caller.says(
        Print(message="Bob> hi", kind="chat", from_="Bob"),
        Print(message="Nina> hello", kind="chat", from_="Nina", mid=reply.mid),
    )

    assert await pipe.shows("hello\n") == "Bob> hi\nNina> hello\n"


async def test_on_a_terminal_own_lines_are_not_written_twice(terminal: Table) -> None:
    """Others' are, and one's own from elsewhere."""
    terminal.caller.says(ROOM)
    terminal.types("hello")
    reply = await terminal.caller.gets(Reply)
    terminal.caller.says(
        Print(message="Nina> hello", kind="chat", from_="Nina", mid=reply.mid),
        Print(message="Nina> from elsewhere", kind="chat", from_="Nina", mid="other"),
        Print(message="Bob> hi", kind="chat", from_="Bob"),
    )

    assert await terminal.shows("hi\n") == "Nina> from elsewhere\nBob> hi\n"


async def test_on_a_terminal_the_answer_is_the_terminals_to_show(terminal: Table) -> None:
    """It has echoed it, and the end of the line."""
    terminal.caller.says(MENU)
    await terminal.shows("number>: ")
    terminal.types("1")
    await terminal.answered()
    terminal.caller.says(Print(message="Users"))

    assert await terminal.shows("Users\n") == "Your option <enter a number>: Users\n"


async def test_a_line_typed_ahead_on_a_terminal_is_shown_where_it_answers(terminal: Table) -> None:
    """It was echoed somewhere above."""
    terminal.caller.says(Print(message="wait"))
    await terminal.shows("wait\n")
    terminal.types("1")
    await terminal.keyboard.was_read()
    terminal.caller.says(MENU)
    await terminal.answered()
    terminal.caller.says(Print(message="Users"))

    assert await terminal.shows("Users\n") == "wait\nYour option <enter a number>: 1\nUsers\n"


async def test_on_a_terminal_a_secret_is_typed_unseen(terminal: Table) -> None:
    """From the prompt to the answer, and no longer."""
    terminal.caller.says(asks("Password: ", 1, "secret"))
    await terminal.shows("Password: ")
    hidden = terminal.keyboard.hidden
    terminal.types("hunter2")
    value = await terminal.answered()
    terminal.caller.says(MENU)
    text = await terminal.shows("number>: ")

    assert (hidden, value) == (True, "hunter2")
    assert not terminal.keyboard.hidden
    assert text == "Password: \nYour option <enter a number>: "


async def test_what_was_typed_ahead_never_becomes_a_password(terminal: Table) -> None:
    """It waits for the next question that is none."""
    terminal.caller.says(Print(message="wait"))
    await terminal.shows("wait\n")
    terminal.types("1")
    await terminal.keyboard.was_read()
    terminal.caller.says(asks("Password: ", 1, "secret"))
    await terminal.shows("Password: ")
    terminal.types("hunter2")
    secret = await terminal.answered()
    terminal.caller.says(MENU)

    assert secret == "hunter2"
    assert await terminal.answered() == 1


async def test_a_password_never_becomes_anything_else(terminal: Table) -> None:
    """If its question goes away, so does what was typed."""
    terminal.caller.says(asks("Password: ", 1, "secret"))
    await terminal.shows("Password: ")
    terminal.caller.says(asks("Nick? ", 2))
    await terminal.shows("Nick? ")
    terminal.types("Nina")

    assert await terminal.answered() == "Nina"
    assert terminal.keyboard.hides == [True, False]


async def test_a_burst_in_a_room_is_sent_in_order_one_by_one(pipe: Table) -> None:
    """What follows a `bye` must not be said in the room."""
    pipe.types("one", "two", "bye", "1")
    pipe.caller.says(ROOM)
    said = []
    for _ in range(2):
        reply = await pipe.caller.gets(Reply)
        said.append(reply.value)
        pipe.caller.says(Print(message=f"Nina> {reply.value}", from_="Nina", mid=reply.mid))
    bye = await pipe.caller.gets(Reply)
    pipe.caller.says(MENU)
    option = await pipe.caller.gets(Reply)

    assert said == ["one", "two"]
    assert (bye.value, bye.id) == ("bye", 2)
    assert (option.value, option.id) == (1, 1)


async def test_a_hub_that_acknowledges_nothing_is_not_waited_for_for_ever() -> None:
    """After a while the next line is sent all the same."""
    async with table(acknowledged=0.01) as person:
        person.types("one", "two")
        person.caller.says(ROOM)

        assert [await person.answered() for _ in range(2)] == ["one", "two"]


async def test_a_standing_prompt_is_written_again_when_its_line_has_come_back(pipe: Table) -> None:
    """A keep question may have a prompt."""
    pipe.caller.says(asks("den> ", 2, keep=True))
    await pipe.shows("den> ")
    pipe.types("hello")
    reply = await pipe.caller.gets(Reply)
    pipe.caller.says(Print(message="Nina> hello", from_="Nina", mid=reply.mid))

    assert await pipe.shows("hello\nden> ") == "den> hello\nNina> hello\nden> "


async def test_mail_is_seen_once_it_was_written(pipe: Table) -> None:
    """Not before it was flushed."""
    pipe.caller.says(Print(message="hi (from: Bob)", kind="direct", from_="Bob", seq=4))

    seen = await pipe.caller.gets(Seen)

    assert seen.mail == 4
    assert "hi (from: Bob)\n" in pipe.written()


async def test_the_end_of_input_waits_for_the_next_question_and_leaves(pipe: Table) -> None:
    """With everything answered, a bye, and status 0."""
    pipe.types("1")
    pipe.keyboard.ends()
    pipe.caller.says(MENU)
    await pipe.answered()
    pipe.caller.says(Print(message="Users"), asks("Your option: ", 3))
    bye = await pipe.caller.gets(Bye)

    assert bye.reason == "end of input"
    assert await pipe.ended() == LEFT
    assert pipe.written() == "Your option <enter a number>: 1\nUsers\nYour option: \n"


async def test_the_end_of_input_in_a_room_waits_for_the_last_line(pipe: Table) -> None:
    """It must come back first."""
    pipe.types("hello")
    pipe.keyboard.ends()
    pipe.caller.says(ROOM)
    reply = await pipe.caller.gets(Reply)
    pipe.caller.says(Print(message="Nina> hello", from_="Nina", mid=reply.mid))
    await pipe.caller.gets(Bye)

    assert await pipe.ended() == LEFT
    assert pipe.written() == "Nina> hello\n"


async def test_the_end_of_input_does_not_wait_for_ever() -> None:
    """A hub that asks nothing more is left."""
    async with table(patience=0.01) as person:
        person.types("1")
        person.keyboard.ends()
        person.caller.says(MENU)
        await person.answered()

        assert await person.ended() == LEFT


async def test_the_end_of_input_waits_while_the_answer_goes_on(pipe: Table) -> None:
    """Its progress and its text count, what others say does not."""
    pipe.types("1")
    pipe.caller.says(MENU)
    await pipe.answered()
    pipe.view._input_ended()
    timers = [pipe.view._end_timer]
    for sign in (
        Print(message="Bob> hi", kind="chat", from_="Bob"),
        Progress(id=3, message="x", done=1),
        Progress(id=3, message="x", done=2),
        Print(message="a page", kind="page"),
    ):
        mark = f"mark {len(timers)}"
        pipe.caller.says(sign, Print(message=mark, kind="notice"))
        await pipe.shows(mark)
        timers.append(pipe.view._end_timer)

    said, *went_on = [timer is not before for before, timer in pairwise(timers)]
    assert not said
    assert all(went_on)


async def test_input_that_was_never_asked_for_is_a_failure() -> None:
    """The script was not run to its end."""
    async with table(patience=0.01) as person:
        person.types("1", "2", "3")
        await person.keyboard.was_read()
        person.keyboard.ends()
        person.caller.says(MENU)
        await person.answered()

        assert await person.ended() == LOST
        assert "== not sent: 2 more of the input\n" in person.written()


async def test_a_word_that_nobody_knows_is_refused_at_a_terminal(terminal: Table) -> None:
    """It was meant for a program, and the room would read it."""
    terminal.caller.says(asks("> ", 2, keep=True, local=True))
    await terminal.shows("> ")
    terminal.types("/quit", "said")
    value = await terminal.answered()

    assert value == "said"
    assert "== unknown command /quit; // sends a literal slash" in terminal.display.getvalue()


async def test_a_script_says_what_it_says(pipe: Table) -> None:
    """A slash at the beginning of a line is data."""
    pipe.types("/quit")
    pipe.caller.says(asks("> ", 2, keep=True, local=True))

    assert await pipe.answered() == "/quit"


async def test_a_lost_line_is_told_and_not_sent_again() -> None:
    """On a terminal the person sees what to type again."""
    async with table(terminal=True, tries=1) as person:
        person.caller.says(ROOM)
        person.types("hello")
        await person.answered()
        person.types("typed ahead")
        await person.keyboard.was_read()
        person.caller.says(Print(message="x"))
        await person.shows("x\n")
        person.caller.hangs_up()
        again = await person.hub.caller()
        await again.lets_in()
        again.says(MENU)
        text = await person.shows("number>: ")
        person.types("1")

        assert (await again.gets(Reply)).value == 1
        assert text.splitlines() == [
            "x",
            "== connection lost: closed",
            "== not sent: typed ahead",
            text.splitlines()[3],
            "== not confirmed: hello",
            "Your option <enter a number>: ",
        ]
        assert text.splitlines()[3].startswith("== reconnected after ")


async def test_a_script_that_ran_ahead_ends_with_the_connection() -> None:
    """Its lines were meant for questions that are gone, and would answer others."""
    async with table(tries=5) as person:
        person.types("1", "s3cret")
        await person.keyboard.was_read()
        person.caller.says(MENU)
        await person.answered()
        person.caller.hangs_up()

        assert await person.ended() == LOST
        assert "s3cret" not in person.written()
        assert "== not sent: 1 more of the input\n" in person.written()


async def test_whoever_waits_for_output_stays_through_a_loss() -> None:
    """Nothing was ahead of its question, so nothing can go astray."""
    async with table(tries=5) as person:
        person.caller.says(MENU)
        await person.shows("number>: ")
        person.caller.hangs_up()
        again = await person.hub.caller()
        await again.lets_in()
        again.says(MENU)
        await person.shows("50851\nYour option")
        person.types("1")

        assert (await again.gets(Reply)).value == 1


async def test_the_hubs_goodbye_is_an_end_without_a_word(pipe: Table) -> None:
    """The last answer was taken."""
    pipe.types("7")
    pipe.caller.says(MENU)
    await pipe.answered()
    pipe.caller.says(Bye(reason="goodbye", kind="quit"))

    assert await pipe.ended() == LEFT
    assert pipe.written() == "Your option <enter a number>: 7\n"


@pytest.mark.parametrize(
    ("error", "quiet"),
    [(BrokenPipeError(), True), (OSError(errno.ENOSPC, "No space left on device"), False)],
)
async def test_a_reader_that_goes_away_is_a_quiet_end(error: OSError, quiet: bool) -> None:
    """A full disk is not."""

    class Closed(Display):
        def write(self, _text: str, /) -> int:
            raise error

    async with scripted_hub() as hub, asyncio.TaskGroup() as group:
        screen = Screen(str(hub.address), "Nina")
        link = Link(hub.address, "Nina", [screen], Trust(KnownHubs()))
        keyboard = Keyboard(terminal=False)
        linking = group.create_task(link.run())
        view = Plain(screen, link, keyboard, Closed())
        calling = group.create_task(_let_in(hub))
        if quiet:
            assert await view.run() == LEFT
        else:
            with pytest.raises(OSError, match="No space"):
                await view.run()
        keyboard.ends()
        await calling
        linking.cancel()


async def _let_in(hub: ScriptedHub) -> None:
    await (await hub.caller()).lets_in()


async def test_nothing_written_holds_an_escape(pipe: Table) -> None:
    """Messages, prompts and answers alike."""
    pipe.types("\x1b[31mred")
    pipe.caller.says(Print(message="\x1b[2J\x9b\u202e"), asks("\x1b]0;x\x07? ", 1))
    await pipe.answered()
    pipe.caller.says(Print(message="done"))

    assert not set(await pipe.shows("done")) & set("\x1b\x9b\x07\u202e")

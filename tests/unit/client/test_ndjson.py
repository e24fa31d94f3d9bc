"""The view for programs: objects out, answers by id in."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest

from tcpnet.client.known_hubs import KnownHubs
from tcpnet.client.link import Link, Listener
from tcpnet.client.ndjson import Ndjson
from tcpnet.client.screen import Phase, Screen
from tcpnet.client.trust import Trust
from tcpnet.client.visit import LEFT, LOST
from tcpnet.protocol.items import Bye, Cancel, File, Get, Print, Progress, Reply, Seen
from tests.unit.client.scripted import PATIENCE, Caller, Display, Keyboard, asks, scripted_hub

PAGE = (Path(__file__).parents[3] / "docs" / "client.md").read_text("utf-8")
SECTION = PAGE.partition("### `--json`")[2].partition("\n## ")[0]


@dataclass
class Bench:
    """A program at its view, and the hub it talks with."""

    caller: Caller
    view: Ndjson
    keyboard: Keyboard
    display: Display
    running: asyncio.Task[int]

    def says(self, **line: Any) -> None:
        """Give one object."""
        self.keyboard.types(json.dumps(line))

    async def reads(self, kind: str) -> dict[str, Any]:
        """The first object of a type."""
        await self.display.shows(f'"type": "{kind}"')
        lines = map(json.loads, self.display.getvalue().splitlines())
        found: dict[str, Any] = next(line for line in lines if line["type"] == kind)
        return found

    async def ended(self) -> int:
        """The exit status."""
        async with asyncio.timeout(PATIENCE):
            return await self.running


@asynccontextmanager
async def bench(**more: Any) -> AsyncIterator[Bench]:
    """A program that was let in."""
    async with scripted_hub() as hub, asyncio.TaskGroup() as group:
        keyboard, display = Keyboard(terminal=False), Display()
        screen = Screen(str(hub.address), "Nina")
        listeners: list[Listener] = [screen]
        link = Link(hub.address, "Nina", listeners, Trust(KnownHubs()), tries=0)
        view = Ndjson(screen, link, keyboard, display, **more)
        listeners.append(view)
        linking = group.create_task(link.run())
        running = group.create_task(view.run())
        caller = await hub.caller()
        await caller.lets_in()
        yield Bench(caller, view, keyboard, display, running)
        keyboard.ends()
        linking.cancel()
        running.cancel()


@pytest.fixture
async def program() -> AsyncIterator[Bench]:
    """A program that was let in."""
    async with bench() as made:
        yield made


async def test_every_item_is_one_object_with_the_bodys_own_keys(program: Bench) -> None:
    """With a version and a time; in ASCII, and otherwise as it came."""
    program.caller.says(Print(message="Zo\u00eb\x1b\u202e", kind="chat", from_="Bob", seq=4))

    line = await program.reads("print")

    assert program.display.getvalue().isascii()
    assert "\x1b" not in program.display.getvalue()
    assert line.pop("ts") > 0
    assert line == {
        "v": 1,
        "type": "print",
        "message": "Zo\u00eb\x1b\u202e",
        "kind": "chat",
        "from": "Bob",
        "seq": 4,
    }


async def test_states_are_objects_too(program: Bench) -> None:
    """From the first dial on."""
    await program.reads("welcome")

    lines = [json.loads(line) for line in program.display.getvalue().splitlines()]

    assert [line["state"] for line in lines if line["type"] == "state"] == [
        "connecting",
        "greeting",
        "connected",
    ]


async def test_a_question_is_answered_by_its_id(program: Bench) -> None:
    """With a number or a text, as it is."""
    program.caller.says(asks("Your option: ", 7, "int"))
    line = await program.reads("input")

    program.says(id=line["id"], value=5)

    reply = await program.caller.gets(Reply)
    assert (line["res-key"], line["res-type"]) == ("key7", "int")
    assert (reply.id, reply.value, reply.res_key) == (7, 5, "key7")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"id": 6, "value": 5}', "stale_id"),
        ('{"id": 7, "value": true}', "bad_value"),
        ('{"id": 7, "value": 1.5}', "bad_value"),
        ('{"id": 7}', "bad_value"),
        ('{"value": 7}', "bad_value"),
        ('{"type": "get", "id": 1}', "bad_value"),
        ('{"type": "get", "id": 1, "offset": 0}', "stale_id"),
        ('{"type": "dance"}', "unknown_type"),
        ("[1]", "bad_json"),
        ("nonsense", "bad_json"),
        ("[" * 100_000, "bad_json"),
    ],
)
async def test_what_cannot_be_taken_is_refused_with_a_code(
    line: str, code: str, program: Bench
) -> None:
    """And nothing is sent for it."""
    program.caller.says(asks("? ", 7))
    await program.reads("input")

    program.keyboard.types("", line)
    error = await program.reads("error")
    program.says(id=7, value="ok")

    assert error["code"] == code
    assert error["message"]
    assert error["line"] == 2
    assert program.view.refused == 1
    assert (await program.caller.gets(Reply)).value == "ok"


async def test_every_line_that_the_page_shows_is_taken(program: Bench) -> None:
    """At a question and with a file as in its examples."""
    lines = re.findall(r"^\| `(\{.+?\})` \|", SECTION, re.MULTILINE)
    program.caller.says(File(id=1, name="a", size=1, media_type="text/plain"), asks("? ", 7))
    await program.reads("input")

    # The file goes with the answer, so that is given last but for leaving.
    program.keyboard.types(*sorted(lines, key=lambda line: ("value" in line, "bye" in line)))
    await program.ended()

    assert len(lines) == 4
    assert program.view.refused == 0


def test_the_page_names_every_state_and_code() -> None:
    """Programs are written after it."""
    codes = ("bad_json", "bad_value", "unknown_type", "stale_id")
    assert [word for word in (*get_args(Phase), *codes) if f"`{word}`" not in SECTION] == []


@pytest.mark.parametrize(
    ("line", "message", "at"),
    [
        ('{"id": 7 "value": 5}', """at character 10: Expecting ',' delimiter""", 10),
        ("5", "not a number", 1),
        ("null", "not null", 1),
    ],
)
async def test_what_is_no_object_is_told_what_is_expected_and_where(
    line: str, message: str, at: int, program: Bench
) -> None:
    """With an example that can be copied."""
    program.keyboard.types(line)
    error = await program.reads("error")

    assert error["message"].startswith('expected one object a line, as {"id": 7, "value": 5}')
    assert error["message"].endswith(message)
    assert error["at"] == at


async def test_a_program_may_cancel_pull_and_leave(program: Bench) -> None:
    """Each by its type."""
    program.caller.says(
        Progress(id=3, message="x", done=0), File(id=4, name="a", media_type="b", size=1)
    )
    await program.reads("file")

    program.says(type="cancel")
    program.says(type="get", id=4, offset=0)
    program.says(type="bye")

    assert await program.caller.gets(Cancel) == Cancel(id=3)
    assert await program.caller.gets(Get) == Get(id=4, offset=0)
    await program.caller.gets(Bye)
    assert await program.ended() == LEFT


async def test_mail_is_seen_once_it_was_written(program: Bench) -> None:
    """As in every view."""
    program.caller.says(Print(message="hi", kind="direct", from_="Bob", seq=4))

    assert (await program.caller.gets(Seen)).mail == 4


async def test_lost_lines_are_given_back_and_the_end_is_told(program: Bench) -> None:
    """With the reason and the exit status of the link."""
    program.caller.says(asks("", 7, keep=True))
    await program.reads("input")
    program.says(id=7, value="hello")
    await program.caller.gets(Reply)
    program.caller.hangs_up()

    assert await program.ended() == LOST
    assert (await program.reads("unsent"))["value"] == "hello"
    last = json.loads(program.display.getvalue().splitlines()[-2])
    assert last["state"] == "ended"
    assert "closed" in last["reason"]


async def test_the_end_of_input_waits_for_what_is_pending(program: Bench) -> None:
    """Until the hub asks on."""
    program.caller.says(asks("? ", 7))
    await program.reads("input")
    program.says(id=7, value="x")
    program.keyboard.ends()
    await program.caller.gets(Reply)
    program.caller.says(Print(message="done"), asks("? ", 8))
    await program.caller.gets(Bye)

    assert await program.ended() == LEFT
    assert "done" in program.display.getvalue()


async def test_the_end_of_input_does_not_wait_for_ever() -> None:
    """A hub that asks nothing is left."""
    async with bench(patience=0.01) as program:
        program.keyboard.ends()

        assert await program.ended() == LEFT


async def test_the_end_of_input_waits_while_the_answer_goes_on() -> None:
    """Its progress counts, what others say does not."""
    async with bench() as program:
        program.caller.says(Print(message="one"))
        await program.reads("print")
        program.view._input_ended()
        began = program.view._timer
        program.caller.says(Print(message="Bob> hi", kind="chat"))
        await program.display.shows("Bob> hi")
        assert program.view._timer is began
        program.caller.says(Progress(id=3, message="x", done=1))
        await program.reads("progress")

        assert program.view._timer is not began


async def test_a_reader_that_goes_away_is_a_quiet_end() -> None:
    """Status 0, as in the plain view."""

    class Closed(Display):
        def write(self, _text: str, /) -> int:
            raise BrokenPipeError

    async with scripted_hub() as hub:
        screen = Screen(str(hub.address), "Nina")
        link = Link(hub.address, "Nina", [], Trust(KnownHubs()))
        view = Ndjson(screen, link, Keyboard(terminal=False), Closed())

        view.on_item(Print(message="x"), 0.0)

        assert await view.run() == LEFT

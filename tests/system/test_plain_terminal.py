"""The plain client on a terminal: what the terminal echoes is not written again."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tcpnet.protocol.items import Print, Reply
from tests.hub import PATIENCE, Town
from tests.unit.client.scripted import asks, scripted_hub

pexpect = pytest.importorskip("pexpect")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")


class Terminal:
    """A client behind a pseudo-terminal."""

    def __init__(self, child: Any) -> None:
        self._child = child

    async def shows(self, text: str) -> str:
        """Wait for a text; what came before it."""
        await asyncio.to_thread(self._child.expect_exact, text)
        before: str = self._child.before
        return before.replace("\r\n", "\n")

    async def shows_the_rest(self) -> str:
        """Wait for the end; what came before it."""
        return await self.shows(pexpect.EOF)

    async def types(self, line: str) -> None:
        """Type a line, with Enter."""
        await asyncio.to_thread(self._child.sendline, line)

    async def types_keys(self, keys: str) -> None:
        """Type keys, as they are."""
        await asyncio.to_thread(self._child.send, keys)

    async def ended(self) -> int:
        """The exit status."""
        await self.shows_the_rest()
        await asyncio.to_thread(self._child.close)
        status: int = self._child.exitstatus
        return status

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed."""
        echo: bool = self._child.getecho()
        return echo

    def close(self) -> None:
        """End it."""
        self._child.close(force=True)


@asynccontextmanager
async def terminal(*argv: str, term: str = "xterm") -> AsyncIterator[Terminal]:
    """A client on a terminal of this kind, 200 columns wide."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("TCPNET_")}
    child = pexpect.spawn(
        sys.executable,
        ["-W", "error", "-m", "tcpnet.cli.client", *argv],
        env=own | {"TERM": term, "HOME": os.devnull, "PYTHONUTF8": "1"},
        dimensions=(24, 200),
        encoding="utf-8",
        timeout=PATIENCE,
    )
    made = Terminal(child)
    try:
        yield made
    finally:
        await asyncio.to_thread(made.close)


async def test_a_dumb_terminal_gets_the_plain_view(hub: Town) -> None:
    """And a whole session in it, three questions first, reads like the brief."""
    async with terminal(term="dumb") as person:
        await person.shows("Enter the server IP Address: ")
        await person.types("127.0.0.1")
        await person.shows("Enter the server port: ")
        await person.types(str(hub.port))
        await person.shows("Your id key (i.e your name): ")
        await person.types("Nina")
        welcome = await person.shows("Your option <enter a number>: ")
        await person.types("1")
        users = await person.shows("Your option <enter a number>: ")
        await person.types("7")
        rest = await person.shows_the_rest()
        status = await person.ended()

    assert welcome.startswith("Nina\nSuccessfully connected to server: 127.0.0.1/")
    assert users.startswith("1\nUsers in server: Nina:")
    assert "\x1b" not in welcome + users + rest
    assert (rest, status) == ("7\n", 0)


async def test_own_lines_of_a_room_stand_there_once(hub: Town) -> None:
    """As typed; others' as they come."""
    async with terminal(f"127.0.0.1:{hub.port}", "--name", "Nina", "--plain") as person:
        bob = await hub.person("Bob")
        await bob.enters_room("den", new=True)
        await person.shows("number>: ")
        await person.types("5")
        await person.shows("join: ")
        await person.types("den")
        await person.shows("Nina joined")
        await person.types("hello")
        await bob.sees("Nina> hello")
        bob.types("hi")
        talk = await person.shows("Bob> hi")

    assert talk == "\nhello\n"


async def test_a_half_typed_line_survives_a_push(hub: Town) -> None:
    """The terminal holds it, and Enter sends all of it."""
    async with terminal(f"127.0.0.1:{hub.port}", "--name", "Nina", "--plain") as person:
        bob = await hub.person("Bob")
        await bob.enters_room("den", new=True)
        await person.shows("number>: ")
        await person.types("5")
        await person.shows("join: ")
        await person.types("den")
        await person.shows("Type 'bye' to exit this chat room.")
        await person.types_keys("half and ")
        await person.shows("half and ")
        bob.types("hi")
        await person.shows("Bob> hi")
        await person.types("half")

        assert (await bob.sees("Nina> ")).message == "Nina> half and half"


async def test_a_secret_is_typed_unseen_and_the_echo_comes_back() -> None:
    """Nothing of it reaches the screen, and what follows does again."""
    async with (
        scripted_hub() as hub,
        terminal(f"127.0.0.1:{hub.port}", "--name", "Nina", "--plain") as person,
    ):
        caller = await hub.caller()
        await caller.lets_in()
        caller.says(asks("Username: ", 1))
        await person.shows("Username: ")
        await person.types("nina")
        await caller.gets(Reply)
        caller.says(asks("Password: ", 2, "secret"))
        await person.shows("Password: ")
        hidden = not person.echoes
        await person.types("hunter2")
        secret = await caller.gets(Reply)
        caller.says(Print(message="Success 200 OK"), asks("Next: ", 3))
        shown = await person.shows("Next: ")
        echoes = person.echoes

    assert hidden
    assert secret.value == "hunter2"
    assert shown == "\nSuccess 200 OK\n"
    assert echoes


async def test_the_echo_comes_back_when_a_secret_is_interrupted() -> None:
    """^C at a password leaves the terminal as it was."""
    async with (
        scripted_hub() as hub,
        terminal(f"127.0.0.1:{hub.port}", "--name", "Nina", "--plain") as person,
    ):
        caller = await hub.caller()
        await caller.lets_in()
        caller.says(asks("Password: ", 2, "secret"))
        await person.shows("Password: ")
        await person.types_keys("\x03")
        await person.shows_the_rest()
        echoes = person.echoes

        assert await person.ended() == 130
        assert echoes


async def test_an_end_typed_on_an_empty_line_leaves(hub: Town) -> None:
    """^D at the menu: status 0."""
    async with terminal(f"127.0.0.1:{hub.port}", "--name", "Nina", "--plain") as person:
        await person.shows("number>: ")
        await person.types_keys("\x04")

        assert await person.ended() == 0

"""A password out of a file: to which question it goes, and to which it does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tcpnet.client.known_hubs import KnownHubs
from tcpnet.client.link import Link, Listener
from tcpnet.client.password import Doorman, read
from tcpnet.client.screen import Screen
from tcpnet.client.trust import Trust
from tcpnet.errors import ConfigError
from tcpnet.protocol.items import Hello, Reply, Status
from tests.unit.client.scripted import ScriptedHub, asks, scripted_hub, welcome


@asynccontextmanager
async def outside() -> AsyncIterator[tuple[ScriptedHub, Screen]]:
    """A hub, and somebody with a password at its door."""
    async with scripted_hub() as hub, asyncio.TaskGroup() as group:
        screen = Screen(str(hub.address), "Nina")
        listeners: list[Listener] = [screen]
        link = Link(hub.address, "Nina", listeners, Trust(KnownHubs()), first_pause=0.01)
        listeners.append(Doorman("hunter2", screen, link))
        running = group.create_task(link.run())
        yield hub, screen
        running.cancel()


async def test_the_password_at_the_door_is_answered_once_a_connection() -> None:
    """A wrong one is not tried again and again."""
    async with outside() as (hub, _):
        for _connection in range(2):
            caller = await hub.caller()
            await caller.gets(Hello)
            caller.says(asks("Name: ", 1), asks("Password: ", 2, "secret"))
            reply = await caller.gets(Reply)
            assert (reply.id, reply.value) == (2, "hunter2")
            caller.says(asks("Password: ", 3, "secret"), welcome())
            await caller.gets(Status)
            caller.hangs_up()


async def test_no_secret_inside_is_answered() -> None:
    """It may be asked for anything."""
    async with outside() as (hub, screen):
        caller = await hub.caller()
        await caller.lets_in()
        caller.says(asks("Password: ", 2, "secret"), asks("Your option: ", 3))
        caller.says(welcome())
        await caller.gets(Status)

        assert screen.pending == {}


def test_the_first_line_is_the_password(tmp_path: Path) -> None:
    """Without its end; blanks belong to it."""
    file = tmp_path / "password"
    file.write_bytes(b" two words \r\nmore\n")

    assert read(str(file)) == " two words "


@pytest.mark.parametrize("content", [None, b"", b"\nmore", b"\xff\n"])
def test_a_file_without_a_password_is_an_error(content: bytes | None, tmp_path: Path) -> None:
    """Told with its path."""
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError, match="password: "):
        read(str(file))

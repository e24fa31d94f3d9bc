"""The server as a real process: start, signals, folders, settings."""

import asyncio
import io
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcpnet.protocol.items import Bye
from tests.hub import Person
from tests.processes import outcome, server

SERVER = "tcpnet.cli.server"


async def person(port: int, name: str) -> Person:
    """Somebody at the menu of a process."""
    made = await Person.dial(name, port)
    await made.logs_in()
    return made


async def hang_up(*people: Person) -> None:
    """Close the connections of these people."""
    for someone in people:
        assert someone.connection is not None
        await someone.connection.close()


async def test_it_says_where_it_listens_once_it_accepts(tmp_path: Path) -> None:
    """The line of the brief, with the real port."""
    async with server(tmp_path) as running:
        assert re.fullmatch(r"Server listening at 127\.0\.0\.1/\d+", running.lines[0])
        nina = await person(running.port, "Nina")
        await nina.leaves()
        await hang_up(nina)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send these signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_says_bye_and_ends_with_0_within_2_s(tmp_path: Path, number: int) -> None:
    """Everybody is told, also somebody who has not logged in, and nothing is left behind."""
    async with server(tmp_path) as running:
        nina = await person(running.port, "Nina")
        silent = await Person.dial("silent", running.port)
        await silent.settled()
        began = time.monotonic()

        running.process.send_signal(number)
        byes: list[Bye] = [await someone.gets(Bye) for someone in (nina, silent)]
        status = await running.ended()

        assert [bye.kind for bye in byes] == ["closing", "closing"]
        assert status == 0
        assert time.monotonic() - began < 2
        assert "Traceback" not in await running.logged()
        await hang_up(nina, silent)


@pytest.mark.parametrize("what", ["data directory", "cache directory", "port"])
async def test_a_second_server_is_refused_in_one_sentence(tmp_path: Path, what: str) -> None:
    """Same port, same data or same cache: exit status 2, and the first goes on."""
    async with server(tmp_path) as running:
        data = tmp_path / ("data" if what == "data directory" else "data2")
        cache = tmp_path / ("cache" if what == "cache directory" else "cache2")
        port = running.port if what == "port" else 0
        argv = ("--port", str(port), "--data-dir", str(data), "--cache-dir", str(cache))

        status, out, err = await outcome(SERVER, *argv)

        assert (status, out) == (2, "")
        assert len(err.strip().split("\n")) == 1
        assert re.search("in use|already uses", err)
        nina = await person(running.port, "Nina")
        await hang_up(nina)


async def test_unread_mail_and_room_history_survive_a_kill(tmp_path: Path) -> None:
    """What was acknowledged is there after kill -9, ids included."""
    async with server(tmp_path) as running:
        nina, jose = await person(running.port, "Nina"), await person(running.port, "Jose")
        await nina.chooses(2)
        await nina.answers("Enter your message: ", "Are you there Jose?")
        await nina.answers("Enter recipent id: ", "Jose")
        await nina.sees("Message sent!")
        await nina.enters_room("3456", new=True)
        nina.types("the first line", mid="m1")
        await nina.sees("the first line")
        running.process.kill()
        await running.ended()
        before = [nina.seen[0], jose.seen[0]]
        await hang_up(nina, jose)

    async with server(tmp_path) as running:
        jose, nina = await person(running.port, "Jose"), await person(running.port, "Nina")
        await jose.sees("You have 1 unread message.")
        await jose.chooses(3)
        await jose.sees("Are you there Jose? (from: Nina)")
        await jose.enters_room("3456")
        await jose.sees("(earlier) Nina> the first line")
        await nina.enters_room("3456")
        nina.types("the first line", mid="m1")
        nina.types("exit")
        await jose.sees("Nina closed")

        assert [nina.seen[0].client_id, jose.seen[0].client_id] == [  # type: ignore[union-attr]
            item.client_id  # type: ignore[union-attr]
            for item in before
        ]
        assert jose.messages("chat") == ["(earlier) Nina> the first line"]
        await hang_up(nina, jose)


async def test_nobody_who_is_ephemeral_leaves_a_trace(tmp_path: Path) -> None:
    """`--ephemeral` makes no data directory."""
    async with server(tmp_path, "--ephemeral") as running:
        nina = await person(running.port, "Nina")
        await nina.enters_room("den", new=True)
        await hang_up(nina)

    assert not (tmp_path / "data").exists()


async def test_an_unknown_setting_names_the_key_and_the_file(tmp_path: Path) -> None:
    """One sentence and status 2."""
    file = tmp_path / "hub.toml"
    file.write_text("[rooms]\nhistory_linse = 5\n")

    status, _, err = await outcome(SERVER, "--config", str(file), "--print-config")

    assert status == 2
    assert "rooms.history_linse" in err
    assert str(file) in err


@pytest.fixture
def full() -> Iterator[tuple[io.BufferedReader, io.FileIO]]:
    """A pipe that takes no more, until somebody reads it."""
    if sys.platform == "win32":
        pytest.skip("a pipe of Windows cannot be filled here")
    ends = os.pipe()
    with os.fdopen(ends[0], "rb") as reading, os.fdopen(ends[1], "wb", buffering=0) as writing:
        os.set_blocking(ends[1], False)
        while writing.write(b"x" * 1024) is not None:
            pass
        os.set_blocking(ends[1], True)
        yield reading, writing


async def test_a_log_that_nobody_reads_holds_nobody_up(
    full: tuple[io.BufferedReader, io.FileIO], tmp_path: Path
) -> None:
    """Whoever reads it at last, while the hub ends, finds every line."""
    reading, writing = full
    async with server(tmp_path, stderr=writing.fileno()) as running:
        writing.close()
        nina, jose = await person(running.port, "Nina"), await person(running.port, "Jose")
        await nina.enters_room("den", new=True)
        await jose.enters_room("den")
        nina.types("does anybody hear me?")
        await jose.sees("does anybody hear me?")
        await hang_up(nina, jose)
        running.process.terminate()

        log = (await asyncio.to_thread(reading.read)).decode("ascii")

        assert await running.ended() == 0
    assert log.count("session started") == log.count("session ended") == 2
    assert log.rstrip().endswith("ended")


async def test_a_hub_ends_though_nobody_reads_its_log(
    full: tuple[io.BufferedReader, io.FileIO], tmp_path: Path
) -> None:
    """With status 0, as if its lines had been taken."""
    async with server(tmp_path, stderr=full[1].fileno()) as running:
        running.process.terminate()

        assert await running.ended() == 0


async def test_the_lan_address_is_printed_to_copy(tmp_path: Path) -> None:
    """A hub on all interfaces says what to type elsewhere, where there is a LAN."""
    async with server(tmp_path, "--host", "0.0.0.0") as running:
        assert running.lines[0] == f"Server listening at 0.0.0.0/{running.port}"
        out = running.process.stdout
        assert out is not None
        commands = []
        async with asyncio.timeout(20):
            while not (line := (await out.readline()).decode()).startswith("The key"):
                assert line, "it ended"
                commands.append(line.rstrip())
        # Not before: on Windows it says no more then.
        running.process.terminate()

    pattern = rf"tcpnet-client [\w.:\[\]]+:{running.port}"
    assert all(re.fullmatch(pattern, command) for command in commands)
    assert re.fullmatch(r"The key of this hub is (\w{4}-){6}\w{4}", line.rstrip())

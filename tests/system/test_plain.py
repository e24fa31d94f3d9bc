"""The plain client as a real process on pipes, against a real hub."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tcpnet.protocol.items import Bye, Hello
from tests.hub import PATIENCE, Town
from tests.unit.client.scripted import scripted_hub

CLIENT = (sys.executable, "-W", "error", "-m", "tcpnet.cli.client")

MENU = """
****** TCP Client-Server Network ******
-----------------------
Options Available:
1. Get user list
2. Sent a message
3. Get my messages
4. Create a new chat room
5. Join an existing chat room
6. Turn web proxy server on
7. Disconnect from server
8. List chat rooms
9. Account

Your option <enter a number>: """


def environment() -> dict[str, str]:
    """Ours, without anybody's own settings, nor a place for tokens: all are strangers."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("TCPNET_CLIENT_")}
    nowhere = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA", "HOME")
    return own | dict.fromkeys(nowhere, os.devnull) | {"PYTHONUTF8": "1"}


class Client:
    """A client on pipes."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._written = ""
        self._read = 0

    @classmethod
    async def starts(cls, *argv: str) -> "Client":
        """Start it with these words."""
        return cls(
            await asyncio.create_subprocess_exec(
                *CLIENT, *argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment()
            )
        )

    def types(self, *lines: str) -> None:
        """Give it lines."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())

    def stops_typing(self) -> None:
        """Give it nothing more."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    async def shows(self, text: str) -> str:
        """Wait for a text behind the one that was waited for last; all up to its end."""
        async with asyncio.timeout(PATIENCE):
            while (at := self._written.find(text, self._read)) < 0:
                if not await self._more():
                    raise AssertionError(f"no {text!r} in {self._written!r}")
        start, self._read = self._read, at + len(text)
        return self._written[start : self._read]

    async def answers(self, prompt: str, line: str) -> str:
        """Wait for a prompt and answer it; what was shown until then."""
        shown = await self.shows(prompt)
        self.types(line)
        return shown

    async def ended(self) -> tuple[int, str, str]:
        """Its exit status, everything written, and what went to standard error."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while await self._more():
                pass
            errors = await self.process.stderr.read()
            return await self.process.wait(), self._written, errors.decode()

    async def close(self) -> None:
        """End it, if it has not ended."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()

    async def _more(self) -> bool:
        assert self.process.stdout is not None
        data = await self.process.stdout.read(65536)
        self._written += data.decode()
        return bool(data)


@asynccontextmanager
async def client(*argv: str) -> AsyncIterator[Client]:
    """A client for the length of the block."""
    made = await Client.starts(*argv)
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def people(hub: Town, *names: str) -> AsyncIterator[list[Client]]:
    """Clients at the menu."""
    made: list[Client] = []
    try:
        for name in names:
            made.append(await Client.starts(f"127.0.0.1:{hub.port}", "--name", name))
            await made[-1].shows("Your option <enter a number>: ")
        yield made
    finally:
        for one in made:
            await one.close()


async def run(*argv: str, text: str = "") -> tuple[int, str, str]:
    """Run a client on this input: status, output, errors."""
    async with client(*argv) as one:
        one.types(*text.splitlines())
        one.stops_typing()
        return await one.ended()


async def test_the_first_transcript_of_the_brief(hub: Town) -> None:
    """Three questions, four lines, the menu: character for character."""
    status, written, errors = await run(text=f"127.0.0.1\n{hub.port}\nNina\n7\n")

    client_id = written.partition("Client ID: ")[2].partition("\n")[0]
    assert (status, errors) == (0, "")
    assert len(client_id) == 5
    assert written == (
        "Enter the server IP Address: 127.0.0.1\n"
        f"Enter the server port: {hub.port}\n"
        "Your id key (i.e your name): Nina\n"
        f"Successfully connected to server: 127.0.0.1/{hub.port}\n"
        "Your client info is:\n"
        "Client Name: Nina\n"
        f"Client ID: {client_id}\n"
        f"{MENU}7\n"
    )


async def test_a_script_runs_through_all_options(hub: Town) -> None:
    """Each line answers the next question, and what is shown reads like a screen."""
    script = "1 2 Hello%World! Nina 3 3 4 23456 one two exit 8 x 99 7"
    lines = [line.replace("%", " ") for line in script.split()]

    status, written, errors = await run(
        f"127.0.0.1:{hub.port}", "--name", "Nina", text="\n".join(lines)
    )

    shown = written.partition("Client ID: ")[2]
    client_id, when = shown[:5], shown.partition("My messages:\n")[2][:16]
    assert (status, errors) == (0, "")
    assert shown == (
        f"{client_id}\n"
        f"{MENU}1\nUsers in server: Nina:{client_id}\n"
        f"{MENU}2\nEnter your message: Hello World!\nEnter recipent id: Nina\n"
        "New message from Nina.\nMessage sent!\n"
        f"{MENU}3\nMy messages:\n{when}: Hello World! (from: Nina)\n"
        f"{MENU}3\nNo new messages.\n"
        f"{MENU}4\nEnter new chat room id: 23456\n"
        "\n----------------------- Chat Room 23456 ------------------------ \n"
        "\nType 'exit' to close the chat room.\nChat room created by: Nina\n"
        "Waiting for other users to join....\n"
        "Nina> one\nNina> two\nNina closed the chat room 23456.\n"
        f"{MENU}8\nThere are no chat rooms.\n"
        f"{MENU}x\nPlease enter a number from 1 to 9.\n"
        "Your option <enter a number>: 99\nPlease enter a number from 1 to 9.\n"
        "Your option <enter a number>: 7\n"
    )


async def test_three_people_talk_and_all_see_one_order(hub: Town) -> None:
    """Pushes come while others only listen; own lines come back with everybody's."""
    async with people(hub, "Jose", "Alice", "John") as (jose, alice, john):
        jose.types("4", "3456")
        await jose.shows("Waiting for other users to join....\n")
        alice.types("5", "3456")
        await alice.shows("Type 'bye' to exit this chat room.\n")
        await jose.shows("Alice joined\n")
        john.types("5", "3456")
        await john.shows("Type 'bye' to exit this chat room.\n")
        await alice.shows("John joined\n")
        await jose.shows("John joined\n")
        alice.types("Hello")
        await john.shows("Alice> Hello\n")
        jose.types("Hello Alice. How can I help you?")
        await john.shows("help you?\n")
        alice.types("See you later. bye")
        left = await jose.shows("Alice disconnected from the chat.\n")
        john.types("It looks like Alice was in a hurry.")
        await jose.shows("in a hurry.\n")
        jose.types("exit", "7")
        alice.types("7")
        closed = await john.shows("Jose closed the chat room 3456.\n")
        john.types("7")
        ends = [await one.ended() for one in (jose, alice, john)]

    assert left == (
        "Alice> Hello\nJose> Hello Alice. How can I help you?\nAlice> See you later. bye\n"
        "Alice disconnected from the chat.\n"
    )
    assert closed == (
        "Alice> See you later. bye\nAlice disconnected from the chat.\n"
        "John> It looks like Alice was in a hurry.\nJose closed the chat room 3456.\n"
    )
    assert [(status, errors) for status, _, errors in ends] == [(0, "")] * 3
    assert all(written.endswith(f"{MENU}7\n") for _, written, _ in ends)


async def test_a_burst_of_lines_is_said_in_order_and_the_rest_goes_to_the_menu(hub: Town) -> None:
    """A thousand lines at once, a farewell, and an option, in one write."""
    async with people(hub, "Bob", "Nina") as (bob, nina):
        bob.types("4", "den")
        await bob.shows("Waiting for other users to join....\n")
        nina.types("5", "den", *(f"line {number}" for number in range(1000)), "bye", "7")
        status, written, _ = await nina.ended()
        heard = await bob.shows("Nina disconnected from the chat.\n")

    said = "".join(f"Nina> line {number}\n" for number in range(1000))
    assert status == 0
    assert said in written
    assert written.endswith(f"{said}{MENU}7\n")
    assert heard == f"Nina joined\n{said}Nina disconnected from the chat.\n"


async def test_a_push_at_a_prompt_starts_a_line(hub: Town) -> None:
    """And the prompt is written again behind it."""
    async with people(hub, "Bob", "Nina") as (bob, nina):
        bob.types("2", "hi", "Nina")
        await bob.shows("Message sent!")

        assert await nina.shows("number>: ") == (
            "\nNew message from Bob.\nYour option <enter a number>: "
        )


async def test_a_taken_name_is_asked_for_again(hub: Town) -> None:
    """By the hub, before anybody is let in."""
    async with people(hub, "Nina"):
        status, written, _ = await run(f"127.0.0.1:{hub.port}", "--name", "Nina", text="Nina2\n7\n")

    assert status == 0
    assert "Your id key (i.e your name): Nina2\n" in written
    assert "Client Name: Nina2\n" in written


@pytest.mark.parametrize("view", ["--plain", "--json"])
async def test_whoever_was_never_let_in_has_not_left(hub: Town, view: str) -> None:
    """A script learns that its name was refused."""
    status, _, complaint = await run(f"127.0.0.1:{hub.port}", view, "--name", "a b", text="")

    assert status == 5
    assert "the input ended before the hub let anybody in" in complaint


async def test_the_end_of_input_leaves_politely(hub: Town) -> None:
    """After the answer was shown, with status 0."""
    status, written, errors = await run(f"127.0.0.1:{hub.port}", "--name", "Nina", text="1")

    assert (status, errors) == (0, "")
    assert "Users in server: Nina:" in written
    assert written.endswith("Your option <enter a number>: \n")


async def test_answers_may_be_given_on_the_command_line(hub: Town) -> None:
    """Standard input is not read then, and nothing waits for it."""
    async with client(f"127.0.0.1:{hub.port}", "--name", "Nina", "-e", "1") as one:
        status, written, _ = await one.ended()

    assert status == 0
    assert "Your option <enter a number>: 1\nUsers in server: Nina:" in written


async def test_an_open_input_does_not_hold_up_the_end(hub: Town) -> None:
    """The thread that reads it is left where it is."""
    async with client(f"127.0.0.1:{hub.port}", "--name", "Nina") as one:
        await one.answers("number>: ", "7")

        assert (await one.ended())[0] == 0


async def test_a_reader_that_has_seen_enough_is_a_quiet_end(hub: Town) -> None:
    """As in a pipe into `head`: status 0, and not a word."""
    async with client(f"127.0.0.1:{hub.port}", "--name", "Nina") as one:
        await one.shows("number>: ")
        assert one.process.stdout is not None
        one.process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        one.types("1")
        assert one.process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            errors, status = await one.process.stderr.read(), await one.process.wait()

    assert (status, errors) == (0, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send these signals")
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGINT", 130), ("SIGHUP", 129)])
async def test_a_signal_ends_it_with_a_bye(name: str, status: int) -> None:
    """And with the status that shells expect."""
    async with scripted_hub() as hub, client(f"127.0.0.1:{hub.port}", "--name", "Nina") as one:
        caller = await hub.caller()
        await caller.lets_in()
        await one.shows("Client ID")
        one.process.send_signal(getattr(signal, name))
        bye = await caller.gets(Bye)

        assert bye.reason in ("terminated", "interrupted")
        ended = await one.ended()
        assert (ended[0], ended[2]) == (status, "")


async def test_the_exit_status_tells_what_happened(hub: Town) -> None:
    """3 could not connect, 4 lost, 5 refused, 6 misunderstood; each with one line of reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    async with scripted_hub() as scripted:
        here = f"127.0.0.1:{scripted.port}"

        unreachable = await run(f"127.0.0.1:{closed}", "--name", "Nina")
        async with client(here, "--name", "Nina", "--no-reconnect") as one:
            caller = await scripted.caller()
            await caller.lets_in()
            caller.hangs_up()
            lost = await one.ended()
        async with client(here, "--name", "Nina") as one:
            caller = await scripted.caller()
            caller.says(Bye(reason="the hub is full", kind="refused", retry=10))
            refused = await one.ended()
        async with client(here, "--name", "Nina") as one:
            caller = await scripted.caller()
            await caller.gets(Hello)
            caller.says_raw(b"SSH-2.0-OpenSSH\r\n")
            broken = await one.ended()

    ends = [unreachable, lost, refused, broken]
    assert [status for status, _, _ in ends] == [3, 4, 5, 6]
    assert all(len(errors.splitlines()) == 1 for _, _, errors in ends)
    assert "Connection refused" in unreachable[2] or sys.platform == "win32"
    assert "the hub is full" in refused[2]


@pytest.mark.parametrize(
    "argv",
    [
        ["h:http"],
        ["h", "--host", "h"],
        ["h:1", "--port", "1"],
        ["--port", "0"],
        ["--plain", "--json"],
        ["--bell", "loud"],
        ["--dance"],
        ["--json", "h"],
        ["--json", "--name", "Nina"],
        ["--config", "no/such.toml"],
        ["--log", "no/such/folder/log", "h", "--name", "n"],
        ["--scrollback", "1"],
        [],
    ],
)
async def test_wrong_usage_is_told_with_status_2(argv: list[str]) -> None:
    """In words, without a traceback; no input is one of them where something must be asked."""
    status, _, errors = await run(*argv)

    assert status == 2
    assert "tcpnet-client: " in errors
    assert "Traceback" not in errors


async def test_a_program_talks_in_objects(hub: Town) -> None:
    """One a line, both ways; with what could not be taken the end is no success."""
    async with client(f"127.0.0.1:{hub.port}", "--name", "Nina", "--json") as one:
        await one.shows('"type": "input"')
        question = json.loads((await one.shows("\n")).join(('{"type": "input"', "")))
        one.types(json.dumps({"id": question["id"] + 100, "value": 1}))
        await one.shows('"code": "stale_id"')
        one.types(json.dumps({"id": question["id"], "value": 7}))
        status, written, errors = await one.ended()

    lines = [json.loads(line) for line in written.splitlines()]
    assert (status, errors) == (2, "tcpnet-client: 1 line of the input could not be taken\n")
    assert written.isascii()
    assert lines[0]["state"] == "connecting"
    assert lines[-1]["state"] == "ended"


async def test_what_went_over_the_wire_can_be_traced(hub: Town, tmp_path: Path) -> None:
    """And what the link did, logged: into files that only their owner may read."""
    trace, log = tmp_path / "trace", tmp_path / "log"

    await run(
        f"127.0.0.1:{hub.port}",
        "--name",
        "Nina",
        "-e",
        "7",
        "--trace",
        str(trace),
        "--log",
        str(log),
    )

    lines = trace.read_text("ascii").splitlines()
    ours = [line for line in lines if not line.startswith("S: ")]
    assert [line[:2] for line in ours[:4]] == ["# ", "C:", "# ", "C:"]
    assert '"secure"' in ours[1]
    assert '"hello"' in ours[3]
    assert any('"welcome"' in line for line in lines if line.startswith("S: "))
    assert "tcpnet.client.link connected" in log.read_text("ascii")
    if sys.platform != "win32":
        assert {stat.S_IMODE(file.stat().st_mode) for file in (trace, log)} == {0o600}


async def test_the_settings_can_be_shown_with_their_origins(tmp_path: Path) -> None:
    """Flag, environment, file or default; unknown keys are warned of and do no harm."""
    file = tmp_path / "client.toml"
    file.write_text('name = "Nina"\ncolour = 1\n', "utf-8")

    status, written, errors = await run("hub:1", "--config", str(file), "--print-config")

    assert status == 0
    assert 'host = "hub"  # flag\nport = 1  # flag\n' in written
    assert f'name = "Nina"  # {file}\n' in written
    assert 'bell = "mention"  # default\n' in written
    assert errors == f"tcpnet-client: {file}, line 2: there is no setting colour\n"


def imported(*argv: str, text: str = "") -> set[str]:
    """Run a client to its end; the modules that it loaded."""
    outcome = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tcpnet.cli.client", *argv],
        input=text, capture_output=True, encoding="utf-8", env=environment(), timeout=PATIENCE,
        check=True,
    )  # fmt: skip
    lines = (line for line in outcome.stderr.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_the_cheap_flags_load_nothing_heavy(flag: str) -> None:
    """Neither an event loop nor a toolkit nor a codec."""
    loaded = imported(flag)

    assert "tcpnet.errors" in loaded
    assert not {"asyncio", "prompt_toolkit", "msgspec", "logging", "ssl"} & loaded


@pytest.mark.parametrize("view", ["--plain", "--json"])
async def test_the_plain_views_load_no_toolkit(view: str, hub: Town) -> None:
    """Not even for a whole session."""
    loaded = await asyncio.to_thread(imported, f"127.0.0.1:{hub.port}", "--name", "Nina", view)

    assert "asyncio" in loaded
    assert not [name for name in loaded if name.startswith("prompt_toolkit")]

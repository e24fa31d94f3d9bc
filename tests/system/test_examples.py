"""The clients of docs/examples, written from the protocol's page alone, as real processes."""

import asyncio
import json
import shutil
import socket
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.hub import PATIENCE, Person, Town
from tests.processes import server
from tests.system.stage import Stage, stage

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
MENU = "Your option <enter a number>: "

Commands = dict[str, tuple[str, ...]]
AGENTS = {"node": "client.mjs/1", "java": "Client.java/1"}
ON_PATH: Commands = {
    "node": ("node", str(EXAMPLES / "client.mjs")),
    "java": ("java", str(EXAMPLES / "Client.java")),
}

every_example = pytest.mark.parametrize(
    "example",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(not shutil.which(name), reason=f"{name} is not installed"),
        )
        for name in ON_PATH
    ],
)


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """How to run each example many times: Java is compiled once, not at every start."""
    if not shutil.which("javac"):
        return ON_PATH
    folder = str(tmp_path_factory.mktemp("classes"))
    subprocess.run(["javac", "-d", folder, ON_PATH["java"][1]], check=True)
    quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
    return ON_PATH | {"java": ("java", *quick, "-cp", folder, "Client")}


class Screen:
    """A running client: what it shows, and what is typed into it."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.shown = ""
        self._read = 0

    def types(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    async def shows(self, words: str) -> None:
        """Wait for these words behind those that were waited for last."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while (found := self.shown.find(words, self._read)) < 0:
                if not (read := await self.process.stdout.read(65_536)):
                    raise AssertionError(f"it ended before {words!r}:\n{self.shown[self._read :]}")
                self.shown += read.decode()
        self._read = found + len(words)

    async def ended(self) -> int:
        """Wait for the end; the exit status."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            self.shown += (await self.process.stdout.read()).decode()
            return await self.process.wait()


@asynccontextmanager
async def running(
    command: tuple[str, ...], port: int, name: str, *more: str
) -> AsyncIterator[Screen]:
    """An example client at a hub; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *command, "127.0.0.1", str(port), name, *more, stdin=PIPE, stdout=PIPE
    )
    try:
        yield Screen(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@every_example
async def test_an_example_goes_through_a_chat_room(example: str, tmp_path: Path) -> None:
    """Login, user list, a message, its box, a room with somebody else in it, and out again."""
    async with server(tmp_path) as hub, running(ON_PATH[example], hub.port, "Nina") as nina:
        jose = await Person.dial("Jose", hub.port)
        await jose.logs_in()
        await jose.enters_room("3456", new=True)

        await nina.shows("Client Name: Nina\nClient ID: ")
        await nina.shows(MENU)
        nina.types("1")
        await nina.shows("Users in server: ")
        await nina.shows(MENU)
        nina.types("2")
        await nina.shows("Enter your message: ")
        nina.types('Grüße, "World"! 😀')
        await nina.shows("Enter recipent id: ")
        nina.types("Nina")
        await nina.shows("Message sent!")
        await nina.shows(MENU)
        nina.types("3")
        await nina.shows('Grüße, "World"! 😀 (from: Nina)\n')
        await nina.shows(MENU)
        nina.types("3")
        await nina.shows("No new messages.\n")
        await nina.shows(MENU)

        nina.types("5")
        await nina.shows("Enter chat room id to join: ")
        nina.types("3456")
        await nina.shows("Joined to chat room 3456\nType 'bye' to exit this chat room.\n")
        await jose.sees("Nina joined")
        jose.types("I heard something")
        await nina.shows("Jose> I heard something\n")
        nina.types("Hello")
        nina.types("Hello again")
        await jose.sees("Nina> Hello again")
        await nina.shows("Nina> Hello\nNina> Hello again\n")
        nina.types("bye")
        await jose.sees("Nina disconnected from the chat.")
        await nina.shows(MENU)
        nina.types("7")

        assert await nina.ended() == 0
        assert nina.shown.endswith("\ngoodbye\n")
        assert jose.connection is not None
        await jose.connection.close()


@every_example
async def test_an_example_leaves_politely_when_nothing_more_is_typed(
    example: str, commands: Commands, tmp_path: Path
) -> None:
    """The end of its input says bye to the hub, which says it too."""
    async with server(tmp_path) as hub, running(commands[example], hub.port, "Nina") as nina:
        await nina.shows(MENU)
        assert nina.process.stdin is not None

        nina.process.stdin.close()
        status = await nina.ended()

        assert nina.shown.endswith("\ngoodbye\n")
        assert status == 0


@asynccontextmanager
async def on_stage(command: tuple[str, ...]) -> AsyncIterator[tuple[Stage, Screen]]:
    """A client that has dialled a server of our own."""
    async with stage() as made, running(command, made.port, "Nina") as screen:
        await made.entered()
        yield made, screen


HOSTILE = "a\x1b[31m\x07\x9b2J\u202etxt\u2066\u200b\ufeff\u00ad\u2028\U000e0041\ud83d\x7f\rb"


@every_example
async def test_an_example_makes_the_text_of_others_harmless(
    example: str, commands: Commands
) -> None:
    """Names, messages, prompts and reasons: nothing reaches the terminal as it came."""
    async with on_stage(commands[example]) as (hub, nina):
        assert await hub.hears("hello") == {
            "protocol": 1,
            "agent": AGENTS[example],
            "id-key": "Nina",
        }
        # Escaped by hand: a lone surrogate has no UTF-8.
        text = json.dumps(HOSTILE)
        hub.says_raw(
            b'{"headers": [{"type": "welcome", "body": {"protocol": 1, "hub": "h", "session": "s",'
            b'"client-id": 50851, "name": %(text)s, "resumed": false, "limits": {"frame": 65536,'
            b'"line": 4096, "message": 16384}}}, {"type": "print", "body": {"message": %(text)s}},'
            b'{"type": "input", "body": {"message": %(text)s, "res-key": "k", "res-type": "string",'
            b'"id": 1}}, {"type": "bye", "body": {"reason": %(text)s, "kind": "quit"}}]}\n'
            % {b"text": text.encode()}
        )

        status = await nina.ended()

    assert status == 0
    assert nina.shown.count("a\ufffd[31m") == 4
    assert [c for c in nina.shown if not (c.isprintable() or c == "\n")] == []


@every_example
async def test_an_example_shows_what_it_is_told_and_ignores_what_it_does_not_know(
    example: str,
    commands: Commands,
) -> None:
    """Pieces are joined, joiners between letters stay, new items and keys are left out."""
    async with on_stage(commands[example]) as (hub, nina):
        await hub.hears("hello")
        hub.says(
            ("weather", {"message": "rain"}),
            ("constructor", {}),
            ("print", {"message": "one, ", "kind": "page", "more": True}),
            ("print", {"message": "two\n\tthree", "kind": "page", "mood": {"a": [1, None]}}),
            ("print", {"message": "می\u200cخواهم"}),
            ("print", {"message": "a\u200db 👩\u200d💻"}),
            ("print", {"message": ""}),
        )
        hub.says(("ping", {"t": 1790000000.5}))

        await nina.shows("one, two\n    three\nمی\u200cخواهم\na\u200db 👩\ufffd💻\n\n")
        assert await hub.hears("pong") == {"t": 1790000000.5}
        assert "rain" not in nina.shown


@every_example
async def test_an_example_answers_in_order_and_each_question_once(
    example: str, commands: Commands
) -> None:
    """What is typed ahead waits for its question; a standing one takes all."""
    async with on_stage(commands[example]) as (hub, nina):
        for line in ("first", "second", "third", "fourth"):
            nina.types(line)
        await hub.hears("hello")
        hub.says(("input", {"message": "1> ", "res-key": "a", "res-type": "string", "id": 7}))
        first = await hub.hears("reply")
        hub.says(("input", {"message": "2> ", "res-key": "b", "res-type": "secret", "id": 8}))
        second = await hub.hears("reply")
        hub.says(("input", {"message": "", "res-key": "c", "res-type": "x", "id": 9, "keep": True}))
        third, fourth = await hub.hears("reply"), await hub.hears("reply")

        await nina.shows("1> ")
        await nina.shows("2> ")
        answers = [first, second, third, fourth]
        assert [answer["value"] for answer in answers] == ["first", "second", "third", "fourth"]
        assert [(answer["res-key"], answer["id"]) for answer in answers] == [
            ("a", 7),
            ("b", 8),
            ("c", 9),
            ("c", 9),
        ]
        mids = {answer["mid"] for answer in answers}
        assert len(mids) == 4
        assert all(mid.isalnum() and 16 <= len(mid) <= 128 for mid in mids)


@every_example
async def test_an_example_says_that_mail_was_seen(example: str, commands: Commands) -> None:
    """Once it is shown, and whole."""
    async with on_stage(commands[example]) as (hub, nina):
        await hub.hears("hello")
        hub.says(
            ("print", {"message": "2019-08-05", "kind": "direct", "seq": 41, "more": True}),
            ("print", {"message": " 17:45: Hi", "kind": "direct", "seq": 41}),
        )

        assert await hub.hears("seen") == {"mail": 41}
        await nina.shows("2019-08-05 17:45: Hi\n")


@every_example
@pytest.mark.parametrize(
    "data",
    [b"x" * 70_000, b"[" * 60_000 + b"\n", b"not json\n"],
    ids=["endless", "deep", "no json"],
)
async def test_an_example_leaves_a_server_that_makes_no_sense(
    example: str, commands: Commands, data: bytes
) -> None:
    """With a sentence and a status, and without filling its memory."""
    async with on_stage(commands[example]) as (hub, nina):
        await hub.hears("hello")

        hub.says_raw(data)

        assert await nina.ended() == 1
        assert nina.shown.strip()


@every_example
@pytest.mark.parametrize(
    "arguments", [(), ("127.0.0.1", "12005"), ("127.0.0.1", "many", "Nina")], ids=len
)
def test_an_example_says_how_it_is_used(
    example: str, arguments: tuple[str, ...], commands: Commands
) -> None:
    """In one line and with exit status 2, where something is missing or no port."""
    ended = subprocess.run([*commands[example], *arguments], capture_output=True, text=True)

    assert ended.returncode == 2
    assert ended.stderr.startswith("usage: ")
    assert len(ended.stderr.splitlines()) == 1


@every_example
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_example_says_that_nobody_listens(example: str, host: str, commands: Commands) -> None:
    """In one line, also where a name stands for several addresses."""
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        command = [*commands[example], host, port, "Nina"]

        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    assert ended.returncode == 1
    assert "refused" in ended.stdout.lower()
    assert len(ended.stdout.strip().splitlines()) == 1
    assert not ended.stderr


def test_the_examples_are_short() -> None:
    """Small enough to read at one sitting, and free of any library."""
    script = (EXAMPLES / "client.mjs").read_text("utf-8")
    source = (EXAMPLES / "Client.java").read_text("utf-8")

    assert len(script.splitlines()) <= 120
    assert len(source.splitlines()) <= 220
    assert all("'node:" in line for line in script.splitlines() if line.startswith("import"))
    assert all(
        line.split()[-1].startswith(("java.", "javax."))
        for line in source.splitlines()
        if "import " in line
    )


@every_example
async def test_an_example_reads_the_longest_strings(example: str, commands: Commands) -> None:
    """Whatever in them is escaped."""
    words = '\\"\b\f/' * 4_000 + "\\"
    async with on_stage(commands[example]) as (hub, nina):
        await hub.hears("hello")
        hub.says(("print", {"message": words}), ("bye", {"reason": "goodbye", "kind": "quit"}))

        assert await nina.ended() == 0
        assert nina.shown.count('\\"\ufffd\ufffd/') == 4_000


@every_example
async def test_an_example_is_encrypted_to_the_server_it_was_told_of(
    example: str, commands: Commands, hub: Town
) -> None:
    """By the fingerprint that the server prints; a password goes no other way."""
    community = hub.hub.community
    key = community.identity.fingerprint

    async with running(commands[example], hub.port, "Nina", key) as nina:
        await nina.shows("Client Name: Nina")
        await nina.shows(MENU)
        [session] = community.sessions.values()
        assert session.connection.is_encrypted
        for line in ("9", "1", "correct horse", "correct horse", "5", "7"):
            nina.types(line)
        await nina.shows("Your password is set.")

        assert await nina.ended() == 0


@every_example
async def test_an_example_says_nothing_to_a_server_with_another_key(
    example: str, commands: Commands, hub: Town
) -> None:
    """Not its name, and no question is shown; what the key is instead is."""
    key = hub.hub.community.identity.fingerprint
    wrong = f"{'a' if key[0] != 'a' else 'b'}{key[1:]}"

    async with running(commands[example], hub.port, "Nina", wrong) as nina:
        await nina.shows(key)

        assert await nina.ended() == 1
        assert MENU not in nina.shown
        assert not hub.hub.community.sessions


@every_example
async def test_an_example_asks_nothing_in_clear_where_it_was_told_a_key(
    example: str, commands: Commands
) -> None:
    """Somebody in between may answer in clear: that is the end."""
    async with stage() as made, running(commands[example], made.port, "Nina", "aaaa") as nina:
        await made.entered()
        await made.hears("secure")
        made.says(("input", {"message": "Secret? ", "res-key": "k", "res-type": "secret", "id": 1}))

        assert await nina.ended() == 1
        assert "Secret?" not in nina.shown

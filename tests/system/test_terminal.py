"""The full screen on a real terminal, with real servers and real signals."""

import re
import shlex
import shutil
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tcpnet.protocol.items import Print, Reply
from tests.processes import Server, server
from tests.system.tty import CLIENT, Tty, client
from tests.unit.client.scripted import asks, scripted_hub

PAGE_UP, CTRL_END = "\x1b[5~", "\x1b[1;5F"
MENU = "Your option <enter a number>:"


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Server]:
    """A server of its own process."""
    async with server(tmp_path, "--ephemeral") as running:
        yield running


async def in_room(tty: Tty, option: str, room: str = "den") -> None:
    """Open (4) or join (5) a room."""
    await tty.sees(MENU)
    await tty.enter(option)
    await tty.sees("Enter")
    await tty.enter(room)
    await tty.until(lambda: f"room {room}" in tty.status_line, "the room in the status line")


async def talking(people: ExitStack, hub: Server, *names: str) -> list[Tty]:
    """People in one room, each at a terminal."""
    ttys = [people.enter_context(client(hub.port, name, rows=14)) for name in names]
    for tty in ttys:
        await in_room(tty, "4" if tty is ttys[0] else "5")
    return ttys


async def says(tty: Tty, line: str) -> None:
    """Say a line and see it come back."""
    await tty.enter(line)
    await tty.sees(f"> {line}")
    await tty.until(lambda: tty.typed == ">", "an empty line")


async def test_a_line_arrives_while_half_a_line_is_typed(hub: Server) -> None:
    """Both are intact, on both screens."""
    with ExitStack() as people:
        alice, bob = await talking(people, hub, "Alice", "Bob")
        alice.press("half a li")
        await alice.until(lambda: alice.typed == "> half a li", "the half line")

        await says(bob, "Hello")
        await alice.sees("Bob> Hello")

        assert alice.typed == "> half a li"
        await alice.enter("ne")
        await bob.sees("Alice> half a line")


async def test_scrolled_back_the_view_stands_still(hub: Server) -> None:
    """What comes is counted below; a mention is counted apart."""
    with ExitStack() as people:
        alice, bob = await talking(people, hub, "Alice", "Bob")
        for number in range(4):
            await says(bob, f"line {number}")
        await alice.sees("line 3")
        alice.press(PAGE_UP)
        await alice.until(lambda: "^End follow" in alice.status_line, "a held view")
        before = alice.lines[:-2]
        below = int(re.findall(r"(\d+) below", alice.status_line)[0])

        await says(bob, "one more")
        await says(bob, "alice: are you there?")
        await alice.sees(f"{below + 2} below (1 mention)")

        assert alice.lines[:-2] == before
        alice.press(CTRL_END)
        await alice.sees("Bob> alice: are you there?")
        assert any("unread since" in line for line in alice.lines)
        assert b"\x07" in alice.written


async def test_a_resize_loses_nothing(hub: Server) -> None:
    """Neither what is typed nor what comes meanwhile."""
    with ExitStack() as people:
        alice, bob = await talking(people, hub, "Alice", "Bob")
        alice.press("half")
        for number, (columns, rows) in enumerate([(40, 10), (120, 40), (20, 4), (80, 24)]):
            alice.resize(columns, rows)
            await says(bob, f"at {columns} columns")
            await alice.until(lambda: alice.typed == "> half", "the half line")
            await alice.sees(f"at {columns}" if rows > 4 else "half")
            assert number < 4

        await alice.until(
            lambda: re.findall(r"at (\d+) columns", alice.text) == ["40", "120", "20", "80"],
            "all four lines",
        )


async def test_a_paste_of_several_lines_is_reviewed(hub: Server) -> None:
    """With marks and without; what is sent then is sent line by line."""
    with ExitStack() as people:
        alice, bob = await talking(people, hub, "Alice", "Bob")
        alice.press("\x1b[200~first line\nsecond line\n\x1b[201~")
        await alice.until(lambda: alice.typed == "       second line", "the paste")
        await alice.sees("paste 2 lines: Enter send 2")
        assert "Alice> " not in alice.text

        alice.press("\r")

        await bob.sees("Alice> second line")
        assert "Alice> first line" in bob.text
        alice.press("third line\rfourth line\r")
        await alice.until(lambda: alice.typed == "       fourth line", "the paste")
        alice.press("\x1b")
        await alice.until(lambda: alice.typed == ">", "an empty line")
        await says(bob, "go on")
        assert "third" not in bob.text


async def test_a_secret_is_never_on_the_screen() -> None:
    """Stars are; what was typed before comes back afterwards."""
    async with scripted_hub() as hub:
        with client(hub.port, "Nina") as tty:
            caller = await hub.caller()
            await caller.lets_in()
            caller.says(asks("Username: ", 1))
            await tty.sees("Username:")
            await tty.enter("nina@example.com")
            assert (await caller.gets(Reply)).value == "nina@example.com"
            tty.press("half")
            await tty.sees("(waiting) half")
            caller.says(asks("Password: ", 2, "secret"))
            await tty.sees("PASSWORD hidden")
            tty.press("hunter2")
            await tty.sees("Password: *******")
            tty.press("\r")
            assert (await caller.gets(Reply)).value == "hunter2"
            caller.says(Print(message="Success 200 OK"), asks("request> ", 3))
            await tty.sees("request> half")

            assert b"hunter2" not in tty.written


@pytest.mark.parametrize(
    ("keys", "status"),
    [(["\x04"], 0), (["\x03", "\x03"], 130), (["7", "\r"], 0)],
    ids=["^D", "^C ^C", "menu"],
)
async def test_leaving_puts_the_terminal_right(hub: Server, keys: list[str], status: int) -> None:
    """Its modes, its first screen, its pastes and its cursor."""
    with client(hub.port, "Alice") as tty:
        await tty.sees(MENU)
        for key in keys:
            tty.press(key)
            if key != keys[-1]:
                await tty.until(
                    lambda: "^D to quit" in tty.status_line or tty.typed.endswith("7"), "a change"
                )

        assert await tty.ends() == status
        assert_put_right(tty)


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
    ids=["TERM", "HUP", "INT"],
)
async def test_a_signal_puts_the_terminal_right(
    hub: Server, number: signal.Signals, status: int
) -> None:
    """And says good bye to the hub."""
    with client(hub.port, "Alice") as tty:
        await tty.sees(MENU)
        tty.signal(number)

        assert await tty.ends() == status
        assert_put_right(tty)


async def test_a_hub_that_is_not_there() -> None:
    """Status 3, and a sentence on the terminal as it was."""
    async with scripted_hub() as hub:
        hub.closes()
        with client(hub.port, "Alice") as tty:
            assert await tty.ends() == 3
            assert "cannot connect to 127.0.0.1" in tty.text
            assert_put_right(tty)


async def test_an_error_of_our_own_puts_the_terminal_right(hub: Server) -> None:
    """Status 1, and what happened."""
    broken = (
        "import sys, tcpnet.client.talk as talk; talk.Talk.add = lambda *_: 1 / 0;"
        "from tcpnet.cli.client import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", broken, f"127.0.0.1:{hub.port}", "--name", "Alice"]
    with Tty(command) as tty:
        assert await tty.ends() == 1
        assert b"ZeroDivisionError" in tty.written
        assert_put_right(tty)


def assert_put_right(tty: Tty) -> None:
    """What was switched on is off again."""
    assert tty.restored
    written = bytes(tty.written)
    for on, off in ((b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[?2004h", b"\x1b[?2004l")):
        assert written.rfind(off) >= written.rfind(on)
    assert written.rfind(b"\x1b[?25h") >= written.rfind(b"\x1b[?25l")
    assert b"\x1b[?1000h" not in written


async def test_a_killed_server_leaves_the_typed_line(tmp_path: Path) -> None:
    """It comes back, the client too, and nothing was sent that nobody saw."""
    async with server(tmp_path / "one", "--ephemeral") as first:
        with client(first.port, "Alice") as tty:
            await in_room(tty, "4")
            tty.press("half a line")
            await tty.sees("> half a line")
            first.process.kill()
            await tty.sees("NOT CONNECTED")
            assert tty.typed == "> half a line"

            async with server(tmp_path / "two", "--ephemeral", "--port", str(first.port)):
                tty.press("\r")
                await tty.sees("reconnected after")
                await tty.sees(f"{MENU} half a line")

                assert "Alice> half" not in tty.text
                tty.press("\x03")
                await tty.until(lambda: tty.typed == MENU, "an empty line")
                tty.press("\x04")
                assert await tty.ends() == 0
                assert_put_right(tty)


async def test_without_reconnecting_a_lost_connection_is_the_end(tmp_path: Path) -> None:
    """Status 4."""
    async with server(tmp_path, "--ephemeral") as running:
        with client(running.port, "Alice", "--no-reconnect") as tty:
            await tty.sees(MENU)
            running.process.kill()

            assert await tty.ends() == 4
            assert_put_right(tty)


async def test_suspended_it_gives_the_terminal_back(hub: Server) -> None:
    """And takes it again, with what was typed."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no shell that can stop its children")
    words = shlex.join([*CLIENT, f"127.0.0.1:{hub.port}", "--name", "Alice"])
    with Tty([bash, "-mc", f"{words}; stty -a | grep -o -- '-\\?echo '; read; fg"]) as tty:
        await tty.sees(MENU)
        tty.press("12")
        await tty.sees(f"{MENU} 12")
        tty.press("\x1a")
        await tty.until(lambda: tty.lines[-1] == "echo" or "\necho" in tty.text, "the shell")
        tty.press("\r")

        await tty.sees(f"{MENU} 12")
        tty.press("3")
        await tty.sees(f"{MENU} 123")


async def test_an_editor_writes_lines_for_review(hub: Server, tmp_path: Path) -> None:
    """Nothing of it is sent at once."""
    editor = tmp_path / "editor"
    editor.write_text(
        f"#!{sys.executable}\nimport sys\nopen(sys.argv[1], 'a').write('\\nmore\\n')\n"
    )
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    command = ["env", f"EDITOR={editor}", *CLIENT, f"127.0.0.1:{hub.port}", "--name", "Alice"]
    with Tty(command, rows=14) as tty:
        await in_room(tty, "4")
        tty.press("letter")
        await tty.sees("> letter")
        tty.press("\x18\x05")
        await tty.until(lambda: tty.typed == "       more", "the review")


async def test_inline_leaves_everything_in_the_terminals_own_history(hub: Server) -> None:
    """No second screen; the modes are put right at the end."""
    with ExitStack() as people:
        alice = people.enter_context(client(hub.port, "Alice", "--inline"))
        await alice.sees(MENU)
        alice.press("4")
        await alice.sees(f"{MENU} 4")
        alice.press("\r")
        await alice.sees("Enter new chat room id:")
        alice.press("den")
        await alice.sees("room id: den")
        alice.press("\r")
        await alice.sees("Waiting for other users to join....")
        bob = people.enter_context(client(hub.port, "Bob", rows=14))
        await in_room(bob, "5")
        alice.press("half a li")
        await alice.sees("> half a li")
        await says(bob, "Hello")
        await alice.sees("Bob> Hello")
        await alice.sees("> half a li")

        alice.press("\x03\x04")
        assert await alice.ends() == 0
        assert alice.restored
        assert b"\x1b[?1049h" not in alice.written
        assert "Bob> Hello" in alice.text


async def test_without_colour_there_is_none(hub: Server) -> None:
    """`NO_COLOR` and `--color never` leave weights only."""
    with client(hub.port, "Alice", "--color", "never", rows=14) as tty:
        await in_room(tty, "4")
        await says(tty, "hello")

        codes = re.findall(rb"\x1b\[([0-9;]*)m", bytes(tty.written))
        colours = {number for code in codes for number in code.split(b";")} - {b""}
        assert colours <= {b"0", b"1", b"2", b"3", b"4", b"7"}

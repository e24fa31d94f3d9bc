"""Standard input: whole lines, in order, and no read that holds anything up."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tcpnet.client.stdin import AHEAD, Console, Descriptor, Given, Reading, standard_input
from tests.unit.client.scripted import PATIENCE


@pytest.fixture
def pipe() -> Iterator[tuple[Descriptor, Callable[[bytes], int]]]:
    """A source over a pipe, and how to write into it; writing nothing closes it."""
    read, write = os.pipe()
    ends = {read, write}

    def put(data: bytes) -> int:
        if data:
            return os.write(write, data)
        ends.discard(write)
        os.close(write)
        return 0

    yield Descriptor(read), put
    for end in ends:
        os.close(end)


Pipe = tuple[Descriptor, Callable[[bytes], int]]


@pytest.mark.parametrize(("encoding", "line"), [(None, "grÃ¼n"), ("utf-8", "grün")])
def test_a_program_may_say_how_its_lines_are_encoded(
    monkeypatch: pytest.MonkeyPatch, encoding: str | None, line: str
) -> None:
    """Where nothing is said it is the system's way: on Windows that of an old code page."""
    read, write = os.pipe()
    with os.fdopen(read, encoding="cp1252") as stdin, os.fdopen(write, "wb") as pipe:
        pipe.write("grün\n".encode())
        pipe.flush()
        monkeypatch.setattr(sys, "stdin", stdin)

        assert standard_input(encoding).read_line() == line


def test_lines_come_without_their_ends(pipe: Pipe) -> None:
    """Whatever ends them, and whether or not the last one is ended."""
    source, put = pipe
    put(b"one\ntwo\r\n\nlast")
    put(b"")

    lines = [source.read_line() for _ in range(5)]

    assert lines == ["one", "two", "", "last", None]
    assert source.read_line() is None


def test_a_line_may_come_in_parts(pipe: Pipe) -> None:
    """Also a character of several bytes."""
    source, put = pipe
    name = "Zoë".encode()
    put(name[:-1])
    put(name[-1:] + b"\n")

    assert source.read_line() == "Zoë"


def test_bytes_that_are_no_text_become_marks(pipe: Pipe) -> None:
    """They could not be sent as they are."""
    source, put = pipe
    put(b"a\xffb\n")

    assert source.read_line() == "a\ufffdb"


def test_a_pipe_hides_nothing_and_is_no_terminal(pipe: Pipe) -> None:
    """There is no echo to switch off."""
    source, _ = pipe

    source.hide(True)

    assert not source.terminal


def test_a_descriptor_that_was_closed_is_at_its_end(tmp_path: Path) -> None:
    """Whoever started us may have closed it."""
    descriptor = os.open(tmp_path, os.O_RDONLY) if sys.platform != "win32" else os.pipe()[0]
    source = Descriptor(descriptor)
    os.close(descriptor)

    assert source.read_line() is None


def test_given_lines_come_once() -> None:
    """Then it is the end."""
    source = Given(["1", "7"])

    assert [source.read_line() for _ in range(3)] == ["1", "7", None]


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
def test_a_terminal_hides_what_is_typed_and_drops_what_was_begun() -> None:
    """Half a line typed before must not become half of a password."""
    import pty
    import termios

    master, slave = pty.openpty()
    try:
        source = Descriptor(slave)
        os.write(master, b"half")
        os.read(master, 4)  # its echo: now it waits in the terminal
        source.hide(True)
        hidden = not termios.tcgetattr(slave)[3] & termios.ECHO
        os.write(master, b"hunter2\n")
        line = source.read_line()
        source.hide(False)
        shown = bool(termios.tcgetattr(slave)[3] & termios.ECHO)
    finally:
        os.close(master)
        os.close(slave)

    assert source.terminal
    assert (hidden, line, shown) == (True, "hunter2", True)


def _console(keys: str) -> tuple[Console, list[str]]:
    shown: list[str] = []
    return Console(iter(keys).__next__, shown.append), shown


def test_a_console_shows_what_is_typed() -> None:
    """Key by key, with a way to take back."""
    console, shown = _console("Nix\bna\r")

    assert console.read_line() == "Nina"
    assert "".join(shown) == "Nix\b \bna\r\n"


def test_a_console_shows_no_secret() -> None:
    """Not even how long it is."""
    console, shown = _console("hunter2\r")

    console.hide(True)

    assert console.read_line() == "hunter2"
    assert shown == []


def test_a_console_knows_its_other_keys() -> None:
    """Function keys come in two parts; ^Z at the start of a line is the end, ^C an interrupt."""
    console, _ = _console("\xe0H\x00;\ba\x1a\r\x1a\x03")

    assert console.read_line() == "a"
    assert console.read_line() is None
    with pytest.raises(KeyboardInterrupt):
        console.read_line()


async def test_lines_reach_the_loop_in_order_and_then_the_end() -> None:
    """From a thread of their own."""
    lines: list[str] = []
    ended = asyncio.Event()

    Reading(Given(str(n) for n in range(100)), lines.append, ended.set)
    async with asyncio.timeout(PATIENCE):
        await ended.wait()

    assert lines == [str(n) for n in range(100)]


async def test_no_more_is_read_ahead_than_can_be_kept() -> None:
    """The rest of a large file stays with the kernel until lines are taken."""
    lines: list[str] = []
    full, ended = asyncio.Event(), asyncio.Event()

    def came(line: str) -> None:
        lines.append(line)
        if len(lines) == AHEAD:
            full.set()

    reading = Reading(Given(["x"] * (AHEAD + 1)), came, ended.set)
    async with asyncio.timeout(PATIENCE):
        await full.wait()
        before = len(lines)
        reading.taken()
        reading.taken()
        await ended.wait()

    assert before == AHEAD
    assert len(lines) == AHEAD + 1

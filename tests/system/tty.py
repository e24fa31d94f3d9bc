"""A program on a terminal, and what a person sees of it and does to it."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Self

import pyte
import pytest

# Windows has neither: there the tests that need this module are left out.
termios: Any = pytest.importorskip("termios")
pexpect: Any = pytest.importorskip("pexpect")

PATIENCE = 20 * float(os.environ.get("TCPNET_TEST_PATIENCE", "1"))
"""Seconds until a wait counts as failed; slow machines set a factor."""

CLIENT = [sys.executable, "-m", "tcpnet.cli.client"]


class Tty:
    """A screen of cells behind a pseudo-terminal."""

    def __init__(self, command: list[str], *, columns: int = 80, rows: int = 24) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.written = bytearray()
        """Every byte that the program wrote."""
        self._stream = pyte.ByteStream(self.screen)
        environ = dict(os.environ) | {
            "TERM": "xterm-256color",
            "PROMPT_TOOLKIT_NO_CPR": "1",
            "PYTHONUTF8": "1",
            "TZ": "UTC",
        }
        self._child: Any = pexpect.spawn(
            command[0], command[1:], dimensions=(rows, columns), env=environ, timeout=PATIENCE
        )
        # As it was before the program changed anything, for it has not run yet.
        self._modes = termios.tcgetattr(self._child.child_fd)

    def __enter__(self) -> Self:
        """Watch it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Be sure that it has ended."""
        self._child.close(force=True)

    @property
    def lines(self) -> list[str]:
        """The rows of the screen, without the spaces at their ends."""
        return [row.rstrip() for row in self.screen.display]

    @property
    def text(self) -> str:
        """All rows, without the empty ones at the ends."""
        return "\n".join(self.lines).strip("\n")

    @property
    def status_line(self) -> str:
        """The row above the one that is typed in."""
        return self.lines[-2]

    @property
    def typed(self) -> str:
        """The row that is typed in."""
        return self.lines[-1]

    @property
    def restored(self) -> bool:
        """Whether the terminal's modes are as they were."""
        return bool(termios.tcgetattr(self._child.child_fd) == self._modes)

    def press(self, keys: str) -> None:
        """Type these keys."""
        self._child.send(keys)

    async def enter(self, text: str) -> None:
        """Type a line, see it, and press Enter: all at once it would be taken for a paste."""
        self.press(text)
        await self.until(lambda: self.typed.endswith(text[-10:].strip()), f"{text!r} typed")
        self.press("\r")

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        self.screen.resize(rows, columns)
        self._child.setwinsize(rows, columns)

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        os.kill(self._child.pid, number)

    async def sees(self, text: str) -> None:
        """Wait until this is on the screen."""
        await self.until(lambda: text in self.text, f"{text!r} on the screen")

    async def until(self, happened: Callable[[], bool], what: str) -> None:
        """Read what is written until something has happened."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not (self._is_painted() and happened()):
                    assert await self._read(), f"it has ended:\n{self.text}"
        except TimeoutError as error:
            raise AssertionError(f"no {what}:\n{self.text}") from error

    async def ends(self) -> int:
        """Wait for its end; the exit status, or minus the signal that killed it."""
        async with asyncio.timeout(PATIENCE):
            while await self._read():
                pass
            await asyncio.to_thread(self._child.wait)
        if self._child.signalstatus is not None:
            return -int(self._child.signalstatus)
        return int(self._child.exitstatus)

    def _is_painted(self) -> bool:
        """Whether the last painting has come whole: the cursor is hidden until its end."""
        return self.written.rfind(b"\x1b[?25l") <= self.written.rfind(b"\x1b[?25h")

    async def _read(self) -> bool:
        """Take what is written in the next moment; False once the program has ended."""
        try:
            data = await asyncio.to_thread(self._child.read_nonblocking, 65536, 0.05)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self._take(data)
        return True

    def _take(self, data: bytes) -> None:
        self.written += data
        self._stream.feed(data)


def client(port: int, name: str, *flags: str, columns: int = 80, rows: int = 24) -> Tty:
    """The client of a person on a terminal, at a hub of this machine."""
    command = [*CLIENT, f"127.0.0.1:{port}", "--name", name, *flags]
    return Tty(command, columns=columns, rows=rows)

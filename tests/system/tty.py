"""A program on a terminal, and what a person sees of it and does to it."""

import os
import sys
import termios
import time
from collections.abc import Callable
from typing import Any, Self

import pexpect
import pyte

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
    def pid(self) -> int:
        """The program's process."""
        pid: int = self._child.pid
        return pid

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

    def enter(self, text: str) -> None:
        """Type a line, see it, and press Enter: all at once it would be taken for a paste."""
        self.press(text)
        self.until(lambda: text[-10:].strip() in self.text, f"{text!r} typed")
        self.press("\r")

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        self.screen.resize(rows, columns)
        self._child.setwinsize(rows, columns)

    def sees(self, text: str) -> None:
        """Wait until this is on the screen."""
        self.until(lambda: text in self.text, f"{text!r} on the screen")

    def until(self, happened: Callable[[], bool], what: str) -> None:
        """Read what is written until something has happened."""
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < deadline, f"no {what}:\n{self.text}"
            self.read(0.1)

    def read(self, timeout: float) -> None:
        """Take what is written meanwhile. Raises AssertionError when the program has ended."""
        try:
            data = self._child.read_nonblocking(65536, timeout)
        except pexpect.TIMEOUT:
            return
        except pexpect.EOF as error:
            raise AssertionError(f"it has ended:\n{self.text}") from error
        self._take(data)

    def ends(self) -> int:
        """Wait for its end; the exit status, or minus the signal that killed it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                self._take(self._child.read_nonblocking(65536, 0.1))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                break
        self._child.wait()
        if self._child.signalstatus is not None:
            return -int(self._child.signalstatus)
        return int(self._child.exitstatus)

    def _take(self, data: bytes) -> None:
        self.written += data
        self._stream.feed(data)


def client(port: int, name: str, *flags: str, columns: int = 80, rows: int = 24) -> Tty:
    """The full-screen client of a person, at a hub of this machine."""
    command = [*CLIENT, f"127.0.0.1:{port}", "--name", name, *flags]
    return Tty(command, columns=columns, rows=rows)

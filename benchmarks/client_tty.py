"""A terminal program under the stopwatch: keys in, when they are echoed, how much it writes."""

import fcntl
import os
import pty
import random
import select
import signal
import statistics
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import pyte

from benchmarks import machine

LETTERS: Final = "абвгдежзийклмнопрстуфхцчшщыьэюя"
"""What is typed: no load says a word with them, so that each is seen to be an echo."""
CLEAR: Final = b"\x15"
"""^U empties the line in all programs that are measured."""
PATIENCE: Final = 15.0
"""Seconds until something that has to come counts as lost."""


class Tty:
    """A program on a pseudo-terminal of its own."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 100,
        rows: int = 30,
        home: Path | None = None,
    ) -> None:
        self.written = bytearray()
        self._master, slave = pty.openpty()
        self._columns, self._rows = columns, rows
        self.resize(columns, rows)
        # The terminal itself must not echo what is typed before the program has taken over.
        modes = termios.tcgetattr(slave)
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, modes)
        environ = dict(os.environ) | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        # Bytecode is kept, as on every person's machine: warm is what is measured.
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        if home is not None:
            environ["HOME"] = str(home)
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
        )
        os.close(slave)

    def __enter__(self) -> Self:
        """Watch it."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it, and whatever it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._master)

    @property
    def cpu(self) -> float:
        """Seconds of processor that it has used."""
        return machine.cpu_seconds(self._process.pid)

    @property
    def resident(self) -> int:
        """Bytes of memory that it holds."""
        return machine.resident(self._process.pid)

    def resize(self, columns: int, rows: int) -> None:
        """Give its terminal another size."""
        self._columns, self._rows = columns, rows
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        """Type keys."""
        os.write(self._master, keys.encode())

    def enter(self, line: str) -> None:
        """Type a line and press Enter, not faster than a person."""
        self.press(line)
        self.reads(0.3)
        self.press("\r")

    def sees(self, text: str, *, since: int = 0, within: float = PATIENCE) -> float:
        """Wait until this was written; the moment. Raises TimeoutError."""
        wanted, start = text.encode(), max(0, since)
        deadline = time.perf_counter() + within
        while self.written.find(wanted, start) < 0:
            left = deadline - time.perf_counter()
            if left <= 0:
                raise TimeoutError(f"no {text!r}")
            self._read(left)
        return time.perf_counter()

    def shows(self, text: str) -> None:
        """Wait until this stands on the screen. Raises TimeoutError."""
        deadline = time.perf_counter() + PATIENCE
        while text not in self.screen():
            if time.perf_counter() > deadline:
                raise TimeoutError(f"no {text!r}:\n{self.screen()}")
            self._read(0.2)

    def screen(self, since: int = 0) -> str:
        """What the bytes since then have painted."""
        cells = pyte.Screen(self._columns, self._rows)
        pyte.ByteStream(cells).feed(bytes(self.written[since:]))
        return "\n".join(cells.display)

    def reads(self, seconds: float) -> None:
        """Take what is written in this time."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self._read(left)

    def echo(self, letter: str) -> float | None:
        """Seconds until a letter that is not on the screen is painted; None if it is lost."""
        since, pressed = len(self.written), time.perf_counter()
        self.press(letter)
        try:
            return self.sees(letter, since=since, within=2.0) - pressed
        except TimeoutError:
            return None

    def _read(self, timeout: float) -> None:
        if select.select([self._master], [], [], timeout)[0]:
            try:
                self.written += os.read(self._master, 1 << 16)
            except OSError as error:
                raise TimeoutError(f"it has ended:\n{self.screen()}") from error


class Echoes:
    """How long keys took, in seconds, and how many never came."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.lost = 0

    def take(self, tty: Tty, seconds: float, dice: random.Random) -> None:
        """Type for this long, as a quick person does."""
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            for letter in LETTERS:
                took = tty.echo(letter)
                if took is None:
                    self.lost += 1
                else:
                    self.times.append(took)
                tty.reads(dice.uniform(0.02, 0.06))
                if time.perf_counter() > deadline:
                    break
            os.write(tty._master, CLEAR)
            tty.reads(0.05)

    def percentile(self, part: float) -> float:
        """Seconds within which this part of the keys was echoed."""
        if len(self.times) < 2:
            return float("nan")
        return statistics.quantiles(self.times, n=1000, method="inclusive")[round(part * 10) - 1]

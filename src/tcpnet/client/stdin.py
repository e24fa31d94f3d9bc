"""Lines that the person or a script gives, read so that no read can hold up the end.

Python's own standard input is not used: a thread that waits in it holds a lock which the
interpreter wants back at its end.
"""

import asyncio
import codecs
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

AHEAD: Final = 1000
"""Lines read ahead of their questions; the rest stays with the kernel."""


class Source(Protocol):
    """Where lines come from."""

    terminal: bool
    """A person types them, and sees them being typed."""

    def read_line(self) -> str | None:
        """Wait for the next line, without its end; None once there is no more."""

    def hide(self, hidden: bool) -> None:
        """Let what is typed be seen, or not."""


class Given:
    """Lines known from the start."""

    terminal = False

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines: Iterator[str] = iter(tuple(lines))

    def read_line(self) -> str | None:
        """Take the next one."""
        return next(self._lines, None)

    def hide(self, hidden: bool) -> None:
        """Do nothing: nobody types."""


class Descriptor:
    """Lines from a pipe, a file, or a terminal of a POSIX system."""

    def __init__(self, descriptor: int, encoding: str = "utf-8") -> None:
        self.terminal = os.isatty(descriptor)
        self._descriptor = descriptor
        self._encoding = encoding
        self._rest = b""
        self._ended = False
        self._hidden = False

    def read_line(self) -> str | None:
        """Wait for the next line; a last one without an end counts."""
        while b"\n" not in self._rest and not self._ended:
            self._read()
        if not self._rest:
            return None
        line, _, self._rest = self._rest.partition(b"\n")
        return codecs.decode(line.removesuffix(b"\r"), self._encoding, "replace")

    def hide(self, hidden: bool) -> None:
        """Switch the terminal's echo off or on; what was typed ahead of a secret is dropped.

        Half a line typed before must not become half of a password.
        """
        if not self.terminal or hidden == self._hidden or sys.platform == "win32":
            return
        import termios

        self._hidden = hidden
        modes = termios.tcgetattr(self._descriptor)
        modes[3] = modes[3] & ~termios.ECHO if hidden else modes[3] | termios.ECHO
        termios.tcsetattr(
            self._descriptor, termios.TCSAFLUSH if hidden else termios.TCSADRAIN, modes
        )

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:
            # A terminal that was closed, or Windows' word for a pipe whose writer is gone.
            data = b""
        self._rest += data
        self._ended = not data


class Console:
    """Lines from a Windows console, key by key: a read of a whole line could not be hidden."""

    terminal = True

    def __init__(self, get: Callable[[], str], put: Callable[[str], None]) -> None:
        self._get, self._put = get, put
        self._hidden = False

    def read_line(self) -> str | None:
        """Wait for a line; ^Z at its start is the end, ^C an interrupt."""
        typed: list[str] = []
        while (key := self._get()) not in "\r\n":
            if key == "\x03":
                raise KeyboardInterrupt
            if key == "\x1a" and not typed:
                return None
            if key in "\x00\xe0":  # a function key comes in two parts
                self._get()
            elif key == "\b":
                self._erase(typed)
            elif key.isprintable():
                typed.append(key)
                self._show(key)
        self._show("\r\n")
        return "".join(typed)

    def hide(self, hidden: bool) -> None:
        """Show the keys from now on, or do not."""
        self._hidden = hidden

    def _erase(self, typed: list[str]) -> None:
        if typed:
            typed.pop()
            self._show("\b \b")

    def _show(self, keys: str) -> None:
        if not self._hidden:
            for key in keys:
                self._put(key)


def standard_input(encoding: str | None = None) -> Source:
    """The process's own input; what is no console's is in the system's encoding, if not in this."""
    if sys.stdin is None:  # closed by whoever started us; the number may be a socket's by now
        return Given(())
    if sys.platform == "win32" and sys.stdin.isatty():
        import msvcrt

        return Console(msvcrt.getwch, msvcrt.putwch)
    return Descriptor(sys.stdin.fileno(), encoding or sys.stdin.encoding)


class Reading:
    """A thread that reads a source and hands its lines to the event loop, in order."""

    def __init__(
        self, source: Source, on_line: Callable[[str], None], on_end: Callable[[], None]
    ) -> None:
        self._source = source
        self._on_line, self._on_end = on_line, on_end
        self._loop = asyncio.get_running_loop()
        self._slots = threading.Semaphore(AHEAD)
        # A daemon: nothing can end a read, and the process must not wait for one.
        threading.Thread(target=self._read, name="standard input", daemon=True).start()

    def taken(self) -> None:
        """Let one more line be read ahead."""
        self._slots.release()

    def _read(self) -> None:
        while True:
            self._slots.acquire()
            try:
                line = self._source.read_line()
            except KeyboardInterrupt:
                self._interrupt()
                return
            if not self._hand_over(self._on_end if line is None else self._line(line)):
                return
            if line is None:
                return

    def _line(self, line: str) -> Callable[[], None]:
        return lambda: self._on_line(line)

    def _hand_over(self, call: Callable[[], None]) -> bool:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # the loop has ended, and nobody listens any more
            return False
        return True

    @staticmethod
    def _interrupt() -> None:
        import _thread

        _thread.interrupt_main()

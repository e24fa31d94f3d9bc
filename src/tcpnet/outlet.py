"""Where the log leaves: a bounded queue and one thread, so that nobody who logs waits."""

import os
import time
from logging import Handler, LogRecord, makeLogRecord
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Final

MAX_WAITING: Final = 10_000
"""Lines that may wait: those of ten thousand people who leave at once, some 3 MB."""

FLUSHING: Final = 0.5
"""Seconds that a flush waits for whoever reads the log: there are two at the end of a hub."""

_AT_A_TIME: Final = 1000  # lines, beside those that wait
# Seconds: woken for each line, the thread would take the interpreter from the event loop each time.
_GATHERED: Final = 0.01
_REFUSED: Final = 0.1  # seconds until a descriptor that takes nothing for now is tried again


class Outlet(Handler):
    """Hands lines to a thread that writes them, in order, to a file descriptor.

    What comes while too many wait is lost, and counted: a line in its place says how many they
    were. A pipe that nobody reads so costs memory up to a bound, and no time. The lines are ASCII.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        # None ends the thread; an event is set when all before it has been written.
        self._waiting: SimpleQueue[bytes | Event | None] = SimpleQueue()
        self._gap = Lock()  # held for no longer than it takes to queue a line
        self._lost = 0
        # A daemon: nothing can end a write to a pipe that is full.
        Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: LogRecord) -> None:
        """Queue a record. Never waits."""
        try:
            line = self._encoded(record)
        except Exception:  # whoever logs is not the one to fail
            self.handleError(record)
            return
        with self._gap:
            if self._waiting.qsize() >= MAX_WAITING:
                self._lost += 1
                return
            self._tell_lost()
            self._waiting.put(line)

    def flush(self) -> None:
        """Wait until what was logged so far is written, for `FLUSHING` seconds at most."""
        written = Event()
        with self._gap:
            self._tell_lost()
            self._waiting.put(written)
        written.wait(FLUSHING)

    def close(self) -> None:
        """End the thread, once all has been written."""
        self._waiting.put(None)
        super().close()

    def _encoded(self, record: LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode("ascii", "backslashreplace")

    def _tell_lost(self) -> None:
        """Say where lines are missing, and how many; the gap is held."""
        if self._lost:
            fields = {"name": __name__, "levelname": "WARNING", "msg": "lines of the log were lost"}
            self._waiting.put(self._encoded(makeLogRecord(fields | {"lines": self._lost})))
            self._lost = 0

    def _write(self) -> None:
        while True:
            taken = [self._waiting.get()]
            if isinstance(taken[0], bytes):
                time.sleep(_GATHERED)
            more = min(self._waiting.qsize(), _AT_A_TIME)
            taken += [self._waiting.get() for _ in range(more)]
            _write_all(
                self._descriptor, b"".join(part for part in taken if isinstance(part, bytes))
            )
            with self._gap:
                if self._waiting.empty():
                    self._tell_lost()
            for part in taken:
                if isinstance(part, Event):
                    part.set()
            if None in taken:
                return


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # somebody who has it too made it so
            time.sleep(_REFUSED)
        except OSError:  # whoever read it is gone, and nobody else is there to be told
            return

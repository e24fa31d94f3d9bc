"""Bytes from one connection to another inside the kernel: none is copied here (Linux)."""

import asyncio
import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

_AT_ONCE: Final = 256 * 1024
"""Bytes that the pipe in between is asked to hold; the system may give it less."""

if sys.platform == "linux":
    import fcntl

    def _move(source: int, sink: int, count: int) -> int:
        return os.splice(source, sink, count, flags=os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK)

    def _widen(pipe: int) -> None:
        with suppress(OSError):  # so much of it was given away already
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _AT_ONCE)

else:

    def _move(_source: int, _sink: int, _count: int) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    def _widen(_pipe: int) -> None:
        pass


class Splice:
    """Moves all that comes at one socket to another, at the pace of the slower.

    Neither socket blocks; their owners keep them, and meanwhile neither read the one nor write to
    the other. `on_moved` is told how many bytes left, and `on_end` once why no more will: None at
    the end of what the source says.
    """

    def __init__(
        self,
        source: int,
        sink: int,
        on_moved: Callable[[int], None],
        on_end: Callable[[OSError | None], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_moved = on_moved
        self._on_end = on_end
        self._held = 0
        self._descriptors: list[int] = []
        try:
            # Of its own: a loop lets nobody else watch the descriptor of one of its transports.
            self._source = self._kept(os.dup(source))
            self._sink = self._kept(os.dup(sink))
            self._out, self._in = map(self._kept, os.pipe())
            _widen(self._in)
            with suppress(BlockingIOError):
                self._held = _move(self._source, self._in, _AT_ONCE)
        except OSError:
            self._release()
            raise
        self._loop.add_reader(self._source, self._hear)
        self._say()

    @classmethod
    def begun(
        cls,
        source: int,
        sink: int,
        on_moved: Callable[[int], None],
        on_end: Callable[[OSError | None], None],
    ) -> Self | None:
        """Return one that moves bytes; None where the system cannot, or has no descriptor left."""
        try:
            return cls(source, sink, on_moved, on_end)
        except OSError:
            return None

    def close(self) -> None:
        """Stop; what has not left is lost. Again is harmless."""
        if self._descriptors:
            self._loop.remove_reader(self._source)
            self._loop.remove_writer(self._sink)
            self._release()

    def _kept(self, descriptor: int) -> int:
        self._descriptors.append(descriptor)
        return descriptor

    def _release(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _hear(self) -> None:
        try:
            self._held = _move(self._source, self._in, _AT_ONCE)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error)
            return
        if self._held:
            self._say()
        else:
            self._end(None)

    def _say(self) -> None:
        """Hand on what the pipe holds; while there is some, no more is heard."""
        try:
            while self._held:
                moved = _move(self._out, self._sink, self._held)
                self._held -= moved
                self._on_moved(moved)
        except BlockingIOError:
            self._loop.remove_reader(self._source)
            self._loop.add_writer(self._sink, self._go_on)
        except OSError as error:
            self._end(error)

    def _go_on(self) -> None:
        self._loop.remove_writer(self._sink)
        self._loop.add_reader(self._source, self._hear)
        self._say()

    def _end(self, error: OSError | None) -> None:
        self.close()
        self._on_end(error)

"""Bytes that arrive for one person: a few in memory, more in a file that other threads write."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from functools import partial
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import Final, TypeVar

from tcpnet.errors import UserError

IN_MEMORY: Final = 1 << 20
"""Bytes of a parcel that need no file; also how many are written and read at once."""

_PIECE: Final = 64 * 1024
# Pieces that wait at most: of one byte each they would take fifty times their size.
_MANY: Final = 1024

T = TypeVar("T")


class Parcel:
    """Takes pieces, then gives them back from any place; whoever made it closes it.

    Raises UserError, in words, where the disk refuses.
    """

    def __init__(self) -> None:
        self.size = 0
        self._fresh: list[bytes] = []
        self._waiting = 0
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - `close` closes it
        # A write whose person left goes on in its thread, while the file is closed from another.
        self._lock = Lock()

    async def add(self, piece: bytes) -> None:
        """Take one more piece."""
        self.size += len(piece)
        self._waiting += len(piece)
        self._fresh.append(piece)
        if self._waiting >= IN_MEMORY or len(self._fresh) >= _MANY:
            await self.settle()

    async def settle(self) -> None:
        """Bring what was added to where `read` finds it."""
        fresh, self._fresh, self._waiting = self._fresh, [], 0
        await self._threaded(partial(self._write, fresh))

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield all bytes, from the start; the parcel is settled."""
        for start in range(0, self.size, IN_MEMORY):
            block = await self._threaded(partial(self._read, start))
            for at in range(0, len(block), _PIECE):
                yield block[at : at + _PIECE]

    def seek(self, offset: int) -> None:
        """Go to a place, as in a file."""
        self._file.seek(offset)

    def read(self, size: int) -> bytes:
        """Read from there, as from a file: a few bytes, as they may come from the disk."""
        return self._file.read(size)

    def close(self) -> None:
        """Forget the bytes. Never waits, as the system needs 0.1 s to free a gigabyte."""
        if self.size <= IN_MEMORY:
            self._close()
        else:
            asyncio.get_running_loop().run_in_executor(None, self._close)

    async def _threaded(self, act: Callable[[], T]) -> T:
        if self.size <= IN_MEMORY:
            return act()
        try:
            return await asyncio.to_thread(act)
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"This hub cannot hold the page: {reason}.") from error

    def _write(self, pieces: list[bytes]) -> None:
        with self._lock:
            if not self._file.closed:
                self._file.writelines(pieces)

    def _read(self, at: int) -> bytes:
        with self._lock:
            self._file.seek(at)
            return self._file.read(IN_MEMORY)

    def _close(self) -> None:
        with self._lock:
            self._file.close()

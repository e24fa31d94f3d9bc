"""Locks between processes: one hub in a folder, one writer at a file."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tcpnet.errors import ConfigError

NAME: Final = "hub.lock"

PAUSE: Final = 0.01
"""Seconds between two tries for a turn: a small file is changed in about as long."""

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

    def _unlock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

    # What a lock held by somebody else raises: LK_NBLCK answers EACCES.
    _TAKEN: Final = PermissionError

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

    _TAKEN: Final = BlockingIOError

# What file systems of some networks answer.
_LOCKLESS: Final = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class FolderLock:
    """Holds a folder for this process, making it if need be.

    The operating system frees the lock when the process ends, however it ends; the lock file
    stays, since removing it could take it from under the next holder. Entering raises
    `ConfigError` if the folder cannot be made or written, or has a holder already, even in
    this process. `what` names the folder in such texts, as in "data directory".
    """

    def __init__(self, folder: Path, what: str) -> None:
        self._folder = folder
        self._what = what
        self._file: int | None = None

    def __enter__(self) -> Self:
        file = self._open()
        try:
            _lock(file)
        except OSError as error:
            os.close(file)
            raise self._refusal(error) from error
        self._file = file
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            try:
                _unlock(file)
            finally:
                os.close(file)

    def _open(self) -> int:
        try:
            # Messages and keys lie in it: nobody else on the machine has any business there.
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self._folder / NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            reason = error.strerror or error
            raise ConfigError(
                f'the {self._what} "{self._folder}" cannot be written: {reason}'
            ) from error

    def _refusal(self, error: OSError) -> ConfigError:
        if isinstance(error, _TAKEN):
            return ConfigError(f'another hub already uses the {self._what} "{self._folder}"')
        reason = error.strerror or error
        return ConfigError(f'the {self._what} "{self._folder}" cannot be locked: {reason}')


@contextmanager
def turn(path: Path, within: float) -> Iterator[None]:
    """Hold this lock file, making it if need be, once whoever holds it has let go.

    As with a folder, the operating system frees it however the holder ends, and the file stays.
    Waits in this thread. Raises TimeoutError after `within` seconds, or another OSError. Where the
    file system knows no locks, nobody is waited for.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        held = _wait(file, time.monotonic() + within)
        try:
            yield
        finally:
            if held:
                _unlock(file)
    finally:
        os.close(file)


def _wait(file: int, until: float) -> bool:
    """Whether it is held in the end; False where there are no locks."""
    while True:
        try:
            _lock(file)
        except _TAKEN:
            if time.monotonic() >= until:
                raise TimeoutError(errno.ETIMEDOUT, "somebody else is writing it") from None
        except OSError as error:
            if error.errno in _LOCKLESS:
                return False
            raise
        else:
            return True
        time.sleep(PAUSE)

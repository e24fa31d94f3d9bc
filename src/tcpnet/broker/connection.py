"""What the embedded broker needs of an SQLite driver, and the driver it takes by default."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

Parameters = Sequence[str | bytes | int | float | None]

# Only another program can hold the store locked, and then it is a matter of moments.
BUSY_SECONDS: Final = 2.0

# The texts of sqlite3ErrStr() in SQLite's main.c, which all drivers pass on.
_SENTENCES: Final = {
    "database or disk is full": "the disk is full",
    "disk I/O error": "the disk reports an error",
    "attempt to write a readonly database": "the disk accepts no changes",
    "unable to open database file": "the disk refuses access",
    "database is locked": "another program holds the store",
    "database disk image is malformed": "the store is damaged",
    "file is not a database": "the store is damaged",
}


class Cursor(Protocol):
    """The answer to one statement."""

    @property
    def rowcount(self) -> int:
        """How many rows an INSERT, UPDATE or DELETE changed."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        ...


class Connection(Protocol):
    """A connection in autocommit mode whose failures are `sqlite3.Error`s."""

    @property
    def in_transaction(self) -> bool:
        """Whether a BEGIN is open."""
        ...

    def execute(self, sql: str, parameters: Parameters = ..., /) -> Cursor:
        """Run one statement."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Parameters], /) -> Cursor:
        """Run one statement for each row of parameters."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class Connect(Protocol):
    """Opens a connection for the thread that calls it."""

    def __call__(self, path: Path, *, readonly: bool) -> Connection:
        """Open the file; raise `sqlite3.Error` if that fails."""
        ...


def connect(path: Path, *, readonly: bool) -> sqlite3.Connection:
    """Open a file with the standard library's driver."""
    target = f"{path.absolute().as_uri()}?mode=ro" if readonly else str(path)
    return sqlite3.connect(target, uri=readonly, isolation_level=None, timeout=BUSY_SECONDS)


def reason(error: BaseException) -> str:
    """Say for a person why the store failed."""
    text = str(error)
    return next((ours for theirs, ours in _SENTENCES.items() if theirs in text), "the store failed")

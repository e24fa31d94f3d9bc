"""A connection that fails when a test says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tcpnet.broker import connection
from tcpnet.broker.connection import Parameters

FULL = "database or disk is full"


def _fine(*_: object) -> None:
    """Let the statement be."""


@dataclass
class Faults:
    """Decides which statement of the writing connection fails, and how; the factory itself."""

    before: Callable[[str, Parameters], None] = _fine
    """Called before a statement is run; what it raises is raised instead of running it."""
    after: Callable[[str], None] = _fine
    """Called after a statement was run; what it raises hides that it succeeded."""
    writers: list[sqlite3.Connection] = field(default_factory=list)

    def __call__(self, path: Path, *, readonly: bool) -> connection.Connection:
        """Open a connection; only the writing one is faulty."""
        opened = connection.connect(path, readonly=readonly)
        if readonly:
            return opened
        self.writers.append(opened)
        return _Faulty(opened, self)

    def mend(self) -> None:
        """Let everything work again."""
        self.before = self.after = _fine


class _Faulty:
    def __init__(self, inner: sqlite3.Connection, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    @property
    def in_transaction(self) -> bool:
        return self._inner.in_transaction

    def execute(self, sql: str, parameters: Parameters = (), /) -> sqlite3.Cursor:
        self._faults.before(sql, parameters)
        cursor = self._inner.execute(sql, parameters)
        self._faults.after(sql)
        return cursor

    def executemany(self, sql: str, parameters: Iterable[Parameters], /) -> sqlite3.Cursor:
        rows = list(parameters)
        for row in rows:
            self._faults.before(sql, row)
        return self._inner.executemany(sql, rows)

    def close(self) -> None:
        self._inner.close()


def failing(start: str, error: Exception) -> Callable[[str, Parameters], None]:
    """Fail every statement that starts with these words."""

    def fail(sql: str, parameters: Parameters) -> None:
        if sql.split()[: len(start.split())] == start.split():
            raise error

    return fail


def limit_pages(faults: Faults, pages: int) -> None:
    """Let the file grow to so many pages, by SQLite's own means, or stay as it is if larger."""

    def limit(sql: str, parameters: Parameters) -> None:
        # Here, since only the writing thread may use its connection.
        if sql.startswith("BEGIN"):
            faults.writers[0].execute(f"PRAGMA max_page_count = {pages}")

    faults.before = limit

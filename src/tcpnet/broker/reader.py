"""The connection that reads: every request is one short statement on the newest commit."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tcpnet.broker.base import Record, Stored
from tcpnet.broker.connection import Connect, Connection, reason
from tcpnet.broker.lane import Batch
from tcpnet.broker.schema import END
from tcpnet.errors import BrokerError, ConfigError

log = logging.getLogger(__name__)

Query = Callable[[Connection], Any]

_MAX_INTEGER: Final = 2**63 - 1

_BETWEEN: Final = """
    SELECT ?1, seq, sender, mid, body, at FROM lines
    WHERE log = (SELECT id FROM logs WHERE name = ?1)
        AND seq > max(?2, (SELECT gone FROM logs WHERE name = ?1)) AND seq < ?3
    ORDER BY seq {} LIMIT ?4
"""
_FORWARD: Final = _BETWEEN.format("ASC")
_BACKWARD: Final = _BETWEEN.format("DESC")

_UNREAD: Final = """
    SELECT ?1, seq, sender, mid, body, at FROM lines
    WHERE log = (SELECT id FROM logs WHERE name = ?1)
        AND seq > (SELECT max(read, gone) FROM logs WHERE name = ?1)
    ORDER BY seq LIMIT ?2
"""

# Two counts: of the view it would be found by reading all of it.
_UNREAD_COUNT: Final = """
    SELECT (SELECT count(*) FROM records WHERE log = id AND seq > max(read, gone))
        + (SELECT count(*) FROM journal WHERE log = id AND seq > max(read, gone))
    FROM logs WHERE name = ?
"""


class Reader:
    """The engine of the reading lane."""

    def __init__(self, connect: Connect, path: Path) -> None:
        self._connect = connect
        self._path = path
        self._connection: Connection

    def open(self) -> None:
        """Open the store, which exists; raise `ConfigError` if that fails."""
        try:
            self._connection = self._connect(self._path, readonly=True)
        except sqlite3.Error as error:
            raise ConfigError(f'the store "{self._path}" cannot be read: {error}') from error

    def perform(self, works: Sequence[Query]) -> Batch:
        """Answer all queries."""
        return Batch([self._answer(query) for query in works])

    def tidy(self) -> bool:
        """Nothing gets untidy by reading."""
        return False

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _answer(self, query: Query) -> Any:
        try:
            return query(self._connection)
        except sqlite3.Error as error:
            log.error("the store cannot be read", extra={"reason": str(error)})
            return BrokerError(f"not read: {reason(error)}")


def history(
    connection: Connection, log: str, after: int | None, before: int | None, limit: int
) -> list[Record]:
    """Return lines between two seqs: the oldest with `after`, else the newest."""
    statement = _BACKWARD if after is None else _FORWARD
    bounds = (
        _clamp(0 if after is None else after),
        _clamp(_MAX_INTEGER if before is None else before),
    )
    rows = connection.execute(statement, (log, *bounds, _clamp(limit))).fetchall()
    if after is None:
        rows.reverse()
    return [Record(*row) for row in rows]


def last_seq(connection: Connection, log: str) -> int:
    """Return the newest seq of a log, 0 for none."""
    row = connection.execute(f"SELECT {END} FROM logs WHERE name = ?", (log,)).fetchone()
    return 0 if row is None else int(row[0])


def unread(connection: Connection, log: str, limit: int) -> list[Record]:
    """Return the oldest lines behind the read mark."""
    return [Record(*row) for row in connection.execute(_UNREAD, (log, _clamp(limit))).fetchall()]


def unread_count(connection: Connection, log: str) -> int:
    """Return how many lines are behind the read mark."""
    row = connection.execute(_UNREAD_COUNT, (log,)).fetchone()
    return 0 if row is None else int(row[0])


def get(connection: Connection, kind: str, key: str) -> Stored | None:
    """Return the value under a key."""
    row = connection.execute(
        "SELECT key, value, revision FROM entries WHERE kind = ? AND key = ?", (kind, key)
    ).fetchone()
    return None if row is None else Stored(*row)


def entries(connection: Connection, kind: str, beginning: str = "") -> list[Stored]:
    """Return the values of a kind whose keys begin so, ordered by key."""
    rows = connection.execute(
        "SELECT key, value, revision FROM entries WHERE kind = ? AND key >= ? AND key < ?"
        " ORDER BY key",
        (kind, beginning, f"{beginning}\U0010ffff"),
    ).fetchall()
    return [Stored(*row) for row in rows]


def _clamp(number: int) -> int:
    """Keep a number that some client made up within what the engine can compare."""
    return max(0, min(number, _MAX_INTEGER))

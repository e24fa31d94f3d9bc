"""The embedded broker's changes as SQL, inside whatever transaction is open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from tcpnet.broker.base import Conflict, Record
from tcpnet.broker.connection import Connection
from tcpnet.broker.journal import Journal
from tcpnet.broker.schema import END

# Logs whose last seq is remembered between batches; beyond, they are looked up anew.
_MAX_REMEMBERED: Final = 10_000

_MAX_INTEGER: Final = 2**63 - 1

# Logs that were deleted or trimmed and still have lines: how to find one with the last line that
# goes, and what is done when all have gone.
_WASTE: Final = (
    (
        f"SELECT id, {_MAX_INTEGER} FROM logs WHERE name IS NULL LIMIT 1",
        "DELETE FROM logs WHERE id = ?",
    ),
    (
        "SELECT id, gone FROM logs WHERE gone > swept LIMIT 1",
        "UPDATE logs SET swept = gone WHERE id = ?",
    ),
)


class Draft(Struct, frozen=True):
    """A line that has no seq yet."""

    log: str
    sender: str
    mid: str
    body: str
    at: float


class _Log(Struct, eq=False):
    id: int
    last: int


class Store:
    """Changes logs, claims and values on one connection; nobody else changes them meanwhile."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._logs: dict[str, _Log] = {}
        self._revision: int | None = None
        self.journal = Journal(connection)
        self.has_waste = True
        """Whether lines that nobody sees any more may be waiting for `sweep`."""

    def forget(self) -> None:
        """Forget what is remembered of the tables: the transaction was undone."""
        self._logs.clear()
        self._revision = None
        self.journal.forget()

    def append(self, drafts: Sequence[Draft]) -> tuple[list[int], list[Record]]:
        """Add lines; return the seq of each, and those that were not there before."""
        if len(self._logs) > _MAX_REMEMBERED:
            self._logs.clear()
        seqs: list[int] = []
        fresh: list[Record] = []
        for draft in drafts:
            log = self._log(draft.log)
            seq = self.journal.seq_of(log.id, draft.sender, draft.mid)
            if seq is None:
                seq = log.last = log.last + 1
                record = Record(draft.log, seq, draft.sender, draft.mid, draft.body, draft.at)
                self.journal.add(log.id, record)
                fresh.append(record)
            seqs.append(seq)
        self.journal.write()
        return seqs, fresh

    def holds(self, record: Record) -> bool:
        """Whether exactly this line is stored."""
        found = self._connection.execute(
            "SELECT sender, mid, body, at FROM lines"
            " WHERE log = (SELECT id FROM logs WHERE name = ?) AND seq = ?",
            (record.log, record.seq),
        ).fetchone()
        return bool(found == (record.sender, record.mid, record.body, record.at))

    def mark_read(self, log: str, upto: int) -> None:
        """Move the read mark forward."""
        self._connection.execute(
            f"UPDATE logs SET read = max(read, min(?, {END})) WHERE name = ?",
            (max(0, min(upto, _MAX_INTEGER)), log),
        )

    def delete_log(self, log: str) -> None:
        """Take a log out of sight; `sweep` removes its lines."""
        self._connection.execute("UPDATE logs SET name = NULL WHERE name = ?", (log,))
        self._logs.pop(log, None)
        self.has_waste = True

    def trim(self, log: str, upto: int) -> None:
        """Take the lines of a log up to a seq out of sight; `sweep` removes them."""
        self._connection.execute(
            # The last seq outlives its line.
            f"UPDATE logs SET gone = max(gone, min(?, {END})), last = {END} WHERE name = ?",
            (max(0, min(upto, _MAX_INTEGER)), log),
        )
        self.has_waste = True

    def sweep(self, limit: int) -> None:
        """Remove at most `limit` lines of one log that was deleted or trimmed."""
        for untidy, tidied in _WASTE:
            if found := self._connection.execute(untidy).fetchone():
                log, last = found
                self.journal.drop(log, last)
                if self._swept(log, last, limit) < limit:
                    self._connection.execute(tidied, (log,))
                return
        self.has_waste = False

    def owner(self, kind: str, name: str) -> str | None:
        """Return who holds a name."""
        found = self._connection.execute(
            "SELECT owner FROM claims WHERE kind = ? AND name = ?", (kind, name)
        ).fetchone()
        return None if found is None else str(found[0])

    def claim(self, kind: str, name: str, owner: str) -> str:
        """Take a free name; return its owner."""
        claimed = self._connection.execute(
            "INSERT INTO claims (kind, name, owner) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (kind, name, owner),
        )
        if claimed.rowcount > 0:
            return owner
        holder = self.owner(kind, name)
        assert holder is not None, "somebody was in the way"
        return holder

    def release(self, kind: str, name: str, owner: str) -> bool:
        """Free a name of this owner; return whether it was his."""
        deleted = self._connection.execute(
            "DELETE FROM claims WHERE kind = ? AND name = ? AND owner = ?", (kind, name, owner)
        )
        return deleted.rowcount > 0

    def revision(self, kind: str, key: str) -> int:
        """Return the revision of a value, 0 for none."""
        found = self._connection.execute(
            "SELECT revision FROM entries WHERE kind = ? AND key = ?", (kind, key)
        ).fetchone()
        return 0 if found is None else int(found[0])

    def put(self, kind: str, key: str, value: bytes, expected: int | None) -> int:
        """Store a value; return its revision or raise `Conflict`."""
        if expected is not None and (revision := self.revision(kind, key)) != expected:
            raise Conflict(kind, key, revision)
        revision = self._next_revision()
        self._connection.execute(
            "INSERT OR REPLACE INTO entries (kind, key, value, revision) VALUES (?, ?, ?, ?)",
            (kind, key, value, revision),
        )
        return revision

    def remove(self, kind: str, key: str) -> bool:
        """Remove a value; return whether there was one."""
        deleted = self._connection.execute(
            "DELETE FROM entries WHERE kind = ? AND key = ?", (kind, key)
        )
        return deleted.rowcount > 0

    def _next_revision(self) -> int:
        """One count for all: a key that is removed and made again gets no revision twice."""
        if self._revision is None:
            (self._revision,) = self._connection.execute("SELECT last FROM revisions").fetchone()
        self._revision += 1
        self._connection.execute("UPDATE revisions SET last = ?", (self._revision,))
        return self._revision

    def _swept(self, log: int, upto: int, limit: int) -> int:
        return self._connection.execute(
            "DELETE FROM records WHERE log = ?1 AND seq IN"
            " (SELECT seq FROM records WHERE log = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3)",
            (log, upto, limit),
        ).rowcount

    def _log(self, name: str) -> _Log:
        found = self._logs.get(name)
        if found is None:
            self._connection.execute(
                "INSERT INTO logs (name) VALUES (?) ON CONFLICT DO NOTHING", (name,)
            )
            row = self._connection.execute(
                f"SELECT id, {END} FROM logs WHERE name = ?", (name,)
            ).fetchone()
            found = self._logs[name] = _Log(*row)
        return found

"""The journal: lines in the order in which they came, until many of them move together.

In `records` a line lies beside the others of its log, and its mid beside others of its time: each
commit writes a page for each log in which somebody spoke. In the journal all of them share pages.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from tcpnet.broker.base import Record
from tcpnet.broker.connection import Connection

MOVED_LINES: Final = 1000
MOVED_CHARACTERS: Final = 1024 * 1024
"""How much is enough to move, and moves at once: some ms of work. Up to twice as much may."""

_ADD: Final = "INSERT INTO journal (log, seq, sender, mid, body, at) VALUES (?, ?, ?, ?, ?, ?)"

_FIND: Final = "SELECT seq FROM records WHERE mid = ? AND log = ? AND sender = ? AND mid <> ''"

# Of the oldest lines: up to which arrival, how many, of what length, with how many mids, and the
# greatest mid.
_OLDEST: Final = """
    SELECT max(arrival), count(*), sum(length(body)), sum(mid <> ''), max(mid)
    FROM (SELECT arrival, mid, body FROM journal ORDER BY arrival LIMIT ?)
"""

# In the order of the pages they go to. It is all or nothing anyway; where SQLite had to be able to
# undo this statement alone, it would copy every page to a temporary file first.
_MOVE: Final = """
    INSERT OR ROLLBACK INTO records (log, seq, sender, mid, body, at)
    SELECT log, seq, sender, mid, body, at FROM journal WHERE arrival <= ? ORDER BY log, seq
"""


class Journal:
    """The journal on the connection that writes, inside whatever transaction is open.

    Its mids are remembered, so that a line that comes again is known without an index.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._new: list[tuple[int, int, str, str, str, float]] = []
        self._remembered = False
        # In the order of arrival: those of the oldest lines are the first to go.
        self._mids: dict[tuple[str, int, str], int] = {}
        self._lines = 0
        self._characters = 0
        # No mid in `records` is greater, so that a greater one need not be looked for there.
        self._greatest = ""
        self._patience = 0

    def __len__(self) -> int:
        """How many lines there are."""
        self._remember()
        return self._lines

    def is_due(self) -> bool:
        """Whether so many lines are there that the oldest should move."""
        self._remember()
        full = self._lines >= MOVED_LINES or self._characters >= MOVED_CHARACTERS
        return full and not self._patience

    def forget(self) -> None:
        """Forget what is remembered of the tables: the transaction was undone."""
        self._remembered = False
        self._new.clear()

    def seq_of(self, log: int, sender: str, mid: str) -> int | None:
        """Return the seq of a line that is stored already, here or in `records`."""
        if not mid:
            return None
        self._remember()
        seq = self._mids.get((mid, log, sender))
        if seq is None and mid <= self._greatest:
            found = self._connection.execute(_FIND, (mid, log, sender)).fetchone()
            seq = None if found is None else int(found[0])
        return seq

    def add(self, log: int, record: Record) -> None:
        """Take a line that is not stored; `write` brings it into the table."""
        self._remember()
        self._new.append((log, record.seq, record.sender, record.mid, record.body, record.at))
        if record.mid:
            self._mids[record.mid, log, record.sender] = record.seq
        self._lines += 1
        self._characters += len(record.body)

    def write(self) -> None:
        """Write down what was added."""
        self._connection.executemany(_ADD, self._new)
        self._patience = max(0, self._patience - len(self._new))
        self._new.clear()

    def drop(self, log: int, upto: int) -> None:
        """Remove the lines of a log up to this seq."""
        dropped = self._connection.execute(
            "DELETE FROM journal WHERE log = ? AND seq <= ?", (log, upto)
        )
        if dropped.rowcount > 0:
            self.forget()

    def move(self) -> None:
        """Move the oldest lines to `records`, at least one if there is one."""
        self._remember()
        upto, lines, characters, mids, greatest = self._connection.execute(
            _OLDEST, (self._at_once(),)
        ).fetchone()
        if not lines:
            return
        self._connection.execute(_MOVE, (upto,))
        self._connection.execute("DELETE FROM journal WHERE arrival <= ?", (upto,))
        for key in list(islice(self._mids, mids)):
            del self._mids[key]
        self._lines -= lines
        # Python and SQLite differ about texts with a NUL: the sum begins anew with the journal.
        self._characters = self._characters - characters if self._lines else 0
        self._greatest = max(self._greatest, greatest)

    def wait(self) -> None:
        """Let as many lines come again before any should move, since that was refused."""
        self._patience = MOVED_LINES

    def _at_once(self) -> int:
        """How many lines to move, as long as they are on average."""
        fit = MOVED_CHARACTERS * self._lines // max(1, self._characters)
        some = max(1, min(fit, MOVED_LINES))
        return self._lines if self._lines < 2 * some else some

    def _remember(self) -> None:
        if self._remembered:
            return
        rows = self._connection.execute(
            "SELECT mid, log, sender, seq, length(body) FROM journal ORDER BY arrival"
        ).fetchall()
        self._mids = {(mid, log, sender): seq for mid, log, sender, seq, _ in rows if mid}
        self._lines = len(rows)
        self._characters = sum(row[-1] for row in rows)
        found = self._connection.execute("SELECT max(mid) FROM records WHERE mid <> ''").fetchone()
        self._greatest = found[0] or ""
        self._remembered = True

"""The one connection that writes: a batch of changes is one transaction and one sync."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from tcpnet.broker.base import Conflict, Record
from tcpnet.broker.connection import Connect, Connection, reason
from tcpnet.broker.lane import Batch
from tcpnet.broker.schema import open_store
from tcpnet.broker.store import Draft, Store
from tcpnet.errors import BrokerError

log = logging.getLogger(__name__)

Change = Draft | Callable[[Store], Any]
"""A line to add, or anything else to do to the store."""

Done = tuple[list[Any], list[Record]]
"""The outcome of each change, and the lines that were not there before."""

# A few ms of work, so that nobody notices a million lines of a deleted room going.
SWEEP_LINES: Final = 100

# What one change can do wrong by its own contents. All else is the disk's or the engine's.
_ROW_FAULTS: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    ArithmeticError,
    TypeError,
    ValueError,
)


class Writer:
    """The engine of the writing lane."""

    def __init__(self, connect: Connect, path: Path) -> None:
        self._connect = connect
        self._path = path
        self._failing = False
        self._connection: Connection
        self._store: Store

    def open(self) -> None:
        """Open the store; raise `ConfigError` if it cannot be used."""
        self._connection = open_store(self._connect, self._path)
        self._store = Store(self._connection)
        self._empty_journal()

    def perform(self, works: Sequence[Change]) -> Batch:
        """Make all changes durable, or say of each why not."""
        started = perf_counter()
        try:
            outcomes, fresh = self._save(works)
        except sqlite3.Error as error:
            self._failed(error)
            sentence = f"not saved: {reason(error)}"
            # One error each: tracebacks gather on a shared one.
            return Batch([BrokerError(sentence) for _ in works], refused=True)
        self._worked()
        return Batch(outcomes, fresh, perf_counter() - started)

    def tidy(self) -> bool:
        """Move some lines out of the journal, or remove some that nobody sees any more.

        Return whether there may be others.
        """
        try:
            if self._store.journal.is_due():
                self._move()
            elif self._store.has_waste:
                self._transact(self._sweep)
            return self._store.has_waste or self._store.journal.is_due()
        except sqlite3.Error as error:
            self._failed(error)
            return False

    def close(self) -> None:
        """Close the store; the last one to close it writes the log back into the file."""
        self._empty_journal()
        self._connection.close()

    def _empty_journal(self) -> None:
        """Move all lines where they belong, so that a store at rest is nothing but its tables."""
        try:
            while len(self._store.journal):
                self._move()
        except sqlite3.Error as error:
            # They are as safe and as readable where they are.
            log.warning("lines stay in the journal", extra={"reason": str(error)})

    def _move(self) -> None:
        try:
            self._transact(self._moved)
        except sqlite3.Error:
            self._store.journal.wait()
            raise

    def _moved(self) -> Done:
        self._store.journal.move()
        return [], []

    def _save(self, works: Sequence[Change]) -> Done:
        try:
            return self._transact(lambda: self._together(works))
        except _ROW_FAULTS:
            return self._transact(lambda: self._separately(works))

    def _transact(self, change: Callable[[], Done]) -> Done:
        if self._connection.in_transaction:
            self._undo()  # the disk refused this last time
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            done = change()
        except BaseException:
            self._undo()
            raise
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            self._undo()
            if not self._happened(done):
                raise
        return done

    def _undo(self) -> None:
        self._store.forget()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _happened(self, done: Done) -> bool:
        """Whether a transaction of unknown outcome was committed, as one of its lines shows.

        Without a line it counts as refused: all other changes can simply be asked for again.
        """
        _, fresh = done
        return bool(fresh) and self._store.holds(fresh[0])

    def _together(self, works: Sequence[Change]) -> Done:
        outcomes: list[Any] = []
        fresh: list[Record] = []
        # Lines that follow each other are added in one go; order is kept among all changes.
        for are_lines, group in groupby(works, key=lambda work: isinstance(work, Draft)):
            if are_lines:
                seqs, added = self._store.append(
                    [work for work in group if isinstance(work, Draft)]
                )
                outcomes += seqs
                fresh += added
            else:
                outcomes += [self._change(work) for work in group if not isinstance(work, Draft)]
        return outcomes, fresh

    def _separately(self, works: Sequence[Change]) -> Done:
        outcomes: list[Any] = []
        fresh: list[Record] = []
        for work in works:
            try:
                with self._savepoint():
                    outcome, added = self._together([work])
            except _ROW_FAULTS as error:
                log.error("a change was refused", extra={"reason": repr(error)})
                outcome, added = [BrokerError("not saved: the store cannot hold it")], []
            outcomes += outcome
            fresh += added
        return outcomes, fresh

    def _change(self, change: Callable[[Store], Any]) -> Any:
        try:
            return change(self._store)
        except Conflict as conflict:
            return conflict

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        self._connection.execute("SAVEPOINT one")
        try:
            yield
        except _ROW_FAULTS:
            self._store.forget()
            self._connection.execute("ROLLBACK TO one")
            raise
        finally:
            if self._connection.in_transaction:
                self._connection.execute("RELEASE one")

    def _sweep(self) -> Done:
        self._store.sweep(SWEEP_LINES)
        return [], []

    def _failed(self, error: sqlite3.Error) -> None:
        if not self._failing:  # once, not at every line that somebody types meanwhile
            log.error("the store refuses changes", extra={"reason": str(error)})
        self._failing = True

    def _worked(self) -> None:
        if self._failing:
            log.warning("the store takes changes again")
        self._failing = False

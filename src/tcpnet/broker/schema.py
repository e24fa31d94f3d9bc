"""The tables of the embedded broker, as numbered steps from one version to the next."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from tcpnet.broker.connection import Connect, Connection, reason
from tcpnet.errors import ConfigError

# "tcpn"; marks the file as ours (SQLite's PRAGMA application_id).
APPLICATION_ID: Final = 0x7463706E

_FIRST: Final = (
    # A log without a name was deleted; its lines are swept away piece by piece.
    """CREATE TABLE logs (
        id INTEGER PRIMARY KEY,
        name TEXT UNIQUE,
        last INTEGER NOT NULL DEFAULT 0,
        read INTEGER NOT NULL DEFAULT 0
    )""",
    # Without rowid: the lines of one log lie side by side, so that a page of history is one read.
    """CREATE TABLE records (
        log INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        sender TEXT NOT NULL,
        mid TEXT NOT NULL,
        body TEXT NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (log, seq)
    ) WITHOUT ROWID""",
    # The mid first: where mids grow with time, all that is new lands on one page, whoever sent it.
    "CREATE UNIQUE INDEX records_by_mid ON records (mid, log, sender) WHERE mid <> ''",
    """CREATE TABLE claims (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        owner TEXT NOT NULL,
        PRIMARY KEY (kind, name)
    ) WITHOUT ROWID""",
    """CREATE TABLE entries (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        revision INTEGER NOT NULL,
        PRIMARY KEY (kind, key)
    ) WITHOUT ROWID""",
    "CREATE TABLE revisions (last INTEGER NOT NULL)",
    "INSERT INTO revisions VALUES (0)",
)

_TRIMMED: Final = (
    # The lines up to `gone` are out of sight; those up to `swept` are not there any more.
    "ALTER TABLE logs ADD COLUMN gone INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE logs ADD COLUMN swept INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX logs_to_sweep ON logs (id) WHERE gone > swept",
)

# The last seq is read off the lines, and `last` is only the least that it can be: what a program of
# version 2 would take it for is out of date.
_ENDLESS: Final[tuple[str, ...]] = ()

_JOURNAL: Final = (
    # No index, and nothing of a log beside the rest of it: what comes at once lies side by side.
    """CREATE TABLE journal (
        arrival INTEGER PRIMARY KEY,
        log INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        sender TEXT NOT NULL,
        mid TEXT NOT NULL,
        body TEXT NOT NULL,
        at REAL NOT NULL
    )""",
    # A line is in one of the two; those of a log that are in the journal are its last.
    """CREATE VIEW lines AS
        SELECT log, seq, sender, mid, body, at FROM records
        UNION ALL SELECT log, seq, sender, mid, body, at FROM journal""",
)

STEPS: Final = (_FIRST, _TRIMMED, _ENDLESS, _JOURNAL)
"""Step n leads from version n to n + 1. Steps that were released are never changed."""

# Two maxima: of the view it would be found by reading all of it.
END: Final = """max(
    last,
    (SELECT coalesce(max(seq), 0) FROM records WHERE log = id),
    (SELECT coalesce(max(seq), 0) FROM journal WHERE log = id)
)"""
"""The last seq of a row of `logs`. Not a column: it would cost a line a page more."""

_SETTINGS: Final = (
    # Every commit is synced before it is acknowledged; NORMAL would lose some in a power cut.
    "PRAGMA synchronous = FULL",
    # macOS: fsync alone leaves the data in the drive's cache. Elsewhere nothing.
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    # 4 MiB of 4 KiB pages: small enough to recover at once, large enough to be rare.
    "PRAGMA wal_autocheckpoint = 1000",
    # A reader of another program can make the log grow; it shrinks to this once he is gone.
    "PRAGMA journal_size_limit = 16777216",
    "PRAGMA cache_size = -16384",
)


def open_store(connect: Connect, path: Path) -> Connection:
    """Open the file to write, bring it to this version and set it up.

    Raises `ConfigError` for a file that is damaged, locked, newer, or somebody else's.
    """
    try:
        # Made before SQLite does: tokens and messages are for the owner's eyes.
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        connection = connect(path, readonly=False)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from error
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise _unusable(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: Connection, path: Path) -> None:
    version = _version(connection, path)
    # Before anything is written, since it decides how writing is done.
    if _pragma(connection, "journal_mode = WAL") != "wal":
        raise ConfigError(f'the store "{path}" is on a file system without shared memory')
    for setting in _SETTINGS:
        connection.execute(setting)
    for number, step in enumerate(STEPS[version:], start=version + 1):
        _apply(connection, step, number)


def _version(connection: Connection, path: Path) -> int:
    application = _pragma(connection, "application_id")
    version = int(_pragma(connection, "user_version"))
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application != APPLICATION_ID and (application or version or tables):
        raise ConfigError(f'the store "{path}" belongs to another program')
    if version > len(STEPS):
        raise ConfigError(
            f'the store "{path}" was written by a newer tcpnet'
            f" (version {version}, this one knows {len(STEPS)})"
        )
    return version


def _apply(connection: Connection, step: tuple[str, ...], number: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in step:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {number}")
    connection.execute("COMMIT")


def _pragma(connection: Connection, text: str) -> int | str:
    found: int | str = connection.execute(f"PRAGMA {text}").fetchone()[0]
    return found


def _unusable(path: Path, error: Exception) -> ConfigError:
    if "file is not a database" in str(error):
        return ConfigError(f'the store "{path}" is damaged or belongs to another program')
    if isinstance(error, OSError):
        return ConfigError(f'the store "{path}" cannot be opened: {error.strerror or error}')
    return ConfigError(f'the store "{path}" cannot be opened: {reason(error)} ({error})')

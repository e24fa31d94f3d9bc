"""Whether a store is sound, asked without changing anything, beside a running hub too."""

import sqlite3
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from tcpnet.broker.connection import connect, reason
from tcpnet.broker.embedded import FILE
from tcpnet.broker.schema import APPLICATION_ID, STEPS


class Checkup(Struct, frozen=True):
    """What is known of a store: bytes, last change (UTC seconds), and what is wrong with it."""

    size: int
    changed_at: float
    flaw: str = ""


def look(folder: Path) -> Checkup | None:
    """Examine the store of a folder, None where there is none. Raises OSError.

    Reads all of it, through a connection that cannot write: a hub that runs is not disturbed.
    """
    path = folder / FILE
    parts = [path, path.with_name(f"{FILE}-wal")]
    found = [part.stat() for part in parts if part.exists()]
    if not path.exists():
        return None
    size = sum(stat.st_size for stat in found)
    # A look through a connection that cannot write leaves an empty journal of its own day.
    changed_at = max(stat.st_mtime for stat in found if stat.st_size or stat is found[0])
    return Checkup(size, changed_at, _flaw(path))


def _flaw(path: Path) -> str:
    try:
        with closing(connect(path, readonly=True)) as connection:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if application != APPLICATION_ID:
                return "it belongs to another program"
            if version > len(STEPS):
                return f"it was written by a newer tcpnet (version {version}, not {len(STEPS)})"
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            return "" if found == "ok" else f"the store is damaged: {found}"
    except sqlite3.Error as error:
        return f"{reason(error)} ({error})"

"""Copies of a hub's store: made while the hub runs, put back while it does not."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Final

from tcpnet import privatefile
from tcpnet.broker.connection import connect, reason
from tcpnet.broker.embedded import FILE
from tcpnet.broker.schema import APPLICATION_ID, STEPS
from tcpnet.errors import BrokerError, UserError

# Steps of SQLite's machine between two looks at whether to go on: some milliseconds.
_STEPS_A_LOOK: Final = 50_000


async def back_up(folder: Path, target: Path, beside: Collection[str] = ()) -> int:
    """Copy the store in a folder, with some files beside it, into one new file; its bytes.

    It holds what was acknowledged at one moment, though the hub goes on: nobody waits for it. It is
    on the disk when this returns, or not there at all. Raises UserError where the file cannot be
    made, and BrokerError where the store cannot be read.
    """
    stop = Event()
    loop = asyncio.get_running_loop()
    copying = loop.run_in_executor(None, copy, folder, target, beside, stop)
    try:
        return await asyncio.shield(copying)
    except asyncio.CancelledError:
        # A hub that ends does not wait for a gigabyte, and leaves no half of one.
        stop.set()
        await asyncio.wait([copying])
        copying.exception()
        raise


def copy(
    folder: Path, target: Path, beside: Collection[str] = (), stop: Event | None = None
) -> int:
    """See `back_up`; blocks until it is done or told to stop."""
    store = folder / FILE
    if not store.exists():
        raise UserError(f'there is no hub in "{folder}"')
    if target.exists():
        raise UserError(f'"{target}" exists already')
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    with _told(f'"{target}" cannot be written'):
        try:
            _touch(draft)
            _vacuum(store, draft, stop or Event())
            _put_in(draft, [folder / name for name in beside])
            if stop is not None and stop.is_set():
                raise BrokerError(f'"{target}" is not written: the hub is closing')
            return _given_name(draft, target)
        finally:
            draft.unlink(missing_ok=True)


def restore(
    source: Path, folder: Path, beside: Collection[str] = (), *, now: datetime
) -> Path | None:
    """Make a backup the store in a folder; where the one before it was put aside, if there was one.

    Whoever calls holds the lock of the folder. Of the files that the backup brings, those named by
    `beside` are taken. Raises UserError, and then the old store is still there, for a file that is
    no backup, damaged or of a newer version.
    """
    draft = folder / f".{FILE}.{secrets.token_hex(4)}"
    if (log := source.with_name(f"{source.name}-wal")).exists() and log.stat().st_size:
        raise UserError(f'"{source}" is no backup: it needs "{log.name}" beside it')
    with _told(f'"{source}" cannot be restored to "{folder}"'):
        try:
            _touch(draft)
            shutil.copyfile(source, draft)
            files = _checked(draft, source, beside)
            _sync(draft)
            aside = _put_aside(folder, beside, now)
            draft.replace(folder / FILE)
            for name, content in files.items():
                privatefile.write(folder / name, content)
            privatefile.sync_folder(folder)
        finally:
            draft.unlink(missing_ok=True)
    return aside


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Say for a person why it failed."""
    try:
        yield
    except sqlite3.Error as error:
        raise BrokerError(f"{what}: {reason(error)} ({error})") from error
    except OSError as error:
        raise UserError(f"{what}: {error.strerror or error}") from error


def _touch(path: Path) -> None:
    """Make the file, for the owner's eyes only: SQLite fills an empty one as it is."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _vacuum(store: Path, draft: Path, stop: Event) -> None:
    # Read-only: with a second connection that writes, SQLite before 3.51.3 can lose its log.
    with closing(connect(store, readonly=True)) as connection:
        connection.set_progress_handler(stop.is_set, _STEPS_A_LOOK)
        connection.execute("VACUUM INTO ?", (str(draft),))


def _put_in(draft: Path, files: Iterable[Path]) -> None:
    """Add what belongs to a hub and is not in its store."""
    with closing(connect(draft, readonly=False)) as connection:
        connection.execute("CREATE TABLE beside (name TEXT PRIMARY KEY, content BLOB NOT NULL)")
        for file in files:
            with suppress(FileNotFoundError):
                row = (file.name, file.read_bytes())
                connection.execute("INSERT INTO beside VALUES (?, ?)", row)


def _given_name(draft: Path, target: Path) -> int:
    _sync(draft)
    size = draft.stat().st_size
    try:
        _touch(target)  # a file that came meanwhile is not written over
    except FileExistsError as error:
        raise UserError(f'"{target}" exists already') from error
    draft.replace(target)
    privatefile.sync_folder(target.parent)
    return size


def _sync(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _checked(draft: Path, source: Path, beside: Collection[str]) -> dict[str, bytes]:
    """Make sure that this is a sound store that this version can open; the files it brings."""
    with closing(connect(draft, readonly=False)) as connection:
        try:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            flaw = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise UserError(f'"{source}" is damaged, or no backup of a hub') from error
        if application != APPLICATION_ID:
            raise UserError(f'"{source}" is no backup of a hub')
        if version > len(STEPS):
            raise UserError(
                f'"{source}" was written by a newer tcpnet'
                f" (version {version}, this one knows {len(STEPS)})"
            )
        if flaw != "ok":
            raise UserError(f'"{source}" is damaged: {flaw}')
        return _taken_out(connection, beside)


def _taken_out(connection: sqlite3.Connection, beside: Collection[str]) -> dict[str, bytes]:
    connection.execute("CREATE TABLE IF NOT EXISTS beside (name, content)")
    rows = connection.execute("SELECT name, content FROM beside").fetchall()
    connection.execute("DROP TABLE beside")
    # Not by the file's own names: they could lead anywhere.
    return {name: bytes(content) for name, content in rows if name in beside}


def _put_aside(folder: Path, beside: Collection[str], now: datetime) -> Path | None:
    """Move the store that is there into a folder of its own, on which a hub could be started.

    It is not opened: SQLite throws away the log of a file that is damaged.
    """
    store, log = folder / FILE, folder / f"{FILE}-wal"
    if not store.exists():
        return None
    aside = folder / f"before-restore-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    aside.mkdir(mode=0o700)
    for name in (log.name, *beside):
        with suppress(FileNotFoundError):
            shutil.copy2(folder / name, aside / name)
            _sync(aside / name)
    # The log goes last: whenever this breaks off, the store is whole here or there, and the new one
    # never meets a log that is not its own.
    store.rename(aside / FILE)
    for left in (log, folder / f"{FILE}-shm"):
        left.unlink(missing_ok=True)
    return aside

"""A disk whose power can be cut: what SQLite wrote and synced, and what may be left of it."""

from __future__ import annotations

import random
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import apsw

from tcpnet.broker import connection
from tcpnet.broker.connection import BUSY_SECONDS, Parameters

SECTOR: Final = 512
"""Bytes that a disk writes whole or not at all."""

# The files at whose first sync SQLite syncs the folder, too (os_unix.c: UNIXFILE_DIRSYNC).
_NAMED_BY_SYNC: Final = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL

_numbers: Final = count()


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes went to a file."""

    file: int
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resized:
    """A file was given a size."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Named:
    """A name stands for this file from now on, or for none."""

    name: str
    file: int | None


@dataclass(frozen=True, slots=True)
class Synced:
    """A file was synced, and the folder's names, or only they; or that failed."""

    file: int | None
    names: bool
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody was told this, and may rely on it from now on."""

    what: Any


Event = Written | Resized | Named | Synced | Told


class Disk:
    """A folder whose every change goes on a tape; its `connect` opens stores there.

    `swaps`: statements that are run in the place of others. A sync fails while `fails` says so.
    """

    def __init__(self, folder: Path, swaps: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.tape: list[Event] = []
        self.fails: Callable[[], bool] = lambda: False
        self._swaps = swaps or {}
        self._files: dict[str, int] = {}
        for path in folder.iterdir():
            self._put(path.name, path.read_bytes())
        self.begin = len(self.tape)
        """How many events are about what was there before."""
        self._vfs = _Recorder(self)

    def __enter__(self) -> Disk:
        return self

    def __exit__(self, *_: object) -> None:
        self._vfs.unregister()

    def connect(self, path: Path, *, readonly: bool) -> connection.Connection:
        """See `tcpnet.broker.connection.Connect`."""
        mode = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE
        with _translated():
            opened = apsw.Connection(str(path), flags=mode, vfs=self._vfs.vfs_name)
            opened.set_busy_timeout(int(BUSY_SECONDS * 1000))
        return _Connection(opened, self._swaps)

    def tell(self, what: Any) -> None:
        """Put on the tape that somebody was told this."""
        self.tape.append(Told(what))

    def syncs(self, name: str | None = None, *, failed: bool = False) -> int:
        """How often a file was synced, or any; or how often that failed."""
        wanted = self._files[name] if name else None
        return sum(
            isinstance(event, Synced) and event.failed == failed and wanted in (None, event.file)
            for event in self.tape
        )

    def file(self, name: str) -> int:
        """The file that a name stands for, a new one if need be."""
        if name not in self._files:
            self._files[name] = next(_numbers)
            self.tape.append(Named(name, self._files[name]))
        return self._files[name]

    def unlink(self, name: str) -> None:
        """Let a name stand for nothing."""
        self._files.pop(name, None)
        self.tape.append(Named(name, None))

    def _put(self, name: str, content: bytes) -> None:
        file = self.file(name)
        self.tape += [Written(file, 0, content), Synced(file, names=True)]


class Remains:
    """What is on the disk for certain, and what may be, at a moment of a tape."""

    def __init__(self) -> None:
        self._contents: dict[int, bytearray] = defaultdict(bytearray)
        self._changes: dict[int, list[Written | Resized]] = defaultdict(list)
        self._names: dict[str, int | None] = {}
        self._renamings: list[Named] = []

    def take(self, event: Event, dice: random.Random) -> None:
        """Go on by one event; `dice` decide what a sync that failed has written."""
        match event:
            case Written() | Resized():
                self._changes[event.file].append(event)
            case Named():
                self._renamings.append(event)
            case Synced(file=file, names=names, failed=failed):
                keeps = _some(dice) if failed else _all
                if file is not None:
                    _apply(self._contents[file], self._changes.pop(file, ()), keeps)
                if names:
                    _rename(self._names, self._renamings, keeps)
                    self._renamings = []

    def cut(self, dice: random.Random) -> dict[str, bytes]:
        """The files after a cut here: what was not synced is there or not, sector by sector."""
        keeps = _some(dice)
        names = dict(self._names)
        _rename(names, self._renamings, keeps)
        return {name: self._left(file, keeps) for name, file in names.items() if file is not None}

    def _left(self, file: int, keeps: Callable[[], bool]) -> bytes:
        content = bytearray(self._contents[file])
        _apply(content, self._changes[file], keeps)
        return bytes(content)


def _all() -> bool:
    return True


def _some(dice: random.Random) -> Callable[[], bool]:
    """Keep nothing, everything or a share between; all of them happen."""
    share = dice.choice((0.0, 0.1, 0.5, 0.9, 1.0))
    return lambda: dice.random() < share


def _rename(
    names: dict[str, int | None], renamings: Iterable[Named], keeps: Callable[[], bool]
) -> None:
    for renaming in renamings:
        if keeps():
            names[renaming.name] = renaming.file


def _apply(
    content: bytearray, changes: Iterable[Written | Resized], keeps: Callable[[], bool]
) -> None:
    for change in changes:
        if isinstance(change, Written):
            for at, data in _sectors(change):
                if keeps():
                    _resize(content, max(len(content), at + len(data)))
                    content[at : at + len(data)] = data
        elif keeps():
            _resize(content, change.size)


def _resize(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


def _sectors(written: Written) -> Iterator[tuple[int, bytes]]:
    begin, end = written.at, written.at + len(written.data)
    while begin < end:
        stop = min(end, (begin // SECTOR + 1) * SECTOR)
        yield begin, written.data[begin - written.at : stop - written.at]
        begin = stop


class _Recorder(apsw.VFS):
    """The system's own files, their changes on the tape; what is synced stays in memory."""

    def __init__(self, disk: Disk) -> None:
        self.vfs_name = f"recorder-{next(_numbers)}"
        self.disk = disk
        super().__init__(self.vfs_name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return _File(self.disk, name, flags) if name else apsw.VFSFile("", name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        self.disk.unlink(Path(filename).name)
        if syncdir:
            self.disk.tape.append(Synced(None, names=True))


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._disk = disk
        self._file = disk.file(Path(path).name)
        self._names_too = bool(flags[0] & _NAMED_BY_SYNC)
        super().__init__("", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:
        super().xWrite(data, offset)
        self._disk.tape.append(Written(self._file, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        self._disk.tape.append(Resized(self._file, newsize))

    def xSync(self, flags: int) -> None:  # noqa: ARG002 - no real disk needs to be told how
        failed = self._disk.fails()
        self._disk.tape.append(Synced(self._file, self._names_too, failed))
        if failed:
            raise apsw.IOError("disk I/O error")
        self._names_too = False


class _Rows:
    """An answer that was fetched whole."""

    def __init__(self, rows: list[Any], changed: int) -> None:
        self.rowcount = changed
        self._rows = iter(rows)

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        return list(self._rows)


class _Connection:
    """An apsw connection that speaks and fails like one of the standard library."""

    def __init__(self, opened: apsw.Connection, swaps: Mapping[str, str]) -> None:
        self._opened = opened
        self._swaps = swaps

    @property
    def in_transaction(self) -> bool:
        return self._opened.in_transaction

    def execute(self, sql: str, parameters: Parameters = (), /) -> _Rows:
        sql = self._swaps.get(sql, sql)
        return self._run(lambda: self._opened.execute(sql, tuple(parameters)))

    def executemany(self, sql: str, parameters: Iterable[Parameters], /) -> _Rows:
        return self._run(lambda: self._opened.executemany(sql, map(tuple, parameters)))

    def close(self) -> None:
        # Only apsw tells of a sync that failed at the last checkpoint; it has closed all the same.
        with suppress(apsw.IOError):
            self._opened.close()

    def _run(self, statement: Callable[[], Iterable[Any]]) -> _Rows:
        before = self._opened.total_changes()
        with _translated():
            rows = list(statement())
        return _Rows(rows, self._opened.total_changes() - before)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (apsw.ConstraintError, apsw.MismatchError) as error:
        raise sqlite3.IntegrityError(str(error)) from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise sqlite3.DatabaseError(str(error)) from error
    except (apsw.BindingsError, apsw.SQLError) as error:
        raise sqlite3.ProgrammingError(str(error)) from error
    except apsw.Error as error:
        raise sqlite3.OperationalError(str(error)) from error

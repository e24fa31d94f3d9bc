"""The cache folder: whose it is, what its files are called, and what is done to them by name."""

import itertools
import logging
import os
import re
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from tcpnet.errors import ConfigError
from tcpnet.proxy.entry import Entry
from tcpnet.proxy.store import files, heads, pickles
from tcpnet.proxy.store.files import PageFile, PartFile
from tcpnet.proxy.store.heads import DamagedPage
from tcpnet.proxy.store.index import Page

log = logging.getLogger(__name__)

MARKER_NAME: Final = "CACHEDIR.TAG"
MARKER: Final = """\
Signature: 8a477f597d28d172789f06886806bc55
# This folder is tcpnet's web cache: every file in it can be fetched again.
# This file tells backup programs to leave the folder out (the Cache Directory
# Tagging Specification), and tells tcpnet that the folder is its own to clean.
"""

_PAGE_NAME: Final = re.compile(r"([0-9a-f]{32})\.pickle")
_PART_NAME: Final = re.compile(r"[0-9a-f]{32}\.\d+-\d+\.part")
# Bytes of heads that freshening may append before they are folded into one.
_MAX_HEADS: Final = 64 * 1024
AT_ONCE: Final = 4096
"""Bytes of a file that is written under its own name: a page of the system's memory at most.

One write takes all of them or none, even if the hub is killed. What it may leave is empty.
"""

# Small files that need no second look at their digests: some 3 KiB of memory each.
_MAX_KNOWN: Final = 2048
TRUSTED: Final = 10.0
"""Seconds for which a small file that was right is not summed up again, a third of its sending."""


@dataclass(slots=True)
class _Known:
    """A small file whose digests were right, and what tells that it is still the same.

    Nobody writes to it without changing its `version`. That the disk gives other bytes than it
    was given shows in `check`, which takes a fourth of the time of the digests: until `good_until`
    (monotonic seconds) what the system has in memory is what it was.
    """

    version: files.Version
    check: int
    entry: Entry
    length: int
    good_until: float


class Folder:
    """The files of one cache folder. Only names of our own making are opened or removed.

    Every method but `create` and `packed` may block. `claim` and `sweep` come first; `put_at_once`,
    `put`, `finish`, `move`, `freshen` and `remove` change what a name stands for and must run one
    at a time, in the order in which they were decided.
    """

    def __init__(self, path: Path, secret: bytes) -> None:
        self.path = path
        self._secret = secret
        self._prefix = f"{path}{os.sep}"
        self._parts = itertools.count()
        self._written: list[int] = []
        self._stuck: set[str] = set()
        self._known: dict[str, _Known] = {}
        # For one glance at a time: what it finds is copied out of it.
        self._room = bytearray()

    def claim(self) -> None:
        """Make sure that the folder is ours and private, making it if need be; or ConfigError."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            marker = self.path / MARKER_NAME
            if is_foreign(self.path):
                raise ConfigError(
                    f'the cache folder "{self.path}" holds other files and no {MARKER_NAME} '
                    "of tcpnet; name an empty folder"
                )
            if not marker.exists():
                marker.write_text(MARKER, encoding="ascii")
            # One that came with a checkout is open to all; on some disks it stays so.
            with suppress(PermissionError):
                self.path.chmod(0o700)
        except OSError as error:
            reason = error.strerror or error
            raise ConfigError(f'the cache folder "{self.path}" cannot be used: {reason}') from error

    def sweep(self) -> list[str]:
        """Remove what a crash left half written; return the pages' names, last used first."""
        found = []
        with os.scandir(self.path) as entries:
            for entry in entries:
                if not entry.is_file(follow_symlinks=False):
                    continue
                if match := _PAGE_NAME.fullmatch(entry.name):
                    stat = entry.stat(follow_symlinks=False)
                    if stat.st_size:
                        found.append((stat.st_mtime, match[1]))
                    else:
                        Path(entry.path).unlink(missing_ok=True)
                elif _PART_NAME.fullmatch(entry.name):
                    Path(entry.path).unlink(missing_ok=True)
        found.sort(reverse=True)
        return [identifier for _, identifier in found]

    def look_at(self, identifiers: Iterable[str]) -> tuple[list[Page], list[str]]:
        """Look at pages; return what was found, and the names of the damaged."""
        found, damaged = [], []
        for identifier in identifiers:
            try:
                found.append(self._look(identifier))
            except DamagedPage:
                damaged.append(identifier)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("page not read", extra={"page": identifier, "error": str(error)})
        return found, damaged

    def read(self, identifier: str, size: int) -> tuple[Entry, bytes]:
        """Return head and body of a small page. Raises DamagedPage and OSError."""
        with FileIO(files.open_to_read(self._page(identifier))) as file:
            data = files.read_at(file.fileno(), 0, size)
        return pickles.unpack(data, self._secret, identifier)

    def glance(self, identifier: str, size: int) -> tuple[Entry, bytes] | None:
        """Do as `read` if that needs no wait for the disk, None if it may. Raises the same."""
        if size > len(self._room):
            self._room = bytearray(size)
        data = memoryview(self._room)[:size]
        version = files.read_now(self._page(identifier), data)
        if version is None:
            return None
        known, now = self._known.get(identifier), time.monotonic()
        if known is not None and known.version == version:
            if now < known.good_until:
                return known.entry, pickles.body(data, known.length)
            if zlib.crc32(data) == known.check:
                known.good_until = now + TRUSTED
                return known.entry, pickles.body(data, known.length)
        entry, body = pickles.unpack(bytes(data), self._secret, identifier)
        check = zlib.crc32(data)
        self._known[identifier] = _Known(version, check, entry, len(body), now + TRUSTED)
        if len(self._known) > _MAX_KNOWN:
            del self._known[next(iter(self._known))]
        return entry, body

    def open(self, identifier: str, size: int) -> PageFile:
        """Open a page of any size. Raises DamagedPage and OSError."""
        return PageFile(self._page(identifier), identifier, self._secret, size)

    def create(self, identifier: str) -> PartFile:
        """Begin a page, under a name that says it is not whole."""
        path = f"{self._prefix}{identifier}.{os.getpid()}-{next(self._parts)}.part"
        return PartFile(path, identifier)

    def finish(self, part: PartFile, rest: bytes, entry: Entry, length: int) -> int:
        """Write the last chunk of a page and all that follows; try to name it; return its size.

        Raises DamagedPage and OSError.
        """
        size = part.finish(rest, entry, length, self._secret)
        self.move(part)
        return size

    def packed(self, identifier: str, body: bytes, entry: Entry) -> bytes | None:
        """Return the file of a page that `put_at_once` may take, else None. Never blocks.

        Raises DamagedPage.
        """
        if len(body) >= AT_ONCE:
            return None
        data = pickles.pack(entry, body, self._secret, identifier)
        return data if len(data) <= AT_ONCE else None

    def put_at_once(self, identifier: str, data: bytes) -> bool:
        """Write a page of at most AT_ONCE bytes; False if it takes the place of another.

        It stays open until `close_written`. Raises OSError.
        """
        path = self._page(identifier)
        try:
            file = files.create(path)
        except FileExistsError:
            return False
        self._written.append(file)
        try:
            files.write_all(file, data)
        except OSError:
            Path(path).unlink()
            raise
        return True

    def close_written(self) -> None:
        """Close what was put at once, at one go: each call is a wait for who runs Python."""
        written, self._written = sorted(self._written), []
        while written:
            first = last = written.pop(0)
            while written and written[0] == last + 1:
                last = written.pop(0)
            os.closerange(first, last + 1)

    def put(self, part: PartFile, body: bytes, entry: Entry) -> int:
        """Write a page of which all is there, and try to name it; return its size.

        Raises DamagedPage and OSError.
        """
        last = len(body) - len(body) % pickles.CHUNK
        for at in range(0, last, pickles.CHUNK):
            part.add(body[at : at + pickles.CHUNK])
        return self.finish(part, body[last:], entry, len(body))

    def move(self, part: PartFile) -> None:
        """Give a finished page its name, in place of an older one; `is_named` tells if it went.

        On Windows it does not while either file is open. Raises OSError.
        """
        try:
            part.move(self._page(part.identifier))
        except PermissionError as error:
            log.debug("page not named yet", extra={"page": part.identifier, "error": str(error)})
        else:
            self._stuck.discard(part.identifier)

    def freshen(self, identifier: str, size: int, entry: Entry) -> int:
        """Append a newer head to a page of `size` bytes; return its new size.

        A crash leaves a torn end, which is cut off at the next start. Raises DamagedPage, OSError.
        """
        page = self._page(identifier)
        with FileIO(page, "r+b") as file:
            old = heads.read_head(
                files.head_ending_at(file.fileno(), size, self._secret, identifier)
            )
            first = pickles.heads_offset(old.length)
            head = heads.write_head(entry, old.length, old.digest)
            sealed = head + heads.seal(self._secret, identifier, head)
            if size + len(sealed) - first <= _MAX_HEADS:
                return _append(file, size, sealed)
            part = self.create(identifier)
            try:
                folded = part.copy(file, first, sealed)
            except BaseException:
                part.discard()
                raise
        # By now the old file is closed: on Windows it would keep its name.
        if _takes_name(part, page):
            return folded
        with FileIO(page, "r+b") as file:
            return _append(file, size, sealed)

    def note_use(self, identifier: str, used_at: float) -> None:
        """Note when a page was used (UTC seconds), for evictions after a restart."""
        try:
            os.utime(self._page(identifier), (used_at, used_at))
        except OSError as error:
            log.debug("use not noted", extra={"page": identifier, "error": str(error)})

    def remove(self, identifiers: Iterable[str]) -> None:
        """Remove pages; one that an open file protects (Windows) is tried again the next time."""
        for identifier in {*identifiers, *self._stuck}:
            try:
                Path(self._page(identifier)).unlink()
            except FileNotFoundError:
                self._stuck.discard(identifier)
            except PermissionError:
                self._stuck.add(identifier)
            except OSError as error:
                log.warning("page not removed", extra={"page": identifier, "error": str(error)})
            else:
                self._stuck.discard(identifier)

    def _look(self, identifier: str) -> Page:
        """Read what the index needs, and cut off a torn end. Raises DamagedPage and OSError."""
        file = files.open_to_read(self._page(identifier))
        try:
            stat = os.fstat(file)
            end = stat.st_size
            record = files.head_ending_at(file, end, self._secret, identifier)
        except DamagedPage:
            record, end = files.last_whole_head(file, end, self._secret, identifier)
        finally:
            os.close(file)
        head = heads.read_head(record)
        pickles.check_size(head.length, end)
        if end < stat.st_size:
            self._cut(identifier, stat, end)
        return Page(
            identifier,
            head.url,
            head.vary,
            head.status,
            head.last_modified,
            head.requested_at,
            head.received_at,
            stat.st_mtime,
            stat.st_mtime,
            head.length,
            end,
        )

    def _cut(self, identifier: str, torn: os.stat_result, end: int) -> None:
        with FileIO(self._page(identifier), "r+b") as file:
            # By now the name may stand for a page stored meanwhile.
            if os.path.samestat(os.fstat(file.fileno()), torn):
                file.truncate(end)

    def _page(self, identifier: str) -> str:
        return f"{self._prefix}{identifier}.pickle"


def _takes_name(part: PartFile, page: str) -> bool:
    """Put a page in its older one's place; on Windows it cannot while somebody reads that."""
    try:
        part.move(page)
    except PermissionError:
        part.discard()
        return False
    except BaseException:
        part.discard()
        raise
    return True


def _append(file: FileIO, size: int, sealed: bytes) -> int:
    file.seek(size)
    try:
        files.write_all(file.fileno(), sealed)
    except OSError:
        file.truncate(size)
        raise
    return file.truncate()


def is_foreign(path: Path) -> bool:
    """Tell whether a folder holds what is not ours: no cache can be there. Raises OSError."""
    return any(path.iterdir()) and not _is_ours(path / MARKER_NAME)


def _is_ours(marker: Path) -> bool:
    """Tell whether a marker is there, and is not another program's."""
    if not marker.is_file():
        return False
    with marker.open("rb") as file:
        signature, *words = file.read(4096).splitlines() or [b""]
    return signature == MARKER.splitlines()[0].encode() and any(b"tcpnet" in line for line in words)

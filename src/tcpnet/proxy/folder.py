"""The cache folder: whose it is, what its files are called, and what is done to them by name."""

import contextlib
import itertools
import logging
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from tcpnet.errors import ConfigError
from tcpnet.proxy import files, pickles
from tcpnet.proxy.entry import Entry
from tcpnet.proxy.files import PageFile, PartFile
from tcpnet.proxy.pickles import DamagedPage, Head

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
# Seconds between notes on disk of a use: they only order evictions after a restart.
_USE_GRAIN: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Found:
    """A page met in the folder: its name, its head, its size and when it was last used (UTC)."""

    identifier: str
    head: Head
    size: int
    used_at: float


class Folder:
    """The files of one cache folder. Only names of our own making are opened or removed.

    Every method may block. `claim` and `sweep` come first; `finish`, `freshen` and `remove`
    change what a name stands for and must run one at a time, in the order of the decisions.
    """

    def __init__(self, path: Path, secret: bytes) -> None:
        self.path = path
        self._secret = secret
        self._parts = itertools.count()
        self._stuck: set[str] = set()

    def claim(self) -> None:
        """Make sure that the folder is ours, making it if need be. Raises ConfigError."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            marker = self.path / MARKER_NAME
            if not any(self.path.iterdir()):
                marker.write_text(MARKER, encoding="ascii")
            elif not _is_ours(marker):
                raise ConfigError(
                    f"cache folder {self.path}: it holds other files and no {MARKER_NAME} "
                    "of tcpnet; name an empty folder"
                )
        except OSError as error:
            raise ConfigError(f"cache folder {self.path}: {error.strerror or error}") from error

    def sweep(self) -> list[str]:
        """Remove what a crash left half written; return the pages' names, last used first."""
        found = []
        with os.scandir(self.path) as entries:
            for entry in entries:
                if not entry.is_file(follow_symlinks=False):
                    continue
                if match := _PAGE_NAME.fullmatch(entry.name):
                    found.append((entry.stat(follow_symlinks=False).st_mtime, match[1]))
                elif _PART_NAME.fullmatch(entry.name):
                    Path(entry.path).unlink(missing_ok=True)
        found.sort(reverse=True)
        return [identifier for _, identifier in found]

    def look(self, identifier: str) -> Found:
        """Read what the index needs of a page; cut off a torn end. Raises DamagedPage, OSError."""
        path = self._page(identifier)
        with files.open_to_read(path) as file:
            stat = os.fstat(file.fileno())
            end = stat.st_size
            try:
                record = files.head_ending_at(file, end, self._secret, identifier)
            except DamagedPage:
                record, end = files.last_whole_head(file, end, self._secret, identifier)
        head = pickles.read_head(record)
        if end < stat.st_size:
            os.truncate(path, end)
        return Found(identifier, head, end, stat.st_mtime)

    def look_at(self, identifiers: Iterable[str]) -> tuple[list[Found], list[str]]:
        """Look at pages; return what was found, and the names of the damaged."""
        found, damaged = [], []
        for identifier in identifiers:
            try:
                found.append(self.look(identifier))
            except DamagedPage:
                damaged.append(identifier)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("page not read", extra={"page": identifier, "error": str(error)})
        return found, damaged

    def open(self, identifier: str, size: int) -> PageFile:
        """Open a page of `size` bytes, and note its use. Raises DamagedPage and OSError."""
        path = self._page(identifier)
        file = PageFile(path, identifier, self._secret, size)
        if time.time() - file.used_at > _USE_GRAIN:
            # A note for eviction after a restart; a read-only disk can be read without it.
            with contextlib.suppress(OSError):
                os.utime(path)
        return file

    def create(self, identifier: str) -> PartFile:
        """Begin a page under a name that says it is not whole. Raises OSError."""
        return PartFile(self.path / f"{identifier}.{os.getpid()}-{next(self._parts)}.part")

    def finish(self, part: PartFile, rest: bytes, entry: Entry, length: int) -> int:
        """Write the rest of a body and all that follows it; return the size of the file.

        Then try to name it. Raises DamagedPage and OSError.
        """
        identifier = pickles.identify(entry.url, entry.vary)
        if rest:
            part.add(rest)
        size = part.finish(self._secret, identifier, entry, length)
        self.move(part, identifier)
        return size

    def move(self, part: PartFile, identifier: str) -> None:
        """Give a finished page its name, in place of an older one; `is_named` tells if it went.

        On Windows it does not while the part or the older one is open. Raises OSError.
        """
        try:
            part.move(self._page(identifier))
        except PermissionError as error:
            log.debug("page not named yet", extra={"page": identifier, "error": str(error)})
        else:
            self._stuck.discard(identifier)

    def freshen(self, identifier: str, size: int, entry: Entry) -> int:
        """Append a newer head to a page of `size` bytes; return its new size.

        A crash leaves a torn end, which `look` cuts off. Raises DamagedPage and OSError.
        """
        path = self._page(identifier)
        with path.open("r+b", buffering=0) as file:
            old = pickles.read_head(files.head_ending_at(file, size, self._secret, identifier))
            head = pickles.head_record(entry, old.length, old.digest)
            sealed = head + pickles.seal(self._secret, identifier, head)
            if size + len(sealed) - pickles.heads_offset(old.length) > _MAX_HEADS:
                return self._rewrite(file, identifier, pickles.heads_offset(old.length), sealed)
            file.seek(size)
            try:
                files.write_all(file, sealed)
            except OSError:
                file.truncate(size)
                raise
            return file.truncate()

    def remove(self, identifiers: Iterable[str]) -> None:
        """Remove pages; one that another open file protects (Windows) is tried again next time."""
        for identifier in {*identifiers, *self._stuck}:
            try:
                self._page(identifier).unlink(missing_ok=True)
            except PermissionError:
                self._stuck.add(identifier)
            except OSError as error:
                log.warning("page not removed", extra={"page": identifier, "error": str(error)})
            else:
                self._stuck.discard(identifier)

    def _rewrite(self, file: FileIO, identifier: str, end: int, sealed: bytes) -> int:
        part = self.create(identifier)
        try:
            size = part.copy(file, end, sealed)
            part.move(self._page(identifier))
        except BaseException:
            part.discard()
            raise
        return size

    def _page(self, identifier: str) -> Path:
        return self.path / f"{identifier}.pickle"


def _is_ours(marker: Path) -> bool:
    """Tell whether a marker is there, and is not another program's."""
    if not marker.is_file():
        return False
    with marker.open("rb") as file:
        signature, *words = file.read(4096).splitlines()
    return signature == MARKER.splitlines()[0].encode() and any(b"tcpnet" in line for line in words)

"""The files of pages while they are open: one being written, one being read.

Every call may block. Nothing here knows the event loop: the store calls all of it from threads.
"""

import errno
import os
import sys
import threading
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Final

from tcpnet.proxy.entry import Entry
from tcpnet.proxy.store import heads, pickles
from tcpnet.proxy.store.heads import DamagedPage

# One read of this many bytes finds the head of nearly every page.
_TAIL: Final = 4096
# A planted link must not be followed, a planted pipe must not hang the reader.
_READ_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
_CREATE_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


Version = tuple[int, int, int, int]
"""What differs after a file was written to or replaced: inode, size, times of both changes."""


def open_to_read(path: str) -> int:
    """Open a file of the cache; return its descriptor. Raises OSError."""
    return os.open(path, _READ_FLAGS)


def create(path: str) -> int:
    """Make a file that is not there yet; return its descriptor. Raises OSError."""
    return os.open(path, _CREATE_FLAGS, 0o600)


if sys.platform == "linux":

    def read_now(path: str, room: memoryview) -> Version | None:
        """Fill `room` from a file that the system has in memory, else return None.

        Raises OSError.
        """
        file = open_to_read(path)
        try:
            stat = os.fstat(file)
            count = os.preadv(file, [room], 0, os.RWF_NOWAIT)
        except OSError as error:
            # Not in memory; or a file system that cannot tell.
            if error.errno not in {errno.EAGAIN, errno.EOPNOTSUPP}:
                raise
            return None
        finally:
            os.close(file)
        version = stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
        return version if count == len(room) else None

else:

    def read_now(path: str, room: memoryview) -> Version | None:
        """Return None: this system does not say which reads would wait."""
        del path, room
        return None


def read_at(file: int, offset: int, size: int) -> bytes:
    """Return exactly `size` bytes from `offset`. Raises DamagedPage and OSError."""
    os.lseek(file, offset, os.SEEK_SET)
    data = os.read(file, size)
    if len(data) != size:
        raise DamagedPage("it is cut off")
    return data


def write_all(file: int, data: bytes) -> None:
    """Write all of `data`: a nearly full disk takes a part of it first. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def head_ending_at(file: int, end: int, secret: bytes, identifier: str) -> bytes:
    """Return the head whose seal ends at `end`, checked. Raises DamagedPage and OSError."""
    start = max(0, end - _TAIL)
    tail = read_at(file, start, end - start)
    size = heads.sealed_size(tail[-heads.SEAL_SIZE :]) + heads.SEAL_SIZE
    if len(tail) < size <= end:
        tail = read_at(file, end - size, size)
    return heads.unseal(secret, identifier, tail)


def last_whole_head(file: int, size: int, secret: bytes, identifier: str) -> tuple[bytes, int]:
    """Walk a file whose end is torn; return its last whole head and where the seal of it ends.

    Raises DamagedPage and OSError.
    """
    found: tuple[bytes, int] | None = None
    at = _end_of_digests(file)
    while at < size:
        try:
            at += heads.framed_size(read_at(file, at, heads.FRAME_SIZE)) + heads.SEAL_SIZE
            found = head_ending_at(file, at, secret, identifier), at
        except DamagedPage:
            break
    if found is None:
        raise DamagedPage("it has no whole head")
    return found


def _end_of_digests(file: int) -> int:
    at, last = 0, pickles.FULL_RECORD
    # Only full chunks may follow each other: the walk is short, however large the file.
    while last == pickles.FULL_RECORD:
        if read_at(file, at, len(pickles.END_OF_BODY)) == pickles.END_OF_BODY:
            break
        last = pickles.bytes_size(read_at(file, at, pickles.BYTES_START))
        at += last
    if read_at(file, at, len(pickles.END_OF_BODY)) != pickles.END_OF_BODY:
        raise DamagedPage("its body has no end")
    at += len(pickles.END_OF_BODY)
    return at + pickles.bytes_size(read_at(file, at, pickles.BYTES_START))


class ChunkFile:
    """A file of chunks, each of which is checked before it is given.

    It takes an open file, or what opens one at the first read. Closing it closes the file.
    """

    def __init__(self, file: int | Callable[[], int]) -> None:
        self._file: FileIO | Callable[[], int] = FileIO(file) if isinstance(file, int) else file
        self._closed = False
        self._lock = threading.Lock()

    def chunk(self, offset: int, size: int, digest: bytes) -> bytes:
        """Return the content of the record at `offset`. Raises DamagedPage and OSError."""
        with self._lock:
            record = read_at(self._opened().fileno(), offset, size)
        return pickles.content(record, digest)

    def close(self) -> None:
        """Close the file; waits for no more than the chunk that is being read."""
        with self._lock:
            self._closed = True
            if isinstance(self._file, FileIO):
                self._file.close()

    def _opened(self) -> FileIO:
        if self._closed:
            raise DamagedPage("it was closed meanwhile")
        if not isinstance(self._file, FileIO):
            self._file = FileIO(self._file())
        return self._file


class PageFile:
    """A stored page of any size, open: its head was checked, its chunks are as they are read.

    `end` is where the last head's seal ends. Raises DamagedPage and OSError.
    """

    def __init__(self, path: str, identifier: str, secret: bytes, end: int) -> None:
        file = open_to_read(path)
        try:
            head, self.entry = heads.read_entry(head_ending_at(file, end, secret, identifier))
            pickles.check_size(head.length, end)
            digests = read_at(file, *pickles.digests_span(head.length))
            self._digests = pickles.split_digests(pickles.content(digests, head.digest))
        except BaseException:
            os.close(file)
            raise
        self._length = head.length
        self._chunks = ChunkFile(file)

    def chunks(self, first: int, last: int) -> bytes:
        """Return the chunks from `first` to before `last`. Raises DamagedPage and OSError."""
        return b"".join(
            [
                self._chunks.chunk(*pickles.chunk_span(self._length, number), self._digests[number])
                for number in range(first, last)
            ]
        )

    def close(self) -> None:
        """Close the file; waits for no more than the chunk that is being read."""
        self._chunks.close()


class PartFile:
    """A page being written: its chunks, then what follows them, then its name. Raises OSError.

    The file is made by the first write; after `discard` every write is refused.
    """

    def __init__(self, path: str, identifier: str) -> None:
        self.identifier = identifier
        self.digests: list[bytes] = []
        self.is_named = False
        self._path = path
        # A bare descriptor: most pages are one write.
        self._file: int | None = None
        self._size = 0
        self._exists = False
        self._discarded = False
        self._lock = threading.Lock()
        # By itself, so that a reader never waits for a slow write.
        self._naming = threading.Lock()

    def add(self, chunk: bytes) -> None:
        """Write the next chunk."""
        record = pickles.bytes_record(chunk)
        digest = pickles.digest(record)
        with self._lock:
            self._write(record)
            self.digests.append(digest)

    def finish(self, rest: bytes, entry: Entry, length: int, secret: bytes) -> int:
        """Write the last chunk and what follows it, and close; return the size of the file.

        Raises DamagedPage when the head is too large, and OSError.
        """
        last = pickles.bytes_record(rest) if rest else b""
        if rest:
            self.digests.append(pickles.digest(last))
        last += pickles.closing(self.digests, entry, length, secret, self.identifier)
        with self._lock:
            try:
                self._write(last)
            finally:
                self._close()
        return self._size

    def copy(self, source: FileIO, end: int, sealed: bytes) -> int:
        """Take another page's records up to `end`, add a sealed head and close; return the size."""
        with self._lock:
            try:
                for at in range(0, end, pickles.CHUNK):
                    self._write(read_at(source.fileno(), at, min(pickles.CHUNK, end - at)))
                self._write(sealed)
            finally:
                self._close()
        return self._size

    def move(self, path: str) -> None:
        """Give the finished file its name, in place of an older one."""
        with self._naming:
            os.replace(self._path, path)  # noqa: PTH105 - a Path costs more than the call
            self._path = path
            self.is_named = True

    def reader(self) -> ChunkFile:
        """Return a reader of the chunks written so far, under whichever name they have then."""
        return ChunkFile(self._open_again)

    def discard(self) -> None:
        """Close and remove the file."""
        with self._lock, self._naming:
            self._discarded = True
            self._close()
            if self._exists:
                self._exists = False
                Path(self._path).unlink()

    def _write(self, data: bytes) -> None:
        if self._discarded:
            raise FileNotFoundError(errno.ENOENT, "it was given up meanwhile")
        if self._file is None:
            self._file = create(self._path)
            self._exists = True
        write_all(self._file, data)
        self._size += len(data)

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)

    def _open_again(self) -> int:
        with self._naming:
            return open_to_read(self._path)

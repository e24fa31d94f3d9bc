"""The file of a stored page: which records stand where in it.

A file is a row of pickles of plain values: the body in `bytes` chunks, None, the chunks' digests,
then the head (a dict) and its seal. A freshened page has one more head and seal for each time;
the last ones count. All sizes follow from the body's length, so every part is found by arithmetic
and read by itself, whatever the size of the page.
"""

import hashlib
import hmac
import struct
from typing import Final

from tcpnet.proxy.entry import Entry
from tcpnet.proxy.store import heads
from tcpnet.proxy.store.heads import DamagedPage

CHUNK: Final = 64 * 1024
"""Bytes of body in each chunk but the last: the unit that is written, checked and read."""

FULL_RECORD: Final = CHUNK + 8
"""Bytes of the record of a full chunk."""

BYTES_START: Final = 7
"""Bytes with which every record of bytes starts: they tell its size."""

END_OF_BODY: Final = b"\x80\x05N."
"""The record after the last chunk: a pickled None."""

_DIGEST: Final = 16
_BYTES: Final = struct.Struct("<3sI")
_BYTES_MARK: Final = b"\x80\x05B"


def bytes_record(data: bytes) -> bytes:
    """Return the pickle of `data`, which is a chunk or the digests."""
    return b"".join((_BYTES.pack(_BYTES_MARK, len(data)), data, b"."))


def bytes_size(start: bytes) -> int:
    """Return the size of the record of bytes that starts so. Raises DamagedPage."""
    mark, size = _BYTES.unpack(start)
    if mark != _BYTES_MARK:
        raise DamagedPage("it has no bytes where some should be")
    return int(size) + FULL_RECORD - CHUNK


def digest(record: bytes) -> bytes:
    """Return the digest of a record."""
    return hashlib.blake2b(record, digest_size=_DIGEST).digest()


def content(record: bytes, expected: bytes) -> bytes:
    """Return what a record of bytes holds, if it has the expected digest. Raises DamagedPage."""
    if not hmac.compare_digest(digest(record), expected):
        raise DamagedPage("a part of it was changed")
    return record[BYTES_START:-1]


def chunk_count(length: int) -> int:
    """Return how many chunks a body of `length` bytes has."""
    return -(-length // CHUNK)


def chunk_span(length: int, number: int) -> tuple[int, int]:
    """Return offset and size of the record of a chunk of a body of `length` bytes."""
    return number * FULL_RECORD, min(CHUNK, length - number * CHUNK) + FULL_RECORD - CHUNK


def digests_span(length: int) -> tuple[int, int]:
    """Return offset and size of the record of digests."""
    count = chunk_count(length)
    overhead = FULL_RECORD - CHUNK
    return length + count * overhead + len(END_OF_BODY), count * _DIGEST + overhead


def heads_offset(length: int) -> int:
    """Return where the first head of a page stands."""
    return sum(digests_span(length))


def check_size(length: int, size: int) -> None:
    """Raise DamagedPage if a body of `length` bytes has no place in a file of `size` bytes."""
    if heads_offset(length) > size:
        raise DamagedPage("it is smaller than its head says")


def split_digests(joined: bytes) -> list[bytes]:
    """Return the digests of the chunks, in order."""
    return [joined[at : at + _DIGEST] for at in range(0, len(joined), _DIGEST)]


def closing(
    digests: list[bytes], entry: Entry, length: int, secret: bytes, identifier: str
) -> bytes:
    """Return all records that follow the chunks of a page. Raises DamagedPage."""
    joined = bytes_record(b"".join(digests))
    head = heads.write_head(entry, length, digest(joined))
    return b"".join((END_OF_BODY, joined, head, heads.seal(secret, identifier, head)))


def pack(entry: Entry, body: bytes, secret: bytes, identifier: str) -> bytes:
    """Return the whole file of a page of one chunk at most. Raises DamagedPage."""
    record = bytes_record(body) if body else b""
    digests = [digest(record)] if body else []
    return record + closing(digests, entry, len(body), secret, identifier)


def unpack(data: bytes, secret: bytes, identifier: str) -> tuple[Entry, bytes]:
    """Return head and body of a whole file, all of it checked. Raises DamagedPage."""
    head, entry = heads.read_entry(heads.unseal(secret, identifier, data))
    check_size(head.length, len(data))
    digests = content(_span(data, *digests_span(head.length)), head.digest)
    body = [
        content(_span(data, *chunk_span(head.length, number)), expected)
        for number, expected in enumerate(split_digests(digests))
    ]
    return entry, body[0] if len(body) == 1 else b"".join(body)


def body(data: memoryview, length: int) -> bytes:
    """Return the body of a whole file that was checked before."""
    spans = [chunk_span(length, number) for number in range(chunk_count(length))]
    return b"".join([data[at + BYTES_START : at + size - 1] for at, size in spans])


def _span(data: bytes, offset: int, size: int) -> bytes:
    return data[offset : offset + size]

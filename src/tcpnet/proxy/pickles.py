"""The file of a stored page: what stands where in it, and the seal without which nothing is read.

A file is a row of pickles of plain values, each in one fixed layout: the body in `bytes` chunks,
`None`, the chunks' digests, then the head (a dict) and its seal. A freshened page has one more
head and seal for each time; the last one counts. Any program reads it with `pickle.load`; this
one never does. It finds every part by arithmetic, and no code can be named in what it accepts.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass
from itertools import chain
from typing import Final

from tcpnet.errors import TcpnetError
from tcpnet.proxy.entry import Entry, Fields
from tcpnet.proxy.fields import values

CHUNK: Final = 64 * 1024
"""Bytes of body in each chunk but the last: the unit that is written, checked and read."""

HEAD_LIMIT: Final = 128 * 1024
"""Bytes of the largest head kept, four times what the fetcher accepts."""

SEAL_SIZE: Final = 25
"""Bytes of a seal's record: the head's size and a MAC, as one `bytes` pickle."""

_DIGEST: Final = 16
_OVERHEAD: Final = 8
_PROTO: Final = b"\x80\x05"
_BYTES: Final = struct.Struct("<3sI")
_FRAME: Final = struct.Struct("<3sQ")
_SEAL: Final = struct.Struct("<4sI16sc")
_SEAL_MARK: Final = _PROTO + b"C\x14"
_U32: Final = struct.Struct("<I")
_F64: Final = struct.Struct(">d")

END_OF_BODY: Final = _PROTO + b"N."
"""The record that ends the body: a pickled None."""

BYTES_HEADER: Final = _BYTES.size
FRAME_HEADER: Final = _FRAME.size
FULL_RECORD: Final = CHUNK + _OVERHEAD


class DamagedPage(TcpnetError):
    """A file is not what this hub wrote; it is dropped and counts as a miss."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a head tells before the fields, and all that the index needs of it.

    `digest` is the digest of the record of digests; `length` counts the body's bytes.
    """

    url: str
    vary: Fields
    status: int
    last_modified: str
    requested_at: float
    received_at: float
    length: int
    digest: bytes


def identify(url: str, vary: Fields) -> str:
    """Return the name of the response to `url` for this variant: 32 hex digits."""
    words = "\0".join((url, *chain.from_iterable(vary)))
    return hashlib.blake2b(
        words.encode("utf-8", "surrogatepass"), digest_size=16, person=b"tcpnet page 1"
    ).hexdigest()


def digest(record: bytes) -> bytes:
    """Return the digest of one record."""
    return hashlib.blake2b(record, digest_size=_DIGEST).digest()


def bytes_record(data: bytes) -> bytes:
    """Return `data` as the pickle that holds a chunk or the digests."""
    return b"".join((_BYTES.pack(_PROTO + b"B", len(data)), data, b"."))


def bytes_content(record: bytes, expected: bytes) -> bytes:
    """Return what a record made by `bytes_record` holds, if its digest is the expected one.

    Raises DamagedPage.
    """
    if not hmac.compare_digest(digest(record), expected):
        raise DamagedPage("a record is not the one that was written")
    return record[_BYTES.size : -1]


def bytes_size(start: bytes) -> int:
    """Return the size of the bytes record that starts with these bytes. Raises DamagedPage."""
    mark, size = _BYTES.unpack(start)
    if mark != _PROTO + b"B":
        raise DamagedPage("no record of bytes")
    return int(size) + _OVERHEAD


def chunk_count(length: int) -> int:
    """Return how many chunks a body of `length` bytes has."""
    return -(-length // CHUNK)


def chunk_span(length: int, number: int) -> tuple[int, int]:
    """Return offset and size of the record of chunk `number` of a body of `length` bytes."""
    data = min(CHUNK, length - number * CHUNK)
    return number * (CHUNK + _OVERHEAD), data + _OVERHEAD


def digests_span(length: int) -> tuple[int, int]:
    """Return offset and size of the record of digests."""
    count = chunk_count(length)
    return length + count * _OVERHEAD + len(END_OF_BODY), count * _DIGEST + _OVERHEAD


def heads_offset(length: int) -> int:
    """Return where the first head of a body of `length` bytes stands."""
    return sum(digests_span(length))


def split_digests(joined: bytes) -> list[bytes]:
    """Return the digests of the chunks, in order."""
    return [joined[at : at + _DIGEST] for at in range(0, len(joined), _DIGEST)]


def last_modified(entry: Entry) -> str:
    """Return the Last-Modified field as it came; "" without one."""
    return next(iter(values(entry.fields, "last-modified")), "")


def head_record(entry: Entry, length: int, digest_of_digests: bytes) -> bytes:
    """Return the pickled head of a stored response. Raises DamagedPage when it is too large."""
    parts = b"".join(
        (
            b"}(",
            _text("url"), _text(entry.url),
            _text("vary"), _pairs(entry.vary),
            _text("status"), _number(entry.status),
            _text("last_modified"), _text(last_modified(entry)),
            _text("requested_at"), _time(entry.requested_at),
            _text("received_at"), _time(entry.received_at),
            _text("length"), _number(length),
            _text("digest"), _short(digest_of_digests),
            _text("reason"), _text(entry.reason),
            _text("fields"), _pairs(entry.fields),
            b"u.",
        )
    )  # fmt: skip
    if len(parts) > HEAD_LIMIT - FRAME_HEADER:
        raise DamagedPage("the head is too large")
    return _FRAME.pack(_PROTO + b"\x95", len(parts)) + parts


def seal(secret: bytes, identifier: str, head: bytes) -> bytes:
    """Return the record that vouches for `head` as the head of the page of that name."""
    return _SEAL.pack(_SEAL_MARK, len(head), _mac(secret, identifier, head), b".")


def sealed_size(record: bytes) -> int:
    """Return the size of the head that a seal speaks of. Raises DamagedPage."""
    if len(record) != SEAL_SIZE or record[:4] != _SEAL_MARK:
        raise DamagedPage("no seal")
    size: int = _SEAL.unpack(record)[1]
    if size > HEAD_LIMIT:
        raise DamagedPage("the head is too large")
    return size


def check(secret: bytes, identifier: str, head: bytes, record: bytes) -> None:
    """Raise DamagedPage unless `record` is the seal of `head` under this name and secret."""
    if not hmac.compare_digest(seal(secret, identifier, head), record):
        raise DamagedPage("the seal does not fit")


def framed_size(start: bytes) -> int:
    """Return the size of the head record that starts with these 11 bytes. Raises DamagedPage."""
    if len(start) != _FRAME.size or start[:3] != _PROTO + b"\x95":
        raise DamagedPage("no head")
    size: int = _FRAME.unpack(start)[1] + _FRAME.size
    if size > HEAD_LIMIT:
        raise DamagedPage("the head is too large")
    return size


def read_head(record: bytes) -> Head:
    """Read what the index needs of a head whose seal was checked. Raises DamagedPage."""
    return _Cursor(record).head()


def read_entry(record: bytes) -> tuple[Head, Entry]:
    """Read a head whose seal was checked. Raises DamagedPage."""
    cursor = _Cursor(record)
    head = cursor.head()
    reason, fields = cursor.rest()
    entry = Entry(
        url=head.url,
        vary=head.vary,
        status=head.status,
        reason=reason,
        fields=fields,
        requested_at=head.requested_at,
        received_at=head.received_at,
    )
    return head, entry


class _Cursor:
    """Walks over a head in its one layout; whatever differs is damage."""

    def __init__(self, record: bytes) -> None:
        self._data = record
        self._at = _FRAME.size

    def head(self) -> Head:
        try:
            self._expect(b"}(")
            return Head(
                url=self._text("url"),
                vary=self._pairs("vary"),
                status=self._number("status"),
                last_modified=self._text("last_modified"),
                requested_at=self._time("requested_at"),
                received_at=self._time("received_at"),
                length=self._number("length"),
                digest=self._short("digest"),
            )
        except (struct.error, ValueError, IndexError) as error:
            raise DamagedPage("the head cannot be read") from error

    def rest(self) -> tuple[str, Fields]:
        try:
            reason, fields = self._text("reason"), self._pairs("fields")
            self._expect(b"u.")
        except (struct.error, ValueError, IndexError) as error:
            raise DamagedPage("the head cannot be read") from error
        return reason, fields

    def _expect(self, mark: bytes) -> None:
        end = self._at + len(mark)
        if self._data[self._at : end] != mark:
            raise DamagedPage("the head has another layout")
        self._at = end

    def _text(self, key: str) -> str:
        self._expect(_text(key))
        return self._string()

    def _string(self) -> str:
        data, at = self._data, self._at
        if data[at] != 0x58:
            raise DamagedPage("the head has another layout")
        end = at + 5 + int.from_bytes(data[at + 1 : at + 5], "little")
        if end > len(data):
            raise DamagedPage("the head is cut off")
        self._at = end
        return data[at + 5 : end].decode("utf-8", "surrogatepass")

    def _pairs(self, key: str) -> Fields:
        self._expect(_text(key) + b"](")
        found = []
        while self._data[self._at] != 0x65:
            found.append((self._string(), self._string()))
            self._expect(b"\x86")
        self._at += 1
        return tuple(found)

    def _number(self, key: str) -> int:
        self._expect(_text(key) + b"\x8a\x08")
        self._at += 8
        return int.from_bytes(self._data[self._at - 8 : self._at], "little")

    def _time(self, key: str) -> float:
        self._expect(_text(key) + b"G")
        self._at += 8
        seconds: float = _F64.unpack_from(self._data, self._at - 8)[0]
        return seconds

    def _short(self, key: str) -> bytes:
        self._expect(_text(key) + b"C\x10")
        self._at += _DIGEST
        return self._data[self._at - _DIGEST : self._at]


def _mac(secret: bytes, identifier: str, head: bytes) -> bytes:
    words = hashlib.blake2b(
        identifier.encode(), digest_size=16, key=secret, person=b"tcpnet seal 1"
    )
    words.update(head)
    return words.digest()


def _text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return b"".join((b"X", _U32.pack(len(raw)), raw))


def _pairs(fields: Fields) -> bytes:
    pairs = [b"".join((_text(name), _text(value), b"\x86")) for name, value in fields]
    return b"".join((b"](", *pairs, b"e"))


def _number(value: int) -> bytes:
    # Eight bytes, signed, as LONG1: one form for every size of page.
    return b"\x8a\x08" + value.to_bytes(8, "little", signed=True)


def _time(seconds: float) -> bytes:
    return b"G" + _F64.pack(seconds)


def _short(data: bytes) -> bytes:
    return b"C" + bytes((len(data),)) + data

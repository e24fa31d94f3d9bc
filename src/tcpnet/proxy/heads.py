"""The head of a stored page: a pickled dict in one fixed layout, and the seal that vouches for it.

Any program reads it with `pickle.load`; this one walks over it and takes nothing that it would
not have written itself, so a file can name no code and make nothing larger than it is.
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

LIMIT: Final = 128 * 1024
"""Bytes of the largest head kept: several times what a fetch accepts."""

SEAL_SIZE: Final = 25
"""Bytes of a seal's record: the head's size and a MAC, as one `bytes` pickle."""

FRAME_SIZE: Final = 11
"""Bytes with which every head starts: they tell its size."""

_FRAME: Final = struct.Struct("<3sQ")
_FRAME_MARK: Final = b"\x80\x05\x95"
_SEAL: Final = struct.Struct("<4sI16sc")
_SEAL_MARK: Final = b"\x80\x05C\x14"
_U32: Final = struct.Struct("<I")
_I64: Final = struct.Struct("<q")
_F64: Final = struct.Struct(">d")


class DamagedPage(TcpnetError):
    """A file is not what this hub wrote; it is dropped and counts as a miss."""


@dataclass(slots=True)
class Head:
    """What a head tells before the fields, and all that the index needs of it.

    `length` counts the body's bytes; `digest` is the digest of the record of their digests.
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
    """Return the name of the response to a normalised URL for a variant: 32 hex digits."""
    words = "\0".join((url, *chain.from_iterable(vary))).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(words, digest_size=16, person=b"tcpnet page 1").hexdigest()


def last_modified(entry: Entry) -> str:
    """Return the Last-Modified field as it came; "" without one."""
    return next(iter(values(entry.fields, "last-modified")), "")


def seal(secret: bytes, identifier: str, head: bytes) -> bytes:
    """Return the record that vouches for `head` as the head of the page of that name."""
    mac = hashlib.blake2b(identifier.encode(), digest_size=16, key=secret, person=b"tcpnet seal 1")
    mac.update(head)
    return _SEAL.pack(_SEAL_MARK, len(head), mac.digest(), b".")


def sealed_size(record: bytes) -> int:
    """Return the size of the head that a seal speaks of. Raises DamagedPage."""
    if len(record) != SEAL_SIZE or not record.startswith(_SEAL_MARK):
        raise DamagedPage("it does not end in a seal")
    size: int = _U32.unpack_from(record, len(_SEAL_MARK))[0]
    if size > LIMIT:
        raise DamagedPage("its head is too large")
    return size


def unseal(secret: bytes, identifier: str, tail: bytes) -> bytes:
    """Return the head at the end of `tail`, whose seal ends it. Raises DamagedPage."""
    record = tail[-SEAL_SIZE:]
    size = sealed_size(record)
    head = tail[-SEAL_SIZE - size : -SEAL_SIZE]
    if not hmac.compare_digest(seal(secret, identifier, head), record):
        raise DamagedPage("its seal does not fit")
    return head


def framed_size(start: bytes) -> int:
    """Return the size of the head that starts with these bytes. Raises DamagedPage."""
    mark, size = _FRAME.unpack(start)
    if mark != _FRAME_MARK or size > LIMIT:
        raise DamagedPage("it has no head where one should be")
    return int(size) + FRAME_SIZE


def write_head(entry: Entry, length: int, digest: bytes) -> bytes:
    """Return the pickled head of a stored response. Raises DamagedPage when it is too large."""
    content = b"".join(
        (
            _URL, _text(entry.url),
            _VARY, _pairs(entry.vary),
            _STATUS, _I64.pack(entry.status),
            _LAST_MODIFIED, _text(last_modified(entry)),
            _REQUESTED_AT, _F64.pack(entry.requested_at),
            _RECEIVED_AT, _F64.pack(entry.received_at),
            _LENGTH, _I64.pack(length),
            _DIGEST, digest,
            _REASON, _text(entry.reason),
            _FIELDS, _pairs(entry.fields),
            _END,
        )
    )  # fmt: skip
    if len(content) > LIMIT - FRAME_SIZE:
        raise DamagedPage("its head is too large")
    return _FRAME.pack(_FRAME_MARK, len(content)) + content


def read_head(record: bytes) -> Head:
    """Read what the index needs of a head whose seal was checked. Raises DamagedPage."""
    try:
        return _Cursor(record).head()
    except (struct.error, ValueError, IndexError) as error:
        raise DamagedPage("its head cannot be read") from error


def read_entry(record: bytes) -> tuple[Head, Entry]:
    """Read all of a head whose seal was checked. Raises DamagedPage."""
    cursor = _Cursor(record)
    try:
        head = cursor.head()
        reason, fields = cursor.rest()
    except (struct.error, ValueError, IndexError) as error:
        raise DamagedPage("its head cannot be read") from error
    entry = Entry(
        head.url, head.vary, head.status, reason, fields, head.requested_at, head.received_at
    )
    return head, entry


class _Cursor:
    """Walks over a head; whatever differs from its one layout is a ValueError."""

    def __init__(self, record: bytes) -> None:
        self._data = record
        self._at = FRAME_SIZE

    def head(self) -> Head:
        return Head(
            url=self._text(_URL),
            vary=self._pairs(_VARY),
            status=self._number(_STATUS),
            last_modified=self._text(_LAST_MODIFIED),
            requested_at=self._time(_REQUESTED_AT),
            received_at=self._time(_RECEIVED_AT),
            length=self._number(_LENGTH),
            digest=self._plain(_DIGEST, 16),
        )

    def rest(self) -> tuple[str, Fields]:
        reason, fields = self._text(_REASON), self._pairs(_FIELDS)
        self._plain(_END, 0)
        return reason, fields

    def _plain(self, mark: bytes, size: int) -> bytes:
        start = self._at + len(mark)
        if not self._data.startswith(mark, self._at) or start + size > len(self._data):
            raise ValueError("another layout")
        self._at = start + size
        return self._data[start : self._at]

    def _number(self, mark: bytes) -> int:
        return int.from_bytes(self._plain(mark, 8), "little")

    def _time(self, mark: bytes) -> float:
        seconds: float = _F64.unpack(self._plain(mark, 8))[0]
        return seconds

    def _text(self, mark: bytes) -> str:
        size = int.from_bytes(self._plain(mark, 4), "little")
        return self._plain(b"", size).decode("utf-8", "surrogatepass")

    def _pairs(self, mark: bytes) -> Fields:
        self._plain(mark, 0)
        data, at = self._data, self._at
        found = []
        # One plain loop: fields are most of a head, and every page read from disk pays for it.
        while data[at] != _APPENDS:
            middle = at + 5 + _U32.unpack_from(data, at + 1)[0]
            end = middle + 5 + _U32.unpack_from(data, middle + 1)[0]
            if data[at] != _UNICODE or data[middle] != _UNICODE or data[end] != _TUPLE2:
                raise ValueError("another layout")
            name = data[at + 5 : middle].decode("utf-8", "surrogatepass")
            found.append((name, data[middle + 5 : end].decode("utf-8", "surrogatepass")))
            at = end + 1
        self._at = at + 1
        return tuple(found)


def _text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return len(raw).to_bytes(4, "little") + raw


def _pairs(fields: Fields) -> bytes:
    return b"".join([b"X%bX%b\x86" % (_text(name), _text(value)) for name, value in fields]) + b"e"


def _key(name: str, opcode: bytes) -> bytes:
    return b"X" + _text(name) + opcode


# Each key with the opcode of its value, up to where the value's own bytes begin. Numbers are
# LONG1 of eight bytes: one form for every size.
_UNICODE, _TUPLE2, _APPENDS = b"X\x86e"
_URL: Final = b"}(" + _key("url", b"X")
_VARY: Final = _key("vary", b"](")
_STATUS: Final = _key("status", b"\x8a\x08")
_LAST_MODIFIED: Final = _key("last_modified", b"X")
_REQUESTED_AT: Final = _key("requested_at", b"G")
_RECEIVED_AT: Final = _key("received_at", b"G")
_LENGTH: Final = _key("length", b"\x8a\x08")
_DIGEST: Final = _key("digest", b"C\x10")
_REASON: Final = _key("reason", b"X")
_FIELDS: Final = _key("fields", b"](")
_END: Final = b"u."

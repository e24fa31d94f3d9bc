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
from tcpnet.proxy.entry import Entry, Fields, Lines

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


class DamagedPage(TcpnetError):
    """A file is not what this hub wrote; it is dropped and counts as a miss."""


@dataclass(slots=True)
class Head:
    """What a head tells before the fields, and all that the index needs of it.

    `length` counts the body's bytes; `digest` is the digest of the record of their digests.
    """

    url: str
    vary: Lines
    status: int
    last_modified: str
    requested_at: float
    received_at: float
    length: int
    digest: bytes


def identify(url: str, vary: Lines) -> str:
    """Return the name of the response to a normalised URL for a variant: 32 hex digits."""
    words = "\0".join((url, *chain.from_iterable(vary)))
    return hashlib.blake2b(words.encode(), digest_size=16, person=b"tcpnet page 1").hexdigest()


def last_modified(entry: Entry) -> str:
    """Return the Last-Modified field as it came; "" without one."""
    return next(iter(entry.fields.values("last-modified")), "")


def seal(secret: bytes, identifier: str, head: bytes) -> bytes:
    """Return the record that vouches for `head` as the head of the page of that name."""
    sealed = identifier.encode() + head
    mac = hashlib.blake2b(sealed, digest_size=16, key=secret, person=b"tcpnet seal 1")
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
    head = tail[-SEAL_SIZE - sealed_size(record) : -SEAL_SIZE]
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
            _LAST_MODIFIED, _text(last_modified(entry)),
            _NUMBERS.pack(
                _STATUS, entry.status.to_bytes(8, "little"),
                _REQUESTED_AT, entry.requested_at,
                _RECEIVED_AT, entry.received_at,
                _LENGTH, length.to_bytes(8, "little"),
                _DIGEST, digest,
            ),
            _REASON, _text(entry.reason),
            _FIELDS, _pairs(entry.fields.lines),
            _END,
        )
    )  # fmt: skip
    if len(content) > LIMIT - FRAME_SIZE:
        raise DamagedPage("its head is too large")
    return _FRAME.pack(_FRAME_MARK, len(content)) + content


def read_head(record: bytes) -> Head:
    """Read what the index needs of a head whose seal was checked. Raises DamagedPage."""
    try:
        return _head(record)[0]
    except (struct.error, ValueError, IndexError) as error:
        raise DamagedPage("its head cannot be read") from error


def read_entry(record: bytes) -> tuple[Head, Entry]:
    """Read all of a head whose seal was checked. Raises DamagedPage."""
    try:
        head, at = _head(record)
        reason, at = _read_text(record, at, _REASON)
        fields, at = _read_pairs(record, at, _FIELDS)
        _skip(record, at, _END)
    except (struct.error, ValueError, IndexError) as error:
        raise DamagedPage("its head cannot be read") from error
    entry = Entry(
        head.url,
        head.vary,
        head.status,
        reason,
        Fields(fields),
        head.requested_at,
        head.received_at,
    )
    return head, entry


# Each reader takes the head and a place in it, and returns what stands there and where that ends.
# Whatever differs from the one layout is a ValueError or an IndexError.


def _head(data: bytes) -> tuple[Head, int]:
    url, at = _read_text(data, FRAME_SIZE, _URL)
    vary, at = _read_pairs(data, at, _VARY)
    modified, at = _read_text(data, at, _LAST_MODIFIED)
    a, status, b, requested_at, c, received_at, d, length, e, digest = _NUMBERS.unpack_from(
        data, at
    )
    if (a, b, c, d, e) != _NUMBER_MARKS:
        raise ValueError("another layout")
    status, length = int.from_bytes(status, "little"), int.from_bytes(length, "little")
    head = Head(url, vary, status, modified, requested_at, received_at, length, digest)
    return head, at + _NUMBERS.size


def _skip(data: bytes, at: int, mark: bytes) -> int:
    if not data.startswith(mark, at):
        raise ValueError("another layout")
    return at + len(mark)


def _read_text(data: bytes, at: int, mark: bytes) -> tuple[str, int]:
    start, end = _span(data, _skip(data, at, mark))
    return data[start:end].decode(), end


def _read_pairs(data: bytes, at: int, mark: bytes) -> tuple[Lines, int]:
    at = _skip(data, at, mark)
    found = []
    # `_span` is written out: fields are most of a head, and a call for each doubles the time.
    while data[at] != _APPENDS:
        if data[at] != _SHORT_TEXT:
            start, middle = _span(data, at)
        else:
            start, middle = at + 2, at + 2 + data[at + 1]
        name = data[start:middle].decode()
        if data[middle] != _SHORT_TEXT:
            start, at = _span(data, middle)
        else:
            start, at = middle + 2, middle + 2 + data[middle + 1]
        found.append((name, data[start:at].decode()))
        if data[at] != _TUPLE2:
            raise ValueError("another layout")
        at += 1
    return tuple(found), at + 1


def _span(data: bytes, at: int) -> tuple[int, int]:
    """Return where the text that is pickled at `at` begins and ends."""
    if data[at] == _SHORT_TEXT:
        return at + 2, at + 2 + data[at + 1]
    if data[at] == _LONG_TEXT:
        return at + 5, at + 5 + int.from_bytes(data[at + 1 : at + 5], "little")
    raise ValueError("another layout")


class _Sizes(dict[int, bytes]):
    """What a pickle has before a text of so many bytes; those of short ones are made already."""

    def __missing__(self, size: int) -> bytes:
        return b"X" + size.to_bytes(4, "little")


_SIZES: Final = _Sizes({size: b"\x8c%c" % size for size in range(256)})


def _text(value: str) -> bytes:
    raw = value.encode()
    return _SIZES[len(raw)] + raw


def _pairs(lines: Lines) -> bytes:
    parts: list[bytes] = []
    # `_text` is written out, as `_span` is above.
    for name, value in lines:
        key, said = name.encode(), value.encode()
        parts += (_SIZES[len(key)], key, _SIZES[len(said)], said, b"\x86")
    parts.append(b"e")
    return b"".join(parts)


_SHORT_TEXT, _LONG_TEXT, _TUPLE2, _APPENDS = b"\x8cX\x86e"
# Each key with what of its value is always the same. Whole numbers are LONG1 of eight bytes: one
# form for every size.
_URL: Final = b"}(" + _text("url")
_VARY: Final = _text("vary") + b"]("
_LAST_MODIFIED: Final = _text("last_modified")
_STATUS: Final = _text("status") + b"\x8a\x08"
_REQUESTED_AT: Final = _text("requested_at") + b"G"
_RECEIVED_AT: Final = _text("received_at") + b"G"
_LENGTH: Final = _text("length") + b"\x8a\x08"
_DIGEST: Final = _text("digest") + b"C\x10"
_REASON: Final = _text("reason")
_FIELDS: Final = _text("fields") + b"]("
_END: Final = b"u."
_NUMBER_MARKS: Final = (_STATUS, _REQUESTED_AT, _RECEIVED_AT, _LENGTH, _DIGEST)
_NUMBERS: Final = struct.Struct(
    f">{len(_STATUS)}s8s{len(_REQUESTED_AT)}sd{len(_RECEIVED_AT)}sd{len(_LENGTH)}s8s{len(_DIGEST)}s16s"
)

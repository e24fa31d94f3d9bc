"""Frames in and out: items to lines, lines to items, bytes to lines."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, Generic, TypeVar, Union, cast

import msgspec

from tcpnet.errors import ProtocolError
from tcpnet.protocol import items
from tcpnet.protocol.items import Body, FromClient, FromServer, Item, Print

MAX_FRAME: Final = 65_536
"""Bytes of one encoded frame, its newline included."""

MAX_PIECE: Final = 16_384
"""Bytes of one encoded piece of a long text."""

_TAGS: Final[Mapping[type[Body], str]] = {
    items.Secure: "secure",
    items.Hello: "hello",
    items.Welcome: "welcome",
    items.Status: "status",
    items.Print: "print",
    items.Input: "input",
    items.Reply: "reply",
    items.Progress: "progress",
    items.Cancel: "cancel",
    items.File: "file",
    items.Get: "get",
    items.Data: "data",
    items.Seen: "seen",
    items.Ping: "ping",
    items.Pong: "pong",
    items.Bye: "bye",
}

Known = TypeVar("Known", bound=Item)


class _Tagged(msgspec.Struct):
    type: str
    body: msgspec.Raw = msgspec.Raw(b"{}")


class _Frame(msgspec.Struct):
    headers: list[_Tagged]


_CUT: Final = "Input data was truncated"
"""What msgspec says of a line that ends too early."""

_HEADS: Final[Mapping[type[Body], bytes]] = {
    kind: b'{"headers":[{"type":"%b","body":' % tag.encode() for kind, tag in _TAGS.items()
}
"""What stands before the body in a frame of one item."""

_encoder: Final = msgspec.json.Encoder()
_frames: Final = msgspec.json.Decoder(_Frame)


def encode(*frame: Item) -> bytes:
    """One line for these items, its newline included.

    Raises ValueError for a frame over `MAX_FRAME`: the caller had to cut it.
    """
    if len(frame) == 1:  # as nearly all: half the work
        line = _HEADS[type(frame[0])] + _encoder.encode(frame[0]) + b"}]}\n"
    else:
        headers = [{"type": _TAGS[type(item)], "body": item} for item in frame]
        line = _encoder.encode({"headers": headers}) + b"\n"
    if len(line) > MAX_FRAME:
        raise ValueError(f"a frame of {len(line)} bytes is over the limit of {MAX_FRAME}")
    return line


class Decoder(Generic[Known]):
    """Turns one side's lines into items; what it does not know it leaves out."""

    def __init__(self, *known: type[Known]) -> None:
        self._usual = _decoder_of_usual(known)
        self._bodies: dict[str, msgspec.json.Decoder[Known]] = {
            _TAGS[kind]: msgspec.json.Decoder(kind) for kind in known
        }

    def decode(self, line: bytes) -> list[Known]:
        """Read one line; raises ProtocolError with a reason for people."""
        try:
            tagged = self._usual.decode(line).headers
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._decode_item_by_item(line)
        return [tagged[0].body] if len(tagged) == 1 else [one.body for one in tagged]

    def _decode_item_by_item(self, line: bytes) -> list[Known]:
        try:
            frame = _frames.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProtocolError(f"not a frame: {_flaw(line, error)}") from error
        found: list[Known] = []
        for tagged in frame.headers:
            body = self._bodies.get(tagged.type)
            if body is None:  # the must-ignore rule: newer peers may say more
                continue
            try:
                found.append(body.decode(tagged.body))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise ProtocolError(f"item {tagged.type}: {error}") from error
        return found


@cache  # one is 27 KiB, and holds nothing of what it read
def from_client() -> Decoder[FromClient]:
    """The decoder of what clients say."""
    return cast("Decoder[FromClient]", Decoder[Any](*_members(FromClient)))


@cache
def from_server() -> Decoder[FromServer]:
    """The decoder of what servers say."""
    return cast("Decoder[FromServer]", Decoder[Any](*_members(FromServer)))


def _decoder_of_usual(known: Iterable[type[Body]]) -> msgspec.json.Decoder[Any]:
    """Reads frames in which all is known and has a body, in half the time: nearly all are so."""
    tagged = [
        msgspec.defstruct(kind.__name__, [("body", kind)], tag_field="type", tag=_TAGS[kind])
        for kind in known
    ]
    anything: Any = Union[tuple(tagged)]  # noqa: UP007 - its members are made here
    return msgspec.json.Decoder(msgspec.defstruct("Frame", [("headers", list[anything])]))


def _members(union: Any) -> tuple[type[Body], ...]:
    return cast("tuple[type[Body], ...]", union.__args__)


def _flaw(line: bytes, error: Exception) -> str:
    """What is wrong with a line; the library has no words for these."""
    if not line.strip():
        return "an empty line"
    if _has_lone_surrogate(line):
        return "a lone surrogate is no text"
    return "it ends in the middle" if str(error) == _CUT else str(error)


def _has_lone_surrogate(line: bytes) -> bool:
    try:
        json.dumps(json.loads(line), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


class Lines:
    """Bytes in, whole lines out, whatever the cuts between reads; an iterator of its own."""

    def __init__(self, max_line: int = MAX_FRAME) -> None:
        self.max_line = max_line
        self._rest = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> None:
        """Add what arrived."""
        self._rest += data

    def is_one(self, data: bytes) -> bool:
        """Whether what arrived is one whole line, with nothing before it or behind."""
        return data.find(b"\n") == len(data) - 1 < self.max_line and not self._rest

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Take the next whole line, without its newline.

        Raises ProtocolError for a line over `max_line` bytes, finished or not.
        """
        end = self._rest.find(b"\n", self._searched)
        if (len(self._rest) if end < 0 else end) >= self.max_line:
            raise ProtocolError(
                f"a frame is at most {self.max_line} bytes", bound="limits.frame_bytes"
            )
        if end < 0:
            # A peer that sends byte by byte must not make us search the same bytes again.
            self._searched = len(self._rest)
            raise StopIteration
        line = bytes(self._rest[:end])
        del self._rest[: end + 1]  # from the front: no bytes are moved
        self._searched = 0
        return line

    def __len__(self) -> int:
        """Bytes waiting for the end of their line."""
        return len(self._rest)


def pieces(item: Print) -> Iterator[Print]:
    """Cut a long `print` into items of at most `MAX_PIECE` encoded bytes.

    All but the last say `more`: joined without anything between, the messages are the whole text.
    The richer fields would not fit their piece, so a cut text goes without `text`. The other
    fields are names, ids and numbers, far below a piece.
    """
    if _encoded_size(item) <= MAX_PIECE:
        yield item
        return
    rest = item.message
    bare = msgspec.structs.replace(item, message="", text=None, more=True)
    free = max(MAX_PIECE - _encoded_size(bare), 1024)
    while True:
        piece = _head(rest, free)
        rest = rest[len(piece) :]
        if not rest:
            yield msgspec.structs.replace(bare, message=piece, more=item.more)
            return
        yield msgspec.structs.replace(bare, message=piece)


def _encoded_size(value: object) -> int:
    return len(_encoder.encode(value))


def _head(text: str, max_bytes: int) -> str:
    """The longest start of the text whose encoding has at most `max_bytes` bytes, halving."""
    head = text[:max_bytes]
    while _encoded_size(head) > max_bytes:
        # At most six bytes a character once escaped: this ends after a few rounds.
        head = head[: len(head) * max_bytes // _encoded_size(head) or 1]
    return head

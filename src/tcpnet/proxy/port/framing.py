"""Where the body of a request ends: a length, or chunks, and never two opinions (RFC 9112 §6)."""

import re
from typing import Final, Protocol

from tcpnet.proxy.port.heads import RequestHead
from tcpnet.proxy.port.refusals import Malformed

MAX_LINE: Final = 4096
"""Bytes of a chunk's first line, and of a trailer."""

MAX_TRAILERS: Final = 64
"""Lines behind the last chunk; they are read and left out."""

_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t -~\x80-\xff]*)?")
_TRAILER: Final = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*")


class Framing(Protocol):
    """Takes the bytes of a connection apart into those of a body and what follows it."""

    ended: bool

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Return the pieces of the body in `data`, and what was not used. Raises Malformed."""
        ...


def of(head: RequestHead) -> Framing | None:
    """Return how the body of this request is framed; None where there is none.

    Raises Malformed where the head leaves it open (RFC 9112 §6.3): that is how one request is
    smuggled inside another.
    """
    if "transfer-encoding" in head.fields.index:
        return _chunked(head)
    if "content-length" not in head.fields.index:
        return None
    lengths = head.fields.values("content-length")
    if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]):
        raise Malformed("The request has a Content-Length that is not one number.")
    return Counted(int(lengths[0])) if int(lengths[0]) else None


def _chunked(head: RequestHead) -> Framing:
    if "content-length" in head.fields.index:
        raise Malformed("The request has both Content-Length and Transfer-Encoding.")
    if not head.is_1_1:
        raise Malformed("A request in HTTP/1.0 has no Transfer-Encoding.")
    codings = head.fields.index["transfer-encoding"].lower()
    if codings == "chunked":
        return Chunked()
    if re.fullmatch(r"[a-z0-9-]+[ \t]*,[ \t]*chunked", codings) and "chunked" not in codings[:7]:
        raise Malformed("No transfer coding but chunked is understood here.", 501)
    raise Malformed("The request has a Transfer-Encoding that is not chunked.")


class Counted:
    """A body of a known number of bytes."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.ended = False

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Take what belongs to the body."""
        piece, rest = data[: self._left], data[self._left :]
        self._left -= len(piece)
        self.ended = not self._left
        return [piece] if piece else [], rest


class Chunked:
    """A body in chunks (RFC 9112 §7.1), whose lines end in CRLF and nothing else."""

    def __init__(self) -> None:
        self.ended = False
        self._left = 0
        self._trailers = -1
        self._closes = False

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Take whole chunks apart; of a line that is not all there nothing is used."""
        pieces: list[bytes] = []
        while data and not self.ended:
            if self._left:
                piece, data = data[: self._left], data[self._left :]
                self._left -= len(piece)
                self._closes = not self._left
                pieces.append(piece)
                continue
            line, crlf, rest = data.partition(b"\r\n")
            if not crlf:
                self._judge(line)
                break
            data = rest
            self._take(line)
        return pieces, data

    def _take(self, line: bytes) -> None:
        if self._closes:
            if line:
                raise Malformed("A chunk of the body is longer than it says.")
            self._closes = False
        elif self._trailers >= 0:
            self._take_trailer(line)
        else:
            self._begin(line)

    def _begin(self, line: bytes) -> None:
        found = _CHUNK.fullmatch(line)
        if not found or len(line) > MAX_LINE:
            raise Malformed("The body has a chunk without a valid size.")
        self._left = int(found[1], 16)
        if not self._left:
            self._trailers = 0

    def _take_trailer(self, line: bytes) -> None:
        self.ended = not line
        self._trailers += 1
        too_much = self._trailers > MAX_TRAILERS or len(line) > MAX_LINE
        if too_much or (line and not _TRAILER.fullmatch(line)):
            raise Malformed("What follows the body is not valid.")

    def _judge(self, line: bytes) -> None:
        if self._closes and line != b"\r":
            raise Malformed("A chunk of the body is longer than it says.")
        if len(line) > MAX_LINE or b"\n" in line:
            raise Malformed("The body has a chunk without a valid size.")

"""Content codings undone for showing: piece by piece, and never more than a bound."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from typing import Final

from tcpnet.proxy.failures import FetchError
from tcpnet.proxy.fields import members

MAX_SHOWN: Final = 8 * 1024 * 1024
"""Bytes that a body is unpacked to at most."""

ACCEPT_ENCODING: Final = "gzip, deflate"
"""What to ask for when a page is to be shown: br and zstd need libraries that are not here."""

# Bytes handed on at once: between two pieces of a bomb everybody else has a turn.
_PIECE: Final = 64 * 1024

# Bytes taken in at once: a gzip member of 20 bytes copies all that follow it in its window.
_WINDOW: Final = 4 * 1024

# One coding over another; nobody sends more in earnest.
_MAX_CODINGS: Final = 2

_GZIP: Final = frozenset({"gzip", "x-gzip"})
_KNOWN: Final = _GZIP | {"deflate"}
_GZIP_BEGINS: Final = 0x1F


class Undecodable(FetchError):
    """The body is packed in a way that is unknown here, or is damaged."""


class TooLarge(FetchError):
    """There is more of the body than is shown; what comes before has been handed on."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The page is larger than the {limit} bytes that are shown.")
        self.limit = limit


async def decoded(
    chunks: AsyncIterable[bytes], content_encoding: str | None, limit: int = MAX_SHOWN
) -> AsyncGenerator[bytes, None]:
    """Yield the body as it was before its codings were applied (RFC 9110 §8.4).

    Raises Undecodable for codings other than gzip and deflate and for damaged data, TooLarge
    after `limit` bytes if there are more.
    """
    named = [word for word in members((content_encoding or "").lower()) if word != "identity"]
    if len(named) > _MAX_CODINGS or not _KNOWN.issuperset(named):
        raise Undecodable(f"The page is packed as {content_encoding!a}, which cannot be undone.")
    for coding in reversed(named):
        # Each layer has the bound, or an inner one could be as large as it likes.
        chunks = _bounded(_unpacked(chunks, is_gzip=coding in _GZIP), limit)
    async for chunk in _bounded(chunks, limit):
        yield chunk


async def _bounded(chunks: AsyncIterable[bytes], limit: int) -> AsyncGenerator[bytes, None]:
    left = limit
    async for chunk in chunks:
        if len(chunk) > left:
            yield chunk[:left]
            raise TooLarge(limit)
        left -= len(chunk)
        yield chunk


async def _unpacked(chunks: AsyncIterable[bytes], *, is_gzip: bool) -> AsyncGenerator[bytes, None]:
    unpacker = _Unpacker(is_gzip=is_gzip)
    async for chunk in chunks:
        for start in range(0, len(chunk), _WINDOW):
            for piece in unpacker.feed(chunk[start : start + _WINDOW]):
                yield piece
                await asyncio.sleep(0)
    if unpacker.is_open:
        raise Undecodable("The page is damaged: its packed form ends early.")


class _Unpacker:
    """gzip with any number of members; deflate with zlib's wrapper or, as some send it, bare."""

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._member: zlib._Decompress | None = None
        self._is_first = True
        self._ended = False

    @property
    def is_open(self) -> bool:
        """Whether what has come so far must go on."""
        return self._member is not None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what these bytes unpack to, in bounded pieces."""
        while data and not self._ended:
            member = self._member or self._begun(data[0])
            if member is None:
                return
            yield from _drained(member, data)
            if not member.eof:
                return
            data, self._member = member.unused_data, None

    def _begun(self, first: int) -> "zlib._Decompress | None":
        # What follows a member and is none is padding, as gzip itself takes it.
        self._ended = not self._is_first and not (self._is_gzip and first == _GZIP_BEGINS)
        if self._ended:
            return None
        self._is_first = False
        bits = zlib.MAX_WBITS
        if self._is_gzip:
            bits |= 16
        elif first & 0x0F != zlib.DEFLATED:
            bits = -bits
        self._member = zlib.decompressobj(bits)
        return self._member


def _drained(member: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    piece = b"."
    while not member.eof and (data or len(piece) == _PIECE):
        try:
            piece = member.decompress(data, _PIECE)
        except zlib.error as error:
            raise Undecodable("The page is damaged: its packed form makes no sense.") from error
        data = member.unconsumed_tail
        if piece:
            yield piece

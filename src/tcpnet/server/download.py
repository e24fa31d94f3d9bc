"""A fetched body: kept while it is shown, as text where it is text, else as a file to take."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from tcpnet import text
from tcpnet.config import Proxy
from tcpnet.errors import UserError
from tcpnet.proxy import body, codings
from tcpnet.proxy import fields as http
from tcpnet.proxy.answers import Answer
from tcpnet.server.legible import legible
from tcpnet.server.parcel import IN_MEMORY, Parcel
from tcpnet.server.session import Session
from tcpnet.server.turns import Turns

_SAMPLE: Final = 1024
# By its ending a program knows how to unpack what is taken home packed.
_ENDINGS: Final = {"br": ".br", "compress": ".Z", "gzip": ".gz", "x-gzip": ".gz", "zstd": ".zst"}


@dataclass(slots=True)
class Download:
    """All bytes of one answer and what they are; `offered` when the session has them."""

    url: str
    answer: Answer
    parcel: Parcel
    limits: Proxy
    offered: bool = False

    @property
    def media_type(self) -> str:
        """The type that the origin named, without parameters."""
        named = text.clean(body.media_type(self._field("content-type")))
        return named or "application/octet-stream"

    async def shown(self, session: Session) -> None:
        """Show the body, or say what it is; what was not shown whole is offered as a file."""
        if not self.parcel.size:
            return
        try:
            start, whole = await self._start()
        except codings.Undecodable as error:
            session.tell(str(error), kind="notice")
            self._offer(session, *self._packed)
            return
        if not body.is_text(self._field("content-type"), start[:_SAMPLE]):
            what = ", which are no text" if self.media_type.startswith("text/") else ""
            self._offer(session, *await self._unpacked(), what=what)
            return
        await self._read_out(session, start, whole=whole)
        if not whole:
            session.tell(f"Shown are the first {len(start):,} bytes.", kind="notice")
            self._offer(session, *await self._unpacked(), shown=True)

    async def _start(self) -> tuple[bytes, bool]:
        """Return the first bytes without their content codings, and whether they are all."""
        start = bytearray()
        try:
            async for piece in self._decoded(self.limits.show_bytes):
                start += piece
        except codings.TooLarge:
            return bytes(start), False
        return bytes(start), True

    async def _read_out(self, session: Session, start: bytes, *, whole: bool) -> None:
        charset = await asyncio.to_thread(body.charset, start, self._field("content-type"))
        async for words, more in legible(start, charset, whole=whole):
            await session.page(words, more=more)

    def _offer(
        self, session: Session, parcel: Parcel, name: str, *, what: str = "", shown: bool = False
    ) -> None:
        if not shown:
            size = f"{parcel.size:,} bytes"
            session.tell(f"Not shown: {self.media_type}, {size}{what}.", kind="notice")
        session.offer(name, self.media_type, cast("BinaryIO", parcel), parcel.size)
        # It is the session's to close now.
        self.offered = parcel is self.parcel

    async def _unpacked(self) -> tuple[Parcel, str]:
        """Return the file without its content codings, which are of this transfer, and its name.

        An archive stays one, though many sites call its own packing a coding.
        """
        if not self._codings or self._name.endswith((".gz", ".tgz")):
            return self.parcel, self._name
        unpacked = Parcel()
        try:
            async for piece in self._decoded(self.limits.max_bytes):
                await unpacked.add(piece)
            await unpacked.settle()
        except (codings.TooLarge, codings.Undecodable):
            unpacked.close()
            return self._packed
        except BaseException:
            unpacked.close()
            raise
        return unpacked, self._name

    @property
    def _packed(self) -> tuple[Parcel, str]:
        """The file as it came, and its name."""
        return self.parcel, self._name + _ENDINGS.get(self._codings[-1], ".packed")

    def _decoded(self, limit: int) -> AsyncGenerator[bytes, None]:
        return codings.decoded(self.parcel.pieces(), self._field("content-encoding"), limit)

    @property
    def _name(self) -> str:
        return text.clean(body.file_name(self.url, self.answer.fields))

    @property
    def _codings(self) -> list[str]:
        named = http.members((self._field("content-encoding") or "").lower())
        return [coding for coding in named if coding != "identity"]

    def _field(self, name: str) -> str | None:
        return self.answer.fields.index.get(name)


@asynccontextmanager
async def downloaded(
    url: str, answer: Answer, limits: Proxy, turns: Turns, took: Callable[[int], None]
) -> AsyncIterator[Download]:
    """Take a whole body, what is large of it in turns; `took` is told the bytes of each piece.

    Raises FetchError for one that breaks off, UserError for one that is too large.
    """
    download = Download(url, answer, Parcel(), limits)
    try:
        _check(answer.length or 0, limits.max_bytes)
        async for chunk in answer:
            _check(download.parcel.size + len(chunk), limits.max_bytes)
            await download.parcel.add(chunk)
            took(len(chunk))
            if download.parcel.size > IN_MEMORY:
                await turns.take()
        await download.parcel.settle()
        yield download
    finally:
        if not download.offered:
            download.parcel.close()


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise UserError(f"Only pages of up to {limit:,} bytes are fetched here.")

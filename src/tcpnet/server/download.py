"""A fetched body: kept while it is shown, as text where it is text, else as a file to take."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, cast

from tcpnet import text
from tcpnet.errors import UserError
from tcpnet.proxy import body, codings
from tcpnet.proxy import fields as http
from tcpnet.proxy.answers import Answer
from tcpnet.server.session import Session

_IN_MEMORY: Final = 1 << 20
_PIECE: Final = 64 * 1024
_SAMPLE: Final = 1024


@dataclass(slots=True)
class Download:
    """All bytes of one answer, in memory or in a temporary file, and what they are."""

    url: str
    answer: Answer
    content: BinaryIO
    size: int = 0
    offered: bool = False

    @property
    def media_type(self) -> str:
        """The type that the origin named, without parameters."""
        return body.media_type(self._field("content-type")) or "application/octet-stream"

    async def shown(self, session: Session, max_shown: int) -> None:
        """Show the body, or say what it is; what was not shown whole is offered as a file."""
        if not self.size:
            return
        start, whole = await self._start(max_shown)
        if not body.is_text(self._field("content-type"), start[:_SAMPLE]):
            session.tell(f"Not shown: {self.media_type}, {self.size:,} bytes.", kind="notice")
            self._offered(session)
            return
        words = body.text(start, self._field("content-type"))
        await session.page(text.clean_lines(words))
        if not whole:
            session.tell(f"Shown are the first {len(start):,} bytes.", kind="notice")
            self._offered(session)

    async def _start(self, max_shown: int) -> tuple[bytes, bool]:
        """The first bytes without their content coding, and whether they are all."""
        start = bytearray()
        try:
            async for piece in codings.decoded(
                self._pieces(), self._field("content-encoding"), max_shown
            ):
                start += piece
        except codings.TooLarge:
            return bytes(start), False
        return bytes(start), True

    async def _pieces(self) -> AsyncIterator[bytes]:
        self.content.seek(0)
        while piece := self.content.read(_PIECE):
            yield piece

    def _offered(self, session: Session) -> None:
        name = text.clean(body.file_name(self.url, self.answer.fields))
        session.offer(name, self.media_type, self.content, self.size)
        self.offered = True  # it is the session's to close now

    def _field(self, name: str) -> str | None:
        return http.combined(self.answer.fields, name)


@asynccontextmanager
async def downloaded(
    url: str, answer: Answer, max_bytes: int, took: Callable[[int], None]
) -> AsyncIterator[Download]:
    """Take a whole body; `took` is told the bytes of each piece.

    Raises FetchError for one that breaks off, UserError for one over `max_bytes`.
    """
    content = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - an offer may outlive us
    download = Download(url, answer, cast("BinaryIO", content))
    try:
        async for chunk in answer:
            download.size += len(chunk)
            if download.size > max_bytes:
                raise UserError(f"Only pages of up to {max_bytes:,} bytes are fetched here.")
            content.write(chunk)
            took(len(chunk))
        yield download
    finally:
        if not download.offered:
            content.close()

"""Pages to store, and what is asked of them, for the tests of the store."""

import random
from collections.abc import AsyncIterable
from pathlib import Path

from tcpnet.proxy.entry import Entry, Fields, Lines
from tcpnet.proxy.store.index import Page
from tcpnet.proxy.store.pages import PageStore
from tcpnet.proxy.store.spool import PageLost

SECRET = bytes(range(32))
FIELDS = Fields(
    (
        ("Content-Type", "text/plain; charset=latin-1"),
        ("X-Name", "Jos\xe9"),
        ("Set-Thing", "one"),
        ("Set-Thing", "two"),
        ("Last-Modified", "Sat, 01 Jan 2022 00:00:00 GMT"),
        ("X-Long", "long " * 80),
    )
)


def an_entry(
    url: str = "http://a.example/page",
    vary: Lines = (),
    fields: Fields = FIELDS,
    received_at: float = 1_700_000_000.5,
) -> Entry:
    """Return the head of a stored response."""
    return Entry(url, vary, 200, "OK", fields, received_at - 0.25, received_at)


def a_body(size: int, seed: int = 0) -> bytes:
    """Return bytes that no other seed gives."""
    return random.Random(f"{size} {seed}").randbytes(size)


async def store(pages: PageStore, entry: Entry, body: bytes) -> Page:
    """Store a page that the store must keep."""
    with pages.write(entry) as writer:
        await writer.write(body)
        page = await writer.commit()
    assert page is not None, writer.not_kept
    return page


async def read(pages: PageStore, page: Page) -> tuple[Entry, bytes] | None:
    """Read a page whole; None for a miss."""
    reader = await pages.open(page)
    if reader is None:
        return None
    with reader:
        return reader.entry, await joined(reader.chunks())


async def joined(chunks: AsyncIterable[bytes]) -> bytes:
    """Return all that comes, in one piece."""
    return b"".join([chunk async for chunk in chunks])


async def received(chunks: AsyncIterable[bytes]) -> tuple[bytes, PageLost | None]:
    """Return all that comes, and what ended it early."""
    got = b""
    try:
        async for chunk in chunks:
            got += chunk
    except PageLost as error:
        return got, error
    return got, None


def names(folder: Path) -> set[str]:
    """Return the names of all that lies in a folder."""
    return {path.name for path in folder.iterdir()}


def files(folder: Path) -> list[Path]:
    """Return the files of pages in a folder."""
    return sorted(folder.glob("*.pickle"))

"""What the store of pages costs: stores and hits, the index at start, a large body on its way.

`python -m benchmarks.pages` takes about half a minute, needs 3 GiB of disk and leaves nothing
behind.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from benchmarks import disk
from tcpnet.proxy.entry import Entry, Fields
from tcpnet.proxy.store import heads
from tcpnet.proxy.store.folder import Folder
from tcpnet.proxy.store.pages import Limits, Page, PageStore

PAGES: Final = 20_000
ROUNDS: Final = 2_000
SIZES: Final = (1024, 100 * 1024)
MIB: Final = 1 << 20
GIB: Final = 1 << 30
NEEDED: Final = 3 * GIB
FIELDS: Final = Fields(
    (
        ("Date", "Sat, 01 Jan 2022 00:00:00 GMT"),
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", "1024"),
        ("Connection", "keep-alive"),
        ("Vary", "Accept-Encoding"),
        ("Last-Modified", "Fri, 31 Dec 2021 12:00:00 GMT"),
        ("ETag", '"61cef1c0-400"'),
        ("Cache-Control", "public, max-age=3600"),
        ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Security-Policy", "default-src 'self'; img-src *; frame-ancestors 'none'"),
        ("Accept-Ranges", "bytes"),
    )
)


class Pulse:
    """Beats each millisecond; how late the loop was, at worst and for all but one in a hundred."""

    def __init__(self) -> None:
        self._late: list[float] = []

    async def beat(self) -> None:
        """Beat until cancelled."""
        while True:
            due = time.perf_counter() + 0.001
            await asyncio.sleep(0.001)
            self._late.append((time.perf_counter() - due) * 1000)

    def __str__(self) -> str:
        late = sorted(self._late)
        return f"loop late {late[len(late) * 99 // 100]:.1f} ms p99, {late[-1]:.1f} at most"


@asynccontextmanager
async def pulse() -> AsyncIterator[Pulse]:
    """Feel the loop's pulse meanwhile."""
    felt = Pulse()
    beating = asyncio.create_task(felt.beat())
    try:
        yield felt
    finally:
        beating.cancel()
        await asyncio.wait([beating])


def entry(number: int, kind: str = "page") -> Entry:
    """The head of one of many pages."""
    url = f"https://site{number % 100}.example.com/some/{kind}-{number}.html"
    return Entry(url, (("accept-encoding", "gzip"),), 200, "OK", FIELDS, 1.7e9, 1.7e9 + 0.1)


def memory() -> int:
    """The bytes that this process holds now; 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0
    return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def timed(name: str, count: int, act: Callable[[int], Awaitable[object]]) -> None:
    """Do something so many times, one after the other, and print what one cost."""
    wall, processor = time.perf_counter(), time.process_time()
    for number in range(count):
        await act(number)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"{name:34} {wall / count * 1e6:8.1f} us  {processor / count * 1e6:8.1f} us of processor")


class Shelf:
    """Pages of one size in a store, and what can be done to each by its number."""

    def __init__(self, pages: PageStore, size: int) -> None:
        self.stored: list[Page] = list(pages)
        self._pages = pages
        self._body = os.urandom(size)

    async def put(self, number: int) -> None:
        """Store a page."""
        with self._pages.write(entry(number)) as writer:
            await writer.write(self._body)
            page = await writer.commit()
        assert page is not None, "it is kept"
        self.stored.append(page)

    async def hit(self, number: int) -> None:
        """Read a page; the one stored last has number 0."""
        reader = await self._pages.open(self.stored[-1 - number])
        assert reader is not None, "it is a hit"
        with reader:
            async for _ in reader.chunks():
                pass

    async def confirm(self, number: int) -> None:
        """Give a page a newer head, as a 304 does."""
        await self._pages.freshen(self.stored[number], entry(number))


async def small_pages(folder: Path, secret: bytes, size: int) -> None:
    """Store, hit and confirm pages, then hit them without memory."""
    name = f"{size // 1024} KiB"
    in_memory, on_disk = Limits(memory_page=size), Limits(memory_page=size, memory=0)
    async with PageStore(folder, secret, in_memory) as pages:
        shelf = Shelf(pages, size)
        await timed(f"store {name}", ROUNDS, shelf.put)
        await timed(f"hit {name}, memory", min(ROUNDS, pages.stats.memory_pages), shelf.hit)
        assert pages.stats.disk_hits == 0, "all came from memory"
        await timed(f"confirm {name}", ROUNDS, shelf.confirm)
    async with PageStore(folder, secret, on_disk) as pages:
        await pages.loaded()
        await timed(f"hit {name}, disk", ROUNDS, Shelf(pages, size).hit)
        assert pages.stats.memory_hits == 0, "all came from disk"


def many_pages(folder: Path, secret: bytes) -> None:
    """Write the pages of an earlier run."""
    earlier = Folder(folder, secret)
    earlier.claim()
    body = os.urandom(1024)
    for number in range(PAGES):
        head = entry(number)
        identifier = heads.identify(head.url, head.vary)
        earlier.finish(earlier.create(identifier), body, head, len(body))


async def start(folder: Path, secret: bytes) -> None:
    """Enter a store over many pages."""
    before, began, worked = memory(), time.perf_counter(), time.process_time()
    async with PageStore(folder, secret) as pages:
        entered = time.perf_counter() - began
        await pages.loaded()
        elapsed, worked = time.perf_counter() - began, time.process_time() - worked
        each = (memory() - before) / PAGES
        assert len(pages) == PAGES, "every page is found"
    print(
        f"index of {PAGES:,} pages: {elapsed:.3f} s ({worked:.3f} of processor),"
        f" serving after {entered:.3f} s; {each:,.0f} bytes of memory each"
    )


async def large_body(folder: Path, secret: bytes, name: str, limits: Limits) -> None:
    """Pass 1 GiB through a writer to one follower."""
    piece = os.urandom(64 * 1024)
    async with PageStore(folder, secret, limits) as pages:

        async def follow() -> int:
            with writer.follow() as follower:
                return sum([len(chunk) async for chunk in follower])

        with pages.write(entry(0, name)) as writer:
            following = asyncio.create_task(follow())
            before, most, began = memory(), 0, time.perf_counter()
            async with pulse() as felt:
                for number in range(GIB // len(piece)):
                    await writer.write(piece)
                    if not number % 64:
                        most = max(most, memory())
                page = await writer.commit()
                got = await following
            elapsed = time.perf_counter() - began
    assert got == GIB, "the follower gets every byte"
    assert bool(page) is (limits.page >= GIB), "it is kept if it may be"
    print(
        f"1 GiB, {name}: {elapsed:.1f} s, {GIB / MIB / elapsed:,.0f} MiB/s; {felt};"
        f" {(most - before) / MIB:.1f} MiB of memory at most"
    )


async def run(folder: Path) -> None:
    """Measure everything."""
    secret = secrets.token_bytes(32)
    for size in SIZES:
        place = disk.place(folder, size)
        name = f"a bare file of {size // 1024} KiB"
        print(f"{name:34} {place.cost * 1e6:25.1f} us of processor")
        await small_pages(place.folder / "pages", secret, size)
    await asyncio.to_thread(many_pages, folder / "many", secret)
    for _ in range(3):
        await start(folder / "many", secret)
    if shutil.disk_usage(folder).free < NEEDED:
        print(f"1 GiB: left out, {folder} has less than {NEEDED // GIB} GiB free")
        return
    await large_body(folder / "kept", secret, "kept", Limits(disk=2 * GIB, page=GIB, arriving=GIB))
    shutil.rmtree(folder / "kept")
    await large_body(folder / "passed", secret, "too large to keep", Limits())


def main() -> None:
    """Measure in a temporary folder of the disk that `--folder` is on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(), help="where the disk is")
    options = parser.parse_args()
    print(f"python {platform.python_version()}, {sys.platform}")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        disk.scatter(Path(name))
        asyncio.run(run(Path(name)))


if __name__ == "__main__":
    main()

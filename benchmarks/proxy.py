"""What the web proxy promises, measured on loopback against a site in a process of its own.

`python -m benchmarks.proxy` takes about two minutes and 3 GiB of disk, and leaves nothing behind;
named parts are measured alone.
"""

import argparse
import asyncio
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import pages, policy
from benchmarks.uplink import Uplink, uplink
from benchmarks.uplink_people import beside_readers, killed
from tcpnet.proxy.answers import Source
from tcpnet.proxy.entry import PageRequest
from tcpnet.proxy.origin.fetcher import Fetcher
from tcpnet.proxy.origin.guard import Guard, network
from tcpnet.proxy.proxy import WebProxy
from tcpnet.proxy.store.pages import Limits, PageStore

MIB: Final = 1 << 20
GIB: Final = 1 << 30
NEEDED: Final = 3 * GIB
SECRET: Final = secrets.token_bytes(32)

ASKERS: Final = 1000
TRIES: Final = 30
GIGABIT: Final = 125_000_000
"""Bytes a second of a fast uplink."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `met` is None where there is no target, or nothing was measured."""

    what: str
    target: str
    found: str
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part is measured."""

    site: Uplink
    folder: Path


@asynccontextmanager
async def proxy(folder: Path, limits: Limits | None = None) -> AsyncIterator[WebProxy]:
    """A proxy with an empty cache that may fetch from this machine."""
    async with (
        PageStore(folder, SECRET, limits) as store,
        Fetcher(Guard([network("127.0.0.0/8")])) as fetcher,
        WebProxy(store, fetcher) as web,
    ):
        await store.loaded()
        yield web


async def body_size(web: WebProxy, url: str, each: Callable[[], None] = lambda: None) -> int:
    """Fetch a page to its end; its bytes. `each` is called after every piece."""
    async with web.fetch(PageRequest("GET", url)) as answer:
        async for _ in answer:
            each()
        return answer.received


async def large(place: Place) -> list[Row]:
    """Pass 1 GiB through, once too large to keep and once kept."""
    kept = Limits(disk=2 * GIB, page=GIB, arriving=GIB)
    return [
        await _large(place, "passed on", Limits()),
        await _large(place, "kept", kept),
    ]


async def _large(place: Place, name: str, limits: Limits) -> Row:
    async with proxy(place.folder / name, limits) as web:
        await body_size(web, place.site.url(f"/bytes/{MIB}"))
        before = most = pages.memory()

        def look() -> None:
            nonlocal most
            most = max(most, pages.memory())

        began = time.perf_counter()
        size = await body_size(web, place.site.url(f"/bytes/{GIB}"), look)
        elapsed = time.perf_counter() - began
    assert size == GIB, "every byte comes"
    shutil.rmtree(place.folder / name)
    what = f"1 GiB {name}, {GIB / MIB / elapsed:,.0f} MiB/s: memory"
    if not before:
        return Row(what, "", "not told by this system")
    more = (most - before) / MIB
    return Row(what, "< 20 MiB more", f"{more:.1f} MiB", more < 20)


async def first_byte(place: Place) -> list[Row]:
    """Wait for the first byte of 1 GiB from a site that waits 50 ms, in turn with and without."""
    path = f"/bytes/{GIB}?wait=0.05"
    direct, through = [], []
    async with proxy(place.folder / "first") as web:
        for number in range(TRIES):
            began = time.perf_counter()
            reader, writer = await place.site.ask(path)
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(1)
            direct.append(time.perf_counter() - began)
            writer.transport.abort()
            began = time.perf_counter()
            request = PageRequest("GET", place.site.url(f"{path}&number={number}"))
            async with web.fetch(request) as answer:
                await anext(answer)
                through.append(time.perf_counter() - began)
    ratio = median(through) / median(direct)
    what = f"first byte after {median(through) * 1e3:.1f} ms, beside a bare connection"
    return [Row(what, "<= 1.2x", f"{ratio:.2f}x", ratio <= 1.2)]


async def askers(place: Place) -> list[Row]:
    """Let many ask for one cold page at once."""
    url = place.site.url("/bytes/100000?wait=0.2")
    async with proxy(place.folder / "askers") as web:
        before, began = await place.site.asked(), time.perf_counter()
        sizes = await asyncio.gather(*(body_size(web, url) for _ in range(ASKERS)))
        elapsed, asked = time.perf_counter() - began, await place.site.asked() - before
        async with web.fetch(PageRequest("GET", url)) as answer:
            assert answer.source is Source.CACHE, "it is kept"
    assert set(sizes) == {100_000}, "everybody gets the page"
    what = f"requests of the site for {ASKERS:,} askers, served in {elapsed:.1f} s"
    return [Row(what, "1", str(asked), asked == 1)]


async def chat(place: Place) -> list[Row]:
    """Let two people talk while ten fetch 100 MB each."""
    return [
        await _chat(place, "a gigabit uplink", GIGABIT),
        await _chat(place, "an uplink as fast as loopback", None),
    ]


async def _chat(place: Place, name: str, rate: int | None) -> Row:
    with tempfile.TemporaryDirectory(dir=place.folder) as folder:
        delays = await beside_readers(Path(folder), place.site, 10, 100_000_000, rate)
    alone, beside = (_percentile(found, 0.99) for found in (delays.alone, delays.beside))
    middle = _percentile(delays.alone, 0.5), _percentile(delays.beside, 0.5)
    what = (
        f"chat without and with 10 x 100 MB in {delays.fetching:.0f} s by {name}: "
        f"p50 {middle[0] * 1e3:.1f} and {middle[1] * 1e3:.1f} ms, "
        f"p99 {alone * 1e3:.1f} and {beside * 1e3:.1f} ms"
    )
    return Row(what, "<= 2x", f"{beside / alone:.1f}x", beside <= 2 * alone)


def _percentile(found: Sequence[float], share: float) -> float:
    return sorted(found)[int(len(found) * share)]


async def kill(place: Place) -> list[Row]:
    """Kill a real server in the middle of 100 stores, some times."""
    shown = kept = wrong = 0
    for number, after in enumerate((5, 30, 60, 95)):
        with tempfile.TemporaryDirectory(dir=place.folder) as folder:
            left = await killed(Path(folder), place.site, 100, after, first=100 * number)
        shown, kept, wrong = shown + left.shown, kept + left.kept, wrong + left.wrong
    what = f"4 x kill -9 during 100 stores ({shown} shown, {kept} still kept): wrong pages"
    return [Row(what, "0", str(wrong), wrong == 0)]


async def decision(_: Place) -> list[Row]:
    """Decide about a fresh hit, again and again."""
    request = PageRequest("GET", policy.URL, policy.ASKED)
    hit = policy.deciding(request, [policy.keep(request)], policy.NOW + 60)
    took = policy.microseconds(hit)
    return [Row("a decision on a fresh hit", "< 5 µs", f"{took:.2f} µs", took < 5)]


async def index(place: Place) -> list[Row]:
    """Enter a store over the pages of an earlier run; the best of three."""
    folder = place.folder / "index"
    await asyncio.to_thread(pages.many_pages, folder, SECRET)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        async with PageStore(folder, SECRET) as store:
            await store.loaded()
            times.append(time.perf_counter() - began)
            assert len(store) == pages.PAGES, "every page is found"
    what = f"index of {pages.PAGES:,} pages at start"
    return [Row(what, "< 0.5 s", f"{min(times):.2f} s", min(times) < 0.5)]


PARTS: Final[dict[str, Callable[[Place], Awaitable[list[Row]]]]] = {
    part.__name__.replace("_", "-"): part
    for part in (large, first_byte, askers, chat, kill, decision, index)
}
"""Memory first: later it would hide in what others gave back."""

_ON_DISK: Final = frozenset({"large", "chat", "index"})


async def measured(folder: Path, parts: Sequence[str]) -> AsyncIterator[Row]:
    """Measure parts one after the other; where the disk is too full, say so."""
    async with uplink() as site:
        for name in parts:
            if name in _ON_DISK and shutil.disk_usage(folder).free < NEEDED:
                yield Row(name, "", f"left out: less than {NEEDED // GIB} GiB free")
                continue
            for row in await PARTS[name](Place(site, folder)):
                yield row


async def run(folder: Path, parts: Sequence[str]) -> None:
    """Print a table, each row when it is there."""
    print("| what | target | found | |\n| --- | --- | --- | --- |", flush=True)
    async for row in measured(folder, parts):
        verdict = {True: "met", False: "missed", None: ""}[row.met]
        print(f"| {row.what} | {row.target} | {row.found} | {verdict} |", flush=True)


def main() -> None:
    """Measure in a temporary folder of the disk that `--folder` is on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--folder", type=Path, default=Path(), help="where the disk is")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        asyncio.run(run(Path(name), options.parts or list(PARTS)))


if __name__ == "__main__":
    main()

"""The store of pages: an index in memory over a folder of sealed files, within its budgets."""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from tcpnet.lock import FolderLock
from tcpnet.proxy import heads
from tcpnet.proxy.entry import Entry
from tcpnet.proxy.files import PageFile, PartFile
from tcpnet.proxy.folder import Folder, Found
from tcpnet.proxy.heads import DamagedPage
from tcpnet.proxy.index import Front, Held, Index, Page
from tcpnet.proxy.reader import Reader
from tcpnet.proxy.spool import Allowance, Spool
from tcpnet.proxy.writer import Writer

log = logging.getLogger(__name__)

T = TypeVar("T")

# Files looked at, and pages evicted, between two turns of the event loop: about a millisecond.
_BATCH: Final = 256
# Waits (seconds) for whoever has a file open to let go of its name; only Windows needs them.
_RENAME_WAITS: Final = (0.02, 0.2, 1.0, 5.0)
_THREADS: Final = 4
# Seconds between notes on disk of a page's uses: they only order evictions after a restart.
_USE_GRAIN: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets of a store, in bytes; `pages` is a number of files.

    `page` is the largest body kept. `arriving` bounds what bodies on their way take on disk
    together. `memory` holds bodies of up to `memory_page`.
    """

    disk: int = 1 << 30
    pages: int = 100_000
    page: int = 64 << 20
    arriving: int = 512 << 20
    memory: int = 64 << 20
    memory_page: int = 64 << 10


@dataclass(slots=True)
class Stats:
    """What happened since the start, and what there is now (`pages` and all after it)."""

    memory_hits: int = 0
    disk_hits: int = 0
    stored: int = 0
    not_kept: int = 0
    freshened: int = 0
    removed: int = 0
    evicted: int = 0
    damaged: int = 0
    pages: int = 0
    disk_bytes: int = 0
    memory_pages: int = 0
    memory_bytes: int = 0


class PageStore:
    """Stored responses by URL and variant; enter it to claim the folder and to read its index.

    Entering raises ConfigError when the folder is not ours or has another hub. The index of what
    is there already fills in the background: until `loaded`, a page not read yet is a miss.
    """

    def __init__(self, folder: Path, secret: bytes, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._folder = Folder(folder, secret)
        self._lock = FolderLock(folder, "cache folder")
        self._index = Index()
        self._front = Front(self.limits.memory)
        self._allowance = Allowance(self.limits.arriving)
        self._stats = Stats()
        self._removed: set[str] | None = None
        self._loading: asyncio.Task[None] | None = None
        self._open = ExitStack()
        self._threads = ThreadPoolExecutor(_THREADS, "pages")
        # One thread for all that changes what a name stands for: in the order it was decided.
        self._names = ThreadPoolExecutor(1, "page-names")

    async def __aenter__(self) -> Self:
        try:
            await self._in(self._names, self._folder.claim)
            self._open.enter_context(self._lock)
            found = await self._in(self._names, self._folder.sweep)
        except BaseException:
            self._shut()
            raise
        self._removed = set()
        self._loading = asyncio.create_task(self._load(found), name="cache index")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])
        await asyncio.to_thread(self._shut)

    async def loaded(self) -> None:
        """Wait until the index knows every page in the folder."""
        if self._loading is not None:
            await asyncio.wait([self._loading])
            self._loading.result()

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[Page]:
        return iter(self._index)

    @property
    def stats(self) -> Stats:
        """Counters as plain integers."""
        stats = self._stats
        stats.pages, stats.disk_bytes = len(self._index), self._index.size
        stats.memory_pages, stats.memory_bytes = len(self._front), self._front.size
        return stats

    def variants(self, url: str) -> tuple[Page, ...]:
        """Return the pages stored for a normalised URL, newest first."""
        return self._index.variants(url)

    def held(self, page: Page) -> Held | None:
        """Return a page at once if it is in memory; counts as a use."""
        held = self._front.get(page.identifier) if page in self._index else None
        if held is not None:
            self._stats.memory_hits += 1
            self._use(page)
        return held

    async def open(self, page: Page) -> Reader | None:
        """Open a page for reading; None when it is gone or damaged, which makes it a miss."""
        source = self.held(page) or await self._from_disk(page)
        return Reader(page, source, self._threads, self._lose) if source else None

    def write(self, entry: Entry) -> Writer:
        """Begin to store a response, of which `entry` is the whole head."""
        part = self._folder.create(heads.identify(entry.url, entry.vary))
        spool = Spool(part, self._threads, self._allowance)
        return Writer(entry, spool, self.limits.page, self._keep)

    async def freshen(self, page: Page, entry: Entry) -> None:
        """Give a page a newer head, as after a 304; `entry` is the whole head, updated.

        What the disk refuses stays true in memory until the next start.
        """
        if (entry.url, entry.vary) != (page.url, page.vary):
            raise ValueError("a page keeps its URL and its variant")
        self._index.freshen(page, entry.requested_at, entry.received_at, heads.last_modified(entry))
        self._front.freshen(page.identifier, entry)
        self._stats.freshened += 1
        if page not in self._index:
            return
        try:
            size = await self._in(
                self._names, self._folder.freshen, page.identifier, page.size, entry
            )
        except (DamagedPage, OSError) as error:
            log.warning(
                "newer head not written", extra={"page": page.identifier, "error": str(error)}
            )
        else:
            self._index.resize(page, size)

    def remove(self, page: Page) -> None:
        """Forget a page at once, and remove its file soon."""
        if self._index.discard(page):
            self._stats.removed += 1
            self._unlink([page])

    def remove_url(self, url: str) -> int:
        """Forget all variants of a normalised URL; return how many there were."""
        if self._removed is not None:
            self._removed.add(url)
        pages = self._index.variants(url)
        for page in pages:
            self.remove(page)
        return len(pages)

    async def _from_disk(self, page: Page) -> Held | PageFile | None:
        while page in self._index:
            size = page.size
            try:
                source = await self._opened(page)
            except (DamagedPage, FileNotFoundError) as error:
                # What is being renamed or rewritten just now is not damaged: look again after it.
                await self._in(self._names, int)
                if page in self._index and page.size == size:
                    self._lose(page, error)
            except OSError as error:
                log.warning("page not read", extra={"page": page.identifier, "error": str(error)})
                return None
            else:
                if page.size == size:
                    self._note_hit(page, source)
                    return source
                _close(source)
        return None

    async def _opened(self, page: Page) -> Held | PageFile:
        opening = self._threads.submit(self._read, page.identifier, page.size, page.length)
        try:
            return await asyncio.wrap_future(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unused)
            raise

    def _read(self, identifier: str, size: int, length: int) -> Held | PageFile:
        if length > self.limits.memory_page:
            return self._folder.open(identifier, size)
        return Held(*self._folder.read(identifier, size), size)

    def _note_hit(self, page: Page, source: Held | PageFile) -> None:
        self._stats.disk_hits += 1
        self._use(page)
        if isinstance(source, Held) and page in self._index:
            self._front.put(page.identifier, source)

    def _use(self, page: Page) -> None:
        now = time.time()
        self._index.touch(page, now)
        if abs(now - page.noted_at) > _USE_GRAIN:
            page.noted_at = now
            self._names.submit(self._folder.note_use, page.identifier, now)

    def _lose(self, page: Page, error: Exception) -> None:
        log.warning("stored page dropped", extra={"page": page.identifier, "error": str(error)})
        self._stats.damaged += 1
        if self._index.discard(page):
            self._unlink([page])

    async def _keep(self, entry: Entry, spool: Spool) -> Page:
        """Turn what was spooled into a page. Raises DamagedPage and OSError."""
        identifier = heads.identify(entry.url, entry.vary)
        size = await self._in(
            self._names, self._folder.finish, spool.part, spool.tail, entry, spool.received
        )
        await self._name(spool.part, identifier)
        spool.release()
        now = time.time()
        page = Page(
            identifier=identifier,
            url=entry.url,
            vary=entry.vary,
            status=entry.status,
            last_modified=heads.last_modified(entry),
            requested_at=entry.requested_at,
            received_at=entry.received_at,
            used_at=now,
            noted_at=now,
            length=spool.received,
            size=size,
        )
        self._stats.stored += 1
        self._unlink(self._index.add(page))
        if page.length <= self.limits.memory_page and (body := spool.whole()) is not None:
            self._front.put(identifier, Held(entry, body, size))
        await self._evict()
        return page

    async def _name(self, part: PartFile, identifier: str) -> None:
        """Wait for whoever has the file open to let it be renamed. Raises OSError."""
        for wait in _RENAME_WAITS:
            if part.is_named:
                return
            await asyncio.sleep(wait)
            await self._in(self._names, self._folder.move, part, identifier)
        if not part.is_named:
            raise PermissionError("another program has the file open")

    def _unlink(self, pages: Sequence[Page]) -> None:
        if pages:
            for page in pages:
                self._front.drop(page.identifier)
            self._unlink_names([page.identifier for page in pages])

    def _unlink_names(self, identifiers: Sequence[str]) -> None:
        if identifiers:
            self._names.submit(self._folder.remove, identifiers)

    async def _evict(self) -> None:
        """Bring the store back to nine tenths of its budgets, the least used pages first."""
        limits = self.limits
        if len(self._index) <= limits.pages and self._index.size <= limits.disk:
            return
        while batch := list(itertools.islice(self._surplus(), _BATCH)):
            self._unlink(batch)
            self._stats.evicted += len(batch)
            await asyncio.sleep(0)

    def _surplus(self) -> Iterator[Page]:
        """Take pages off the index until it is small enough."""
        pages, size = self.limits.pages * 9 // 10, self.limits.disk * 9 // 10
        while self._index and (len(self._index) > pages or self._index.size > size):
            page = self._index.least_used()
            self._index.discard(page)
            yield page

    async def _load(self, identifiers: list[str]) -> None:
        """Index what an earlier run left, last used first, a batch at a time."""
        damaged = 0
        for start in range(0, len(identifiers), _BATCH):
            batch = identifiers[start : start + _BATCH]
            found, bad = await self._in(self._threads, self._folder.look_at, batch)
            self._unlink_names([name for name in bad if not self._index.knows(name)])
            damaged += len(bad)
            for item in found:
                self._recall(item)
            await self._evict()
        self._removed = None
        self._stats.damaged += damaged
        if damaged:
            log.warning("damaged pages dropped", extra={"pages": damaged})

    def _recall(self, found: Found) -> None:
        """Index a page of an earlier run, unless it was stored anew or removed meanwhile."""
        if self._index.knows(found.identifier):
            return
        if self._removed and found.head.url in self._removed:
            self._unlink_names([found.identifier])
        else:
            self._unlink(self._index.add_unused(_page(found)))

    async def _in(self, threads: Executor, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, call, *arguments)

    def _shut(self) -> None:
        self._threads.shutdown()
        self._names.submit(self._folder.remove, ())
        self._names.shutdown()
        self._open.close()


def _page(found: Found) -> Page:
    head = found.head
    return Page(
        identifier=found.identifier,
        url=head.url,
        vary=head.vary,
        status=head.status,
        last_modified=head.last_modified,
        requested_at=head.requested_at,
        received_at=head.received_at,
        used_at=found.used_at,
        noted_at=found.used_at,
        length=head.length,
        size=found.size,
    )


def _close_unused(opening: Future[Held | PageFile]) -> None:
    """Close what was opened for somebody who is gone."""
    if not opening.cancelled() and opening.exception() is None:
        _close(opening.result())


def _close(source: Held | PageFile) -> None:
    if isinstance(source, PageFile):
        source.close()

"""The store of pages: responses by URL and variant, on disk and in memory, for the event loop."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from tcpnet.lock import FolderLock
from tcpnet.proxy.entry import Entry
from tcpnet.proxy.store import heads
from tcpnet.proxy.store.files import PageFile, PartFile
from tcpnet.proxy.store.folder import Folder
from tcpnet.proxy.store.heads import DamagedPage
from tcpnet.proxy.store.index import Held, Page
from tcpnet.proxy.store.names import Names
from tcpnet.proxy.store.reader import Reader
from tcpnet.proxy.store.shelf import BATCH, Limits, Shelf, Stats
from tcpnet.proxy.store.spool import Allowance, Spool, discard
from tcpnet.proxy.store.writer import Writer

__all__ = ["Held", "Limits", "Page", "PageStore", "Reader", "Stats", "Writer"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_SECRET_SIZE: Final = 32
_THREADS: Final = 4
# Waits (seconds) for whoever has a file open to let go of its name; only Windows needs them.
_RENAME_WAITS: Final = (0.02, 0.2, 1.0, 5.0)


class PageStore:
    """Stored responses; enter it to claim the folder, and leave it after all who use it.

    Entering raises ConfigError when the folder is not ours or another hub has it. The index of
    an earlier run's pages fills in the background: until `loaded`, a page not met yet is a miss.
    `secret` (32 random bytes) seals the files: with another one, all of them count as damaged.
    """

    def __init__(self, folder: Path, secret: bytes, limits: Limits | None = None) -> None:
        if len(secret) != _SECRET_SIZE:
            raise ValueError(f"the secret of the cache has {_SECRET_SIZE} bytes")
        self.folder = folder
        self.limits = limits or Limits()
        self._threads = ThreadPoolExecutor(_THREADS, "pages")
        self._folder = Folder(folder, secret)
        self._names = Names(self._folder.close_written)
        self._lock = FolderLock(folder, "cache folder")
        self._shelf = Shelf(self._folder, self._names, self.limits)
        self._allowance = Allowance(self.limits.arriving)
        self._loading: asyncio.Task[None] | None = None
        self._locked = ExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._names.do(self._folder.claim)
            self._locked.enter_context(self._lock)
            found = await self._names.do(self._folder.sweep)
        except BaseException:
            await self._shut()
            raise
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
        await self._shut()
        if self._loading is not None and not self._loading.cancelled():
            self._loading.result()

    def __len__(self) -> int:
        return len(self._shelf.index)

    def __iter__(self) -> Iterator[Page]:
        """Iterate over a copy of the index, the least used page first."""
        return iter(self._shelf.index)

    @property
    def stats(self) -> Stats:
        """Counters as plain integers."""
        return self._shelf.stats

    async def loaded(self) -> None:
        """Wait until the index knows every page in the folder."""
        if self._loading is not None:
            await asyncio.shield(self._loading)

    def variants(self, url: str) -> tuple[Page, ...]:
        """Return the pages stored for a normalised URL, newest first."""
        return self._shelf.index.variants(url)

    def held(self, page: Page) -> Held | None:
        """Return a page at once if it is in memory; counts as a use."""
        return self._shelf.held(page)

    def at_hand(self, page: Page) -> Held | None:
        """Do as `held`, also for a small page that only the system has in memory."""
        held = self._shelf.held(page)
        if held is not None or not self._shelf.reads_small(page):
            return held
        try:
            found = self._folder.glance(page.identifier, page.size)
        except (DamagedPage, OSError):
            return None  # `open` finds out what it is, and what to do
        if found is None:
            return None
        held = Held(*found, page.size)
        self._shelf.note_read(page, held)
        return held

    async def open(self, page: Page) -> Reader | None:
        """Open a page for reading; None when it is gone or damaged, which makes it a miss."""
        source = self._shelf.held(page) or await self._from_disk(page)
        return Reader(page, source, self._threads, self._shelf.lose) if source else None

    def write(self, entry: Entry) -> Writer:
        """Begin to store a response, of which `entry` is the whole head."""
        part = self._folder.create(heads.identify(entry.url, entry.vary))
        spool = Spool(part, self._threads, self._names, self._allowance)
        return Writer(entry, spool, self.limits.page, self._keep)

    async def put(self, entry: Entry, body: bytes) -> Page:
        """Store a response of which all has come. Raises DamagedPage and OSError."""
        identifier = heads.identify(entry.url, entry.vary)
        data = self._folder.packed(identifier, body, entry) if self._shelf.is_settled else None
        if data is not None and await self._names.do(self._folder.put_at_once, identifier, data):
            return self._add(entry, identifier, len(body), len(data), body)
        part = self._folder.create(identifier)
        try:
            size = await self._names.do(self._folder.put, part, body, entry)
            if not part.is_named:
                await self._name(part)
        except BaseException:
            self._names.submit(discard, part)
            raise
        return self._add(entry, part.identifier, len(body), size, body)

    async def freshen(self, page: Page, entry: Entry) -> None:
        """Give a page a newer head, as after a 304; `entry` is the whole head, updated.

        What the disk refuses stays true in memory until the next start.
        """
        if (entry.url, entry.vary) != (page.url, page.vary):
            raise ValueError("a page keeps its URL and its variant")
        if page not in self._shelf.index:
            return
        self._shelf.freshen(page, entry)
        try:
            size = await self._names.do(self._folder.freshen, page.identifier, page.size, entry)
        except (DamagedPage, OSError) as error:
            details = {"page": page.identifier, "error": str(error)}
            log.warning("newer head not written", extra=details)
        else:
            self._shelf.index.resize(page, size)

    def remove(self, page: Page) -> None:
        """Forget a page at once, and remove its file soon."""
        self._shelf.remove(page)

    def remove_url(self, url: str) -> int:
        """Forget all variants of a normalised URL; return how many were known."""
        return self._shelf.remove_url(url)

    async def settled(self) -> None:
        """Wait until the folder shows every name given or removed so far."""
        await self._names.do(int)

    async def _from_disk(self, page: Page) -> Held | PageFile | None:
        while page in self._shelf.index:
            size = page.size
            try:
                source = await self._read(page)
            except (DamagedPage, FileNotFoundError) as error:
                # What is being renamed or rewritten just now is not damaged: look again after it.
                await self.settled()
                if page.size == size:
                    self._shelf.lose(page, error)
            except OSError as error:
                log.warning("page not read", extra={"page": page.identifier, "error": str(error)})
                return None
            else:
                if page.size == size:
                    self._shelf.note_read(page, source if isinstance(source, Held) else None)
                    return source
                _close(source)
        return None

    async def _read(self, page: Page) -> Held | PageFile:
        if self._shelf.fits_memory(page.length):
            return await self._read_small(page.identifier, page.size)
        opening = self._threads.submit(self._folder.open, page.identifier, page.size)
        try:
            return await asyncio.wrap_future(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unused)
            raise

    async def _read_small(self, identifier: str, size: int) -> Held:
        found = self._folder.glance(identifier, size)
        if found is None:
            found = await self._off_loop(self._folder.read, identifier, size)
        return Held(*found, size)

    async def _keep(self, entry: Entry, spool: Spool) -> Page:
        """Turn what was spooled into a page. Raises DamagedPage and OSError."""
        part, length = spool.part, spool.received
        size = await self._names.do(self._folder.finish, part, spool.tail, entry, length)
        if not part.is_named:
            await self._name(part)
        spool.release()
        return self._add(entry, part.identifier, length, size, spool.whole())

    def _add(
        self, entry: Entry, identifier: str, length: int, size: int, body: bytes | None
    ) -> Page:
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
            length=length,
            size=size,
        )
        self._shelf.add(page, body, entry)
        self._evict()
        return page

    async def _name(self, part: PartFile) -> None:
        """Wait for whoever has the file open to let it be renamed. Raises OSError."""
        for wait in _RENAME_WAITS:
            await asyncio.sleep(wait)
            await self._names.do(self._folder.move, part)
            if part.is_named:
                return
        raise PermissionError("another program has the file open")

    async def _load(self, identifiers: list[str]) -> None:
        """Index what an earlier run left, last used first, a batch at a time."""
        for start in range(0, len(identifiers), BATCH):
            batch = identifiers[start : start + BATCH]
            self._shelf.recall(*await self._off_loop(self._folder.look_at, batch))
            self._evict()
        self._shelf.settle()

    def _evict(self) -> None:
        """Let the least used pages go if there are too many, a batch at each turn of the loop."""
        if not self._shelf.is_over_budget:
            return
        loop, batches = asyncio.get_running_loop(), self._shelf.evictions()

        def step() -> None:
            if next(batches, 0):
                loop.call_soon(step)

        step()

    async def _off_loop(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    async def _shut(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        # What an open file protected until now can go: all readers are gone.
        self._names.submit(self._folder.remove, ())
        await self._names.close()
        self._locked.close()


def _close(source: Held | PageFile) -> None:
    if isinstance(source, PageFile):
        source.close()


def _close_unused(opening: Future[PageFile]) -> None:
    """Close what was opened for somebody who is gone."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()

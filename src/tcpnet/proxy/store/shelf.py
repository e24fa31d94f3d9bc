"""The pages there are, in the index and in memory, kept within the store's budgets."""

import itertools
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tcpnet.proxy.entry import Entry
from tcpnet.proxy.store.folder import Folder
from tcpnet.proxy.store.heads import last_modified
from tcpnet.proxy.store.index import Front, Held, Index, Page
from tcpnet.proxy.store.names import Names

log = logging.getLogger(__name__)

BATCH: Final = 256
"""Pages dealt with between two turns of the event loop: about a millisecond."""

# Seconds between notes on disk of a page's uses: they only order evictions after a restart.
_USE_GRAIN: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets of a store, in bytes; `pages` is a number of files.

    `page` is the largest body kept. `arriving` bounds what bodies on their way take on disk
    together. `memory` holds the pages last used whose bodies have up to `memory_page`.
    """

    disk: int = 1 << 30
    pages: int = 100_000
    page: int = 64 << 20
    arriving: int = 512 << 20
    memory: int = 64 << 20
    memory_page: int = 128 << 10


@dataclass(slots=True)
class Stats:
    """What happened since the start, and what there is now (`pages` and all after it)."""

    memory_hits: int = 0
    disk_hits: int = 0
    stored: int = 0
    freshened: int = 0
    removed: int = 0
    evicted: int = 0
    damaged: int = 0
    pages: int = 0
    disk_bytes: int = 0
    memory_pages: int = 0
    memory_bytes: int = 0


class Shelf:
    """Knows every page, and lets the least used go; files follow in the thread for names."""

    def __init__(self, folder: Folder, names: Names, limits: Limits) -> None:
        self.index = Index()
        self.limits = limits
        self._front = Front(limits.memory)
        self._folder = folder
        self._names = names
        self._stats = Stats()
        # URLs removed while the index is still filling: their files are yet to be met.
        self._removed: set[str] | None = set()

    @property
    def stats(self) -> Stats:
        """Counters as plain integers, as they are now."""
        return replace(
            self._stats,
            pages=len(self.index),
            disk_bytes=self.index.size,
            memory_pages=len(self._front),
            memory_bytes=self._front.size,
        )

    def fits_memory(self, length: int) -> bool:
        """Tell whether a body of that many bytes may be held in memory."""
        return length <= self.limits.memory_page

    def reads_small(self, page: Page) -> bool:
        """Tell whether a page is there, and small enough to be read at once."""
        return page in self.index and self.fits_memory(page.length)

    def held(self, page: Page) -> Held | None:
        """Return a page if it is in memory; counts as a use."""
        held = self._front.get(page.identifier) if page in self.index else None
        if held is not None:
            self._stats.memory_hits += 1
            self._use(page)
        return held

    def note_read(self, page: Page, held: Held | None) -> None:
        """Note that a page was read from disk; hold it if it is small."""
        self._stats.disk_hits += 1
        self._use(page)
        if held is not None and page in self.index:
            self._front.put(page.identifier, held)

    def add(self, page: Page, body: bytes | None, entry: Entry) -> None:
        """Add a page just stored; hold it if its body is given and small."""
        self._stats.stored += 1
        self._remove_files(self.index.add(page))
        if body is not None and self.fits_memory(page.length):
            self._front.put(page.identifier, Held(entry, body, page.size))
        else:
            self._front.drop(page.identifier)

    def freshen(self, page: Page, entry: Entry) -> None:
        """Give a page a newer head."""
        self._stats.freshened += 1
        self.index.freshen(page, entry.requested_at, entry.received_at, last_modified(entry))
        self._front.freshen(page.identifier, entry)

    def remove(self, page: Page) -> None:
        """Forget a page at once, and remove its file soon."""
        if self.index.discard(page):
            self._stats.removed += 1
            self._remove_files([page])

    def remove_url(self, url: str) -> int:
        """Forget all variants of a URL, the ones not met yet included; return how many known."""
        if self._removed is not None:
            self._removed.add(url)
        pages = self.index.variants(url)
        for page in pages:
            self.remove(page)
        return len(pages)

    def lose(self, page: Page, error: Exception) -> None:
        """Drop a page whose file turned out to be damaged or gone."""
        if self.index.discard(page):
            self._stats.damaged += 1
            log.warning("stored page dropped", extra={"page": page.identifier, "error": str(error)})
            self._remove_files([page])

    def recall(self, found: Iterable[Page], damaged: Iterable[str]) -> None:
        """Index pages of an earlier run that were not stored anew or removed meanwhile."""
        for page in found:
            if self.index.knows(page.identifier):
                continue
            if self._removed and page.url in self._removed:
                self._remove_files([page])
            else:
                self._remove_files(self.index.add_unused(page))
        if lost := [name for name in damaged if not self.index.knows(name)]:
            self._stats.damaged += len(lost)
            log.warning("damaged pages dropped", extra={"pages": len(lost), "first": lost[0]})
            self._names.submit(self._folder.remove, lost)

    def settle(self) -> None:
        """Note that every page of an earlier run was recalled."""
        self._removed = None

    @property
    def is_settled(self) -> bool:
        """Whether every page of an earlier run was recalled: nobody looks at files unasked."""
        return self._removed is None

    @property
    def is_over_budget(self) -> bool:
        """Whether there are too many pages, or too many bytes of them."""
        return len(self.index) > self.limits.pages or self.index.size > self.limits.disk

    def evictions(self) -> Iterator[int]:
        """Bring the store back to nine tenths of its budgets; yield the size of each batch."""
        while batch := list(itertools.islice(self._surplus(), BATCH)):
            self._stats.evicted += len(batch)
            self._remove_files(batch)
            yield len(batch)

    def _surplus(self) -> Iterator[Page]:
        """Take the least used pages off the index until it is small enough."""
        pages, size = self.limits.pages * 9 // 10, self.limits.disk * 9 // 10
        while len(self.index) > pages or self.index.size > size:
            page = self.index.least_used()
            self.index.discard(page)
            yield page

    def _use(self, page: Page) -> None:
        now = time.time()
        self.index.touch(page, now)
        if abs(now - page.noted_at) > _USE_GRAIN:
            page.noted_at = now
            self._names.submit(self._folder.note_use, page.identifier, now)

    def _remove_files(self, pages: Sequence[Page]) -> None:
        if pages:
            for page in pages:
                self._front.drop(page.identifier)
            self._names.submit(self._folder.remove, [page.identifier for page in pages])

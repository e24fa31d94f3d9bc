"""What the hub knows of its pages without opening a file, which stay in memory, which go first."""

from collections import OrderedDict
from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from tcpnet.proxy.entry import Entry, Lines

MAX_VARIANTS: Final = 32
"""Variants kept of one URL: an origin that varies on everything must not fill the cache."""

# What CPython takes beside the text, for each field of a held page: sys.getsizeof, and tracemalloc
# for its place in the index.
_FIELD_OVERHEAD: Final = 210
# For the page itself, what was read out of it, and an answer that is ready: by resident memory.
_HELD_OVERHEAD: Final = 3072
# Half of a body: what its copies leave idle in the heap once it was passed on, and what remembers
# it beside the page; by resident memory and glibc's mallinfo.
_IDLE_SHIFT: Final = 1


class Page(Struct, eq=False):
    """A stored response as the index knows it.

    `identifier` names its file, `length` counts the body's bytes and `size` the file's. Times are
    UTC seconds; `noted_at` is the last use that the disk knows of. `last_modified` is the origin's
    own word, "" without one.
    """

    identifier: str
    url: str
    vary: Lines
    status: int
    last_modified: str
    requested_at: float
    received_at: float
    used_at: float
    noted_at: float
    length: int
    size: int

    @property
    def site(self) -> str:
        """The host that the page came from."""
        return urlsplit(self.url).hostname or ""


class Index:
    """All pages by identifier, in the order of their last use, and by URL, newest first."""

    def __init__(self) -> None:
        self._pages: OrderedDict[str, Page] = OrderedDict()
        # Nearly every URL has one page, for which a tuple would be a tenth of what it takes.
        self._variants: dict[str, Page | tuple[Page, ...]] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._pages)

    def __iter__(self) -> Iterator[Page]:
        return iter(tuple(self._pages.values()))

    def __contains__(self, page: Page) -> bool:
        return self._pages.get(page.identifier) is page

    def knows(self, identifier: str) -> bool:
        """Tell whether a page has this name."""
        return identifier in self._pages

    def variants(self, url: str) -> tuple[Page, ...]:
        """Return the pages of a URL, newest first."""
        found = self._variants.get(url, ())
        return found if isinstance(found, tuple) else (found,)

    def add(self, page: Page) -> tuple[Page, ...]:
        """Add a page just used, in place of its namesake; return what is one variant too many."""
        if namesake := self._pages.get(page.identifier):
            self.discard(namesake)
        page.vary = _shared(page.vary)
        self._pages[page.identifier] = page
        self.size += page.size
        if page.url not in self._variants:
            self._variants[page.url] = page
            return ()
        surplus = self._set_variants(page.url, (page, *self.variants(page.url)))
        for old in surplus:
            self._forget(old)
        return surplus

    def add_unused(self, page: Page) -> tuple[Page, ...]:
        """Add a page that was used before all others; return what is one variant too many."""
        surplus = self.add(page)
        if page in self:
            self._pages.move_to_end(page.identifier, last=False)
        return surplus

    def discard(self, page: Page) -> bool:
        """Forget a page; tell whether it was known."""
        if page not in self:
            return False
        self._forget(page)
        rest = tuple(other for other in self.variants(page.url) if other is not page)
        self._set_variants(page.url, rest)
        return True

    def touch(self, page: Page, now: float) -> None:
        """Note a use, at `now` (UTC seconds)."""
        if page in self:
            page.used_at = now
            self._pages.move_to_end(page.identifier)

    def freshen(self, page: Page, requested_at: float, received_at: float, modified: str) -> None:
        """Note that the origin confirmed a page (UTC seconds)."""
        page.requested_at, page.received_at = requested_at, received_at
        page.last_modified = modified
        if page in self:
            self._set_variants(page.url, self.variants(page.url))

    def resize(self, page: Page, size: int) -> None:
        """Note the new size of a page's file."""
        if page in self:
            self.size += size - page.size
            page.size = size

    def least_used(self) -> Page:
        """Return the page whose last use is longest ago. Raises StopIteration without pages."""
        return next(iter(self._pages.values()))

    def _set_variants(self, url: str, pages: tuple[Page, ...]) -> tuple[Page, ...]:
        """Note the pages of a URL, newest first; return those that are too many."""
        if len(pages) > 1:
            pages = tuple(sorted(pages, key=_newest_first))
            self._variants[url] = pages[:MAX_VARIANTS]
        elif pages:
            self._variants[url] = pages[0]
        else:
            del self._variants[url]
        return pages[MAX_VARIANTS:]

    def _forget(self, page: Page) -> None:
        del self._pages[page.identifier]
        self.size -= page.size


class Held(Struct, frozen=True, eq=False):
    """A whole page in memory; `size` is that of its file, in bytes."""

    entry: Entry
    body: bytes
    size: int


class Front:
    """The small pages last used, in memory, within a budget of bytes."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._held: OrderedDict[str, Held] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, identifier: str) -> Held | None:
        """Return a page and note its use."""
        held = self._held.get(identifier)
        if held is not None:
            self._held.move_to_end(identifier)
        return held

    def put(self, identifier: str, held: Held) -> None:
        """Hold a page, in place of its namesake; the least used make room for it."""
        self.drop(identifier)
        self._held[identifier] = held
        self.size += _cost(held)
        while self.size > self._budget:
            self.size -= _cost(self._held.popitem(last=False)[1])

    def freshen(self, identifier: str, entry: Entry) -> None:
        """Give a page, if it is held, a newer head."""
        if held := self._held.get(identifier):
            self.put(identifier, Held(entry, held.body, held.size))

    def drop(self, identifier: str) -> None:
        """Let a page go."""
        if held := self._held.pop(identifier, None):
            self.size -= _cost(held)


@lru_cache(maxsize=256)
def _shared(vary: Lines) -> Lines:
    """Return the same object for equal variants: most pages vary alike."""
    return vary


def _newest_first(page: Page) -> float:
    return -page.received_at


def _cost(held: Held) -> int:
    idle = len(held.body) >> _IDLE_SHIFT
    return held.size + idle + _HELD_OVERHEAD + _FIELD_OVERHEAD * len(held.entry.fields.lines)

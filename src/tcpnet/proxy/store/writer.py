"""A response on its way into the store."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from tcpnet.proxy.entry import Entry
from tcpnet.proxy.store.heads import DamagedPage
from tcpnet.proxy.store.index import Page
from tcpnet.proxy.store.spool import Follower, Spool


class Writer:
    """Takes a body as it comes; its readers follow from the first byte.

    Use it in `with`: what is not committed at the end is aborted. Nothing that the disk does
    raises here: `not_kept` says why a page will not be stored, and its readers get it all the
    same. `Commit` only what came whole.
    """

    def __init__(
        self,
        entry: Entry,
        spool: Spool,
        largest: int,
        keep: Callable[[Entry, Spool], Awaitable[Page]],
    ) -> None:
        self.entry = entry
        self._spool = spool
        self._largest = largest
        self._keep = keep
        self._refused = ""
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort(str(error or "") or "it was given up")

    @property
    def received(self) -> int:
        """Bytes of the body so far."""
        return self._spool.received

    @property
    def not_kept(self) -> str:
        """Why the page will not be stored, as words that follow "because"; "" while it may be."""
        if self._spool.received > self._largest:
            return too_large(self._largest)
        return self._spool.stopped or self._refused

    @property
    def wanted(self) -> bool:
        """Whether anybody would miss the rest: a reader, or the store."""
        return self._spool.followed or not self.not_kept

    def can_follow(self, start: int = 0) -> bool:
        """Tell whether a new reader would get every byte from `start` on."""
        return self._spool.can_follow(start)

    def follow(self, start: int = 0, stop: int | None = None) -> Follower:
        """Return a reader of the bytes from `start` to before `stop`, now and as they come.

        It counts from this call on: close it, or use it in `with`. Raises PageLost.
        """
        return self._spool.follow(start, stop)

    async def write(self, data: bytes) -> None:
        """Take the next bytes; waits for the disk, or for readers where the disk is no help."""
        await self._spool.write(data)

    async def commit(self) -> Page | None:
        """Store the page, which is whole; None when it is not kept. Readers end first."""
        self._over = True
        self._spool.end()
        if not self.not_kept:
            try:
                return await self._keep(self.entry, self._spool)
            except (DamagedPage, OSError) as error:
                self._refused = refused(error)
            except BaseException:
                self._spool.drop()
                raise
        self._spool.drop()
        return None

    def abort(self, reason: str) -> None:
        """Give the page up: readers get what there is, then PageLost. Nothing after `commit`."""
        if not self._over:
            self._over = True
            self._spool.fail(reason)


def too_large(largest: int) -> str:
    """Say that a page is larger than that many bytes."""
    return f"it is larger than {largest} bytes"


def refused(error: DamagedPage | OSError) -> str:
    """Say that a page could not be written."""
    return f"the disk of the cache refused it ({error})"

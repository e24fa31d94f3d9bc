"""A stored page while it is read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from types import TracebackType
from typing import Final, Self

from tcpnet.proxy.store.files import PageFile
from tcpnet.proxy.store.heads import DamagedPage
from tcpnet.proxy.store.index import Held, Page
from tcpnet.proxy.store.pickles import CHUNK, chunk_count
from tcpnet.proxy.store.spool import PageLost

# Chunks that one visit to a thread reads.
_READ_AHEAD: Final = 4


class Reader:
    """A page's head, and its body by any range; `body` is all of it when it is small.

    Use it in `with`: until then the file stays open, and no eviction pulls it away.
    """

    def __init__(
        self,
        page: Page,
        source: Held | PageFile,
        threads: Executor,
        lose: Callable[[Page, Exception], None],
    ) -> None:
        self.page = page
        self.entry = source.entry
        self.body = source.body if isinstance(source, Held) else None
        self._file = source if isinstance(source, PageFile) else None
        self._threads = threads
        self._lose = lose

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return self.page.length

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go; whoever still reads it gets PageLost."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    async def chunks(self, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Yield the body from `start` to before `stop`, each chunk checked before it is given.

        Raises PageLost at the first chunk that is not as it was written, and drops the page.
        """
        stop = self.length if stop is None else min(stop, self.length)
        if self.body is not None:
            if start < stop:
                yield self.body[start:stop]
            return
        while start < stop:
            first = start // CHUNK
            last = min(first + _READ_AHEAD, chunk_count(stop))
            data = await self._read(first, last)
            yield data[start - first * CHUNK : stop - first * CHUNK]
            start = last * CHUNK

    async def _read(self, first: int, last: int) -> bytes:
        if self._file is None:
            raise PageLost("it was closed")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._file.chunks, first, last)
        except (DamagedPage, OSError) as error:
            if self._file is not None:
                self._lose(self.page, error)
            raise PageLost(f"the cache lost it ({error})") from error

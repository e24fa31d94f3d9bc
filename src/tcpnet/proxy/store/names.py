"""The thread that changes what names in the cache folder stand for, one change after the other."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar, cast

from msgspec import Struct

log = logging.getLogger(__name__)

T = TypeVar("T")


class _Change(Struct, eq=False):
    """A call, and what came of it; without `asked` nobody waits for it."""

    call: Callable[..., Any]
    arguments: tuple[object, ...]
    asked: asyncio.Future[Any] | None = None
    result: Any = None
    error: BaseException | None = None

    def make(self) -> None:
        """Call it, in the thread."""
        try:
            self.result = self.call(*self.arguments)
        except BaseException as error:  # it belongs to who waits
            self.error = error

    def tell(self) -> None:
        """Hand on what came of it, on the loop."""
        if self.asked is None:
            if self.error is not None:
                log.error("change not made in the cache folder", exc_info=self.error)
        elif self.asked.done():
            pass  # whoever asked was cancelled
        elif self.error is None:
            self.asked.set_result(self.result)
        else:
            self.asked.set_exception(self.error)


_Visit = tuple[asyncio.AbstractEventLoop, list[_Change]]


class Names:
    """Makes changes in the order in which they were asked for, all that wait at each visit.

    A visit to a thread costs as much as writing a small page does: while one lasts, what comes
    for the next gathers. `after` is called in the thread at the end of each visit.
    """

    def __init__(self, after: Callable[[], object] = int) -> None:
        self._after = after
        # A bare queue: an executor's own futures and locks would double the price of a visit.
        self._visits: SimpleQueue[_Visit | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._waiting: list[_Change] = []
        self._is_busy = False

    def submit(self, call: Callable[..., object], *arguments: object) -> None:
        """Make a change soon. What it raises is logged."""
        self._add(_Change(call, arguments))

    async def do(self, call: Callable[..., T], *arguments: object) -> T:
        """Make a change and wait for it; whoever is cancelled does not undo it."""
        asked: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._add(_Change(call, arguments, asked))
        return cast("T", await asked)

    async def close(self) -> None:
        """Make all changes that wait, and end the thread."""
        await self.do(int)
        self._visits.put(None)
        if self._thread is not None:
            self._thread.join()

    def _add(self, change: _Change) -> None:
        self._waiting.append(change)
        if not self._is_busy:
            self._is_busy = True
            # Not before others of this turn of the loop are there too.
            asyncio.get_running_loop().call_soon(self._visit)

    def _visit(self) -> None:
        changes, self._waiting = self._waiting, []
        if self._thread is None:
            # A daemon: whoever forgets to close must not keep the program from ending.
            self._thread = threading.Thread(target=self._make, name="page-names", daemon=True)
            self._thread.start()
        self._visits.put((asyncio.get_running_loop(), changes))

    def _make(self) -> None:
        """Make what comes, in the thread, until `close`."""
        while (visit := self._visits.get()) is not None:
            loop, changes = visit
            for change in changes:
                change.make()
            self._after()
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._made, changes)

    def _made(self, changes: list[_Change]) -> None:
        for change in changes:
            change.tell()
        if self._waiting:
            self._visit()
        else:
            self._is_busy = False

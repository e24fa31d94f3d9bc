"""Writes that may wait a moment: noted at once, written down by one task."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from tcpnet.errors import BrokerError

RETRY: Final = 5.0
"""Seconds until what the disk refused is tried again."""

PAUSE: Final = 0.01
"""Seconds from one writing to the next: what comes meanwhile shares a commit or is replaced."""

_log = logging.getLogger(__name__)

Write = Callable[[], Awaitable[object]]


class Later:
    """What synchronous code wants kept; the newest write under a key replaces those before it."""

    def __init__(self) -> None:
        self._writes: dict[tuple[str, str], Write] = {}
        self._wake = asyncio.Event()

    def note(self, kind: str, key: str, write: Write) -> None:
        """Have this written soon. Never waits."""
        self._writes[kind, key] = write
        self._wake.set()

    async def now(self, kind: str, key: str) -> None:
        """Write down at once what was noted under a key, if anything. Raises BrokerError."""
        if (write := self._writes.get((kind, key))) is None:
            return
        await write()
        if self._writes.get((kind, key)) is write:  # a newer one may have been noted meanwhile
            del self._writes[kind, key]

    async def settle(self) -> None:
        """Write down everything that can be. Raises BrokerError and keeps the rest for later.

        All at once, so that the store may take it in one commit.
        """
        failures: list[BrokerError] = []

        async def write(kind: str, key: str) -> None:
            try:
                await self.now(kind, key)
            except BrokerError as error:  # one that is never taken must not hold up the others
                failures.append(error)

        async with asyncio.TaskGroup() as group:
            for kind, key in self._writes:
                group.create_task(write(kind, key))
        if failures:
            raise failures[0]

    async def finish(self) -> None:
        """Write down what can be at the end, and log what cannot: nobody was promised that."""
        try:
            await self.settle()
        except BrokerError as error:
            kinds = Counter(kind for kind, _ in self._writes)
            _log.error("not written at the end", extra={"error": str(error), "lost": dict(kinds)})

    async def keep(self) -> None:
        """Write down what is noted; runs for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.settle()
                await asyncio.sleep(PAUSE)
            except BrokerError as error:
                _log.warning("not written yet", extra={"error": str(error)})
                await asyncio.sleep(RETRY)
                self._wake.set()

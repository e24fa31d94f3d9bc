"""The body of a request on its way to an origin: read as fast as the origin takes it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

from tcpnet.proxy.port.framing import Framing
from tcpnet.proxy.port.refusals import Malformed, Refused

HIGH_WATER: Final = 128 * 1024
"""Bytes that may wait for the origin before the client is made to wait."""


class Upload:
    """Iterate it once for the pieces of the body. Raises Refused where the rest cannot be had.

    `failure` says why. `on_wanted` is called when the first piece is asked for, `on_room` when
    more may come.
    """

    def __init__(
        self, framing: Framing, on_wanted: Callable[[], None], on_room: Callable[[], None]
    ) -> None:
        self._framing = framing
        self._on_wanted = on_wanted
        self._on_room = on_room
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._news = asyncio.Event()
        self.failure: Refused | None = None
        self._is_wanted = False

    @property
    def has_begun(self) -> bool:
        """Whether anything came."""
        return bool(self._pieces)

    @property
    def ended(self) -> bool:
        """Whether all of it came."""
        return self._framing.ended

    @property
    def is_full(self) -> bool:
        """Whether the client must wait."""
        return self._waiting > HIGH_WATER

    def feed(self, data: bytes) -> bytes:
        """Take what belongs to the body, and return the rest. Raises Malformed."""
        try:
            pieces, rest = self._framing.feed(data)
        except Malformed as error:
            self.fail(error)
            raise
        if pieces or self.ended:
            self._pieces.extend(pieces)
            self._waiting += sum(map(len, pieces))
            self._news.set()
        return rest

    def fail(self, error: Refused) -> None:
        """Note that no more will come."""
        if not self.ended:
            self.failure = error
            self._news.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if not self._is_wanted:
            self._is_wanted = True
            self._on_wanted()
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                was_full = self.is_full
                self._waiting -= len(piece)
                if was_full and not self.is_full:
                    self._on_room()
                yield piece
            if self.ended:
                return
            if self.failure is not None:
                raise self.failure
            self._news.clear()
            await self._news.wait()

"""How much may wait for the disk, and who waits for room."""

from __future__ import annotations

import asyncio
from collections import deque

from tcpnet.errors import BrokerError


class Gate:
    """Admits requests in order of arrival while their number and bytes stay within bounds.

    A request larger than `max_bytes` is admitted when it is alone.
    """

    def __init__(self, *, max_requests: int, max_bytes: int) -> None:
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._closed = False
        self.requests = 0
        self.bytes = 0

    async def enter(self, size: int) -> None:
        """Wait for room; raise `BrokerError` once closed."""
        if self.let_in(size):
            return
        self._check_open()
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, admitted))
        try:
            await admitted
        except asyncio.CancelledError:
            if not admitted.cancelled():
                self.leave(1, size)  # admitted and cancelled within one turn of the loop
            raise
        if self._closed:
            self.leave(1, size)
        self._check_open()

    def let_in(self, size: int) -> bool:
        """Admit a request if it need not wait."""
        if self._closed or self._waiting or not self._fits(size):
            return False
        self._admit(size)
        return True

    def leave(self, requests: int, size: int) -> None:
        """Give back the room of finished requests, and let in who waits for it."""
        self.requests -= requests
        self.bytes -= size
        while self._waiting:
            wanted, admitted = self._waiting[0]
            if not admitted.done():
                if not self._fits(wanted):
                    return
                self._admit(wanted)
                admitted.set_result(None)
            self._waiting.popleft()

    def close(self) -> None:
        """Admit nobody any more; refuse who waits."""
        self._closed = True
        waiting, self._waiting = self._waiting, deque()
        for size, admitted in waiting:
            if not admitted.done():
                self._admit(size)
                admitted.set_result(None)

    def _fits(self, size: int) -> bool:
        if not self.requests:
            return True
        return self.requests < self._max_requests and self.bytes + size <= self._max_bytes

    def _admit(self, size: int) -> None:
        self.requests += 1
        self.bytes += size

    def _check_open(self) -> None:
        if self._closed:
            raise BrokerError("not possible: the hub is closing")

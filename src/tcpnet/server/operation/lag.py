"""How late the event loop is: what everybody waits for somebody's long turn."""

import asyncio
from collections import deque
from typing import Final

INTERVAL: Final = 0.25
"""Seconds between two looks; a shorter stall may hide between them."""
WINDOW: Final = 60.0
"""Seconds for which the longest delay is remembered."""


class Lag:
    """Sleeps again and again, and notes by how many seconds it woke too late."""

    def __init__(self) -> None:
        self.last = 0.0
        self._recent: deque[float] = deque([0.0], maxlen=int(WINDOW / INTERVAL))

    @property
    def longest(self) -> float:
        """The longest delay of the last `WINDOW` seconds."""
        return max(self._recent)

    async def watch(self) -> None:
        """Look, for ever."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            await asyncio.sleep(INTERVAL)
            self.note(clock() - began - INTERVAL)

    def note(self, late: float) -> None:
        """Remember one delay, in seconds; less than none is none."""
        self.last = max(0.0, late)
        self._recent.append(self.last)

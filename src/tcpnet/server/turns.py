"""Turns at the event loop for those who move much: one after the other, and time for all others."""

import asyncio
from typing import Final

GAP: Final = 0.001
"""Seconds from one turn to the next. At 256 KiB a turn that is more than any uplink brings."""


class Turns:
    """Gives out turns in the order in which they are asked for, never two at the same moment."""

    def __init__(self) -> None:
        self._next = 0.0

    async def take(self) -> None:
        """Wait for one's turn; at once where nobody had one just now."""
        now = asyncio.get_running_loop().time()
        turn = max(now, self._next)
        self._next = turn + GAP
        if turn > now:
            await asyncio.sleep(turn - now)

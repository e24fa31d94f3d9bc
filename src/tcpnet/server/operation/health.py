"""Whether a hub is ready for people, and if not, why."""

import asyncio
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tcpnet.broker.base import Broker
from tcpnet.errors import BrokerError

PATIENCE: Final = 2.0
"""Seconds for a disk to say that it takes something."""


FRESH: Final = 5.0
"""Seconds for which it is believed that the disk is well: asking costs a sync."""


@dataclass(slots=True)
class Health:
    """Asks the parts of a hub; `clock` gives monotonic seconds."""

    broker: Broker
    cache: Path
    clock: Callable[[], float] = time.monotonic
    _closing: bool = False
    _well_until: float = -math.inf

    def ends(self) -> None:
        """Take note that the hub begins to end."""
        self._closing = True

    async def flaws(self) -> list[str]:
        """Why the hub is not ready, in words; nothing where it is."""
        if self._closing:
            return ["the hub is closing down"]
        found = [await self._store(), await asyncio.to_thread(self._folder)]
        return [flaw for flaw in found if flaw]

    async def _store(self) -> str:
        """Write something: nobody else may have tried since the disk filled up, or hung."""
        if self.clock() < self._well_until and not self.broker.statistics.failing:
            return ""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.broker.put("hub", "probe", b"")
        except BrokerError as error:
            return str(error)
        except TimeoutError:
            return "not saved: the disk does not answer"
        self._well_until = self.clock() + FRESH
        return ""

    def _folder(self) -> str:
        if self.cache.is_dir() and os.access(self.cache, os.W_OK):
            return ""
        return f'the cache folder "{self.cache}" cannot be written'

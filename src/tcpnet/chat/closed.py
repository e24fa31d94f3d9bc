"""What was said in rooms that are closed: shown to nobody, and kept as long as other lines."""

from collections.abc import Collection
from typing import Final

import msgspec
from msgspec import Struct

from tcpnet.broker.base import Broker

_KIND: Final = "closed"


class Closed(Struct, frozen=True):
    """The log of a closed room: its last line, and the day of the hub on which it was found."""

    last: int
    day: int | None = None


class ClosedLogs:
    """Lets logs of closed rooms go after their days, the oldest before.

    Nothing of them is held in memory. All of them together have as many lines as one open room may
    have, or else whoever opens and closes rooms would fill the disk.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._looked: int | None = None  # the day on which nothing is left to do

    async def all(self) -> list[tuple[str, Closed]]:
        """Return what is kept, the room that was closed first in front."""
        stored = sorted(await self._broker.entries(_KIND), key=lambda entry: entry.revision)
        return [(entry.key, msgspec.json.decode(entry.value, type=Closed)) for entry in stored]

    async def load(self, still_open: Collection[str]) -> None:
        """Forget notes about rooms that are open after all: their closing broke off."""
        for log, _ in await self.all():
            if log in still_open:
                await self._broker.remove(_KIND, log)

    async def note(self, log: str, last: int) -> None:
        """Write down that a room is about to be closed. Raises BrokerError."""
        if last:
            await self._write(log, Closed(last))
            self._looked = None

    async def look(self, today: int, still_open: Collection[str], *, days: int, lines: int) -> None:
        """Let go of what is too old or too much on this day of the hub; 0 keeps all.

        Those that are still open are passed over. Raises BrokerError.
        """
        if self._looked == today:
            return
        self._looked = today  # before the first wait: a room may be closed meanwhile
        try:
            await self._let_go(today, still_open, days, lines)
        except BaseException:
            self._looked = None
            raise

    async def _let_go(self, today: int, still_open: Collection[str], days: int, lines: int) -> None:
        found = await self.all()
        for log, closed in found:
            if closed.day is None:
                await self._write(log, Closed(closed.last, today))
        kept = 0
        for log, closed in reversed(found):
            if log in still_open:
                continue
            kept += min(closed.last, lines)
            age = 0 if closed.day is None else today - closed.day
            if kept > lines > 0 or 0 < days <= age:
                await self._drop(log)

    async def _write(self, log: str, closed: Closed) -> None:
        await self._broker.put(_KIND, log, msgspec.json.encode(closed))

    async def _drop(self, log: str) -> None:
        # The note last: what breaks off is done again.
        await self._broker.delete_log(log)
        await self._broker.remove(_KIND, log)

"""What was said in rooms that are closed: shown to nobody, and kept as long as other lines."""

from collections.abc import Collection, Iterator
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

    All of them together have as many lines as one open room may have, or else whoever opens and
    closes rooms would fill the disk.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._logs: dict[str, Closed] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._logs)

    async def load(self, still_open: Collection[str]) -> None:
        """Read what was noted; of a room that is open after all, its closing broke off."""
        for stored in sorted(await self._broker.entries(_KIND), key=lambda s: s.revision):
            if stored.key in still_open:
                await self._broker.remove(_KIND, stored.key)
            else:
                self._logs[stored.key] = msgspec.json.decode(stored.value, type=Closed)

    async def note(self, log: str, last: int) -> None:
        """Write down that a room is about to be closed. Raises BrokerError."""
        if last:
            await self._write(log, Closed(last))

    def add(self, log: str, last: int) -> None:
        """Take charge of a log; its room is closed."""
        if last:
            self._logs[log] = Closed(last)

    async def look(self, today: int, *, days: int, lines: int) -> None:
        """Let go of what is too old or too much on this day of the hub; 0 keeps all."""
        for log, closed in list(self._logs.items()):
            if closed.day is None:
                self._logs[log] = Closed(closed.last, today)
                await self._write(log, self._logs[log])
        kept = 0
        for log, closed in reversed(list(self._logs.items())):
            kept += min(closed.last, lines)
            if kept > lines > 0 or 0 < days <= today - (closed.day or 0):
                await self._drop(log)

    async def _write(self, log: str, closed: Closed) -> None:
        await self._broker.put(_KIND, log, msgspec.json.encode(closed))

    async def _drop(self, log: str) -> None:
        # The note last: what breaks off is done again.
        await self._broker.delete_log(log)
        await self._broker.remove(_KIND, log)
        del self._logs[log]

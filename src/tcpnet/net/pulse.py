"""What all connections share: one flush a tick, who was heard last, who takes nothing."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, Protocol

WEIGHING: Final = 0.5
"""Seconds between two looks at how much is held for those with whom bytes stay."""


class Beating(Protocol):
    """A connection, as far as its pulse is concerned."""

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet."""
        ...

    def flush_now(self) -> None:
        """Hand what waits to the kernel."""

    @property
    def held(self) -> int:
        """Bytes that are kept for the peer, in either direction."""
        ...

    @property
    def is_stuck(self) -> bool:
        """Whether more may come to them."""
        ...

    def shed(self) -> None:
        """End: too much is held for all together, and most of it here."""

    def ask_for_life(self) -> None:
        """Have the peer say something, as it may only listen."""

    def silent(self, seconds: float) -> None:
        """Take note that the peer said nothing for so long."""


class Pulse:
    """No timer and no scan a connection: the cost of an idle one is an entry in one list."""

    def __init__(self, *, max_silence: float | None = None, max_held: int | None = None) -> None:
        self.max_silence = max_silence
        self.max_held = max_held
        self._stuck: dict[Beating, None] = {}
        self._loop = asyncio.get_running_loop()
        self._due: list[Beating] = []
        self._heard: OrderedDict[Beating, float] = OrderedDict()
        self._asked: OrderedDict[Beating, float] = OrderedDict()

    def due(self, connection: Beating) -> None:
        """Flush this connection at the end of the tick, with all others."""
        if not self._due:
            self._loop.call_soon(self._flush)
        self._due.append(connection)

    def heard(self, connection: Beating) -> None:
        """Note a sign of life. Least recently heard stays in front."""
        self._heard[connection] = self._loop.time()
        self._heard.move_to_end(connection)
        if self._asked:
            self._asked.pop(connection, None)

    def forget(self, connection: Beating) -> None:
        """Drop a connection that has ended."""
        self._heard.pop(connection, None)
        self._asked.pop(connection, None)

    def stuck(self, connection: Beating) -> None:
        """Note that bytes stay with this connection: the kernel takes none, or a line is long."""
        self._stuck[connection] = None

    def unstuck(self, connection: Beating) -> None:
        """Note that the connection has ended."""
        self._stuck.pop(connection, None)

    @property
    def unsent(self) -> int:
        """Bytes that wait for all who take nothing."""
        return sum(connection.unsent for connection in self._stuck)

    def relieve(self) -> None:
        """End those for whom most is held until all together are within `max_held` bytes."""
        self._stuck = {connection: None for connection in self._stuck if connection.is_stuck}
        total = sum(connection.held for connection in self._stuck)
        if self.max_held is None or total <= self.max_held:
            return
        for connection in sorted(self._stuck, key=lambda one: one.held, reverse=True):
            total -= connection.held
            connection.shed()
            if total <= self.max_held:
                return

    async def weigh(self) -> None:
        """Relieve the hub whenever it needs to, as long as it runs."""
        while True:
            self.relieve()
            await asyncio.sleep(WEIGHING)

    async def watch(self) -> None:
        """Tell connections that were silent for `max_silence` seconds, as long as it runs.

        After half of that time they are asked for a sign of life: a peer that hears a lot may
        have nothing to say.
        """
        if self.max_silence is None:
            return
        half = self.max_silence / 2
        while True:
            now = self._loop.time()
            for connection in self._taken(self._heard, now - half):
                self._asked[connection] = now
                connection.ask_for_life()
            for connection in self._taken(self._asked, now - half):
                connection.silent(self.max_silence)
            firsts = [next(iter(times.values())) for times in (self._heard, self._asked) if times]
            await asyncio.sleep(max(min(firsts, default=now) + half - now, 0.05))

    def _taken(self, times: OrderedDict[Beating, float], before: float) -> Iterator[Beating]:
        """Take off, one by one, those whose time is over."""
        while times:
            connection, since = next(iter(times.items()))
            if since > before:
                return
            del times[connection]
            yield connection

    def _flush(self) -> None:
        due, self._due = self._due, []
        for connection in due:
            connection.flush_now()

"""What all connections of a process share: one flush a tick, one list of who was heard last."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from typing import Protocol


class Beating(Protocol):
    """A connection, as far as its pulse is concerned."""

    def flush_now(self) -> None:
        """Hand what waits to the kernel."""

    def ask_for_life(self) -> None:
        """Have the peer say something, as it may only listen."""

    def silent(self, seconds: float) -> None:
        """Take note that the peer said nothing for so long."""


class Pulse:
    """No timer and no scan a connection: the cost of an idle one is an entry in one list."""

    def __init__(self, *, max_silence: float | None = None) -> None:
        self.max_silence = max_silence
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

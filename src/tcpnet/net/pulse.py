"""What all connections of a process share: one flush a tick, one list of who was heard last."""

import asyncio
from collections import OrderedDict
from typing import Protocol


class Beating(Protocol):
    """A connection, as far as its pulse is concerned."""

    def flush_now(self) -> None:
        """Hand what waits to the kernel."""

    def silent(self, seconds: float) -> None:
        """Take note that the peer said nothing for so long."""


class Pulse:
    """No timer and no scan a connection: the cost of an idle one is an entry in one list."""

    def __init__(self, *, max_silence: float | None = None) -> None:
        self.max_silence = max_silence
        self._loop = asyncio.get_running_loop()
        self._due: list[Beating] = []
        self._heard: OrderedDict[Beating, float] = OrderedDict()

    def due(self, connection: Beating) -> None:
        """Flush this connection at the end of the tick, with all others."""
        if not self._due:
            self._loop.call_soon(self._flush)
        self._due.append(connection)

    def heard(self, connection: Beating) -> None:
        """Note a sign of life. Least recently heard stays in front."""
        self._heard[connection] = self._loop.time()
        self._heard.move_to_end(connection)

    def forget(self, connection: Beating) -> None:
        """Drop a connection that has ended."""
        self._heard.pop(connection, None)

    async def watch(self) -> None:
        """Tell connections that were silent for `max_silence` seconds, as long as it runs."""
        if self.max_silence is None:
            return
        while True:
            now = self._loop.time()
            pause = self.max_silence
            while self._heard:
                connection, heard = next(iter(self._heard.items()))
                pause = heard + self.max_silence - now
                if pause > 0:
                    break
                # Taken off first: whoever stays in the list is not told twice a round.
                del self._heard[connection]
                connection.silent(now - heard)
            await asyncio.sleep(max(pause, 0.05))

    def _flush(self) -> None:
        due, self._due = self._due, []
        for connection in due:
            connection.flush_now()

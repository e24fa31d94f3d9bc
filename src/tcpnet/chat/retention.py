"""How long what was said in rooms is kept: the newest lines, for so many days of the hub."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from tcpnet.broker.base import Broker
from tcpnet.chat.closed import ClosedLogs
from tcpnet.errors import BrokerError

INTERVAL: Final = 60.0
"""Seconds between two looks: a busy room grows by some thousand lines meanwhile."""

_KIND: Final = "kept"
_TOGETHER: Final = 64
_log = logging.getLogger(__name__)

Log = tuple[str, int]
"""The name of a room's log, and the last line in it."""

_Marks = list[tuple[int, int]]
"""Days of the hub, and the last line that a log had at the beginning of each."""


class Retention:
    """Lets old lines go: those older than `days`, and all but the newest `lines`; 0 keeps all.

    Days are those on which the hub ran: a machine without a clock chip that believes to be years
    ahead forgets nothing.
    """

    def __init__(self, broker: Broker, *, days: int, lines: int) -> None:
        self.days = days
        self.lines = lines
        self._broker = broker
        self._marks: dict[str, _Marks] = {}
        self._gone: dict[str, int] = {}

    async def load(self) -> None:
        """Read what was noted on earlier days."""
        for stored in await self._broker.entries(_KIND):
            self._marks[stored.key] = msgspec.json.decode(stored.value, type=_Marks)

    async def keep(
        self, logs: Callable[[], Iterable[Log]], closed: ClosedLogs, hour: Callable[[], int]
    ) -> None:
        """Look every `INTERVAL` seconds, for ever; `hour` counts those that the hub ran."""
        while True:
            try:
                found = list(logs())
                await self.look(found, hour() // 24)
                still_open = {log for log, _ in found}
                await closed.look(hour() // 24, still_open, days=self.days, lines=self.lines)
            except BrokerError as error:
                _log.warning("old lines are kept for now", extra={"error": str(error)})
            await asyncio.sleep(INTERVAL)

    async def look(self, logs: Iterable[Log], today: int) -> None:
        """Let go of what is too old or too much on this day of the hub. Raises BrokerError."""
        present = dict(logs)
        found = list(present.items())
        # Together, since what is written together is one sync; not all, since lines want to pass.
        for start in range(0, len(found), _TOGETHER):
            some = found[start : start + _TOGETHER]
            looks = (self._look_at(log, last, today) for log, last in some)
            for outcome in await asyncio.gather(*looks, return_exceptions=True):
                if outcome is not None:
                    raise outcome
        for log in self._marks.keys() - present.keys():
            await self._broker.remove(_KIND, log)
            del self._marks[log]
        self._gone = {log: upto for log, upto in self._gone.items() if log in present}

    async def _look_at(self, log: str, last: int, today: int) -> None:
        if self.days:
            await self._note(log, last, today)
        upto = max(self._outdated(log, today), last - self.lines if self.lines else 0)
        if upto > self._gone.get(log, 0):
            await self._broker.trim(log, upto)
            self._gone[log] = upto

    async def _note(self, log: str, last: int, today: int) -> None:
        """Write down where a log stands at the beginning of a day, unless nothing was said."""
        marks = self._marks.get(log, [])
        if marks and (marks[-1][0] >= today or marks[-1][1] == last):
            return
        # Of those that are over, the newest one says all.
        over = sum(day <= today - self.days for day, _ in marks)
        marks = [*marks[max(over - 1, 0) :], (today, last)]
        await self._broker.put(_KIND, log, msgspec.json.encode(marks))
        self._marks[log] = marks

    def _outdated(self, log: str, today: int) -> int:
        """The last line that is too old, 0 for none."""
        if not self.days:
            return 0
        marks = self._marks.get(log, ())
        return max((last for day, last in marks if day <= today - self.days), default=0)

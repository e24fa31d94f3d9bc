"""What people have to do in time: one timer for all who have equally long."""

import asyncio
from collections import OrderedDict
from typing import Protocol

from tcpnet.errors import ProtocolError, TcpnetError


class Bounded(Protocol):
    """A session, as far as its deadline is concerned."""

    def lost(self, error: TcpnetError) -> None:
        """Learn that it is over, and why."""


class _Bound:
    """A block that has to end in time; a generator would take longer than most of them."""

    __slots__ = ("_due", "_session")

    def __init__(self, due: dict[Bounded, float], session: Bounded) -> None:
        self._due = due
        self._session = session

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._due.pop(self._session, None)


class Deadline:
    """Ends the session of whoever takes more than `seconds`, as `setting` says.

    A timer and a cancel scope for each of many who come at once would cost more than what they do.
    """

    def __init__(self, seconds: float, setting: str) -> None:
        self.seconds = seconds
        self._setting = setting
        # Equally long for all: whoever began first is first.
        self._due: OrderedDict[Bounded, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def bounding(self, session: Bounded) -> "_Bound":
        """Give a block its time, from now on."""
        loop = asyncio.get_running_loop()
        due = self._due[session] = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_at(due, self._look)
        return _Bound(self._due, session)

    def _look(self) -> None:
        """End those whose time is over, and wait for the next one."""
        loop, self._timer = asyncio.get_running_loop(), None
        while self._due:
            session, due = next(iter(self._due.items()))
            if due > loop.time():
                self._timer = loop.call_at(due, self._look)
                return
            del self._due[session]
            session.lost(ProtocolError("logging in took too long", bound=self._setting))

"""How far a long request is, shown while it runs."""

import asyncio
from typing import Final, Self

from tcpnet.protocol.items import Progress
from tcpnet.server.session import Session

INTERVAL: Final = 0.2
"""Seconds between two frames: more often is only flicker."""


class Meter:
    """Tells the person every `INTERVAL` seconds how far his request is; a timer, not a task.

    What takes less than one interval is never shown.
    """

    def __init__(self, session: Session, request: int, what: str) -> None:
        self.done = 0
        self.total: int | None = None
        self._session = session
        self._request = request
        self._what = what
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._timer = self._loop.call_later(INTERVAL, self._show)
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _show(self) -> None:
        rate = self.done / max(self._loop.time() - self._began, INTERVAL)
        if not self._session.is_away:  # each replaces the one before: none is worth keeping
            self._session.send(
                Progress(
                    id=self._request,
                    message=self._what,
                    done=self.done,
                    total=self.total,
                    rate=rate,
                )
            )
        self._timer = self._loop.call_later(INTERVAL, self._show)

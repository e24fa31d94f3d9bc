"""Pasted lines on their way to a room, a few at a time: the rest can still be stopped. Pure."""

from collections import deque
from collections.abc import Iterable
from typing import Final

WINDOW: Final = 8
"""Lines sent and not acknowledged: they keep a hub busy that is a tenth of a second away."""
PATIENCE: Final = 5.0
"""Seconds after which they count as taken by a hub that acknowledges none."""


class Posting:
    """Lines for one standing question, in order; blank ones say nothing and are left out."""

    def __init__(self, question: int, lines: Iterable[str], now: float) -> None:
        """Begin; `now` in seconds of any clock."""
        self.question = question
        self._rest: deque[str] = deque()
        self._crossing: dict[str, str] = {}
        self._total = 0
        self._moved_at = now
        self.add(lines)

    @property
    def total(self) -> int:
        """Lines of the whole."""
        return self._total

    @property
    def sent(self) -> int:
        """Lines handed to the hub."""
        return self._total - len(self._rest)

    @property
    def done(self) -> int:
        """Lines that the hub has acknowledged."""
        return self.sent - len(self._crossing)

    @property
    def rest(self) -> list[str]:
        """Lines that were not sent."""
        return list(self._rest)

    @property
    def unsure(self) -> list[str]:
        """Lines that were sent and not acknowledged, then those that were not sent."""
        return [*self._crossing.values(), *self._rest]

    def add(self, lines: Iterable[str]) -> None:
        """Put more lines behind."""
        lines = [line for line in lines if line.strip()]
        self._rest += lines
        self._total += len(lines)

    def next(self, now: float) -> str | None:
        """Take the next line, if one may go now."""
        if len(self._crossing) >= WINDOW and now - self._moved_at >= PATIENCE:
            self._crossing.clear()
        return self._rest.popleft() if self._rest and len(self._crossing) < WINDOW else None

    def crosses(self, mid: str, line: str, now: float) -> None:
        """Note that a line was sent under this `mid`."""
        self._crossing[mid] = line
        self._moved_at = now

    def is_crossing(self, mid: str) -> bool:
        """Whether a line of this posting was sent under this `mid`."""
        return mid in self._crossing

    def acknowledged(self, mid: str, now: float) -> None:
        """Note that the hub has taken a line."""
        if self._crossing.pop(mid, None) is not None:
            self._moved_at = now

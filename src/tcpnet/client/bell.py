"""When the terminal may ring."""

from typing import Final, Literal, TypeAlias

from tcpnet.client.entry import Entry

Policy: TypeAlias = Literal["off", "mention", "all"]

PAUSE: Final = 2.0
"""Seconds between two rings."""


class Bell:
    """Rings for others' new lines, as the person wishes, and not too often."""

    def __init__(self, policy: Policy = "mention") -> None:
        self.policy = policy
        self._rang: float | None = None

    def rings(self, entry: Entry, now: float) -> bool:
        """Whether to ring for this entry; `now` in seconds of a clock that never steps back."""
        if not self._wanted(entry) or (self._rang is not None and now - self._rang < PAUSE):
            return False
        self._rang = now
        return True

    def _wanted(self, entry: Entry) -> bool:
        if self.policy == "off" or entry.own or entry.replayed or entry.joined:
            return False
        return entry.summons or (self.policy == "all" and entry.kind == "chat")

"""Failed logins: how many there were lately, and how long the next try has to wait."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from tcpnet.errors import UserError

WINDOW: Final = 60.0
"""Seconds for which a failure counts."""
MAX_TRACKED: Final = 10_000
"""Accounts and addresses remembered; whoever failed least recently is forgotten first."""
_DELAYS: Final = 4
"""Failures that make the next try wait longer; what follows waits no longer than after these."""


@dataclass(slots=True)
class Guesses:
    """Lets `per_account` and `per_address` tries fail in a minute, 0 for any number.

    Times are monotonic seconds. A login by token is never asked here: others' failures delay
    nobody who can prove his name.
    """

    per_account: int = 5
    per_address: int = 20
    _failed: dict[str, deque[float]] = field(default_factory=dict)

    def begin(self, account: str, address: str, now: float) -> float:
        """The seconds that this try has to wait; raises UserError where there were too many.

        It counts as failed until it is `forgiven`: many tries at once are many.
        """
        mine = self._recent(f"account {account}", now)
        theirs = self._recent(f"address {address}", now)
        for times, limit, whose in (
            (mine, self.per_account, "account"),
            (theirs, self.per_address, "address"),
        ):
            if limit and len(times) >= limit:
                wait = int(times[0] + WINDOW - now) + 1
                raise UserError(
                    f"There were too many wrong passwords. Try again in {wait} s.",
                    bound=f"accounts.failures_per_{whose}",
                )
        # 0, 0.25, 0.75, 1.75, 3.75 s: a person hardly notices.
        delay = 0.25 * ((1 << min(len(mine), _DELAYS)) - 1)
        self._note(f"account {account}", now)
        self._note(f"address {address}", now)
        return delay

    def forgiven(self, account: str, address: str, began: float) -> None:
        """Take back the try that began then: it was right."""
        for key in (f"account {account}", f"address {address}"):
            times = self._failed.get(key, deque())
            if began in times:
                times.remove(began)
            if not times:
                self._failed.pop(key, None)

    def _note(self, key: str, now: float) -> None:
        times = self._failed.pop(key, None) or deque()
        times.append(now)
        self._failed[key] = times
        if len(self._failed) > MAX_TRACKED:
            del self._failed[next(iter(self._failed))]

    def _recent(self, key: str, now: float) -> deque[float]:
        times = self._failed.get(key, deque())
        while times and times[0] <= now - WINDOW:
            times.popleft()
        return times

"""How much one peer may do: a bucket of tokens, connections an address, and what was refused."""

import functools
import ipaddress
import logging
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Final, NamedTuple

QUIET: Final = 3600.0
"""Seconds for which a limit that is reached again and again is not logged anew."""
MAX_TRACKED: Final = 10_000
"""Addresses whose calls are remembered; whoever called least recently is forgotten first."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Bucket:
    """Lets `burst` pass at once and `rate` a second after that; 0 for no limit."""

    rate: float
    burst: int
    _level: float = field(default=0.0, init=False)
    _at: float = field(default=0.0, init=False)

    def take(self, now: float) -> float:
        """Take one; the seconds to wait before going on."""
        if not self.rate:
            return 0.0
        self._drain(now)
        self._level += 1
        return max(0.0, (self._level - self.burst) / self.rate)

    def passes(self, now: float) -> bool:
        """Take one if there is one: who is refused waits no longer for having tried."""
        if not self.rate:
            return True
        self._drain(now)
        if self._level + 1 > self.burst:
            return False
        self._level += 1
        return True

    def _drain(self, now: float) -> None:
        self._level = max(0.0, self._level - (now - self._at) * self.rate)
        self._at = now


class Refusal(NamedTuple):
    """Why somebody cannot come in: the setting that was reached, and words for him."""

    limit: str
    words: str


class Tally:
    """Counts limits that were reached; each is logged the first time, and then once an hour."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._logged: dict[str, float] = {}

    def note(self, limit: str, address: str, now: float) -> None:
        """Count one; `now` in monotonic seconds."""
        self.counts[limit] += 1
        logged = self._logged.get(limit)
        if logged is None or now - logged >= QUIET:
            self._logged[limit] = now
            times = self.counts[limit]
            _log.warning(
                "a limit was reached", extra={"limit": limit, "address": address, "times": times}
            )


class Doorway:
    """Counts who is connected.

    From one address `per_address` may be inside, and so many may come at once; after that
    `per_second`, 0 for any number. For the hub's own machine only with `counts_loopback`.
    """

    def __init__(
        self,
        total: int,
        per_address: int,
        per_second: float = 0,
        *,
        counts_loopback: bool = False,
    ) -> None:
        self.total = total
        self.per_address = per_address
        self.per_second = per_second
        self.counts_loopback = counts_loopback
        self._inside: Counter[str] = Counter()
        self._people = 0  # the sum of these
        self._calls: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return self._people

    def refusal(self, address: str, now: float) -> Refusal | None:
        """Why one more from this address cannot come in, None if it can; `now` is monotonic."""
        own = not self.counts_loopback and is_loopback(address)
        if not own and not self._bucket(address).passes(now):
            return Refusal(
                "limits.new_connections_per_second",
                "too many connections come from your address: wait a moment",
            )
        if len(self) >= self.total:
            return Refusal("limits.connections", f"the hub is full: {self.total} connections")
        if self._inside[address] >= self.per_address and not own:
            words = f"there are {self.per_address} connections from your address already"
            return Refusal("limits.connections_per_address", words)
        return None

    def _bucket(self, address: str) -> Bucket:
        bucket = self._calls.get(address)
        if bucket is None:
            bucket = self._calls[address] = Bucket(self.per_second, self.per_address)
            if len(self._calls) > MAX_TRACKED:
                self._calls.popitem(last=False)
        self._calls.move_to_end(address)
        return bucket

    def enter(self, address: str) -> None:
        """Count one in."""
        self._inside[address] += 1
        self._people += 1

    def leave(self, address: str) -> None:
        """Count one out."""
        self._inside[address] -= 1
        self._people -= 1
        if not self._inside[address]:
            del self._inside[address]


def household(address: str, own: str = "") -> str:
    """What is counted as one: an address, or the network of 64 bits that one in IPv6 can roam.

    Neighbours of the hub's `own` address share such a network and count one by one.
    """
    if ":" not in address:
        return address
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
        here = ipaddress.ip_address(own.partition("%")[0]) if own else None
    except ValueError:
        return address
    if not isinstance(found, ipaddress.IPv6Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    network = ipaddress.IPv6Network((found, 64), strict=False)
    is_near = found.is_loopback or found.is_link_local or (here is not None and here in network)
    return address if is_near else str(network)


@functools.lru_cache(maxsize=1024)
def is_loopback(address: str) -> bool:
    """Whether this numeric address is the machine itself."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False

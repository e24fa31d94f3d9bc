"""How much one peer may do: a bucket of tokens, and connections an address."""

import ipaddress
from collections import Counter
from dataclasses import dataclass, field


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
        self._level = max(0.0, self._level - (now - self._at) * self.rate) + 1
        self._at = now
        return max(0.0, (self._level - self.burst) / self.rate)


class Doorway:
    """Counts who is connected; people on the hub's own machine are not limited one by one."""

    def __init__(self, total: int, per_address: int) -> None:
        self.total = total
        self.per_address = per_address
        self._inside: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._inside.total()

    def refusal(self, address: str) -> str | None:
        """Why one more from this address cannot come in; None if it can."""
        if len(self) >= self.total:
            return f"the hub is full: {self.total} connections"
        if self._inside[address] >= self.per_address and not is_loopback(address):
            return f"there are {self.per_address} connections from your address already"
        return None

    def enter(self, address: str) -> None:
        """Count one in."""
        self._inside[address] += 1

    def leave(self, address: str) -> None:
        """Count one out."""
        self._inside[address] -= 1
        if not self._inside[address]:
            del self._inside[address]


def is_loopback(address: str) -> bool:
    """Whether this numeric address is the machine itself."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False

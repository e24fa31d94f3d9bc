"""What the connections of a hub carried, in sums."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Traffic:
    """Frames and bytes, as one connection counts them or many together."""

    frames_in: int = 0
    bytes_in: int = 0
    frames_out: int = 0
    bytes_out: int = 0

    def add(self, other: "Traffic") -> None:
        """Count those of another one too."""
        self.frames_in += other.frames_in
        self.bytes_in += other.bytes_in
        self.frames_out += other.frames_out
        self.bytes_out += other.bytes_out


@dataclass(slots=True)
class Totals:
    """Of all connections that ended: how many, by the kind of the last word, and their traffic."""

    ended: Counter[str] = field(default_factory=Counter)
    traffic: Traffic = field(default_factory=Traffic)

    def add(self, kind: str, traffic: Traffic) -> None:
        """Count one that ended."""
        self.ended[kind] += 1
        self.traffic.add(traffic)

"""What the connections of a hub carried, in sums."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

from tcpnet.net.connection import Connection


@dataclass(slots=True)
class Traffic:
    """Frames and bytes, as one connection counts them or many together."""

    frames_in: int = 0
    bytes_in: int = 0
    frames_out: int = 0
    bytes_out: int = 0

    @classmethod
    def of(cls, one: Connection[Any]) -> Self:
        """What a connection carried so far."""
        return cls(one.frames_in, one.bytes_in, one.frames_out, one.bytes_out)

    def add(self, other: "Traffic") -> None:
        """Count those of another one too."""
        self.frames_in += other.frames_in
        self.bytes_in += other.bytes_in
        self.frames_out += other.frames_out
        self.bytes_out += other.bytes_out


class Totals:
    """All connections since the start: those there are, and what became of the others.

    Connections count for themselves; they are added up only when somebody asks.
    """

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        """How many ended, by the kind of their last word."""
        self._live: set[Connection[Any]] = set()
        self._ended = Traffic()

    def __len__(self) -> int:
        return len(self._live)

    def began(self, connection: Connection[Any]) -> None:
        """Count a connection from now on."""
        self._live.add(connection)

    def ended(self, connection: Connection[Any], kind: str) -> None:
        """Keep what a connection carried, which is about to end."""
        self._live.discard(connection)
        self.kinds[kind] += 1
        self._ended.add(Traffic.of(connection))

    def traffic(self) -> Traffic:
        """What all of them carried so far."""
        whole = Traffic()
        whole.add(self._ended)
        for connection in self._live:
            whole.add(Traffic.of(connection))
        return whole

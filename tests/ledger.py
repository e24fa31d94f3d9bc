"""What a hub acknowledged and what it showed to whom, held against what it kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field
from itertools import pairwise
from typing import NamedTuple


class Line(NamedTuple):
    """The line of a log with this seq: so many lines its sender had said there with it."""

    seq: int
    sender: str
    number: int


@dataclass(frozen=True, slots=True)
class Faults:
    """How many lines are gone, there twice, out of order, or were never said like this."""

    lost: int = 0
    duplicate: int = 0
    reordered: int = 0
    phantom: int = 0

    def __add__(self, other: Faults) -> Faults:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Faults(*(mine + theirs for mine, theirs in pairs))

    def __bool__(self) -> bool:
        return self != Faults()


@dataclass
class Ledger:
    """Written outside of the hub, line by line; each sender's lines in a log count from 1."""

    said: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    acknowledged: dict[str, dict[tuple[str, int], int | None]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    shown: dict[tuple[str, str], list[Line]] = field(default_factory=lambda: defaultdict(list))
    """By reader and log."""

    @property
    def acks(self) -> int:
        """How many lines were acknowledged."""
        return sum(map(len, self.acknowledged.values()))

    def says(self, log: str, sender: str) -> int:
        """The number of the next line that somebody says."""
        self.said[log, sender] += 1
        return self.said[log, sender]

    def was_told(self, log: str, sender: str, number: int, seq: int | None = None) -> None:
        """Somebody was told that the hub has his line, and where that is told, under which seq."""
        self.acknowledged[log].setdefault((sender, number), seq)

    def was_shown(self, reader: str, log: str, line: Line) -> None:
        """A line came to somebody's screen."""
        self.shown[reader, log].append(line)

    def faults(self, kept: dict[str, Sequence[Line]]) -> Faults:
        """What is wrong with the logs that were kept, and with what everybody saw of them."""
        found = Faults()
        for log in kept.keys() | self.acknowledged.keys():
            lines = kept.get(log, ())
            found += self._judged(log, lines)
            for (_, place), seen in self.shown.items():
                if place == log:
                    found += self._judged(log, seen)
                    found += Faults(phantom=len(set(seen) - set(lines)))
        return found

    def _judged(self, log: str, lines: Sequence[Line]) -> Faults:
        places = {(line.sender, line.number): line.seq for line in lines}
        told = self.acknowledged[log]
        moved = sum(seq is not None and places.get(who, seq) != seq for who, seq in told.items())
        return Faults(
            lost=len(told.keys() - places.keys()),
            duplicate=len(lines) - len(places),
            reordered=moved + _descents(line.seq for line in lines) + _out_of_turn(lines),
            phantom=sum(not 0 < number <= self.said[log, who] for who, number in places),
        )


def _descents(numbers: Iterable[int]) -> int:
    return sum(later <= earlier for earlier, later in pairwise(numbers))


def _out_of_turn(lines: Iterable[Line]) -> int:
    """Lines that stand before one that their own sender had said earlier, and repetitions."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for line in lines:
        numbers[line.sender].append(line.number)
    return sum(map(_descents, numbers.values()))

"""What tcpnet is to reach, as ratios within one run."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from statistics import median
from typing import Final

from msgspec import Struct

from benchmarks.orders import Figures
from benchmarks.peers import EPHEMERAL, TCPNET

Medians = dict[str, dict[str, Figures]]
"""Figures by case and server."""


class Judged(Struct, frozen=True):
    """One target and what was found; `found` is None where something was not measured.

    Found is the middle of what the rounds gave, each for itself: servers are compared that were
    measured within a minute. `between` has the least and the most, where there were several.
    """

    number: str
    what: str
    target: str
    found: str | None
    met: bool | None
    between: str = ""


class Goal(Struct, frozen=True):
    """A figure and the bound it must not pass, in the form in which it is shown."""

    number: str
    what: str
    figure: Callable[[Medians], float]
    bound: float
    form: str = "{:.2f}x"
    at_least: bool = False

    def judged(self, medians: Medians, turns: Sequence[Medians] = ()) -> Judged:
        """Whether these figures reach it; `turns` are those of each round."""
        sign = "≥" if self.at_least else "≤"
        target = f"{sign} {self.form.format(self.bound)}"
        given = self._given(turns) or self._given([medians])
        if not given:
            return Judged(self.number, self.what, target, None, None)
        found = median(given)
        met = found >= self.bound if self.at_least else found <= self.bound
        shown = self.form.format(found)
        return Judged(self.number, self.what, target, shown, met, self._between(given))

    def _given(self, turns: Sequence[Medians]) -> list[float]:
        given = []
        for turn in turns:
            with suppress(KeyError):  # of a case that has fewer rounds, or calm ones, than others
                given.append(self.figure(turn))
        return given

    def _between(self, given: Sequence[float]) -> str:
        if len(given) < 2:
            return ""
        return f"{self.form.format(min(given))} to {self.form.format(max(given))}"


def _beside(case: str, figure: str, peer: str, ours: str = TCPNET) -> Callable[[Medians], float]:
    return lambda medians: medians[case][ours][figure] / medians[case][peer][figure]


def _own(case: str, figure: str, unit: float = 1.0) -> Callable[[Medians], float]:
    return lambda medians: medians[case][TCPNET][figure] / unit


def _flat(medians: Medians) -> float:
    many, few = medians["thousand-rooms"], medians["ten-rooms"]
    return many[TCPNET]["cost"] / few[TCPNET]["cost"]


GOALS: Final = (
    Goal("P1", "CPU beside redis", _beside("one-room", "cost", "redis"), 1.1),
    Goal("P1", "CPU beside ngircd", _beside("one-room", "cost", "ngircd"), 0.65),
    Goal("P2", "CPU beside redis", _beside("many-rooms", "cost", "redis"), 2.0),
    Goal("P2", "CPU beside ngircd", _beside("many-rooms", "cost", "ngircd"), 1.0),
    Goal(
        "P2",
        "CPU beside redis, ephemeral",
        _beside("many-rooms", "cost", "redis", EPHEMERAL),
        1.3,
    ),
    Goal("P3", "CPU beside the C floor", _beside("one-line", "cost", "C floor"), 1.35),
    Goal("P3", "CPU beside ngircd", _beside("one-line", "cost", "ngircd"), 0.85),
    Goal("P4", "p50 beside ngircd", _beside("latency", "p50", "ngircd"), 1.6),
    Goal("P4", "p99 beside ngircd", _beside("latency", "p99", "ngircd"), 1.5),
    Goal("P5", "memory a person", _own("memory", "bytes", 1024), 12, "{:.1f} KiB"),
    Goal("P5", "memory a person, TLS", _own("memory-tls", "bytes", 1024), 56, "{:.1f} KiB"),
    Goal("P6", "logins a second", _own("logins", "rate"), 4000, "{:,.0f}", at_least=True),
    Goal("P6", "CPU beside ngircd", _beside("logins", "cost", "ngircd"), 0.6),
    Goal(
        "P6",
        "logins a second of a core, TLS",
        _own("logins-tls", "core_rate"),
        600,
        "{:,.0f}",
        at_least=True,
    ),
    Goal("P7", "CPU at 1,000 rooms beside 10", _flat, 1.15),
    Goal("P8", "CPU beside ngircd", _beside("doors", "cost", "ngircd"), 1.0),
    Goal("P9", "the others' p99, with him and without", _own("stuck", "slowdown"), 1.5),
    Goal("P9", "his memory", _own("stuck", "memory", 2**20), 1.0, "{:.2f} MiB"),
    Goal("P9", "his lines lost", _own("stuck", "lost_share", 0.01), 0.0, "{:.0f} %"),
)

"""The chat cases: which load goes to which servers, in turn, round by round."""

import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from msgspec import Struct

from benchmarks import machine, orders, peers
from benchmarks.orders import (
    Doors,
    Fanout,
    Figures,
    Idle,
    Logins,
    Order,
    Paced,
    Shape,
    Stuck,
    Target,
)
from benchmarks.peers import EPHEMERAL, FAST, KINDS, SYNCING, TCPNET, Absent, Kind, Refused

BOUND: Final = 60.0
"""Seconds for one load on one server, its own preparation included."""

OVERTIME: Final = 30.0
"""Seconds after the time is up in which a load that had begun has to end."""

CALM: Final = 0.05
"""Cores that its host may keep from this machine in a round that counts.

Where it keeps 0.3 of them, a line of P4 takes half as long again, and 1 of 100 three times as long.
"""

_HERE: Final = Path(__file__).parent

FLOORS: Final = ("C floor", "Python floor")
IRC: Final = ("ngircd", "inspircd")
JUDGED: Final = (TCPNET, EPHEMERAL, "C floor", SYNCING, "redis", "ngircd")
"""Servers that the targets name, and what keeping a promise to the disk costs whomever."""

BROKERS: Final = ("redis", "nats-server", "mosquitto")


@dataclass(frozen=True, slots=True)
class Case:
    """A load, and who has to bear it; `rounds` caps those that were asked for."""

    name: str
    title: str
    shape: Shape
    quick: Shape
    servers: tuple[str, ...]
    rounds: int = 9
    connections: int = 0
    text_bytes: int = 100


CASES: Final = (
    Case(
        "one-room",
        "P1: 1 room of 500, 32 lines under way",
        Fanout(rooms=1, members=500, in_flight=32, seconds=1.0),
        Fanout(rooms=1, members=20, in_flight=8, seconds=0.1),
        (TCPNET, FAST, *FLOORS, *BROKERS, *IRC),
        connections=500,
    ),
    Case(
        "many-rooms",
        "P2: 50 rooms of 20, 400 lines under way",
        Fanout(rooms=50, members=20, in_flight=400, seconds=1.0),
        Fanout(rooms=3, members=5, in_flight=12, seconds=0.1),
        (TCPNET, EPHEMERAL, FAST, *FLOORS, SYNCING, *BROKERS, *IRC),
        connections=1000,
    ),
    Case(
        "one-line",
        "P3: 1 room of 500, one line at a time",
        Fanout(rooms=1, members=500, in_flight=1, seconds=1.0),
        Fanout(rooms=1, members=20, in_flight=1, seconds=0.1),
        (TCPNET, FAST, *FLOORS, SYNCING, *BROKERS, *IRC),
        connections=500,
    ),
    Case(
        "latency",
        "P4: 100 members, 200 lines a second",
        Paced(members=100, rate=200, seconds=2.5),
        Paced(members=10, rate=100, seconds=0.2),
        (TCPNET, EPHEMERAL, FAST, *FLOORS, SYNCING, *BROKERS, *IRC),
        connections=100,
    ),
    Case(
        "memory",
        "P5: people who are logged in and idle",
        Idle(people=(1000, 5000, 10000)),
        Idle(people=(20, 50)),
        (TCPNET, FAST, *FLOORS, *BROKERS, *IRC),
        rounds=1,
        connections=10_016,
    ),
    Case(
        "memory-tls",
        "P5: people who are logged in under TLS and idle",
        Idle(people=(1000, 5000, 10000), tls=True),
        Idle(people=(20, 50), tls=True),
        (TCPNET,),
        rounds=1,
        connections=10_016,
    ),
    Case(
        "logins",
        "P6: 3,000 people who log in, 32 at once, and stay",
        Logins(people=3000),
        Logins(people=20),
        (TCPNET, FAST, *IRC),
        rounds=2,
        connections=3000,
    ),
    Case(
        "logins-tls",
        "P6: 1,000 people who log in under TLS, 32 at once, and stay",
        Logins(people=1000, tls=True),
        Logins(people=20, tls=True),
        (TCPNET, FAST),
        rounds=2,
        connections=1000,
    ),
    Case(
        "ten-rooms",
        "P7: 10 rooms of 5, one line under way in each",
        Fanout(rooms=10, members=5, in_flight=10, seconds=1.0),
        Fanout(rooms=2, members=5, in_flight=2, seconds=0.1),
        (TCPNET, EPHEMERAL, *FLOORS, SYNCING, "redis", "ngircd"),
        rounds=2,
        connections=50,
    ),
    Case(
        "thousand-rooms",
        "P7: 1,000 rooms of 5, 10 lines under way, each in a room of its own",
        Fanout(rooms=1000, members=5, in_flight=10, seconds=1.0),
        Fanout(rooms=10, members=5, in_flight=2, seconds=0.1),
        (TCPNET, EPHEMERAL, *FLOORS, SYNCING, "redis", "ngircd"),
        rounds=2,
        connections=5000,
    ),
    Case(
        "doors",
        "P8: 8 visitors come and go, and 200 members are told",
        Doors(members=200, visitors=8, seconds=1.0),
        Doors(members=10, visitors=2, seconds=0.1),
        (TCPNET, FAST, *IRC),
        connections=208,
    ),
    Case(
        "stuck",
        "P9: 20 members, 1,500 lines of 400 bytes a second, and one who does not read",
        Stuck(members=20, rate=1500, seconds=6),
        Stuck(members=10, rate=100, seconds=0.3),
        (TCPNET, "redis", *IRC),
        rounds=1,
        connections=21,
        text_bytes=400,
    ),
)


class Failed(Exception):
    """A load that gave no figures."""


class Results(Struct):
    """What all rounds of some cases gave, and what was not measured and why."""

    rounds: dict[str, dict[str, list[Figures]]] = {}
    skipped: dict[str, dict[str, str]] = {}
    commands: dict[str, str] = {}
    versions: dict[str, str] = {}

    def medians(self, case: str) -> dict[str, Figures]:
        """The middle of the calm rounds, figure by figure, of each server; of all if none was."""
        return {
            server: _middle([figures for figures in rounds if is_calm(figures)] or rounds)
            for server, rounds in self.rounds.get(case, {}).items()
        }

    def turns(self) -> list[dict[str, dict[str, Figures]]]:
        """Round by round, by case and server: the calm ones of a case, all of one without any."""
        measured = [rounds for servers in self.rounds.values() for rounds in servers.values()]
        kept = {case: self.calm(case) or range(self._length(case)) for case in self.rounds}
        return [
            {
                case: {name: rounds[turn] for name, rounds in servers.items() if turn < len(rounds)}
                for case, servers in self.rounds.items()
                if turn in kept[case]
            }
            for turn in range(max(map(len, measured), default=0))
        ]

    def calm(self, case: str) -> list[int]:
        """The rounds in which all whom the targets name were there, and the host disturbed none."""
        return [turn for turn in range(self._length(case)) if self._is_calm(case, turn)]

    def disturbed(self, case: str) -> bool:
        """Whether a case was measured, and in no calm round."""
        return bool(self._length(case)) and not self.calm(case)

    def _judged(self, case: str) -> list[list[Figures]]:
        return [rounds for name, rounds in self.rounds.get(case, {}).items() if name in JUDGED]

    def _length(self, case: str) -> int:
        return max(map(len, self._judged(case)), default=0)

    def _is_calm(self, case: str, turn: int) -> bool:
        judged = self._judged(case)
        return all(turn < len(rounds) and is_calm(rounds[turn]) for rounds in judged)


def is_calm(figures: Figures) -> bool:
    """Whether the machine had its processors to itself, as far as its host tells."""
    return figures.get("stolen_share", 0.0) <= CALM


def _middle(rounds: Sequence[Figures]) -> Figures:
    return {name: median(figures[name] for figures in rounds) for name in rounds[0]}


class Bench:
    """Runs cases, each with its servers in turn, and keeps what they gave.

    `folder`, for the servers' files, should lie on a real disk: one of ours syncs.
    """

    def __init__(self, folder: Path, *, quick: bool, rounds: int, seconds: float) -> None:
        self.results = Results()
        self._folder = folder.resolve()
        self._quick = quick
        self._rounds = rounds
        self._until = time.monotonic() + seconds
        self._files = machine.allow_files()
        self._pump = machine.compiled(
            _HERE / "pump.c", self._folder / "pump.so", "-shared", "-fPIC"
        )
        self._programs: dict[str, str] = {}

    def run(self, cases: Sequence[Case], servers: Sequence[str]) -> None:
        """Measure all cases once, then again; what cannot be measured is skipped with a word.

        What the targets compare comes first, so that on a slow machine the others are left out.
        A case without a calm round is measured once more where there is time.
        """
        judged = [name for name in servers if name in JUDGED]
        others = [name for name in servers if name not in JUDGED]
        self._rounds_of(cases, (1,), judged)
        self._rounds_of(cases, (1,), others)
        later = range(2, self._rounds + 1)
        self._rounds_of(cases, later, judged)
        for case in () if self._quick else cases:
            if self.results.disturbed(case.name):
                self._round(case, self._rounds + 1, judged)
        self._rounds_of(cases, later, others)

    def _rounds_of(
        self, cases: Sequence[Case], numbers: Iterable[int], servers: Sequence[str]
    ) -> None:
        for number in numbers:
            for case in cases:
                if number <= case.rounds:
                    self._round(case, number, servers)

    def _round(self, case: Case, number: int, servers: Sequence[str]) -> None:
        kinds = [KINDS[name] for name in case.servers if name in servers]
        if kinds:
            print(f"round {number}: {case.title}", flush=True)
        for kind in kinds:
            measured = kind.name in self.results.rounds.get(case.name, {})
            late = measured and time.monotonic() > self._until
            if not late and kind.name not in self.results.skipped.get(case.name, {}):
                print(f"  {kind.name}", flush=True)
                self._load(case, kind)

    def _load(self, case: Case, kind: Kind) -> None:
        shape = case.quick if self._quick else case.shape
        try:
            self._check(case)
            figures = self._figures(kind, shape, case.text_bytes)
        except (Absent, Refused, Failed) as error:
            print(f"    skipped: {error}", flush=True)
            self.results.skipped.setdefault(case.name, {})[kind.name] = str(error)
        else:
            by_server = self.results.rounds.setdefault(case.name, {})
            by_server.setdefault(kind.name, []).append(figures)

    def _check(self, case: Case) -> None:
        if time.monotonic() > self._until:
            raise Failed("out of time")
        if not self._quick and case.connections + machine.FILES_SPARE > self._files:
            raise Failed(f"only {self._files} files may be open")

    def _figures(self, kind: Kind, shape: Shape, text_bytes: int) -> Figures:
        program = self._program(kind)
        with (
            tempfile.TemporaryDirectory(dir=self._folder) as folder,
            peers.running(kind, program, Path(folder)) as server,
        ):
            shown = shlex.join([Path(program).name, *server.command[1:]])
            shown = shown.replace(folder, "DIR").replace(str(server.port), "PORT")
            self.results.commands[kind.name] = shown
            pump = str(self._pump) if self._pump else None
            target = Target(kind.wire, server.port, server.pid, kind.at_once, text_bytes, pump)
            left = self._until + OVERTIME - time.monotonic()
            return _loaded(Order(target, shape), min(BOUND, left))

    def _program(self, kind: Kind) -> str:
        if kind.name not in self._programs:
            program = self._programs[kind.name] = kind.found(self._folder)
            self.results.versions[kind.name] = kind.version_at(program)
        return self._programs[kind.name]


def _loaded(order: Order, within: float) -> Figures:
    """Have a process of its own carry out an order in so many seconds. Raises Failed."""
    command = [sys.executable, "-m", "benchmarks.load", orders.write(order)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=within, cwd=_HERE.parent, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"took more than {within:.0f} s") from None
    if done.returncode:
        raise Failed(done.stderr.strip().splitlines()[-1])
    return msgspec.json.decode(done.stdout, type=Figures)

"""A store under load whose power is cut: what was acknowledged is looked for in what is left."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from tcpnet.broker import journal
from tcpnet.broker.base import Broker, Record
from tcpnet.broker.connection import Connection
from tcpnet.broker.embedded import FILE, EmbeddedBroker
from tcpnet.errors import BrokerError, ConfigError
from tests.disk import Disk, Remains, Told

NORMAL: Final = {"PRAGMA synchronous = FULL": "PRAGMA synchronous = NORMAL"}
"""What a store must not do: then a commit is acknowledged before it is synced."""

MOVED: Final = 40
"""Lines that leave the journal at once: some cuts should come while they do."""

SENDERS: Final = 8
LOGS: Final = ("den", "hall", "mail")


@dataclass(frozen=True, slots=True)
class Line:
    """A line was accepted under this seq."""

    sender: str
    number: int
    seq: int


@dataclass(frozen=True, slots=True)
class Value:
    """A sender's newest value is this number."""

    sender: str
    number: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A log was read up to here."""

    log: str
    upto: int


@dataclass(frozen=True, slots=True)
class Gone:
    """A log was deleted."""

    log: str


@dataclass
class Ledger:
    """What people were told so far."""

    seqs: dict[tuple[str, int], int] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    values: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    marks: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    gone: set[str] = field(default_factory=set)

    def note(self, what: Line | Value | Mark | Gone) -> None:
        """Write one thing down; the same line has the same seq for ever."""
        match what:
            case Line(sender, number, seq):
                assert self.seqs.setdefault((sender, number), seq) == seq
                self.newest[sender] = max(number, self.newest[sender])
            case Value(sender, number):
                self.values[sender] = number
            case Mark(log, upto):
                self.marks[log] = max(upto, self.marks[log])
            case Gone(log):
                self.gone.add(log)

    async def faults(self, broker: Broker) -> AsyncIterator[str]:
        """Everything in which a store differs from what people were told."""
        for log in LOGS:
            for fault in self._faults_of(log, await broker.history(log, limit=1_000_000)):
                yield fault
            if await broker.unread_count(log) > await broker.last_seq(log) - self.marks[log]:
                yield f"{log}: the read mark went back"
        stored = {found.key: int(found.value) for found in await broker.entries("newest")}
        for sender, number in self.values.items():
            if stored.get(sender) not in (number, number + 1):
                yield f"{sender}: the value is {stored.get(sender)}, not {number}"
        for log in self.gone:
            if await broker.last_seq(log):
                yield f"{log}: a deleted log is back"

    def _faults_of(self, log: str, records: Sequence[Record]) -> Iterator[str]:
        if [record.seq for record in records] != list(range(1, len(records) + 1)):
            yield f"{log}: the numbers have gaps"
        found = {(record.sender, int(record.mid)): record.seq for record in records}
        if len(found) != len(records):
            yield f"{log}: a line is there twice"
        told = {line: seq for line, seq in self.seqs.items() if log_of(line[0]) == log}
        if lost := told.items() - found.items():
            yield f"{log}: {len(lost)} lines are lost or moved"
        if any(record.body != words(record.sender, int(record.mid)) for record in records):
            yield f"{log}: a line has other words"
        if any(number > self.newest[sender] + 1 for sender, number in found):
            yield f"{log}: a line is there that nobody sent"


@dataclass
class Tally:
    """How many cuts there were, what was told before them, and what was wrong after which."""

    cuts: int = 0
    lines: int = 0
    moved: int = 0
    checkpoints: int = 0
    failed_syncs: int = 0
    wrong: dict[str, list[str]] = field(default_factory=dict)


def log_of(sender: str) -> str:
    """Each sender keeps to one log."""
    return LOGS[int(sender) % len(LOGS)]


def words(sender: str, number: int) -> str:
    """What a sender says: short and long lines, no two alike."""
    return f"{sender}/{number} " * (1, 20, 300)[number % 3]


async def outlive(
    folder: Path,
    dice: random.Random,
    *,
    cuts: int,
    lives: int = 1,
    rounds: int = 100,
    swaps: dict[str, str] | None = None,
    faulty: float = 0.0,
) -> Tally:
    """Run a store `lives` times, each time on what one cut has left, and cut the power each time.

    In a run each sender has so many `rounds`, and this share of syncs is `faulty`. The first store
    with a fault stays in `folder`, as the cut left it.
    """
    tally, ledger, left = Tally(), Ledger(), dict[str, bytes]()
    for life in range(lives):
        home = folder / f"life-{life}"
        lay_out(home, left)
        with Disk(home, swaps) as disk:
            tally.moved += await talk(
                disk, deepcopy(ledger), rounds, lambda: dice.random() < faulty
            )
        tally.checkpoints += disk.syncs(FILE)
        tally.failed_syncs += disk.syncs(failed=True)
        heir = dice.randrange(cuts)
        for number, (image, told) in enumerate(moments(disk, deepcopy(ledger), dice, cuts)):
            await judge(folder / f"cut-{life}-{number}", image, told, tally)
            if number == heir:
                ledger, left = deepcopy(told), image
        shutil.rmtree(home)
    return tally


def moments(
    disk: Disk, ledger: Ledger, dice: random.Random, cuts: int
) -> Iterator[tuple[dict[str, bytes], Ledger]]:
    """What is left after cuts at so many moments, and what was told until then."""
    remains, at = Remains(), 0
    for moment in sorted(dice.choices(range(disk.begin, len(disk.tape) + 1), k=cuts)):
        for event in disk.tape[at:moment]:
            remains.take(event, dice)
            if isinstance(event, Told):
                ledger.note(event.what)
        at = moment
        yield remains.cut(dice), ledger


def lay_out(folder: Path, image: dict[str, bytes]) -> None:
    """Make a folder of what is left after a cut."""
    folder.mkdir()
    for name, content in image.items():
        (folder / name).write_bytes(content)


async def judge(folder: Path, image: dict[str, bytes], ledger: Ledger, tally: Tally) -> None:
    """Open what is left of a store as a hub would, and hold it against what was told."""
    lay_out(folder, image)
    try:
        async with EmbeddedBroker.open(folder) as broker:
            faults = [fault async for fault in ledger.faults(broker)]
    except (BrokerError, ConfigError) as error:
        faults = [str(error)]
    tally.cuts += 1
    tally.lines += len(ledger.seqs)
    shutil.rmtree(folder)
    if faults and not tally.wrong:
        lay_out(folder, image)
    if faults:
        tally.wrong[folder.name] = faults


@patch.object(journal, "MOVED_LINES", MOVED)
async def talk(disk: Disk, ledger: Ledger, rounds: int, fails: Callable[[], bool]) -> int:
    """Have everybody change a store at once; how many lines left the journal meanwhile.

    What is acknowledged is told on the tape.
    """
    async with EmbeddedBroker.open(disk.folder, connect=disk.connect) as broker:
        disk.fails = fails
        before = await broker._read(_moved)
        async with asyncio.TaskGroup() as group:
            for sender in range(SENDERS):
                group.create_task(_speak(disk, broker, ledger, str(sender), rounds))
        return await broker._read(_moved) - before


def _moved(connection: Connection) -> int:
    [count] = connection.execute("SELECT count(*) FROM records").fetchone()
    return int(count)


async def _speak(disk: Disk, broker: Broker, ledger: Ledger, sender: str, rounds: int) -> None:
    """Send one line after the other, the last acknowledged one of an earlier life once more."""
    log, start = log_of(sender), ledger.newest[sender]
    for number in range(max(start, 1), start + rounds):
        said, newest = words(sender, number), b"%d" % number
        seq = await _insist(lambda: broker.publish(log, sender, str(number), said))  # noqa: B023
        disk.tell(Line(sender, number, seq))
        await _insist(lambda: broker.put("newest", sender, newest))  # noqa: B023
        disk.tell(Value(sender, number))
        if number % 10 == 3:
            await _insist(lambda: broker.mark_read(log, seq - 1))  # noqa: B023
            disk.tell(Mark(log, seq - 1))
        if number % 10 == 7:
            scrap = f"scrap/{sender}/{number}"
            await _insist(lambda: broker.publish(scrap, sender, "", said))  # noqa: B023
            await _insist(lambda: broker.delete_log(scrap))  # noqa: B023
            disk.tell(Gone(scrap))


async def _insist(request: Callable[[], Awaitable[Any]]) -> Any:
    """Ask again until it is not refused."""
    while True:
        try:
            return await request()
        except BrokerError:
            continue

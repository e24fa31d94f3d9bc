"""A hub's store is killed at random moments under load; a ledger of its answers is kept outside.

What this does not show is a power cut: the kernel keeps what a killed process wrote.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tcpnet.broker.base import Record
from tcpnet.broker.embedded import EmbeddedBroker
from tcpnet.lock import FolderLock

KILLS = 10
SENDERS = 30
LOGS = ("den", "hall", "mail")
SPREAD = (1, 3000)
"""How many acknowledgements to wait for before a kill, at least and at most."""


@dataclass
class Ledger:
    """What the killed processes acknowledged: each line's seq, each sender's newest number."""

    seqs: dict[tuple[str, str], int] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def note(self, answer: str) -> None:
        """Write down one answer; the same line must always get the same seq."""
        sender, number, seq = answer.split()
        assert self.seqs.setdefault((sender, number), int(seq)) == int(seq)
        self.newest[sender] = max(self.newest[sender], int(number))

    def check(self, log: str, records: list[Record]) -> None:
        """Compare a log with what was acknowledged and with what was sent."""
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        stored = {(record.sender, record.mid): record.seq for record in records}
        assert len(stored) == len(records), "a line is there twice"
        acknowledged = {line: seq for line, seq in self.seqs.items() if log_of(line[0]) == log}
        lost = acknowledged.items() - stored.items()
        assert not lost, "an acknowledged line is lost or moved"
        for sender, numbers in by_sender(records).items():
            assert numbers == list(range(1, len(numbers) + 1)), "a sender's lines are out of order"
            assert len(numbers) <= self.newest[sender] + 1, "a line is there that nobody sent"


def log_of(sender: str) -> str:
    """Each sender keeps to one log."""
    return LOGS[int(sender) % len(LOGS)]


def by_sender(records: list[Record]) -> dict[str, list[int]]:
    """The numbers of each sender's lines in the order of the log."""
    found: dict[str, list[int]] = defaultdict(list)
    for record in records:
        found[record.sender].append(int(record.mid))
    return found


def answers(folder: Path, start: list[int]) -> Iterator[str]:
    """Run a process, kill it after a while and yield all that it acknowledged."""
    wanted = random.randint(*SPREAD)
    command = [sys.executable, __file__, str(folder), *map(str, start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            for number, line in enumerate(child.stdout, start=1):
                if number == wanted:
                    child.kill()
                if line.endswith("\n"):  # the last one may be torn
                    yield line
        finally:
            child.kill()


async def test_nothing_acknowledged_is_lost_repeated_or_moved_by_kills(tmp_path: Path) -> None:
    """Every acknowledged line is there once, at its seq; every value is at least as new."""
    ledger = Ledger()
    for _ in range(KILLS):
        start = [ledger.newest[str(sender)] for sender in range(SENDERS)]
        for answer in answers(tmp_path, start):
            ledger.note(answer)

        async with EmbeddedBroker.open(tmp_path) as broker:
            for log in LOGS:
                ledger.check(log, await broker.history(log, limit=1_000_000))
            values = {stored.key: int(stored.value) for stored in await broker.entries("newest")}
            for sender, number in ledger.newest.items():
                assert values.get(sender, 0) >= number

    assert len(ledger.seqs) >= KILLS


async def talk(broker: EmbeddedBroker, sender: str, start: int) -> None:
    """Send lines one after the other for ever, the last acknowledged one once more at first."""
    for number in count(max(start, 1)):
        await broker.put("newest", sender, b"%d" % number)
        seq = await broker.publish(log_of(sender), sender, str(number), f"line {number}")
        os.write(1, f"{sender} {number} {seq}\n".encode())


async def serve(folder: Path, start: list[int]) -> None:
    """Publish from many senders until somebody kills this process."""
    with FolderLock(folder, "data directory"):
        async with EmbeddedBroker.open(folder) as broker, asyncio.TaskGroup() as group:
            for sender, number in enumerate(start):
                group.create_task(talk(broker, str(sender), number))


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), [int(number) for number in sys.argv[2:]]))

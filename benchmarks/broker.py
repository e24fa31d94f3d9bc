"""How many lines a second a broker makes durable, beside what the disk itself can do.

Senders publish one line after the other, each waiting for the acknowledgement of the last.
`python -m benchmarks.broker` takes about 20 seconds and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from time import perf_counter
from typing import Final

from msgspec import Struct

from tcpnet.broker.base import Broker
from tcpnet.broker.embedded import EmbeddedBroker
from tcpnet.broker.memory import MemoryBroker

SENDERS: Final = (1, 100, 1000)
ROOMS: Final = 20
BODY: Final = "x" * 200
SYNCS: Final = 500


class Figures(Struct, frozen=True):
    """One load: lines a second, how long each took (ms), and how many shared a commit."""

    rate: float
    p50: float
    p99: float
    batch: float


def share(sorted_values: Sequence[float], part: float) -> float:
    """The value below which this part of the values lies."""
    return sorted_values[int(part * (len(sorted_values) - 1))]


def sync_times(folder: Path) -> list[float]:
    """How long the disk takes (ms) to sync 4 KiB written over old ones, in ascending order."""
    sync = getattr(os, "fdatasync", os.fsync)
    times = []
    with (folder / "syncs").open("wb", buffering=0) as file:
        file.write(bytes(4096))
        os.fsync(file.fileno())
        for _ in range(SYNCS):
            file.seek(0)
            file.write(os.urandom(4096))
            started = perf_counter()
            sync(file.fileno())
            times.append((perf_counter() - started) * 1000)
    return sorted(times)


async def measure(broker: Broker, senders: int, seconds: float) -> Figures:
    """Let so many senders publish to some rooms for a while, one follower a room."""
    times: list[float] = []
    before = broker.statistics.commits
    started = perf_counter()

    async def send(sender: int) -> None:
        number = 0
        while (sent := perf_counter()) < started + seconds:
            number += 1
            mid = f"{senders}-{number}"
            await broker.publish(f"room {sender % ROOMS}", f"user {sender}", mid, BODY)
            times.append((perf_counter() - sent) * 1000)

    heard: list[int] = []
    followings = [
        broker.follow(f"room {room}", lambda batch: heard.append(len(batch)))
        for room in range(ROOMS)
    ]
    async with asyncio.TaskGroup() as group:
        for sender in range(senders):
            group.create_task(send(sender))
    elapsed = perf_counter() - started
    for following in followings:
        following.close()
    assert sum(heard) == len(times), "every line is delivered once"

    times.sort()
    commits = broker.statistics.commits - before
    return Figures(
        len(times) / elapsed, share(times, 0.5), share(times, 0.99), len(times) / commits
    )


async def run(folder: Path, seconds: float) -> None:
    """Print a row for each broker and number of senders."""
    brokers: dict[str, AbstractAsyncContextManager[Broker]] = {
        "embedded": EmbeddedBroker.open(folder),
        "memory": nullcontext(MemoryBroker()),
    }
    print(f"{'broker':10} {'senders':>8} {'lines/s':>10} {'p50 ms':>8} {'p99 ms':>8} {'batch':>8}")
    for name, opening in brokers.items():
        async with opening as broker:
            for senders in SENDERS:
                got = await measure(broker, senders, seconds)
                print(
                    f"{name:10} {senders:8,} {got.rate:10,.0f} {got.p50:8.3f} {got.p99:8.3f}"
                    f" {got.batch:8.1f}"
                )


def main() -> None:
    """Measure in a temporary folder of the disk that `--folder` is on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(), help="where the disk is")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each load")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        syncs = sync_times(folder)
        print(
            f"python {platform.python_version()}, sqlite {sqlite3.sqlite_version}, {sys.platform}"
        )
        print(f"disk: 4 KiB synced in {share(syncs, 0.5):.3f} ms p50, {share(syncs, 0.99):.3f} p99")
        asyncio.run(run(folder, options.seconds))


if __name__ == "__main__":
    main()

"""How soon a hub serves again after it was killed with a million messages in its store.

`python -m benchmarks.restart` takes about a minute, most of it to say the million.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec

from tcpnet.broker.embedded import EmbeddedBroker
from tcpnet.chat.accounts import Account
from tcpnet.chat.room import Deed
from tests.hub import Person
from tests.processes import server, start

ROOMS: Final = 100
AT_ONCE: Final = 1000
ROUNDS: Final = 3
SOON: Final = 1.0
"""Seconds in which it has to serve."""

_KEEP_ALL: Final = ("--set", "rooms.keep_lines=0", "--log-level", "error")


async def main() -> int:
    """Print what was found; the exit status is 1 if it took too long."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench restart")
    parser.add_argument("--messages", type=int, default=1_000_000, help="in the store (1,000,000)")
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fill:
        await _fill(options.fill, options.messages)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        await _filled_and_killed(Path(folder) / "data", options.messages)
        rounds = [await _serves(Path(folder), number) for number in range(ROUNDS)]
    for listening, talking in rounds:
        print(f"it listens after {listening:.2f} s; somebody reads a room after {talking:.2f} s")
    best = min(talking for _, talking in rounds)
    print(f"the quickest of {ROUNDS}: {best:.2f} s, the start of Python included")
    return int(best >= SOON)


async def _filled_and_killed(folder: Path, messages: int) -> None:
    words = ("--fill", str(folder), "--messages", str(messages))
    process = await start("benchmarks.restart", *words, cwd=Path(__file__).parents[1])
    assert process.stdout is not None
    said = await process.stdout.readline()
    process.kill()
    _, errors = await process.communicate()
    assert said == b"said\n", errors.decode()


async def _fill(folder: Path, messages: int) -> None:
    """Say the messages in rooms, a thousand at once, and wait to be killed."""
    owner = Account(name="Ann", id=10_000, key="ann")
    async with EmbeddedBroker.open(folder) as broker:
        for number in range(ROOMS):
            deed = Deed(id=f"r{number}", log=f"room/r{number}/0", owner=owner)
            await broker.put("room", deed.id, msgspec.json.encode(deed))
        for first in range(0, messages, AT_ONCE):
            async with asyncio.TaskGroup() as group:
                for number in range(first, min(first + AT_ONCE, messages)):
                    log, mid = f"room/r{number % ROOMS}/0", f"{number:08}"
                    group.create_task(broker.publish(log, "Ann", mid, "words " * 20))
        print("said", flush=True)
        await asyncio.Event().wait()


async def _serves(folder: Path, number: int) -> tuple[float, float]:
    """Seconds until a hub listens, and until somebody sees the last line of a room; then a kill."""
    began = monotonic()
    async with server(folder, *_KEEP_ALL) as hub:
        listening = monotonic() - began
        person = await Person.dial(f"new-{number}", hub.port)
        await person.logs_in()
        await person.enters_room("r1")
        await person.sees("(earlier) Ann> ")
        talking = monotonic() - began
        hub.process.kill()
        await person.gone()
    return listening, talking


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

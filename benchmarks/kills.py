"""A hub that is killed again and again under load, and a ledger of what it acknowledged.

`python -m benchmarks.kills` takes about three minutes: 200 kills of a real server process, by its
process id, at random moments. Eight people talk in two rooms, four write messages to each other;
their links break at random, too. Everybody comes back and says again what was not acknowledged.
What a kill does not show is a power cut: see `benchmarks.powercut`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from tests.kills import outlive

LIFETIME = 4000
"""Items that people hear of a hub before it is killed, at most."""


async def main() -> int:
    """Print what was found; the exit status is 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench kills")
    parser.add_argument("--kills", type=int, default=200, help="how many (200)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    began = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        outcome = await outlive(
            Path(folder), random.Random(options.seed), kills=options.kills, lifetime=LIFETIME
        )
    print(f"seed {options.seed}, {perf_counter() - began:.0f} s")
    print(f"{outcome.kills} kills, {outcome.breaks} broken links beside them")
    print(f"{outcome.acks:,} lines acknowledged, {outcome.shown:,} shown")
    print(f"{outcome.faults}, {outcome.strayed} people who lost their room")
    return int(bool(outcome.faults) or outcome.strayed > 0)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

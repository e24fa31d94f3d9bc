"""A million frames of nonsense at a hub, while two people talk.

`python -m benchmarks.fuzz` takes two minutes: recorded conversations and made-up answers, broken in
values, items, frames and bytes. A fault is an error that the hub logs of itself, or words of it
that are no frame.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from time import perf_counter

from tests.fuzz import assault

HANG = 1.0
"""Seconds that a line of the two others may take."""


async def main() -> int:
    """Print what was found; the exit status is 1 after a fault or a hang."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench fuzz")
    parser.add_argument("--frames", type=int, default=1_000_000, help="how many (1,000,000)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    began = perf_counter()
    tally = await assault(random.Random(options.seed), options.frames)
    print(f"seed {options.seed}, {perf_counter() - began:.0f} s")
    print(f"{tally.frames:,} frames taken in {tally.visits:,} visits, which ended so: {tally.ends}")
    print(f"slowest line of the two others: {tally.slowest * 1e3:.0f} ms")
    print(f"faults: {len(tally.faults)}", *tally.faults[:10], sep="\n  ")
    return int(bool(tally.faults) or tally.slowest >= HANG)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""A hub under people who come, do everything and go, for minutes; what is left of them.

`python -m benchmarks.soak` takes five minutes. After a fifth of the time, and then each tenth, all
have left and everything is counted: it has to stay as it was.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import tracemalloc
from pathlib import Path
from time import monotonic
from typing import Final

from tests.soak import Rest, Soak, soak

SLACK: Final = 256 * 1024
"""Bytes by which what is allocated may differ: caches that have a bound of their own."""


async def main() -> int:
    """Print a row each tenth of the time; the exit status is 1 if anything has grown."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench soak")
    parser.add_argument("--minutes", type=float, default=5, help="how long (5)")
    options = parser.parse_args()
    logging.disable()
    seconds, began = options.minutes * 60, monotonic()
    print(f"{'minutes':>8}{'rounds':>8}{'KiB':>9}  rest")
    tracemalloc.start()
    rows: list[tuple[int, Rest]] = []
    with tempfile.TemporaryDirectory() as folder:
        async with soak(Path(folder)) as hub:
            for tenth in range(2, 11):
                await _until(hub, began + seconds * tenth / 10)
                rest = hub.rest()
                rows.append((tracemalloc.get_traced_memory()[0], rest))
                minutes = (monotonic() - began) / 60
                print(f"{minutes:8.1f}{hub.rounds:8}{rows[-1][0] / 1024:9.0f}  {rest}", flush=True)
    first, last = rows[0], rows[-1]
    grown = last[0] - first[0]
    print(
        f"since the first row: {grown / 1024:+.0f} KiB, {'' if first[1] == last[1] else 'not '}",
        end="",
    )
    print("the same tasks, descriptors, sessions and rooms")
    return int(grown > SLACK or first[1] != last[1])


async def _until(hub: Soak, moment: float) -> None:
    while monotonic() < moment:
        await hub.round()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

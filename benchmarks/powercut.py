"""What a thousand simulated power cuts leave of a store under load.

`python -m benchmarks.powercut` takes two to five minutes. The store writes through the SQLite of
apsw, whose files are recorded; what a cut leaves is opened through the standard library's.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sqlite3
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Final

import apsw

from tests.powercut import NORMAL, Tally, outlive

CUTS_A_LIFE: Final = 50


async def run(cuts: int, seed: int, swaps: dict[str, str] | None, faulty: float) -> Tally:
    """Cut the power so often, in runs that go on with what one cut has left."""
    # A store that lost lines gives their numbers away again: nothing can go on with it.
    lives = 1 if swaps else max(1, cuts // CUTS_A_LIFE)
    with tempfile.TemporaryDirectory() as folder:
        return await outlive(
            Path(folder),
            random.Random(seed),
            cuts=cuts // lives,
            lives=lives,
            swaps=swaps,
            faulty=faulty,
        )


async def main() -> int:
    """Print a row for each kind of run; the exit status is 1 if a line was lost with FULL."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench powercut")
    parser.add_argument("--cuts", type=int, default=1000, help="for each row (1000)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    logging.disable()  # refused commits are what one of the rows is about
    print(f"SQLite {apsw.sqlite_lib_version()} writes, {sqlite3.sqlite_version} recovers")
    print(f"seed {options.seed}")
    print(f"{'syncs':22}{'cuts':>6}{'with losses':>13}{'lines looked for':>18}", end="")
    print(f"{'checkpoints':>13}{'failed syncs':>14}{'seconds':>9}")
    lost = False
    for name, swaps, faulty in (
        ("FULL", None, 0.0),
        ("FULL, 5 % of them fail", None, 0.05),
        ("NORMAL", NORMAL, 0.0),
    ):
        began = perf_counter()
        tally = await run(options.cuts, options.seed, swaps, faulty)
        print(f"{name:22}{tally.cuts:6}{len(tally.wrong):13}{tally.lines:18}", end="")
        print(f"{tally.checkpoints:13}{tally.failed_syncs:14}{perf_counter() - began:9.1f}")
        lost |= swaps is None and bool(tally.wrong)
    return int(lost)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

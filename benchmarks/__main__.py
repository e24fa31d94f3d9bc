"""`python3 dev.py bench`: the chat cases beside their peers, or one of the other parts by name."""

import argparse
import os
import runpy
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

PARTS: Final = {
    "abuse": "two people beside others who flood the hub",
    "broker": "lines a second that become durable",
    "client": "the full screen beside other chat clients",
    "fuzz": "a million frames of nonsense at a hub",
    "kills": "what kills under load leave of what was acknowledged",
    "handshakes": "newcomers beside a thousand handshakes that never end",
    "pages": "the store of pages",
    "peers": "get the peers for the chat cases, into a folder of this checkout",
    "policy": "the cache's decisions about a request",
    "port": "the proxy port beside squid and nginx",
    "proxy": "what the web proxy promises",
    "powercut": "what power cuts leave of a store under load",
    "restart": "how soon a hub with a million messages serves",
    "soak": "what is left of people who came and went for minutes",
    "start": "how soon a command answers and a hub lets somebody in",
}
"""Modules of this package with a `main` and arguments of their own."""

BUDGET: Final = 560.0
"""Seconds after which no further load begins: a whole run takes ten minutes at most."""


def main() -> int:
    """Run what the arguments name; the exit status."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in PARTS:
        module = "install" if arguments[0] == "peers" else arguments[0]
        sys.argv = [f"bench {arguments[0]}", *arguments[1:]]
        runpy.run_module(f"benchmarks.{module}", run_name="__main__")
        return 0
    if sys.platform != "linux":
        print("the chat cases need Linux: epoll and /proc")
        return 0
    return _chat(arguments)


def _chat(arguments: Sequence[str]) -> int:
    # Not above: on other systems neither can be imported.
    from benchmarks import machine, report
    from benchmarks.chat import CASES, Bench

    options = _options([case.name for case in CASES], arguments)
    cases = [case for case in CASES if case.name in options.cases]
    rounds = 1 if options.quick else options.rounds
    here, began = machine.describe(), time.monotonic()
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.out) as folder:
        bench = Bench(Path(folder), quick=options.quick, rounds=rounds, seconds=BUDGET)
        bench.run(cases, options.servers)
    run = report.Run(
        began=at,
        seconds=time.monotonic() - began,
        command=shlex.join(["python3", "dev.py", "bench", *arguments]),
        machine=here,
        load=os.getloadavg()[0],
        rounds=rounds,
        quick=options.quick,
        results=bench.results,
        judged=[] if options.quick else report.judged(bench.results),
    )
    report.save(run, options.out)
    print(report.markdown(run))
    print(f"saved in {options.out}")
    return 0


def _options(cases: Sequence[str], arguments: Sequence[str]) -> argparse.Namespace:
    from benchmarks.peers import KINDS

    parser = argparse.ArgumentParser(
        prog="dev.py bench",
        description="Measure tcpnet beside its peers, or one of the parts below by its name.",
        epilog="\n".join(f"  {name:12}{what}" for name, what in PARTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    listed = f"one of {', '.join(cases)}; without one, all"
    parser.add_argument("cases", nargs="*", metavar="case", default=cases, help=listed)
    parser.add_argument("--quick", action="store_true", help="seconds, to see that it works")
    parser.add_argument("--rounds", type=int, default=3, help="of each case (3)")
    parser.add_argument(
        "--server",
        dest="servers",
        metavar="SERVER",
        action="append",
        help="of all that there are; may be repeated",
    )
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args(arguments)
    options.servers = options.servers or list(KINDS)
    for what, given, known in (
        ("case", options.cases, cases),
        ("server", options.servers, list(KINDS)),
    ):
        if unknown := set(given) - set(known):
            parser.error(f"no {what} {', '.join(unknown)}; there are {', '.join(known)}")
    return options


if __name__ == "__main__":
    sys.exit(main())

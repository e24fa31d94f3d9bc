"""The proxy port beside other caches: processor time of a request, latency, memory, tunnels.

`python3 dev.py bench port` takes about four minutes. All caches are asked the same through
`wrk`, one after the other, in rounds. The median counts of those in which the host of a virtual
machine kept nothing from it and a new file cost what it costs on a disk at rest; while there is
none, there are more rounds, twice as many at most. No file is deleted before the end, for which
see `disk`: up to 6 GB of it are needed, and most of a minute to delete them.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import disk, machine, wrk
from benchmarks.caches import NGINX, PROXY_PY, SQUID, SQUID_DISK, TCPNET, TCPNET_DISK, caches
from benchmarks.chat import CALM
from benchmarks.peers import Absent, Kind, Refused, Running, running
from benchmarks.uplink import uplink
from benchmarks.wrk import Load, Served

KIB: Final = 1 << 10
MIB: Final = 1 << 20
PAGES: Final = 100
"""Different pages that are hit in turn."""
WARMING: Final = 1.0
"""Seconds for which each cache is asked before it is measured."""
FASTEST: Final = 30_000
"""New pages a second that no cache exceeds: nginx had 26,000."""


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of request; `fresh` asks for pages that nobody asked for before."""

    name: str
    size: int
    fresh: bool
    caches: tuple[str, ...]


CASES: Final = (
    Case("hit, memory, 1 KiB", KIB, False, (TCPNET, SQUID, NGINX)),
    Case("hit, memory, 100 KiB", 100 * KIB, False, (TCPNET, SQUID, NGINX)),
    Case("hit, disk, 1 KiB", KIB, False, (TCPNET_DISK, SQUID_DISK)),
    Case("hit, disk, 100 KiB", 100 * KIB, False, (TCPNET_DISK, SQUID_DISK)),
    Case("miss, stored, 1 KiB", KIB, True, (TCPNET, SQUID, NGINX, PROXY_PY)),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One run: processor seconds for 1,000 requests, p99 in milliseconds, requests a second.

    `stolen` is what the machine's host kept from it meanwhile, in cores; `file` what making a file
    of a page's size cost beside its pages, in processor seconds, where it makes any.
    """

    cpu: float
    p99: float
    rate: float
    stolen: float
    file: float = 0.0

    @property
    def is_calm(self) -> bool:
        """Whether neither the host nor the disk was in its way."""
        return self.stolen <= CALM and self.file <= disk.SLOW


Turn = dict[str, Figure]
"""One run of each cache, one after the other."""


class Bench:
    """Runs cases; numbers of fresh pages are never used twice."""

    def __init__(self, folder: Path, site: str, kinds: dict[str, Kind], seconds: float) -> None:
        self._folder = folder
        self._site = site
        self._kinds = kinds
        self._seconds = seconds
        self._fresh = itertools.count(1_000_000, 1_000_000)

    def figure(self, case: Case, name: str) -> Figure:
        """Run one case on one cache, started for it. Raises Absent and Refused."""
        if not case.fresh:
            return self._started(case, name, _new(self._folder))
        os.sync()  # what was written before is not to be on its way meanwhile
        place = disk.place(self._folder, case.size)
        figure = self._started(case, name, place.folder)
        return replace(figure, file=max(place.cost, disk.cost(place.folder, case.size)))

    def lack(self, case: Case) -> str | None:
        """Why there is no room for one more turn of a case; None if there is."""
        if not case.fresh:
            return None
        files = int(FASTEST * (WARMING + self._seconds)) + (disk.TRIES + 1) * disk.FILES
        return disk.lack(self._folder, files * len(case.caches), case.size + KIB)

    def _started(self, case: Case, name: str, folder: Path) -> Figure:
        kind = self._kinds[name]
        folder.chmod(0o755)
        with running(kind, kind.found(folder), folder) as server:
            return self._measured(case, server, folder)

    def _measured(self, case: Case, server: Running, folder: Path) -> Figure:
        load = self._load(case)
        self._run(server, load, WARMING, folder)
        if case.fresh:
            load = self._load(case)
        before, began, kept = _cpu(server.pid), time.monotonic(), machine.stolen_seconds()
        served = self._run(server, load, self._seconds, folder)
        used, took = _cpu(server.pid) - before, time.monotonic() - began
        if served.failed:
            raise Refused(f"{served.failed} of {served.requests} failed")
        stolen = (machine.stolen_seconds() - kept) / took
        return Figure(used / served.requests * 1000, served.p99, served.requests / took, stolen)

    def _load(self, case: Case) -> Load:
        if case.fresh:
            return Load(case.size, next(self._fresh), 1_000_000)
        return Load(case.size, 0, PAGES)

    def _run(self, server: Running, load: Load, seconds: float, folder: Path) -> Served:
        return wrk.run(server.port, self._site, load, seconds, folder)


def _new(folder: Path) -> Path:
    """A folder below another, which stays as long as that."""
    return Path(tempfile.mkdtemp(dir=folder))


def _cpu(pid: int) -> float:
    """Processor time of a server and of those it started."""
    started = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return machine.cpu_seconds(pid) + sum(machine.cpu_seconds(int(child)) for child in started)


def main() -> int:
    """Measure what the arguments name; the exit status."""
    parser = argparse.ArgumentParser(prog="bench port", description=__doc__)
    parser.add_argument("cases", nargs="*", help="parts of the names of cases; without one, all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each run")
    options = parser.parse_args()
    if why := machine.unsupported():
        print(why)
        return 0
    try:
        wrk.program()
    except Absent:
        print(
            "the load comes from wrk, which is not installed: `python3 dev.py bench peers` gets it"
        )
        return 0
    print(machine.describe())
    with tempfile.TemporaryDirectory(prefix="tcpnet-bench-") as folder:
        Path(folder).chmod(0o755)  # squid gives its rights up
        disk.scatter(Path(folder))
        asyncio.run(_run(options, Path(folder)))
    return 0


async def _run(options: argparse.Namespace, folder: Path) -> None:
    wanted = options.cases
    async with uplink() as site:
        bench = Bench(folder, site.url(""), caches(site.port), options.seconds)
        print(
            "\n| case | cache | CPU s / 1,000 | p99 ms | requests/s | stolen, cores | a file, µs |"
        )
        print("|---|---|---|---|---|---|---|")
        for case in CASES:
            if not wanted or any(word in case.name for word in wanted):
                await asyncio.to_thread(_compare, bench, case, options.rounds)
        if not wanted or "memory" in wanted:
            await asyncio.to_thread(_full_memory, folder, site.url(""), caches(site.port))
        if not wanted or "tunnel" in wanted:
            await asyncio.to_thread(_tunnel, folder, caches(site.port), options.rounds)


def _compare(bench: Bench, case: Case, rounds: int) -> None:
    """Print the medians of the rounds that nothing disturbed, of all where none is."""
    turns: list[Turn] = []
    absent: set[str] = set()
    while len(turns) < rounds or (not _calm(turns) and len(turns) < 2 * rounds):
        if why := bench.lack(case):
            print(f"| {case.name} | | no further round: {why} | | | | |")
            break
        turns.append(_turn(bench, case, absent))
    counted = _calm(turns) or turns
    for name in case.caches:
        if found := [turn[name] for turn in counted if name in turn]:
            cpu, p99 = median(f.cpu for f in found), median(f.p99 for f in found)
            rate, stolen = median(f.rate for f in found), median(f.stolen for f in found)
            file = f"{median(f.file for f in found) * 1e6:.0f}" if case.fresh else ""
            row = f"{cpu:.4f} | {p99:.2f} | {rate:.0f} | {stolen:.2f} | {file}"
            print(f"| {case.name} | {name} | {row} |", flush=True)


def _turn(bench: Bench, case: Case, absent: set[str]) -> Turn:
    """Run a case on each cache; who is not here, or refuses, is told once and noted."""
    turn: Turn = {}
    for name in case.caches:
        if name in absent:
            continue
        try:
            turn[name] = bench.figure(case, name)
        except (Absent, Refused) as error:
            absent.add(name)
            print(f"| {case.name} | {name} | skipped: {error} | | | | |")
    return turn


def _calm(turns: Sequence[Turn]) -> list[Turn]:
    return [turn for turn in turns if all(figure.is_calm for figure in turn.values())]


def _full_memory(folder: Path, site: str, kinds: dict[str, Kind]) -> None:
    """Fill the front in memory with pages of 100 KiB, and 16 MiB of small ones."""
    kind, place = kinds[TCPNET], _new(folder)
    with running(kind, kind.found(place), place) as server:
        idle = machine.resident(server.pid)
        for load in (Load(KIB, 0, 2000), Load(100 * KIB, 0, 700)):
            wrk.run(server.port, site, load, 4.0, place)
        full = machine.resident(server.pid)
    print(f"\nmemory: {idle / MIB:.0f} MiB idle, {full / MIB:.0f} MiB with 64 MiB of pages in it")


def _tunnel(folder: Path, kinds: dict[str, Kind], rounds: int) -> None:
    """Move 1 GiB straight, and through a tunnel."""
    with _pouring() as port:
        kind, place = kinds[TCPNET], _new(folder)
        command = kind.command

        def opened(program: str, folder: Path, number: int) -> list[str]:
            allow = ["--set", f"proxy.connect_ports={port}"]
            return [*command(program, folder, number), *allow]

        made = Kind(kind.name, kind.wire, kind.program, opened)
        with running(made, made.found(place), place) as server:
            straight, through = [], []
            for _ in range(rounds):
                straight.append(_pulled(port, None))
                through.append(_pulled(server.port, port))
    a, b = median(straight), median(through)
    print(f"\ntunnel: {a / MIB:.0f} MiB/s straight, {b / MIB:.0f} MiB/s through it: {b / a:.2f}x")


def _pulled(port: int, through: int | None) -> float:
    """Bytes a second of 1 GiB from a port, or through a tunnel from it."""
    buffer = bytearray(MIB)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        if through is not None:
            sock.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % through)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += sock.recv(1)
            if not head.startswith(b"HTTP/1.1 200"):
                raise Refused(head.decode())
        sock.sendall(b"go")
        began, count = time.monotonic(), 0
        while size := sock.recv_into(buffer):
            count += size
    if count != 1 << 30:
        raise Refused(f"{count} bytes came")
    return count / (time.monotonic() - began)


_POUR: Final = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
block = bytes(1 << 20)
while True:
    sock, _ = listener.accept()
    with sock:
        sock.recv(2)
        for _ in range(1024):
            sock.sendall(block)
"""


@contextlib.contextmanager
def _pouring() -> Iterator[int]:
    """A process that sends 1 GiB to whoever calls; its port."""
    process = subprocess.Popen([sys.executable, "-c", _POUR], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


if __name__ == "__main__":
    sys.exit(main())

"""The full screen beside weechat and irssi: `python -m benchmarks.client [--quick]`.

All three sit on a pseudo-terminal of 100x30 and are given the same lines: ours by a hub that only
talks, the others through ngircd on loopback by one bot. A program that is not installed is left out
with a word. A whole run takes about four minutes.
"""

import argparse
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import machine
from benchmarks.client_tty import Echoes, Tty

STARTS: Final = 10
RATES: Final = (0, 1000, 2000)
SETTLED: Final = 0.5
"""Seconds after which a program has painted what came last."""


class Load:
    """The process that talks."""

    def __init__(self, process: "subprocess.Popen[str]", greeting: str) -> None:
        self._process = process
        self.greeting = greeting

    def begin(self, rate: int, seconds: float) -> None:
        """Let it talk."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{rate} {seconds}\n")
        self._process.stdin.flush()

    def said(self) -> int:
        """Wait until it has ended; how many lines it said."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@contextmanager
def load(*argv: str) -> Iterator[Load]:
    """A talking process for the length of the block."""
    command = [sys.executable, "-m", "benchmarks.client_load", *argv]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            yield Load(process, process.stdout.readline().strip())
        finally:
            process.kill()


@dataclass(frozen=True)
class Client:
    """A program under test: how it is started, and how it comes to sit in the room."""

    name: str
    command: Callable[[Path, str], list[str]]
    enter: Callable[[Tty, str], None]


def _enter_ours(tty: Tty, _port: str) -> None:
    tty.shows("Your option")
    tty.enter("5")
    tty.shows("room den")


def _enter_irc(tty: Tty, port: str) -> None:
    tty.reads(1.0)
    tty.enter(f"/connect 127.0.0.1 {port}" if b"irssi" in tty.written else "/connect bench")
    tty.reads(1.5)
    tty.enter("/join #den")
    tty.reads(1.0)


def _weechat(home: Path, port: str) -> list[str]:
    add = f"/server add bench 127.0.0.1/{port} -nicks=alice"
    return ["weechat", "-d", str(home / "weechat"), "-r", add]


OURS: Final = Client(
    "tcpnet",
    lambda home, port: [
        sys.executable, "-m", "tcpnet.cli.client", f"127.0.0.1:{port}", "--name", "Alice",
        "--state-dir", str(home / "tcpnet"),
    ],
    _enter_ours,
)  # fmt: skip
PEERS: Final = (
    Client("weechat", _weechat, _enter_irc),
    Client(
        "irssi",
        lambda home, _port: ["irssi", f"--home={home / 'irssi'}", "-n", "alice"],
        _enter_irc,
    ),
)


@dataclass
class Figures:
    """What was found at one rate: milliseconds, percent of a core, kB a second, MiB."""

    p50: float
    p95: float
    p99: float
    longest: float
    keys: int
    lost: int
    cpu: float
    written: float
    resident: float


def measure(tty: Tty, talker: Load, rate: int, seconds: float) -> Figures:
    """Type while the load talks at this rate."""
    echoes = Echoes()
    tty.reads(SETTLED)
    cpu, written, began = tty.cpu, len(tty.written), time.perf_counter()
    if rate:
        talker.begin(rate, seconds)
    echoes.take(tty, seconds - 0.3, random.Random(rate))
    if rate:
        talker.said()
    passed = time.perf_counter() - began
    return Figures(
        p50=echoes.percentile(50) * 1e3,
        p95=echoes.percentile(95) * 1e3,
        p99=echoes.percentile(99) * 1e3,
        longest=max(echoes.times, default=float("nan")) * 1e3,
        keys=len(echoes.times) + echoes.lost,
        lost=echoes.lost,
        cpu=(tty.cpu - cpu) / passed * 100,
        written=(len(tty.written) - written) / passed / 1e3,
        resident=tty.resident / 2**20,
    )


def starts(client: Client, home: Path, port: str, count: int) -> tuple[float, float]:
    """Milliseconds until what was typed at once is seen (ours: at the hub's first question).

    Median and longest; the first run only warms up.
    """
    times = []
    for _ in range(count + 1):
        with Tty(client.command(home, port), home=home) as tty:
            tty.press("ж")
            if client is OURS:
                tty.sees("Your option")
            times.append((tty.sees("ж") - tty.started) * 1e3)
    times = sorted(times[1:])
    return times[len(times) // 2], times[-1]


def long_history(home: Path, lines: int) -> list[str]:
    """Memory and keys of ours after so many lines, and whether keys survive 20,000 a second."""
    with load("hub") as talker, Tty(OURS.command(home, talker.greeting), home=home) as tty:
        OURS.enter(tty, talker.greeting)
        seconds = lines / 20_000
        flood = measure(tty, talker, 20_000, seconds)
        said = max(0, lines - 20_000 * seconds)
        tty.reads(2.0)
        idle = measure(tty, talker, 0, min(6.0, seconds))
    return [
        f"20,000 lines/s offered for {seconds:.0f} s: {flood.lost} of {flood.keys} keys lost, "
        f"p50 {flood.p50:.1f}, p99 {flood.p99:.1f} ms, {flood.cpu:.0f} % of a core",
        f"after {lines - said:,.0f} lines: {idle.resident:.0f} MiB, "
        f"a key is echoed within p50 {idle.p50:.1f}, p99 {idle.p99:.1f} ms",
    ]


def resizes(home: Path, lines: int, count: int) -> list[str]:
    """Random sizes of the terminal during a flood: what is kept, and what was typed."""
    dice = random.Random(0)
    with load("hub") as talker, Tty(OURS.command(home, talker.greeting), home=home) as tty:
        OURS.enter(tty, talker.greeting)
        tty.press("draft")
        talker.begin(1000, lines / 1000)
        for _ in range(count):
            tty.resize(dice.randint(20, 200), dice.randint(5, 60))
            tty.reads(lines / 1000 / count)
        said = talker.said()
        tty.resize(100, 30)
        tty.reads(SETTLED)
        since = len(tty.written)
        tty.press("\x0c")
        tty.reads(SETTLED)
        newest = tty.screen(since)
        since = len(tty.written)
        tty.press("\x1b[1;5H\x0c")
        tty.reads(SETTLED)
        oldest = tty.screen(since)
    below = int(re.sub(",", "", re.findall(r"([\d,]+) below", oldest)[0]))
    shown = len(re.findall(r"Bob> \d{7}", oldest))
    whole = f"Bob> {said - 1:07d}" in newest and "Bob> 0000000" in oldest
    return [
        f"{count} sizes while {said:,} lines came: {below + shown:,} kept, "
        f"first and last {'there' if whole else 'MISSING'}, "
        f"typed text {'kept' if '> draft' in newest else 'LOST'}"
    ]


@contextmanager
def ngircd(folder: Path) -> Iterator[str]:
    """An IRC server that lets one bot flood; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    config = folder / "ngircd.conf"
    config.write_text(
        "[Global]\nName = irc.bench.local\nListen = 127.0.0.1\n"
        f"Ports = {port}\nMotdPhrase = bench\n"
        "[Limits]\nMaxConnectionsIP = 0\nMaxPenaltyTime = 0\n"
        "[Options]\nDNS = no\nIdent = no\nPAM = no\n"
    )
    command = ["ngircd", "-n", "-f", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _accepts(port)
            yield port
        finally:
            server.kill()


def _accepts(port: str) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", int(port)), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("ngircd does not accept")


def compared(
    client: Client, home: Path, seconds: float
) -> tuple[tuple[float, float], list[Figures]]:
    """Starts and all rates of one program."""
    with ExitStack() as stack:
        if client is OURS:
            talker = stack.enter_context(load("hub"))
            port = talker.greeting
        else:
            port = stack.enter_context(ngircd(home))
            talker = stack.enter_context(load("bot", port))
        started = starts(client, home, port, STARTS)
        tty = stack.enter_context(Tty(client.command(home, port), home=home))
        client.enter(tty, port)
        return started, [measure(tty, talker, rate, seconds) for rate in RATES]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.client", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="seconds, to see that it works")
    quick = parser.parse_args().quick
    here = machine.describe()
    print(f"{here.processor}, {here.cores} cores, {here.python}, load average {here.load:.2f}\n")
    with TemporaryDirectory() as folder:
        home = Path(folder)
        table: list[str] = []
        for client in (OURS, *PEERS):
            missing = _missing(client)
            if missing:
                print(f"{client.name}: left out, {missing} is not installed")
                continue
            (median, longest), found = compared(client, home, 2.0 if quick else 10.0)
            print(f"{client.name}: started in {median:.0f} ms, {longest:.0f} at most", flush=True)
            table += [
                _row(client.name, rate, each) for rate, each in zip(RATES, found, strict=True)
            ]
        print("\n".join(["", *_HEAD, *table, ""]))
        lines = 20_000 if quick else 120_000
        for line in [*long_history(home, lines), *resizes(home, 5000, 20 if quick else 200)]:
            print(f"- {line}")


def _missing(client: Client) -> str | None:
    needed = () if client is OURS else (client.name, "ngircd")
    return next((name for name in needed if not shutil.which(name)), None)


_HEAD: Final = (
    "| client | lines/s | p50 ms | p95 ms | p99 ms | max ms | keys (lost) | CPU % | kB/s | MiB |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


def _row(name: str, rate: int, found: Figures) -> str:
    return (
        f"| {name} | {rate:,} | {found.p50:.1f} | {found.p95:.1f} | {found.p99:.1f} "
        f"| {found.longest:.1f} | {found.keys} ({found.lost}) | {found.cpu:.0f} "
        f"| {found.written:.0f} | {found.resident:.0f} |"
    )


if __name__ == "__main__":
    main()

"""Two people who talk, alone and beside others who do whatever is not refused as fast as they can.

`python -m benchmarks.abuse` takes half a minute. The others, a process of their own, flood with
pings, with answers, with frames that are too long, and with connections. Callers of this machine
are held to the limits of an address, as callers of any other are without a setting.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final

from tests.hub import Person
from tests.processes import server, start
from tests.wire import STATUS, frame, hello

EVERY: Final = 0.06
"""Seconds from one line of the two to the next: that is no flood."""
SLOWER: Final = 2.0
"""How many times their p99 may grow."""
KINDS: Final = ("pings", "answers", "long frames", "connections")


async def main() -> int:
    """Print a row for each kind of flood; the exit status is 1 if one slows the two too much."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench abuse")
    parser.add_argument("--seconds", type=float, default=4, help="of each flood (4)")
    parser.add_argument("--flood", nargs=2, metavar=("KIND", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.flood:
        await _flood(options.flood[0], int(options.flood[1]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        async with server(
            Path(folder), "--log-level", "error", "--set", "limits.count_loopback=true"
        ) as hub:
            ann, bob = await _at_menu("Ann", hub.port), await _at_menu("Bob", hub.port)
            await ann.enters_room("den", new=True)
            await bob.enters_room("den")
            await _talk(ann, bob, options.seconds / 4)
            alone = await _talk(ann, bob, options.seconds)
            print(f"{'alone':14}{alone * 1e3:8.1f} ms")
            worst = 0.0
            for kind in KINDS:
                beside = await _beside(kind, hub.port, ann, bob, options.seconds)
                worst = max(worst, beside / alone)
                print(f"{kind:14}{beside * 1e3:8.1f} ms{beside / alone:8.2f}x", flush=True)
            await asyncio.gather(*(p.connection.close() for p in (ann, bob) if p.connection))
    return int(worst > SLOWER)


async def _beside(kind: str, port: int, ann: Person, bob: Person, seconds: float) -> float:
    words = ("--flood", kind, str(port))
    flood = await start("benchmarks.abuse", *words, cwd=Path(__file__).parents[1])
    try:
        assert flood.stdout is not None
        await flood.stdout.readline()
        return await _talk(ann, bob, seconds)
    finally:
        flood.kill()
        await flood.communicate()


async def _talk(ann: Person, bob: Person, seconds: float) -> float:
    """The p99 of the seconds that a line takes from one to the other, at an even pace."""
    delays: list[float] = []
    until = monotonic() + seconds
    while (began := monotonic()) < until:
        words = f"line {began}"
        speaker, listener = (ann, bob) if len(delays) % 2 else (bob, ann)
        speaker.types(words)
        await listener.sees(words)
        delays.append(monotonic() - began)
        await asyncio.sleep(EVERY)
    return sorted(delays)[len(delays) * 99 // 100]


async def _at_menu(name: str, port: int) -> Person:
    person = await Person.dial(name, port)
    await person.logs_in()
    return person


async def _flood(kind: str, port: int) -> None:
    if sys.platform != "win32":
        os.nice(19)  # from elsewhere a flood takes no processor of the hub's machine
    print("now", flush=True)
    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(_floods(kind, f"flood-{number}", port))


async def _floods(kind: str, name: str, port: int) -> None:
    while True:
        with suppress(ConnectionError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            drain = asyncio.create_task(_read(reader))
            try:
                await _one(kind, name, writer)
            finally:
                drain.cancel()
                writer.transport.abort()


async def _one(kind: str, name: str, writer: asyncio.StreamWriter) -> None:
    writer.write(hello(name) + STATUS)
    match kind:
        case "pings":
            said = frame(("ping", {"t": 1})) * 500
        case "answers":
            body = {"res-key": "option_selected", "value": 1, "id": 1}
            said = frame(("reply", body)) * 500
        case "long frames":
            said = b"x" * 200_000
        case _:
            await writer.drain()
            return
    while True:
        writer.write(said)
        await writer.drain()


async def _read(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        while await reader.read(1 << 16):
            pass


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

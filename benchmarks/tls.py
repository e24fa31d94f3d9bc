"""People who are logged in under TLS and do nothing: the memory that the hub holds for each.

`python -m benchmarks.tls` takes half a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Final

from benchmarks import machine
from tcpnet.net import keys
from tcpnet.protocol.items import Secure
from tests.hub import Person
from tests.processes import server

FIRST: Final = 16
"""People for whom a hub makes what it makes once; they are not counted."""


# Nobody answers a ping, and nobody reads its log.
_CALM: Final = ("--set", "limits.silence_seconds=600", "--log-level", "error")


async def main() -> int:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench tls")
    parser.add_argument("--people", type=int, default=2000, help="how many (2,000)")
    options = parser.parse_args()
    machine.allow_files()
    with tempfile.TemporaryDirectory() as folder:
        async with server(Path(folder), *_CALM) as hub:
            people = [await _arrives(number, hub.port) for number in range(FIRST)]
            empty, began = machine.resident(hub.process.pid), monotonic()
            people += [await _arrives(FIRST + n, hub.port) for n in range(options.people)]
            seconds = monotonic() - began
            held = machine.resident(hub.process.pid) - empty
            there = sum(person.ended is None for person in people) - FIRST
            await asyncio.gather(*map(_hangs_up, people))
    print(f"{there} people under TLS, {held / there / 1024:.1f} KiB each")
    print(f"{there / seconds:.0f} logins a second, both sides on this machine")
    return int(there < options.people)


async def _arrives(number: int, port: int) -> Person:
    person = await Person.dial(f"p{number}", port)
    assert person.connection is not None
    person.send(Secure())
    await person.gets(Secure)
    await person.connection.secured(keys.trusting(), server_side=False)
    person.connection.resume()
    await person.logs_in()
    return person


async def _hangs_up(person: Person) -> None:
    assert person.connection is not None
    await person.connection.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""A thousand people who never end their handshake, and newcomers who do.

`python -m benchmarks.handshakes` takes half a minute. The thousand say nothing, or half a hello, or
ask for TLS and are silent then. Somebody who said hello and is at the question for his password is
still there when all of them are gone.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Final

from tcpnet.protocol.items import PROTOCOL, Hello
from tests.hub import Person
from tests.processes import server
from tests.wire import frame

NEWCOMERS: Final = 100
EVERY: Final = 0.05
"""Seconds from one newcomer to the next."""
LIMIT: Final = 10.0
"""Seconds that the hub gives a handshake; a second more for its last word."""
SLOW: Final = 1.0
"""Seconds in which 99 of 100 newcomers have to be at the menu."""

_QUIET: Final = ("--log-level", "error")  # nobody reads its log


class Idler:
    """Somebody who begins and never ends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._began = monotonic()

    @classmethod
    async def begins(cls, number: int, port: int) -> Idler:
        """Connect, and say half a hello, that TLS is wanted, or nothing."""
        idler = cls(*await asyncio.open_connection("127.0.0.1", port))
        idler._writer.write((b'{"headers": [{"type": "hel', frame(("secure", {})), b"")[number % 3])
        return idler

    async def ended(self) -> tuple[float, bool]:
        """Seconds until the hub has hung up, and whether it said why."""
        heard = await self._reader.read(-1)
        needed = monotonic() - self._began
        self._writer.close()
        return needed, b'"bye"' in heard


async def main() -> int:
    """Print what was found; the exit status is 1 if a promise was not kept."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench handshakes")
    parser.add_argument("--people", type=int, default=1000, help="who never end (1,000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with server(Path(folder), *_QUIET) as hub:
            asked = await _at_his_password(hub.port)
            idlers = [await Idler.begins(number, hub.port) for number in range(options.people)]
            async with asyncio.TaskGroup() as group:
                ends = [group.create_task(idler.ended()) for idler in idlers]
                logins = [await _logs_in(number, hub.port) for number in range(NEWCOMERS)]
            waited = sorted(end.result()[0] for end in ends)
            told = sum(end.result()[1] for end in ends)
            asked.types("not my password")
            await asked.sees("This is not the password")
            await _hangs_up(asked)
    p99 = sorted(logins)[len(logins) * 99 // 100]
    print(
        f"{len(idlers)} handshakes begun, {told} told why they end, after {waited[0]:.1f} to",
        end="",
    )
    print(f" {waited[-1]:.1f} s")
    print(f"{len(logins)} newcomers at the menu beside them: p99 {p99 * 1e3:.0f} ms")
    print("somebody at the question for his password was still there")
    return int(p99 >= SLOW or waited[-1] > LIMIT + 2)


async def _at_his_password(port: int) -> Person:
    """Somebody who has a password and is asked for it."""
    owner = await Person.dial("Ann", port)
    await owner.logs_in()
    await owner.chooses(9)
    await owner.answers("Your option", 1)
    await owner.answers("New password: ", "correct horse")
    await owner.answers("The same again: ", "correct horse")
    await owner.asked("Your option")
    await _hangs_up(owner)
    asked = await Person.dial("Ann", port)
    asked.send(Hello(protocol=PROTOCOL, agent="bench", id_key="Ann"))
    await asked.asked("Password: ")
    return asked


async def _logs_in(number: int, port: int) -> float:
    await asyncio.sleep(EVERY)
    began = monotonic()
    person = await Person.dial(f"new-{number}", port)
    await person.logs_in()
    needed = monotonic() - began
    await _hangs_up(person)
    return needed


async def _hangs_up(person: Person) -> None:
    assert person.connection is not None
    await person.connection.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

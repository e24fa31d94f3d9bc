"""People at a real server while others browse: how soon lines arrive, and what a kill leaves."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.uplink import Uplink, text
from tcpnet.protocol.items import FromServer, Input, Print
from tests.hub import Person
from tests.processes import server

PACE: Final = 0.02
"""Seconds between two lines of one person."""

ALONE: Final = 8.0
"""Seconds for which they talk alone."""

BOUND: Final = 120.0
"""Seconds for all that is fetched at once."""

_ALLOWED: Final = ("--proxy-allow", "127.0.0.0/8", "--set", "limits.replies_per_second=0")
_STAMP: Final = re.compile(r"@(\d+)@")


class Chatter(Person):
    """Somebody in a room, who notes how long each line of others was on its way."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.delays: list[float] = []

    def received(self, item: FromServer) -> None:
        """Keep delays instead of lines."""
        if not isinstance(item, Print) or item.kind != "chat":
            super().received(item)
        elif (stamp := _STAMP.search(item.message)) and item.from_ != self.name:
            self.delays.append((time.perf_counter_ns() - int(stamp[1])) / 1e9)

    async def talk(self) -> None:
        """Say a line after the other until cancelled, at an even pace whatever comes back."""
        due = time.perf_counter()
        while True:
            self.types(f"@{time.perf_counter_ns()}@ hello")
            due += PACE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))


class Browser(Person):
    """Somebody at the proxy's menu, who keeps what the last request brought."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._at_menu = asyncio.Event()

    def received(self, item: FromServer) -> None:
        """Note when the menu is back."""
        super().received(item)
        if isinstance(item, Input) and item.message.startswith("Your option"):
            self._at_menu.set()

    async def begins(self) -> None:
        """Log in for the first time, and turn the proxy and its cache on."""
        await self.logs_in()
        for option in (6, 1):
            await self._types_and_waits(option)

    async def fetches(self, url: str) -> str:
        """Ask for a page and wait until the menu is back; the status line."""
        self.seen.clear()
        self.types(4)
        await self.asked("request> ")
        await self._types_and_waits(f"GET {url}")
        return next((line for line in self.messages() if line.startswith("Success")), "")

    async def _types_and_waits(self, value: str | int) -> None:
        self._at_menu.clear()
        self.types(value)
        async with asyncio.timeout(BOUND):
            await self._at_menu.wait()

    @property
    def page(self) -> bytes:
        """The text that was shown."""
        return "".join(self.messages("page")).encode()


@dataclass(slots=True)
class Delays:
    """Seconds that lines were on their way, alone and beside those who fetch."""

    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    fetching: float = 0.0


@dataclass(slots=True)
class Left:
    """Pages after a kill: those that had been shown, those still there, those that are wrong."""

    shown: int = 0
    kept: int = 0
    wrong: int = 0


async def beside_readers(
    folder: Path, site: Uplink, readers: int, size: int, rate: int | None
) -> Delays:
    """Let two people talk, first alone, then while others fetch large pages.

    `rate` is how many bytes a second all of them get together; None is as many as there are.
    """
    each = "" if rate is None else f"&rate={rate / readers}"
    urls = [site.url(f"/bytes/{size}?reader={number}{each}") for number in range(readers)]
    found = Delays()
    async with server(folder, *_ALLOWED) as hub, _talking(hub.port) as chatters:
        people = await _browsers(hub.port, readers)
        await _heard(chatters, asyncio.sleep(1))  # everything is warm
        found.alone = await _heard(chatters, asyncio.sleep(ALONE))
        began = time.perf_counter()
        asking = (one.fetches(url) for one, url in zip(people, urls, strict=True))
        found.beside = await _heard(chatters, asyncio.gather(*asking))
        found.fetching = time.perf_counter() - began
        await _hang_up(people)
    return found


async def killed(folder: Path, site: Uplink, pages: int, after: int, first: int) -> Left:
    """Kill a server that stores so many pages, then look at each of them through another."""
    sizes = {first + number: 1000 + 2903 * number for number in range(pages)}
    left = Left()
    enough = asyncio.Event()

    async def reads(one: Browser, numbers: Sequence[int]) -> None:
        for number in numbers:
            await one.fetches(site.url(f"/text/{sizes[number]}/{number}"))
            left.shown += 1
            if left.shown >= after:
                enough.set()

    async with server(folder, *_ALLOWED) as hub:
        people = await _browsers(hub.port, 10)
        numbers = list(sizes)
        reading = [asyncio.create_task(reads(one, numbers[n::10])) for n, one in enumerate(people)]
        await asyncio.wait_for(enough.wait(), BOUND)
        hub.process.kill()
        for task in reading:
            task.cancel()
        await asyncio.wait(reading)
        await _hang_up(people)
    async with server(folder, *_ALLOWED) as hub:
        person = await Browser.dial("somebody-else", hub.port)
        await person.begins()
        for number, size in sizes.items():
            verdict = await person.fetches(site.url(f"/text/{size}/{number}"))
            left.kept += "(cache)" in verdict
            left.wrong += person.page != text(size, number)
        await _hang_up([person])
    return left


@asynccontextmanager
async def _talking(port: int) -> AsyncIterator[Sequence[Chatter]]:
    people = [await Chatter.dial(name, port) for name in ("alice", "bob")]
    for person in people:
        await person.logs_in()
        await person.enters_room("4711", new=person is people[0])
    tasks = [asyncio.create_task(person.talk()) for person in people]
    try:
        yield people
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await _hang_up(people)


async def _browsers(port: int, count: int) -> list[Browser]:
    people = [await Browser.dial(f"reader-{number}", port) for number in range(count)]
    for person in people:
        await person.begins()
    return people


async def _heard(chatters: Sequence[Chatter], meanwhile: Awaitable[object]) -> list[float]:
    """The delays of the lines that arrive meanwhile."""
    for person in chatters:
        person.delays.clear()
    await meanwhile
    return [delay for person in chatters for delay in person.delays]


async def _hang_up(people: Sequence[Person]) -> None:
    await asyncio.gather(*(one.connection.close() for one in people if one.connection))

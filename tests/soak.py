"""A hub that is used for long: people come, talk, write, fetch pages and go in every way."""

from __future__ import annotations

import asyncio
import gc
import os
import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tcpnet.net.connection import Connection
from tcpnet.protocol.items import PROTOCOL, Bye, FromServer, Hello, Resume, Status, Welcome
from tcpnet.server.session import Session
from tests.hub import PATIENCE, Person, Town, town
from tests.origins import Origin, origin

PAGE: Final = (
    b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 6\r\nConnection: close\r\n\r\na page"
)
PEOPLE: Final = 8
"""Who come together in one round, each of whom goes in another way."""

_FILES: Final = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class Rest:
    """What is there while nobody is: tasks, descriptors, sessions that anything refers to."""

    tasks: int
    files: int
    sessions: int
    people: int
    rooms: int


class Soak:
    """One hub and one site, and rounds of people; in the end everything is as it was."""

    def __init__(self, hub: Town, site: Origin) -> None:
        self.hub = hub
        self.rounds = 0
        self._site = site
        self._idle = len(asyncio.all_tasks())
        self._tokens: dict[str, str] = {}

    async def round(self) -> None:
        """Have people come, do everything once, and go."""
        number = self.rounds
        self.rounds += 1
        people = [await self._arrives(f"P{index}") for index in range(PEOPLE)]
        owner, *others = people
        await owner.enters_room(f"room{number % 3}", new=True)
        for person in others[:5]:
            await person.enters_room(f"room{number % 3}")
        for index in range(10):
            for person in people[:6]:
                person.types(f"{index} " + "words " * 20)
        await owner.sees("P5> 9 ")
        await self._writes(others[5], "P6")
        await self._fetches(others[6])
        await self._go(people)
        await self.hub.close()
        async with asyncio.timeout(PATIENCE):
            while len(tasks := asyncio.all_tasks()) > self._idle:  # who was cut off is waited for
                tasks -= {asyncio.current_task()}
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    def rest(self) -> Rest:
        """Count what is there."""
        gc.collect()
        community = self.hub.hub.community
        return Rest(
            tasks=len(asyncio.all_tasks()),
            files=open_files(),
            sessions=sum(type(found) is Session for found in gc.get_objects()),
            people=len(community.presence),
            rooms=len(community.rooms),
        )

    async def _arrives(self, name: str, session: str = "") -> Person:
        person = await self.hub.dials(name)
        person.send(
            Hello(
                protocol=PROTOCOL,
                agent="soak",
                id_key=name,
                token=self._tokens.get(name),
                keeps_token=True,
                resume=Resume(session=session),
            )
        )
        welcome: Welcome = await person.gets(Welcome)
        self._tokens[name] = welcome.token or self._tokens[name]
        person.send(Status(ok=True))
        return person

    async def _writes(self, person: Person, recipient: str) -> None:
        await person.chooses(2)
        await person.answers("Enter your message: ", "hello " * 50)
        await person.answers("Enter recipent id: ", recipient)
        await person.chooses(3)
        await person.sees("(from: ")

    async def _fetches(self, person: Person) -> None:
        await person.chooses(6)
        await person.chooses(4)
        await person.answers("request> ", f"GET {self._site.url(f'/{self.rounds % 20}')}")
        await person.sees("a page")
        self._site.heads.clear()

    async def _go(self, people: list[Person]) -> None:
        """By the menu, without a word, broken, dismissed, come back; the owner with his room."""
        owner, leaver, cut, broken, dismissed, returned, writer, browser = people
        leaver.types("bye")
        await leaver.leaves()
        for person in (cut, browser):
            _connection(person).abort()
        broken.send_raw(b"rubbish\n")
        await broken.gone()
        await self._returns(returned)
        community = self.hub.hub.community
        for session in list(community.sessions.values()):
            if session.account.name == dismissed.name:
                session.dismiss(Bye(reason="out", kind="refused"))
        await dismissed.gone()
        writer.send(Bye(reason="bye"))
        await writer.gone()
        owner.types("exit")
        await owner.leaves()

    async def _returns(self, person: Person) -> None:
        welcome = next(item for item in person.seen if isinstance(item, Welcome))
        _connection(person).abort()
        again = await self._arrives(person.name, welcome.session)
        await again.asked("")
        again.send(Bye(reason="bye"))
        await again.gone()


@asynccontextmanager
async def soak(folder: Path) -> AsyncIterator[Soak]:
    """A hub with a store in this folder, and a site that it may fetch from."""
    server = {"ephemeral": False, "port": 0}
    folders = {"data_dir": str(folder / "data"), "cache_dir": str(folder / "cache")}
    limits = {"replies_per_second": 0.0, "grace_seconds": 0.05}
    async with (
        origin(PAGE) as site,
        town(server=server | folders, limits=limits, proxy={"allow": ["127.0.0.0/8"]}) as hub,
    ):
        yield Soak(hub, site)


def open_files() -> int:
    """Descriptors that this process has open."""
    if platform.system() == "Linux":  # a /proc alone says nothing: Windows' programs see it in Wine
        return sum(1 for _ in _FILES.iterdir())
    return sum(_is_open(number) for number in range(4096))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _connection(person: Person) -> Connection[FromServer]:
    assert person.connection is not None
    return person.connection

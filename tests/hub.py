"""A real hub on a free port, and scripted people who speak its wire."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

from tcpnet.broker import connection
from tcpnet.broker.connection import Connect
from tcpnet.config import Settings, Source, merge
from tcpnet.errors import TcpnetError
from tcpnet.net import keys, tcp
from tcpnet.net.connection import Connection
from tcpnet.protocol import items
from tcpnet.protocol.items import (
    Bye,
    FromServer,
    Hello,
    Input,
    Item,
    Ping,
    Pong,
    Print,
    Reply,
    Secure,
    Status,
    Welcome,
)
from tcpnet.proxy.origin.fetcher import Fetcher
from tcpnet.proxy.origin.guard import Guard
from tcpnet.server.app import Hub, running

PATIENCE = 20 * float(os.environ.get("TCPNET_TEST_PATIENCE", "1"))
"""Seconds until a wait counts as failed; slow machines set a factor."""

# People in tests type faster than people.
_TESTING: dict[str, dict[str, Any]] = {
    "server": {"port": 0, "ephemeral": True},
    "limits": {"replies_per_second": 0.0},
}


def settings(**sections: dict[str, Any]) -> Settings:
    """Settings for a test: ephemeral, on a free port, and what is given on top."""
    return merge([Source("testing", _TESTING), Source("test", sections)])[0]


class Person:
    """Somebody at a client: sees items, answers the open question."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[FromServer] = []
        self.question: Input | None = None
        self.ended: TcpnetError | None = None
        self.connection: Connection[FromServer] | None = None
        self._news = asyncio.Event()
        self._read = 0

    @classmethod
    async def dial(cls, name: str, port: int) -> Self:
        """Connect and say nothing yet."""
        person = cls(name)
        person.connection = await tcp.dial("127.0.0.1", port, person)
        return person

    def received(self, item: FromServer) -> None:
        """Keep what the hub said."""
        self.seen.append(item)
        if isinstance(item, Input):
            self.question = item
        self._news.set()

    def lost(self, error: TcpnetError) -> None:
        """Keep why it ended."""
        self.ended = error
        self._news.set()

    def send(self, *frame: Item) -> None:
        """Send items as one frame."""
        assert self.connection is not None
        self.connection.send(*frame)

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self.connection is not None
        self.connection.send_encoded(data)

    async def whispers(self) -> None:
        """Go on under TLS, before anything else is said."""
        self.send(Secure())
        await self.gets(Secure)
        assert self.connection is not None
        await self.connection.secured(keys.trusting(), server_side=False)
        self.connection.resume()

    async def logs_in(self) -> None:
        """Say hello and come to the menu."""
        self.send(Hello(protocol=items.PROTOCOL, agent="test", id_key=self.name))
        await self.gets(Welcome)
        self.send(Status(ok=True))
        await self.asked("Your option")

    def types(self, value: str | int, mid: str | None = None) -> None:
        """Answer the open question."""
        question = self.question
        assert question is not None, "nothing was asked"
        if not question.keep:
            self.question = None
        self.send(Reply(res_key=question.res_key, value=value, id=question.id, mid=mid))

    async def answers(self, message: str, value: str | int) -> None:
        """Wait for a question and answer it."""
        await self.asked(message)
        self.types(value)

    async def chooses(self, option: int) -> None:
        """Choose from the menu."""
        await self.answers("Your option <enter a number>: ", option)

    async def asked(self, message: str) -> Input:
        """Wait until a question that starts like this is open."""
        await self._until(lambda: bool(self.question and self.question.message.startswith(message)))
        assert self.question is not None
        return self.question

    async def sees(self, words: str) -> Print:
        """Wait for a print with these words, behind the one that was waited for last."""
        found: Print = await self._find(
            lambda item: isinstance(item, Print) and words in item.message, repr(words)
        )
        return found

    async def gets(self, kind: type[Any]) -> Any:
        """Wait for an item of this kind, behind the one that was waited for last."""
        return await self._find(lambda item: isinstance(item, kind), kind.__name__)

    async def settled(self) -> None:
        """Wait until all that the hub had for this person has arrived."""
        mark = float(len(self.seen))
        self.send(Ping(t=mark))
        await self._until(lambda: any(isinstance(i, Pong) and i.t == mark for i in self.seen))

    async def enters_room(self, room: str, *, new: bool = False) -> None:
        """Go from the menu into a room, a new one or one that is there."""
        await self.chooses(4 if new else 5)
        await self.answers("Enter ", room)
        await self._until(lambda: bool(self.question and self.question.keep))

    async def leaves(self) -> Bye:
        """Disconnect by the menu."""
        await self.chooses(7)
        bye: Bye = await self.gets(Bye)
        return bye

    def messages(self, kind: str | None = None) -> list[str]:
        """Everything that was printed, or what of a kind."""
        return [i.message for i in self.seen if isinstance(i, Print) and kind in (None, i.kind)]

    async def gone(self) -> TcpnetError:
        """Wait until the connection has ended."""
        await self._until(lambda: self.ended is not None)
        assert self.ended is not None
        return self.ended

    async def _find(self, fits: Callable[[FromServer], bool], what: str) -> Any:
        found: list[int] = []

        def search() -> bool:
            found[:] = [n for n in range(self._read, len(self.seen)) if fits(self.seen[n])][:1]
            return bool(found)

        await self._until(search, what)
        self._read = found[0] + 1
        return self.seen[found[0]]

    async def _until(self, holds: Callable[[], bool], what: str = "the state") -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds():
                    if self.ended:
                        raise AssertionError(f"{self.name} waits for {what}: {self.ended!r}")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            tail = "\n".join(map(repr, self.seen[-8:]))
            raise AssertionError(f"{self.name} waited in vain for {what} after\n{tail}") from None


class Town:
    """A hub and the people who came to it."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.port = hub.addresses[0][1]
        self._people: list[Person] = []

    async def dials(self, name: str = "somebody") -> Person:
        """Somebody who connected and said nothing yet."""
        person = await Person.dial(name, self.port)
        self._people.append(person)
        return person

    async def person(self, name: str) -> Person:
        """Somebody at the menu."""
        person = await self.dials(name)
        await person.logs_in()
        return person

    async def people(self, *names: str) -> list[Person]:
        """Several at the menu."""
        return [await self.person(name) for name in names]

    async def close(self) -> None:
        """Hang up for everybody who came so far."""
        people, self._people = self._people, []
        connections = [person.connection for person in people if person.connection]
        await asyncio.gather(*(connection.close() for connection in connections))


@asynccontextmanager
async def town(
    fetcher: Callable[[Guard], Fetcher] = Fetcher,
    connect: Connect = connection.connect,
    **sections: dict[str, Any],
) -> AsyncIterator[Town]:
    """A running hub with these settings and a way to bring people."""
    async with AsyncExitStack() as stack:
        made_so = settings(**sections)
        hub = await stack.enter_async_context(running(made_so, fetcher=fetcher, connect=connect))
        made = Town(hub)
        try:
            yield made
            await stack.aclose()  # the hub ends first, so that people see how
        finally:
            await made.close()


async def key_of(person: Person) -> str:
    """Make a proxy key in the menu."""
    await person.chooses(9)
    await person.chooses(5)
    shown = await person.sees("Your proxy key: ")
    return shown.message.partition("Your proxy key: ")[2].partition("\n")[0]

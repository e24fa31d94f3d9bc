"""A hub that is killed at random moments under load, and people who come back to it each time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from tcpnet.broker.embedded import EmbeddedBroker
from tcpnet.chat.accounts import Claim
from tcpnet.chat.room import Deed
from tcpnet.errors import ConnectionLost, TcpnetError
from tcpnet.net import tcp
from tcpnet.net.connection import Connection
from tcpnet.protocol.items import (
    PROTOCOL,
    FromServer,
    Hello,
    Input,
    Print,
    Reply,
    Resume,
    Seen,
    Status,
    Welcome,
)
from tcpnet.server.tasks import owned
from tests.hub import PATIENCE
from tests.ledger import Faults, Ledger, Line
from tests.processes import Server, server

ROOMS: Final = ("den", "hall")
MEMBERS: Final = 4
WRITERS: Final = 4
AHEAD: Final = 8
"""Lines that a member says before he waits for the first of them."""
SETTLED: Final = 8 * AHEAD
"""Lines that each member has said, one window after the other, before the first kill."""
DROPS: Final = 1 / 500
"""For each item that somebody hears: how likely it is that his own link breaks."""

_CREATE, _JOIN, _WRITE, _READ = 4, 5, 2, 3
_SETTINGS = ("limits.replies_per_second=0", "rooms.keep_lines=0", "mail.max_unread=10000000")
_UNHURRIED: Final = tuple(word for setting in _SETTINGS for word in ("--set", setting))
"""As fast as it goes, and nothing is forgotten by itself."""

T = TypeVar("T")


@dataclass
class House:
    """Where the hub is at the moment, and when it is killed."""

    dice: random.Random
    ledger: Ledger = field(repr=False)
    drops: float = DROPS
    quiet: bool = True
    """Nobody says anything new."""
    heard: int = 0
    breaks: int = 0
    last: dict[str, int] = field(default_factory=dict)
    """The newest seq that anybody saw, by log."""
    _port: asyncio.Future[int] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    _kill_at: int = 0
    _running: Server | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def port(self) -> int:
        """Where the hub listens, once it does."""
        return await asyncio.shield(self._port)

    def opens(self, running: Server) -> None:
        """Let people in."""
        self._running = running
        self._port.set_result(running.port)

    def kill_after(self, items: int) -> None:
        """Kill the hub once so many more items were heard."""
        self._kill_at = self.heard + items

    def note(self) -> None:
        """Count one item; the one that is the last kills the hub, by its process id."""
        self.heard += 1
        self._news.set()
        if self.heard == self._kill_at and self._running is not None:
            self._port = asyncio.get_running_loop().create_future()
            self._running.process.kill()

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for a state that comes with an item."""
        try:
            async with asyncio.timeout(PATIENCE * 2):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"waited in vain until {what}") from None


class Caller:
    """Somebody whose client comes back by itself, with its token, session and positions."""

    def __init__(self, name: str, house: House) -> None:
        self.name = name
        self.house = house
        self.positions: dict[str, int] = {}
        self.last: FromServer | None = None
        self.connection: Connection[FromServer] | None = None
        self._token: str | None = None
        self._session = ""
        self._lost: asyncio.Future[None] | None = None

    async def calls(self) -> None:
        """Stay with the hub, wherever it is, for ever."""
        while True:
            port = await self.house.port()
            lost = self._lost = asyncio.get_running_loop().create_future()
            try:
                connection = self.connection = await tcp.dial("127.0.0.1", port, self)
            except OSError:
                continue
            connection.send(self._hello())
            try:
                await lost
            finally:
                connection.abort()

    def received(self, item: FromServer) -> None:
        """Take an item; called by the connection."""
        self.last = item
        match item:
            case Welcome():
                self._token, self._session = item.token or self._token, item.session
                self.send(Status(ok=True))
            case Input():
                self.asked(item)
            case Print():
                self.told(item)
        self.house.note()
        if self.house.dice.random() < self.house.drops and self.connection is not None:
            self.house.breaks += 1
            self.connection.abort()

    def lost(self, error: TcpnetError) -> None:
        """Dial again; called by the connection."""
        assert isinstance(error, ConnectionLost), error
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    def send(self, *items: Status | Reply | Seen | Hello) -> None:
        """Say something, if there is anybody to say it to."""
        if self.connection is not None:
            self.connection.send(*items)

    def answer(self, question: Input, value: str | int, mid: str | None = None) -> None:
        """Answer a question."""
        self.send(Reply(res_key=question.res_key, value=value, id=question.id, mid=mid))

    def __str__(self) -> str:
        return f"{self.name} {self.last} {self.positions} {'here' if self.connection else 'lost'}"

    def asked(self, question: Input) -> None:
        """Take a question."""
        raise NotImplementedError

    def told(self, words: Print) -> None:
        """Take what is to be shown."""
        raise NotImplementedError

    def _hello(self) -> Hello:
        return Hello(
            protocol=PROTOCOL,
            agent="test/1",
            id_key=self.name,
            token=self._token,
            keeps_token=True,
            resume=Resume(session=self._session, rooms=self.positions),
        )


class Member(Caller):
    """Talks in a room; what was not acknowledged is said again, under its own mid."""

    def __init__(self, name: str, room: str, house: House, *, owner: bool) -> None:
        super().__init__(name, house)
        self.room = room
        self.owner = owner
        self.unacknowledged: dict[int, None] = {}
        self.is_in = False
        self.heard = 0
        """Lines of his that were acknowledged."""
        self.strayed = 0
        """How often he was at the menu though he had not left the room."""
        self._question: Input | None = None

    def asked(self, question: Input) -> None:
        """Enter the room, or go on in it."""
        match question.res_key:
            case "option_selected":
                self.strayed += self.is_in
                self.answer(question, _CREATE if self.owner else _JOIN)
            case "room_id":
                self.answer(question, self.room)
            case "message":
                self.is_in, self._question = True, question
                for number in self.unacknowledged:
                    self._say(number)
                self.goes_on()

    def told(self, words: Print) -> None:
        """Write down lines of the room; one's own is acknowledged by it."""
        if words.kind != "chat" or words.earlier:
            return
        line, ledger = _line(words), self.house.ledger
        ledger.was_shown(self.name, self.room, line)
        self.house.last[self.room] = max(line.seq, self.house.last.get(self.room, 0))
        self.positions = {self.room: line.seq}
        if line.sender == self.name:
            ledger.was_told(self.room, self.name, line.number, line.seq)
            self.unacknowledged.pop(line.number, None)
            self.heard += 1
            self.goes_on()

    def goes_on(self) -> None:
        """Say something new, as long as not too much is under way."""
        while self._question and len(self.unacknowledged) < AHEAD and not self.house.quiet:
            number = self.house.ledger.says(self.room, self.name)
            self.unacknowledged[number] = None
            self._say(number)

    def _hello(self) -> Hello:
        self._question = None  # nothing new before what was said has been said again
        return super()._hello()

    @property
    def is_done(self) -> bool:
        """Whether nothing of his or for him is under way."""
        up_to_date = self.positions.get(self.room, 0) == self.house.last.get(self.room, 0)
        return up_to_date and not self.unacknowledged

    def _say(self, number: int) -> None:
        assert self._question is not None
        self.answer(self._question, words_of(number), f"{number:08}")


class Writer(Caller):
    """Writes messages to a partner and reads his own, at the menu."""

    def __init__(self, name: str, partner: str, house: House) -> None:
        super().__init__(name, house)
        self.partner = partner
        self._box: list[Line] = []
        self._under_way: int | None = None
        self._reads = True
        self._resting: Input | None = None

    def asked(self, question: Input) -> None:
        """Read where something came, else write."""
        match question.res_key:
            case "option_selected":
                self._resting = question
                self.goes_on()
            case "message":
                if self._under_way is None:
                    self._under_way = self.house.ledger.says(self.partner, self.name)
                self.answer(question, words_of(self._under_way), f"{self._under_way:08}")
            case "recipient":
                self.answer(question, self.partner)

    def told(self, words: Print) -> None:
        """Write down mail, and that mail was taken."""
        if words.kind == "notice" and words.message.startswith("New message"):
            self._reads = True
            self.goes_on()
        elif words.kind == "direct":
            self._takes(_line(words))
        elif words.mid and self._under_way == int(words.mid):
            assert words.message == "Message sent!", words
            self.house.ledger.was_told(self.partner, self.name, self._under_way)
            self._under_way = None

    @property
    def is_done(self) -> bool:
        """Whether he has sent and read everything."""
        told = self.house.ledger.acknowledged[self.name]
        return self._under_way is None and len(self._box) >= len(told)

    def goes_on(self) -> None:
        """Take the next option, where there is something to do."""
        question = self._resting
        if question is None:
            return
        if self._reads:
            self._resting, self._reads = None, False
            self.answer(question, _READ)
        elif self._under_way is not None or not self.house.quiet:
            self._resting = None
            self.answer(question, _WRITE)

    def _hello(self) -> Hello:
        self._reads = True  # that something came may have been told to a link that was lost
        return super()._hello()

    def _takes(self, line: Line) -> None:
        # A read mark that a kill took along shows the same mail again, under its own seq.
        if self._box[line.seq - 1 : line.seq] != [line]:
            self._box.append(line)
            self.house.ledger.was_shown(self.name, self.name, line)
        self.send(Seen(mail=line.seq))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What so many kills did.

    `breaks`: links that were lost beside; `strayed`: how often somebody had lost his room.
    """

    kills: int
    breaks: int
    acks: int
    shown: int
    strayed: int
    faults: Faults
    ledger: Ledger = field(repr=False)


async def outlive(folder: Path, dice: random.Random, *, kills: int, lifetime: int) -> Outcome:
    """Kill a hub so often, each time after up to `lifetime` items that people heard of it."""
    house = House(dice, Ledger())
    people = _people(house)
    async with owned() as spawn:
        for person in people:
            spawn(person.calls())
        async with server(folder, *_UNHURRIED) as running:
            await _settle_in(house, people, running)
            house.kill_after(dice.randint(1, lifetime))
            await _killed(running, people)
        for _ in range(kills - 1):
            async with server(folder, *_UNHURRIED) as running:
                house.opens(running)
                house.kill_after(dice.randint(1, lifetime))
                await _killed(running, people)
        async with server(folder, *_UNHURRIED) as running:
            house.opens(running)
            house.quiet = True
            await house.until(lambda: not _busy(people), "all is said")
    return Outcome(
        kills=kills,
        breaks=house.breaks,
        acks=house.ledger.acks,
        shown=sum(map(len, house.ledger.shown.values())),
        strayed=sum(person.strayed for person in people if isinstance(person, Member)),
        faults=house.ledger.faults(await kept(folder / "data")),
        ledger=house.ledger,
    )


async def kept(folder: Path) -> dict[str, Sequence[Line]]:
    """What a store holds of each room and mailbox, under the name that people know."""
    logs: dict[str, Sequence[Line]] = {}
    async with EmbeddedBroker.open(folder) as broker:
        names = {deed.id: deed.log for deed in await _values(broker, "room", Deed)}
        for claim in await _values(broker, "account", Claim):
            names[claim.account.name] = f"mail/{claim.account.key}/{claim.account.box}"
        for name, log in names.items():
            records = await broker.history(log, limit=10_000_000)
            logs[name] = [Line(r.seq, r.sender, number_of(r.body)) for r in records]
    return logs


async def _values(broker: EmbeddedBroker, kind: str, made: type[T]) -> list[T]:
    return [msgspec.json.decode(entry.value, type=made) for entry in await broker.entries(kind)]


def _people(house: House) -> list[Member | Writer]:
    members = [
        Member(f"{room}-{number}", room, house, owner=number == 0)
        for room in ROOMS
        for number in range(MEMBERS)
    ]
    writers = [
        Writer(f"writer-{number}", f"writer-{(number + 1) % WRITERS}", house)
        for number in range(WRITERS)
    ]
    return [*members, *writers]


async def _settle_in(house: House, people: Sequence[Member | Writer], running: Server) -> None:
    """Bring everybody to his place before anything is said that could be missed."""
    house.opens(running)
    members = [person for person in people if isinstance(person, Member)]
    await house.until(lambda: all(member.is_in for member in members), "all are in their rooms")
    house.quiet = False
    for person in people:
        person.goes_on()
    # His place was noted before he said anything, and all that was noted is written together:
    # within two rounds of a few commits each, of which so many lines of one member take more.
    await house.until(lambda: all(member.heard >= SETTLED for member in members), "all were heard")


def _busy(people: Sequence[Member | Writer]) -> list[str]:
    return [person.name for person in people if not person.is_done]


async def _killed(running: Server, people: Sequence[Member | Writer]) -> None:
    """Wait for the end of a hub; nothing may have gone wrong in it before."""
    try:
        await running.ended()
    except TimeoutError:
        raise AssertionError(f"nobody hears anything more: {[*map(str, people)]}") from None
    log = await running.logged()
    assert "Traceback" not in log, log


def words_of(number: int) -> str:
    """What somebody says: short and long lines, no two of his alike."""
    return f"{number} {'and so on ' * (1, 8, 90)[number % 3]}".strip()


def number_of(words: str) -> int:
    """Which line this is; -1 where the words are not what was said."""
    number = int(words.partition(" ")[0])
    return number if words_of(number) == words else -1


def _line(words: Print) -> Line:
    assert words.seq is not None, words
    return Line(words.seq, words.from_ or "", number_of(words.text or ""))

"""People who talk, drop, come back, and a hub that restarts, in any order; a model says what holds.

Time is the event loop's own and jumps; nobody waits for it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tcpnet.chat.room import Room
from tcpnet.errors import TcpnetError
from tcpnet.net import tcp
from tcpnet.net.connection import Connection
from tcpnet.protocol.items import (
    PROTOCOL,
    FromServer,
    Hello,
    Input,
    Ping,
    Pong,
    Print,
    Reply,
    Resume,
    Status,
    Welcome,
)
from tcpnet.server.app import Hub, running
from tests import hub as testing
from tests.kills import kept, number_of, words_of
from tests.ledger import Line

T = TypeVar("T")

NAMES: Final = ("Ann", "Bob", "Cat", "Dan")
WRITER: Final = "Dan"
"""He is not in the room: the question that he leaves open is whom to write to."""
EXAMPLES: Final = int(os.environ.get("TCPNET_TEST_EXAMPLES", "20"))
"""Lives of 25 steps, each about half a second."""
GRACE: Final = 20.0
DAY: Final = 86_400.0
LIMITS: Final = {"replies_per_second": 0.0, "grace_seconds": GRACE}


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose time can be put on."""

    ahead = 0.0

    def time(self) -> float:
        """Monotonic seconds, and what was jumped over."""
        return super().time() + self.ahead


@dataclass
class Memory:
    """What a client keeps over losses: all of it but the token is gone when it is killed."""

    session: str = ""
    positions: dict[str, int] = field(default_factory=dict)
    unacknowledged: dict[int, None] = field(default_factory=dict)
    shown: list[Line] = field(default_factory=list)


class Guest:
    """Somebody at a client of his own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.token: str | None = None
        self.said = 0
        self.is_deaf = False
        self.pong = 0.0
        self.memory = Memory()
        self.lives = [self.memory]
        self._welcomes: list[Welcome] = []
        self.question: Input | None = None
        self.told: list[str] = []
        self.connection: Connection[FromServer] | None = None
        self._news = asyncio.Event()

    async def dials(self, port: int) -> Welcome:
        """Come, or come back, to the room or to the open question."""
        self.hangs_up()
        self.is_deaf, self.question, self.told = False, None, []
        self.connection = await tcp.dial("127.0.0.1", port, self)
        memory = self.memory
        resume = Resume(session=memory.session, rooms=memory.positions)
        self.connection.send(
            Hello(
                protocol=PROTOCOL,
                agent="model",
                id_key=self.name,
                token=self.token,
                keeps_token=True,
                resume=resume,
            )
        )
        await self.until(lambda: self.is_placed)
        for number in self.memory.unacknowledged:
            self._say(number)
        return self._welcomes[-1]

    @property
    def is_placed(self) -> bool:
        """Whether he is asked what he stays at."""
        asked = self.question.res_key if self.question else ""
        return asked == ("recipient" if self.name == WRITER else "message")

    def says(self) -> None:
        """Say something new."""
        self.said += 1
        self.memory.unacknowledged[self.said] = None
        self._say(self.said)

    def repeats(self, number: int) -> None:
        """Say something again, as if its acknowledgement had not come."""
        self._say(number)

    def hangs_up(self) -> None:
        """Be gone without a word; what was handed to the kernel may have arrived."""
        if self.connection is not None:
            self.connection.flush_now()
            self.connection.abort()
            self.connection = None

    def forgets(self) -> None:
        """Be killed: only what is on the disk is left."""
        self.hangs_up()
        self.memory = Memory()
        self.lives.append(self.memory)

    def received(self, item: FromServer) -> None:
        """Take an item, unless the line swallows everything."""
        if self.is_deaf:
            return
        match item:
            case Welcome():
                self._welcomes.append(item)
                self.memory.session = item.session
                self.token = item.token or self.token
                self._send(Status(ok=True))
            case Ping(t=sent):
                self._send(Pong(t=sent))
            case Pong(t=sent):
                self.pong = sent
            case Input():
                self.question = item
                self._goes_on(item)
            case Print(kind="chat"):
                self._shown(item)
            case Print():
                self.told.append(item.message)
        self._news.set()

    def lost(self, _error: TcpnetError) -> None:
        """Learn that the hub is gone."""
        self._news.set()

    async def is_heard(self) -> None:
        """Wait until the hub has heard everything, a sign of life it asked for among it."""
        for mark in (1.0, 2.0):
            self._send(Ping(t=mark))
            await self.until(lambda: self.pong == mark)  # noqa: B023 - awaited here

    async def has_all_up_to(self, last: int) -> None:
        """Wait until every line was shown, and everything said is one of them."""
        await self.until(lambda: self.memory.positions.get("den", 0) >= last)
        await self.until(lambda: not self.memory.unacknowledged)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a state that comes with an item."""
        async with asyncio.timeout(testing.PATIENCE):
            while not holds():
                self._news.clear()
                await self._news.wait()

    def _goes_on(self, question: Input) -> None:
        match question.res_key:
            case "option_selected":
                self._answer(question, 2 if self.name == WRITER else self._door)
            case "room_id":
                self._answer(question, "den")
            case "message" if self.name == WRITER:
                self._answer(question, "hello")

    @property
    def _door(self) -> int:
        return 4 if self.name == NAMES[0] and not self.said and len(self.lives) == 1 else 5

    def _shown(self, line: Print) -> None:
        assert line.seq is not None
        assert line.text is not None
        if not line.earlier:
            self.memory.shown.append(Line(line.seq, line.from_ or "", number_of(line.text)))
        self.memory.positions = {"den": line.seq}
        if line.from_ == self.name:
            self.memory.unacknowledged.pop(number_of(line.text), None)

    def _say(self, number: int) -> None:
        assert self.question is not None
        self._answer(self.question, words_of(number), f"{number:06}")

    def _answer(self, question: Input, value: str | int, mid: str | None = None) -> None:
        self._send(Reply(res_key=question.res_key, value=value, id=question.id, mid=mid))

    def _send(self, item: Status | Reply | Ping | Pong) -> None:
        if self.connection is not None:
            self.connection.send(item)


class People(RuleBasedStateMachine):
    """The hub, its guests, and what must be so: who is there, and whose session waits for him."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = JumpingLoop()
        self.runner = asyncio.Runner(loop_factory=lambda: self.loop)
        self.clock = time.time()
        self.folder = tempfile.TemporaryDirectory()
        self.guests = {name: Guest(name) for name in NAMES}
        self.ids: dict[str, int] = {}
        self.here: set[str] = set()
        self.waits: set[str] = set()
        self.house = AsyncExitStack()
        self.hub: Hub
        self.run(self._open())
        for name in NAMES:
            self.returns(name)
        self.loop.ahead += GRACE  # places are written by now
        self.run(self._settled())

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        """Do something in the hub's loop."""
        return self.runner.run(doing)

    @property
    def room(self) -> Room:
        """The den."""
        return self.hub.community.rooms.find("den")

    @rule(name=st.sampled_from(NAMES[:3]))
    def says(self, name: str) -> None:
        """Whoever is in the room says something, and is answered."""
        if name in self.here:
            guest = self.guests[name]
            guest.says()
            self.run(guest.until(lambda: not guest.memory.unacknowledged))

    @rule(name=st.sampled_from(NAMES[:3]), lines=st.integers(1, 3))
    def says_and_drops(self, name: str, lines: int) -> None:
        """Nobody knows whether that arrived."""
        if name in self.here:
            for _ in range(lines):
                self.guests[name].says()
            self.drops(name)

    @rule(name=st.sampled_from(NAMES[:3]), back=st.integers(0, 5))
    def repeats(self, name: str, back: int) -> None:
        """The same mid again is the same line."""
        guest = self.guests[name]
        if name in self.here and guest.said > back:
            guest.repeats(guest.said - back)

    @rule(name=st.sampled_from(NAMES))
    def drops(self, name: str) -> None:
        """A link is lost."""
        if name in self.here:
            self.here.remove(name)
            self.waits.add(name)
            self.run(self._gone(self.guests[name].hangs_up))

    @rule(name=st.sampled_from(NAMES[:3]), meanwhile=st.integers(0, 3))
    def hears_nothing_more(self, name: str, meanwhile: int) -> None:
        """The line swallows what the hub says, and nobody notices before others have said more."""
        if name not in self.here:
            return
        self.here.remove(name)
        self.waits.add(name)
        self.guests[name].is_deaf = True
        for _ in range(meanwhile):
            for other in NAMES[:3]:
                self.says(other)

    @rule(name=st.sampled_from(NAMES[:3]))
    def is_killed(self, name: str) -> None:
        """A client ends without a word, and with it all it knew but the token."""
        if not self.guests[name].memory.unacknowledged:
            self.here.discard(name)
            self.waits.discard(name)
            self.run(self._gone(self.guests[name].forgets))

    @rule(name=st.sampled_from(NAMES))
    def returns(self, name: str) -> None:
        """Same id; same question where the session waited, else back in the room or at the menu."""
        if name in self.here:
            return
        guest, resumed = self.guests[name], name in self.waits
        before, session = guest.question, guest.memory.session
        welcome = self.run(guest.dials(self.hub.addresses[0][1]))
        assert welcome.resumed == resumed
        assert self.ids.setdefault(name, welcome.client_id) == welcome.client_id
        if resumed:
            assert guest.question == before
        elif session:
            gone, back = "the question that was open is gone", "You are back in chat room den."
            assert any((gone if name == WRITER else back) in words for words in guest.told)
        self.here.add(name)
        self.waits.discard(name)

    @rule()
    def the_grace_time_passes(self) -> None:
        """Nobody who is away is waited for any longer; the others notice nothing."""
        self.waits.clear()
        self.run(self._pass(GRACE + 1))

    @rule()
    def a_day_passes(self) -> None:
        """Like that, with everything that a hub does once an hour or a day."""
        self.waits.clear()
        self.run(self._pass(DAY))

    @rule(days=st.sampled_from((-4000, -2, 2, 4000)))
    def the_clock_jumps(self, days: int) -> None:
        """A machine without a clock chip believes anything."""
        self.clock += days * DAY

    @precondition(lambda self: len(self.here) < len(NAMES))
    @rule()
    def the_hub_restarts(self) -> None:
        """Everybody is sent away, and no session waits."""
        self.here.clear()
        self.waits.clear()
        self.run(self._restarted())

    @invariant()
    def everybody_is_up_to_date(self) -> None:
        """Who is there has seen every line."""
        self.run(self._settled())

    def teardown(self) -> None:
        """All come back and say what was not acknowledged; then the books are compared."""
        try:
            for name in NAMES:
                self.returns(name)
            self.run(self._settled())
            self.run(self.house.aclose())
            lines = self.run(kept(Path(self.folder.name) / "data"))["den"]
        finally:
            self.run(self.house.aclose())
            self.runner.close()
            self.folder.cleanup()
        assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
        for name, guest in self.guests.items():
            assert [line.number for line in lines if line.sender == name] == list(
                range(1, guest.said + 1)
            )
            for life in guest.lives:
                since = life.shown[0].seq - 1 if life.shown else 0
                assert life.shown == list(lines)[since : since + len(life.shown)]
        newest = [guest.memory.shown for guest in self.guests.values() if guest.memory.shown]
        assert all(shown[-1] == lines[-1] for shown in newest)

    async def _open(self) -> None:
        folder = Path(self.folder.name)
        server = {
            "ephemeral": False,
            "data_dir": str(folder / "data"),
            "cache_dir": str(folder / "cache"),
        }
        made = testing.settings(server=server | {"port": 0}, limits=LIMITS)
        self.hub = await self.house.enter_async_context(running(made, clock=lambda: self.clock))

    async def _restarted(self) -> None:
        await self.house.aclose()
        for guest in self.guests.values():
            guest.hangs_up()
        await self._open()

    async def _pass(self, seconds: float) -> None:
        for guest in self.guests.values():
            if guest.is_deaf:
                await self._gone(guest.hangs_up)
        self.loop.ahead += seconds
        sessions = self.hub.community.sessions
        await _turns(lambda: not any(session.is_away for session in sessions.values()))
        for name in self.here:
            await self.guests[name].is_heard()

    async def _gone(self, hang_up: Callable[[], None]) -> None:
        """Let the hub notice a loss before anything else happens."""
        hang_up()
        sessions = self.hub.community.sessions.values()
        deaf = sum(g.is_deaf and g.connection is not None for g in self.guests.values())
        await _turns(lambda: sum(not s.is_away for s in sessions) == len(self.here) + deaf)

    async def _settled(self) -> None:
        last = self.room.last_seq
        for name in self.here - {WRITER}:
            await self.guests[name].has_all_up_to(last)


async def _turns(holds: Callable[[], bool]) -> None:
    """Let the hub go on, turn by turn, until a state of its own holds."""
    loop = asyncio.get_running_loop()
    until = loop.time() + testing.PATIENCE
    while not holds():
        assert loop.time() < until, "waited in vain"
        await asyncio.sleep(0)


TestPeople = People.TestCase
TestPeople.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),  # to shrink what waits in vain would take hours
)

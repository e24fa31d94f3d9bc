"""The link: dial, greet, stay alive, dial again, and how it ends."""

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from tcpnet.client.address import Address
from tcpnet.client.known_hubs import KnownHubs
from tcpnet.client.link import Link, Listener
from tcpnet.client.screen import State
from tcpnet.client.trace import Trace
from tcpnet.client.trust import Trust
from tcpnet.client.visit import BROKEN, LEFT, LOST, REFUSED, UNREACHABLE, Liveness
from tcpnet.errors import ProtocolError
from tcpnet.protocol.items import (
    PROTOCOL,
    Bye,
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
from tests.unit.client.scripted import PATIENCE, ScriptedHub, asks, scripted_hub, welcome

SOON = 0.01
"""A first pause for tests, in seconds."""


@pytest.fixture
async def hub() -> AsyncIterator[ScriptedHub]:
    """A hub that says what a test tells it to."""
    async with scripted_hub() as made:
        yield made


class Ear:
    """Keeps what a link tells."""

    def __init__(self) -> None:
        self.items: list[FromServer] = []
        self.states: list[State] = []
        self._news = asyncio.Event()

    def on_item(self, item: FromServer, _now: float) -> None:
        """Keep an item."""
        self.items.append(item)
        self._news.set()

    def on_state(self, state: State, _now: float) -> None:
        """Keep a state."""
        self.states.append(state)
        self._news.set()

    @property
    def phases(self) -> list[str]:
        """The phases, in order."""
        return [state.phase for state in self.states]

    async def hears(self, what: str | type[Any], times: int = 1) -> None:
        """Wait for a phase, or for an item of a kind, so many times in all."""
        async with asyncio.timeout(PATIENCE):
            while self._heard(what) < times:
                self._news.clear()
                await self._news.wait()

    def _heard(self, what: str | type[Any]) -> int:
        if isinstance(what, str):
            return self.phases.count(what)
        return sum(isinstance(item, what) for item in self.items)


@asynccontextmanager
async def linked(
    hub: ScriptedHub | Address, ear: Listener, **more: Any
) -> AsyncIterator[tuple[Link, asyncio.Task[int]]]:
    """A link that runs; what is left of it at the end is cancelled."""
    address = hub if isinstance(hub, Address) else hub.address
    link = Link(address, "Nina", [ear], Trust(KnownHubs()), **{"first_pause": SOON, **more})
    async with asyncio.TaskGroup() as group:
        running = group.create_task(link.run())
        yield link, running
        running.cancel()


async def test_it_greets_and_acknowledges_its_id(hub: ScriptedHub) -> None:
    """Hello comes first, with protocol, program and name; the welcome is answered with status."""
    ear = Ear()

    async with linked(hub, ear):
        caller = await hub.caller()
        hello = await caller.gets(Hello)
        caller.says(welcome())
        status = await caller.gets(Status)
        await ear.hears("connected")

    assert (hello.protocol, hello.id_key) == (PROTOCOL, "Nina")
    assert hello.agent.startswith("tcpnet-client/")
    assert status.ok
    assert ear.phases[:3] == ["connecting", "greeting", "connected"]
    assert isinstance(ear.items[0], Welcome)


async def test_a_question_may_come_before_the_welcome(hub: ScriptedHub) -> None:
    """A taken name is asked for anew on the same connection."""
    ear = Ear()

    async with linked(hub, ear) as (link, _):
        caller = await hub.caller()
        await caller.gets(Hello)
        caller.says(asks("Your id key: ", 1))
        await ear.hears(type(asks("", 0)))
        link.send(Reply(res_key="key1", value="Nina2", id=1))
        reply = await caller.gets(Reply)
        caller.says(welcome("Nina2"))
        await caller.gets(Status)

        assert reply.value == "Nina2"
        assert link.name == "Nina2"


async def test_pings_are_answered(hub: ScriptedHub) -> None:
    """With the same number."""
    async with linked(hub, Ear()):
        caller = await hub.caller()
        await caller.lets_in()

        caller.says(Ping(t=7.5))

        assert (await caller.gets(Pong)).t == 7.5


async def test_a_silent_hub_is_asked_for_a_sign_of_life(hub: ScriptedHub) -> None:
    """And its answer tells how long a word takes there and back."""
    liveness = Liveness(ping_after=0.02, max_silence=PATIENCE)

    async with linked(hub, Ear(), liveness=liveness) as (link, _):
        caller = await hub.caller()
        await caller.lets_in()
        before = link.rtt
        ping = await caller.gets(Ping)
        caller.says(Pong(t=ping.t))
        await caller.gets(Ping)

        assert before is None
        assert link.rtt is not None
        assert 0 <= link.rtt < PATIENCE


async def test_a_hub_that_stays_silent_is_lost(hub: ScriptedHub) -> None:
    """After the ping, and the silence that is allowed."""
    liveness = Liveness(ping_after=0.02, max_silence=0.05)

    async with linked(hub, Ear(), liveness=liveness, tries=0) as (_, running):
        caller = await hub.caller()
        await caller.lets_in()
        status = await running

    assert status == LOST


async def test_a_hub_that_never_says_a_word_does_not_let_in(hub: ScriptedHub) -> None:
    """Its first word is waited for as long as for the dial."""
    ear = Ear()

    async with linked(hub, ear, timeout=0.05) as (_, running):
        status = await running

    assert status == REFUSED
    assert "nothing was heard" in ear.states[-1].reason


async def test_after_a_loss_it_dials_again_with_the_name_it_was_given(hub: ScriptedHub) -> None:
    """And acknowledges the new id."""
    ear = Ear()

    async with linked(hub, ear):
        first = await hub.caller()
        await first.lets_in("Nina.2", 1)
        await ear.hears("connected")
        first.hangs_up(reset=True)
        second = await hub.caller()
        hello = await second.lets_in("Nina.2", 2)
        await ear.hears("connected", 2)

    assert hello.id_key == "Nina.2"
    lost = ear.states[ear.phases.index("lost")]
    assert lost.reason
    assert lost.attempt == 1
    assert lost.retry_at is not None
    assert ear.phases[3:] == ["lost", "connecting", "greeting", "connected"]


async def test_it_gives_up_after_its_tries(hub: ScriptedHub) -> None:
    """Each longer after the one before, a fifth more or less; then the link is lost."""
    ear = Ear()

    async with linked(hub, ear, tries=4) as (_, running):
        caller = await hub.caller()
        await caller.lets_in()
        hub.closes()
        caller.hangs_up()
        status = await running

    lost = [state for state in ear.states if state.phase == "lost"]
    dials = [state for state in ear.states if state.phase == "connecting"]
    assert status == LOST
    assert [state.attempt for state in lost] == [1, 2, 3, 4]
    assert len(dials) == 5
    assert all(state.since == lost[0].since for state in lost)
    assert ear.states[-1].status == LOST
    assert str(hub.address) in ear.states[-1].reason


async def test_without_tries_a_loss_is_the_end(hub: ScriptedHub) -> None:
    """As `--no-reconnect` wants it."""
    ear = Ear()

    async with linked(hub, ear, tries=0) as (_, running):
        caller = await hub.caller()
        await caller.lets_in()
        caller.hangs_up()
        status = await running

    assert status == LOST
    assert "lost" not in ear.phases


async def test_the_person_can_ask_for_the_next_dial_now(hub: ScriptedHub) -> None:
    """However long the pause would have been."""
    ear = Ear()

    async with linked(hub, ear, first_pause=1000.0) as (link, _):
        caller = await hub.caller()
        await caller.lets_in()
        caller.hangs_up()
        await ear.hears("lost")
        link.retry_now()
        await (await hub.caller()).lets_in()


async def test_it_says_where_it_was(hub: ScriptedHub) -> None:
    """The session, and the last line that it has of each room."""
    ear = Ear()

    async with linked(hub, ear):
        first = await hub.caller()
        greeting = await first.lets_in()
        first.says(*(Print(message="", kind="chat", room="den", seq=seq) for seq in (7, 9, 8)))
        await ear.hears(Print, times=3)
        first.hangs_up()
        again = await (await hub.caller()).lets_in()

    assert greeting.resume == Resume(session="", rooms={})
    assert again.resume == Resume(session="s", rooms={"den": 9})


@pytest.mark.parametrize("resumed", [True, False])
async def test_what_was_not_acknowledged_is_sent_again_where_the_session_goes_on(
    resumed: bool, hub: ScriptedHub
) -> None:
    """Under its own mid, in order, and nothing of it to another session."""
    ear = Ear()
    one, two, three, last = (
        Reply(res_key="key7", value=mid, id=7, mid=mid) for mid in ("one", "two", "three", "last")
    )

    async with linked(hub, ear) as (link, _):
        first = await hub.caller()
        await first.lets_in()
        first.says(asks("", 7, keep=True))
        await ear.hears(Input)
        link.send(one)
        link.send(two)
        link.send(three)
        first.says(Print(message="Nina> one", from_="Nina", mid="one"))
        first.says(Print(message="Bob> mine", from_="Bob", mid="two"))
        await ear.hears(Print, times=2)
        first.hangs_up()
        second = await hub.caller()
        await second.gets(Hello)
        second.says(replace(welcome(), resumed=resumed))
        await second.gets(Status)
        second.says(asks("", 7, keep=True))
        await ear.hears(Input, times=2)
        link.send(last)

        for reply in [two, three, last] if resumed else [last]:
            assert await second.gets(Reply) == reply


async def test_what_answered_another_question_is_not_sent_again(hub: ScriptedHub) -> None:
    """The hub has read it: it asks something else by now."""
    ear = Ear()
    late = Reply(res_key="key7", value="late", id=7, mid="late")
    last = Reply(res_key="key8", value="last", id=8, mid="last")

    async with linked(hub, ear) as (link, _):
        first = await hub.caller()
        await first.lets_in()
        first.says(asks("? ", 7))
        await ear.hears(Input)
        link.send(late)
        first.hangs_up()
        second = await hub.caller()
        await second.gets(Hello)
        second.says(replace(welcome(), resumed=True))
        await second.gets(Status)
        second.says(asks("? ", 8))
        await ear.hears(Input, times=2)
        link.send(last)

        assert await second.gets(Reply) == last


async def test_the_person_can_let_go_of_a_connection(hub: ScriptedHub) -> None:
    """Without a bye, so that the hub keeps the session for the next dial."""
    ear = Ear()

    async with linked(hub, ear) as (link, _):
        first = await hub.caller()
        await first.lets_in()
        await ear.hears("connected")
        link.redial()
        with pytest.raises(AssertionError, match="hung up before Bye"):
            await first.gets(Bye)
        second = await hub.caller()
        await second.lets_in()
        await ear.hears("connected", times=2)

    assert ear.states[3].reason == "as you asked"


async def test_a_hub_that_nobody_can_reach_is_an_end_at_once() -> None:
    """The first dial is not repeated: the address may be wrong."""
    ear = Ear()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    async with linked(Address("127.0.0.1", port), ear) as (_, running):
        status = await running

    assert status == UNREACHABLE
    assert ear.phases == ["connecting", "ended"]
    assert ear.states[-1].reason.startswith(f"cannot connect to 127.0.0.1/{port}: ")


async def test_a_name_that_does_not_exist_is_told() -> None:
    """In the words of the system, not as a traceback."""
    ear = Ear()

    async with linked(Address("no..such", 1), ear) as (_, running):
        status = await running

    assert status == UNREACHABLE
    assert "no..such" in ear.states[-1].reason


@pytest.mark.parametrize(
    ("bye", "status"),
    [
        (Bye(reason="goodbye", kind="quit"), LEFT),
        (Bye(reason="not a frame", kind="protocol"), BROKEN),
        (Bye(reason="banned", kind="banned"), REFUSED),
        (Bye(reason="banned"), REFUSED),
        (Bye(reason="closing", kind="closing", retry=0.01), LOST),
        (Bye(reason="slow", kind="slow"), LOST),
        (Bye(reason="come back", kind="new", retry=0.01), LOST),
    ],
)
async def test_the_kind_of_a_farewell_decides(bye: Bye, status: int, hub: ScriptedHub) -> None:
    """What passes is dialled again; what does not is an end of its own."""
    ear = Ear()

    async with linked(hub, ear, tries=0) as (_, running):
        caller = await hub.caller()
        await caller.lets_in()
        caller.says(bye)
        ended = await running
        await caller.hung_up()

    assert ended == status
    assert bye.reason in ear.states[-1].reason


async def test_a_farewell_before_the_welcome_is_a_refusal(hub: ScriptedHub) -> None:
    """Whatever the hub says of coming back."""
    ear = Ear()

    async with linked(hub, ear) as (_, running):
        caller = await hub.caller()
        await caller.gets(Hello)
        caller.says(Bye(reason="the hub is full\x1b", kind="refused", retry=10))
        status = await running

    assert status == REFUSED
    assert "the hub is full\u241b" in ear.states[-1].reason


async def test_a_hub_says_when_to_come_back(hub: ScriptedHub) -> None:
    """The next dial waits at least so long."""
    ear = Ear()

    async with linked(hub, ear):
        caller = await hub.caller()
        await caller.lets_in()
        caller.says(Bye(reason="closing", kind="closing", retry=500.0))
        await ear.hears("lost")

    lost = ear.states[-1]
    assert lost.retry_at is not None
    assert lost.retry_at - asyncio.get_running_loop().time() > 400


async def test_a_hub_that_speaks_something_else_is_told_so(hub: ScriptedHub) -> None:
    """A web server on that port, say: the reason goes both ways."""
    ear = Ear()

    async with linked(hub, ear) as (_, running):
        caller = await hub.caller()
        await caller.gets(Hello)
        caller.says_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        bye = await caller.gets(Bye)
        status = await running

    assert status == BROKEN
    assert bye.reason == ear.states[-1].reason


async def test_a_listener_may_find_the_protocol_broken(hub: ScriptedHub) -> None:
    """Base64 that is none, say."""

    class Picky(Ear):
        def on_item(self, item: FromServer, _now: float) -> None:
            if isinstance(item, Print):
                raise ProtocolError("unreadable")

    async with linked(hub, Picky()) as (_, running):
        caller = await hub.caller()
        await caller.lets_in()
        caller.says(Print(message="x"))
        assert (await caller.gets(Bye)).reason == "unreadable"
        assert await running == BROKEN


async def test_an_error_of_ours_is_not_taken_for_the_hubs(hub: ScriptedHub) -> None:
    """It ends the link as what it is, instead of a reconnection for ever."""

    class Faulty(Ear):
        def on_item(self, item: FromServer, _now: float) -> None:
            if isinstance(item, Print):
                raise ZeroDivisionError

    with pytest.RaisesGroup(pytest.RaisesGroup(ZeroDivisionError)):
        async with linked(hub, Faulty()) as (_, running):
            caller = await hub.caller()
            await caller.lets_in()
            caller.says(Print(message="x"))
            await asyncio.wait([running])


async def test_leaving_says_bye_with_a_reason(hub: ScriptedHub) -> None:
    """And ends with the status that was wished for."""
    async with linked(hub, Ear()) as (link, running):
        caller = await hub.caller()
        await caller.lets_in()
        link.leave("terminated", 143)
        bye = await caller.gets(Bye)

        assert bye.reason == "terminated"
        assert await running == 143
        assert not link.send(Pong(t=1.0))


async def test_leaving_does_not_wait_for_a_dial(hub: ScriptedHub) -> None:
    """Nor for the pause before the next one."""
    ear = Ear()

    async with linked(hub, ear, first_pause=1000.0) as (link, running):
        caller = await hub.caller()
        await caller.lets_in()
        caller.hangs_up()
        await ear.hears("lost")
        link.leave()

        assert await running == LEFT


async def test_who_leaves_before_the_dial_never_dials() -> None:
    """Not even to an address that would not answer."""
    ear = Ear()
    link = Link(Address("192.0.2.1", 1), "Nina", [ear], Trust(KnownHubs()))

    link.leave()

    assert await link.run() == LEFT
    assert ear.phases == ["ended"]


async def test_who_leaves_during_a_dial_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that does not answer cannot keep anybody."""

    async def never(*_: object, **__: object) -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr("tcpnet.net.tcp.dial", never)
    ear = Ear()
    async with linked(Address("127.0.0.1", 1), ear) as (link, running):
        await ear.hears("connecting")
        link.leave()

        assert await running == LEFT


async def test_a_cancelled_link_says_bye(hub: ScriptedHub) -> None:
    """An interrupt is told to the hub as well."""
    async with linked(hub, Ear()) as (_, running):
        caller = await hub.caller()
        await caller.lets_in()
        running.cancel()

        assert (await caller.gets(Bye)).reason == "interrupted"


async def test_nothing_is_sent_without_a_connection() -> None:
    """The caller is told that it was not."""
    link = Link(Address(), "Nina", [Ear()], Trust(KnownHubs()))

    assert not link.send(Pong(t=1.0))


async def test_what_goes_over_the_wire_is_traced_in_its_order(hub: ScriptedHub) -> None:
    """Both ways, signs of life and the last words too; a hub that has no TLS answers with bye."""
    out = io.StringIO()

    async with linked(hub, Ear(), tap=Trace(out)) as (_, running):
        caller = await hub.caller()
        await caller.lets_in()
        caller.says(Ping(t=1.0))
        await caller.gets(Pong)
        caller.says(Bye(reason="goodbye", kind="quit"))
        await running

    lines = [line for line in out.getvalue().splitlines() if not line.startswith("#")]
    assert [(line[:1], json.loads(line[3:])["headers"][0]["type"]) for line in lines] == [
        ("C", "secure"),
        ("S", "bye"),
        ("C", "hello"),
        ("S", "welcome"),
        ("C", "status"),
        ("S", "ping"),
        ("C", "pong"),
        ("S", "bye"),
    ]


async def test_the_clients_own_last_word_is_traced(hub: ScriptedHub) -> None:
    """As it is sent: before the link has ended."""
    out = io.StringIO()

    async with linked(hub, Ear(), tap=Trace(out)) as (link, running):
        await (await hub.caller()).lets_in()
        link.leave()
        await running

    last, end = out.getvalue().splitlines()[-2:]
    assert last.startswith('C: {"headers":[{"type":"bye"')
    assert "ended" in end

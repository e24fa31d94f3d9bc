"""Which hubs are spoken to, and how: under TLS to a known key, or where nobody listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tcpnet.client.address import Address
from tcpnet.client.known_hubs import NAME, KnownHubs
from tcpnet.client.link import Link
from tcpnet.client.screen import Entry, Screen, State
from tcpnet.client.trust import Trust
from tcpnet.client.visit import BROKEN, LEFT, REFUSED, UNREACHABLE
from tcpnet.net import keys
from tcpnet.net.keys import Identity
from tcpnet.protocol.codec import encode
from tcpnet.protocol.items import Bye, FromServer, Hello, Print, Secure, Status, Welcome
from tests.unit.client.scripted import PATIENCE, ScriptedHub, scripted_hub, welcome
from tests.unit.net.secured import Caller, House


@pytest.fixture(scope="module")
def identity() -> Identity:
    """A hub's key."""
    return keys.passing()


@pytest.fixture
async def house(identity: Identity) -> AsyncIterator[House]:
    """A hub that encrypts."""
    async with House.open(identity) as made:
        yield made


@pytest.fixture
async def clear_hub() -> AsyncIterator[ScriptedHub]:
    """A hub that does not."""
    async with scripted_hub() as made:
        yield made


@pytest.fixture
def known(tmp_path: Path) -> KnownHubs:
    """A person who has met nobody."""
    return KnownHubs(tmp_path / NAME)


class Ear:
    """Keeps what a link tells."""

    def __init__(self) -> None:
        self.items: list[FromServer] = []
        self.states: list[State] = []

    def on_item(self, item: FromServer, _now: float) -> None:
        """Keep an item."""
        self.items.append(item)

    def on_state(self, state: State, _now: float) -> None:
        """Keep a state."""
        self.states.append(state)

    @property
    def notes(self) -> list[str]:
        """What the person was told of the connection."""
        return [state.note for state in self.states if state.note]


def elsewhere(known: KnownHubs, *, clear: bool = False) -> Trust:
    """A client that takes this machine for another one."""
    return Trust(known, clear=clear, is_local=lambda _number: False)


@asynccontextmanager
async def linked(port: int, trust: Trust, ear: Ear) -> AsyncIterator[Link]:
    """A link to a port, dialled once."""
    link = Link(Address("127.0.0.1", port), "Nina", [ear], trust, tries=0, timeout=PATIENCE)
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        running = group.create_task(link.run())
        yield link
        await running


async def lets_in(house: House) -> Caller:
    """Let the next client in."""
    caller = await house.caller()
    await welcomed(caller)
    return caller


async def welcomed(caller: Caller) -> None:
    """Go through the handshake."""
    await caller.hears(Hello)
    caller.connection.send(welcome())
    await caller.hears(Status)


async def visit(house: House, trust: Trust) -> Ear:
    """A whole visit of somebody whom the hub lets in."""
    ear = Ear()
    async with linked(house.port, trust, ear) as link:
        caller = await lets_in(house)
        assert caller.connection.is_encrypted
        link.leave()
    return ear


async def outcome(port: int, trust: Trust) -> tuple[Ear, State]:
    """A visit that ends by itself."""
    ear = Ear()
    async with linked(port, trust, ear):
        pass
    return ear, ear.states[-1]


async def test_the_key_is_shown_at_the_first_visit(house: House, known: KnownHubs) -> None:
    """In one line with the hub's own fingerprint; the second visit has nothing to say."""
    first = await visit(house, elsewhere(known))
    second = await visit(house, elsewhere(known))

    assert len(first.notes) == 1
    assert "encrypted" in first.notes[0]
    assert house.identity.fingerprint in first.notes[0]
    assert second.notes == []
    assert known.key_of(Address("127.0.0.1", house.port)) == house.identity.fingerprint


async def test_a_changed_key_is_refused_with_both(house: House, known: KnownHubs) -> None:
    """And with what to do; the hub does not even learn who came."""
    address = Address("127.0.0.1", house.port)
    known.keep(address, "aaaa-bbbb")

    ear, end = await outcome(house.port, elsewhere(known))

    assert end.status == REFUSED
    assert "aaaa-bbbb" in end.reason
    assert house.identity.fingerprint in end.reason
    assert f"tcpnet-client --forget 127.0.0.1:{house.port}" in end.reason
    assert ear.items == []
    assert (await house.caller()).items == [Secure()]
    assert known.key_of(address) == "aaaa-bbbb"


async def test_a_stranger_under_tls_is_not_heard(house: House, known: KnownHubs) -> None:
    """Whatever it says before its key was looked at."""
    known.keep(Address("127.0.0.1", house.port), "aaaa-bbbb")
    ear = Ear()

    async with linked(house.port, elsewhere(known), ear):
        caller = await house.caller()
        await caller.hears(Secure)
        caller.connection.send(Print(message="give me your password"))

    assert ear.items == []
    assert ear.states[-1].status == REFUSED


async def test_after_forgetting_the_new_key_is_taken(house: House, known: KnownHubs) -> None:
    """As if the hub were new."""
    address = Address("127.0.0.1", house.port)
    known.keep(address, "aaaa-bbbb")
    known.forget(address)

    ear = await visit(house, elsewhere(known))

    assert house.identity.fingerprint in ear.notes[0]


async def test_a_hub_elsewhere_that_does_not_encrypt_is_refused(
    clear_hub: ScriptedHub, known: KnownHubs
) -> None:
    """With the flag that lets others read along; nothing was said."""
    ear, end = await outcome(clear_hub.port, elsewhere(known))

    assert end.status == REFUSED
    assert "--clear" in end.reason
    assert ear.items == []


async def test_a_hub_that_encrypted_before_is_refused_in_clear(
    clear_hub: ScriptedHub, known: KnownHubs
) -> None:
    """Somebody in between can always say that it does not."""
    known.keep(clear_hub.address, "aaaa-bbbb")

    _, end = await outcome(clear_hub.port, elsewhere(known))

    assert end.status == REFUSED


async def test_a_person_may_let_others_read_along(clear_hub: ScriptedHub, known: KnownHubs) -> None:
    """And is told so at every visit."""
    ear = Ear()

    async with linked(clear_hub.port, elsewhere(known, clear=True), ear) as link:
        await (await clear_hub.caller()).lets_in()
        link.leave()

    assert len(ear.notes) == 1
    assert "not encrypted" in ear.notes[0]


async def test_who_lets_others_read_along_is_encrypted_where_that_is_granted(
    house: House, known: KnownHubs
) -> None:
    """The flag is for hubs that cannot."""
    ear = await visit(house, elsewhere(known, clear=True))

    assert house.identity.fingerprint in ear.notes[0]


async def test_on_ones_own_machine_tls_is_used_and_no_key_kept(
    house: House, known: KnownHubs
) -> None:
    """Nobody stands in between; hubs there come and go, each with a key of its own."""
    ear = await visit(house, Trust(known))

    assert ear.notes == []
    assert isinstance(ear.items[0], Secure)
    assert known.key_of(Address("127.0.0.1", house.port)) is None


async def test_on_ones_own_machine_a_hub_need_not_encrypt(
    clear_hub: ScriptedHub, known: KnownHubs
) -> None:
    """And nothing is said about it."""
    ear = Ear()

    async with linked(clear_hub.port, Trust(known), ear) as link:
        await (await clear_hub.caller()).lets_in()
        link.leave()

    assert ear.notes == []
    assert isinstance(ear.items[0], Welcome)


async def test_a_damaged_file_of_keys_ends_the_visit(house: House, tmp_path: Path) -> None:
    """With its name."""
    (tmp_path / NAME).write_text("?\n", "utf-8")

    ear, end = await outcome(house.port, elsewhere(KnownHubs(tmp_path / NAME)))

    assert end.status == REFUSED
    assert NAME in end.reason
    assert ear.items == []


async def test_the_line_reaches_the_screen_before_the_welcome(
    house: House, known: KnownHubs
) -> None:
    """As a line of the client's own."""
    screen = Screen("hub", "Nina")
    link = Link(Address("127.0.0.1", house.port), "Nina", [screen], elsewhere(known), tries=0)

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(link.run())
        await lets_in(house)
        link.leave()

    entries = [event for event in screen.fresh() if isinstance(event, Entry)]
    assert [entry.kind for entry in entries[:2]] == ["state", "info"]
    assert house.identity.fingerprint in entries[0].message


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[int]:
    """A port whose callers are answered with these bytes to whatever they say."""
    writers: list[asyncio.StreamWriter] = []

    async def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        for answer in answers:
            await reader.readline()
            writer.write(answer)

    server = await asyncio.start_server(came, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(encode(Print(message="Welcome!")), id="another item"),
        pytest.param(encode(Secure(), Print(message="psst")), id="an item beside it"),
        pytest.param(encode(Secure()) + encode(Print(message="psst")), id="a line behind it"),
        pytest.param(encode(Secure()) + b"no handshake at all\n", id="garbage"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", id="another protocol"),
    ],
)
async def test_an_answer_that_is_no_tls_ends_the_visit(answer: bytes, known: KnownHubs) -> None:
    """Nothing of it is heard, nothing is said to it."""
    async with answering(answer) as port:
        ear, end = await outcome(port, Trust(known))

    assert end.status == BROKEN
    assert ear.items == []


@pytest.mark.parametrize(
    ("bye", "status"),
    [
        (Bye(reason="the hub is full", kind="refused"), REFUSED),
        (Bye(reason="you asked for it", kind="quit"), LEFT),
    ],
)
async def test_a_bye_for_another_reason_is_what_it_says(
    bye: Bye, status: int, known: KnownHubs
) -> None:
    """It has nothing to do with encryption."""
    async with answering(encode(bye)) as port:
        _, end = await outcome(port, elsewhere(known))

    assert (end.status, end.reason) == (status, bye.reason)


async def test_silence_in_place_of_tls_is_bounded(known: KnownHubs) -> None:
    """By the time that the person gives."""
    async with answering(b"") as port:
        link = Link(Address("127.0.0.1", port), "Nina", [], Trust(known), tries=0, timeout=0.05)
        async with asyncio.timeout(PATIENCE):
            status = await link.run()

    assert status == UNREACHABLE


async def test_nothing_is_sent_before_tls(house: House, known: KnownHubs) -> None:
    """Views may try at any moment."""
    house.grants.clear()
    link = Link(Address("127.0.0.1", house.port), "Nina", [], Trust(known), tries=0)

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(link.run())
        caller = await house.caller()
        await caller.hears(Secure)
        sent = link.send(Bye(reason="too early"))
        house.grants.set()
        await welcomed(caller)
        link.leave()

    assert not sent
    assert not any(item == Bye(reason="too early") for item in caller.items)


async def test_silence_after_the_greeting_is_bounded_under_tls_too(
    house: House, known: KnownHubs
) -> None:
    """The bytes of the handshake are no answer."""
    link = Link(Address("127.0.0.1", house.port), "Nina", [], Trust(known), tries=0, timeout=0.3)

    async with asyncio.timeout(PATIENCE):
        status = await link.run()

    assert status == REFUSED
    assert "nothing was heard" in link.state.reason

"""The rules of rooms without sockets: order, catching up, heirs, ends."""

import asyncio
from contextlib import ExitStack

import msgspec
import pytest

from tcpnet.broker.base import Record
from tcpnet.broker.memory import MemoryBroker
from tcpnet.chat.accounts import Account
from tcpnet.chat.events import Away, Back, Closed, Event, Gone, Handed, Joined, Left, Ruled, Said
from tcpnet.chat.later import Later
from tcpnet.chat.room import Room, Seat
from tcpnet.chat.rooms import MAX_RULED, Rooms
from tcpnet.errors import BrokerError, UserError
from tcpnet.net.audience import Audience
from tests.hub import PATIENCE

ANN = Account(name="Ann", id=10_001, key="ann")
BOB = Account(name="Bob", id=10_002, key="bob")
CAT = Account(name="Cat", id=10_003, key="cat")


def worded(event: Event) -> bytes:
    """An event in a word."""
    match event:
        case Said(_, records):
            return "".join(f"{record.sender}:{record.body}\n" for record in records).encode()
        case Joined(_, name, here) | Left(_, name, here):
            return f"{type(event).__name__} {name} {here}\n".encode()
        case Gone(_, lines):
            return f"Gone {lines}\n".encode()
        case Ruled(_, verb, name):
            return f"{verb} {name}\n".encode()
        case Away(_, name) | Back(_, name) | Handed(_, name) | Closed(_, name):
            return f"{type(event).__name__} {name}\n".encode()


class Slow(MemoryBroker):
    """Reads and changes that wait until a test lets them go on."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.asked = asyncio.Event()
        self.refuses = False
        self.early: list[Record] = []

    async def history(self, log: str, **bounds: int | None) -> list[Record]:
        """Wait first; what is `early` is there already, though nobody was told."""
        await self._wait()
        stored = await super().history(log, **bounds)  # type: ignore[arg-type]
        return stored + self.early

    async def remove(self, kind: str, key: str) -> bool:
        """Wait afterwards: it was carried out by then."""
        if self.refuses:
            raise BrokerError("not saved: the disk is full")
        done = await super().remove(kind, key)
        await self._wait()
        return done

    async def put(self, kind: str, key: str, value: bytes, *, expected: int | None = None) -> int:
        """Wait afterwards: it was carried out by then."""
        revision = await super().put(kind, key, value, expected=expected)
        await self._wait()
        return revision

    async def _wait(self) -> None:
        self.asked.set()
        await self.go_on.wait()

    def hold(self) -> None:
        """From now on nothing goes on."""
        self.go_on.clear()
        self.asked.clear()


class Member:
    """Somebody in a room who keeps what he gets, and may take no more."""

    direct = -1
    audience: Audience | None = None

    def __init__(self, account: Account) -> None:
        self.got: list[str] = []
        self.pushed: list[int] = []
        self.takes = True
        self.dismissed = 0
        self.lagged = 0
        self.heard = asyncio.Event()
        self.seat = Seat(account, self, self._drained, self._lagged, self._dismissed)

    def lines(self) -> list[str]:
        """What was said, without comings and goings."""
        return [word.split(":")[1] for word in self.got if ":" in word]

    def push(self, lines: bytes, frames: int) -> bool:
        """Take frames, unless there is no room."""
        got = lines.decode().splitlines()
        assert len(got) == frames
        if self.takes:
            self.got += got
            self.pushed.append(len(lines))
            self.heard.set()
        return self.takes

    push_now = pass_on = push

    def pass_rest(self, rest: bytes) -> None:
        """Never called: nothing of it is direct."""
        raise AssertionError(rest)

    async def _drained(self) -> None:
        await asyncio.sleep(0)

    def _lagged(self) -> None:
        self.lagged += 1

    def _dismissed(self) -> None:
        self.dismissed += 1


class House:
    """Rooms over a broker that can be held."""

    def __init__(self) -> None:
        self.broker = Slow()
        self.later = Later()
        self.rooms = Rooms(self.broker, self.later, worded)

    async def again(self) -> Rooms:
        """The rooms after a restart."""
        await self.later.settle()
        rooms = Rooms(self.broker, Later(), worded)
        await rooms.load()
        return rooms


@pytest.fixture
async def house() -> House:
    """No room yet."""
    return House()


async def comes(house: House, room: Room, account: Account, stack: ExitStack) -> Member:
    """Somebody who is in a room and hears everything."""
    member = Member(account)
    stack.enter_context(house.rooms.joined(room, member.seat))
    await house.rooms.catch_up(room, member.seat)
    house.rooms.announce(room, member.seat)
    return member


async def test_who_come_at_once_are_told_of_together(house: House) -> None:
    """The first at once, the others in one push; each one hears of himself at once."""
    room = await house.rooms.create("den", ANN)
    with ExitStack() as stack:
        ann = await comes(house, room, ANN, stack)
        bob = await comes(house, room, BOB, stack)
        people = [Account(name=f"P{n}", id=n, key=f"p{n}") for n in range(3)]
        crowd = [await comes(house, room, account, stack) for account in people]
        assert [member.got[-1] for member in crowd] == ["Joined P0 3", "Joined P1 4", "Joined P2 5"]
        assert ann.got == ["Joined Bob 2"]

        ann.heard.clear()
        async with asyncio.timeout(PATIENCE):
            await ann.heard.wait()

        assert ann.got == bob.got
    assert ann.got[:4] == ["Joined Bob 2", "Joined P0 3", "Joined P1 4", "Joined P2 5"]
    assert len(ann.pushed) == 2
    assert crowd[1].got == ["Joined P1 4", "Joined P2 5"], "nothing that was before, nothing twice"


async def test_a_line_takes_comings_and_goings_along(house: House) -> None:
    """All that happens in a room has one order for everybody."""
    room = await house.rooms.create("den", ANN)
    with ExitStack() as stack:
        ann = await comes(house, room, ANN, stack)
        bob = await comes(house, room, BOB, stack)
        with ExitStack() as short:
            await comes(house, room, CAT, short)
        await house.rooms.post(room, BOB, "who was that?")

        words = ["Joined Bob 2", "Joined Cat 3", "Left Cat 2", "Bob:who was that?"]
        assert ann.got == bob.got == words


async def test_so_many_comings_and_goings_wait_and_no_more(house: House) -> None:
    """What waits for everybody is bounded."""
    room = await house.rooms.create("den", ANN)
    with ExitStack() as stack:
        ann = await comes(house, room, ANN, stack)
        await comes(house, room, BOB, stack)
        for _ in range(32):
            with ExitStack() as short:
                await comes(house, room, CAT, short)

        assert len(ann.got) == 1 + 64


async def test_a_page_read_for_another_position_is_not_handed_over(house: House) -> None:
    """The member came back while it was read, and has less than was thought."""
    room = await house.rooms.create("den", ANN)
    with ExitStack() as stack:
        bob = await comes(house, room, BOB, stack)
        for number in range(3):
            await house.rooms.post(room, ANN, f"{number}")
        house.rooms.away(room, bob.seat)
        await house.rooms.post(room, ANN, "3")
        house.broker.hold()
        bob.got.clear()
        reading = asyncio.create_task(house.rooms.catch_up(room, bob.seat))
        await house.broker.asked.wait()
        house.rooms.back(room, bob.seat, seen=1)
        house.broker.go_on.set()
        await reading

    assert bob.lines() == ["1", "2", "3"]


async def test_nobody_is_live_while_he_is_away(house: House) -> None:
    """Even where he was handed everything at that moment; so no line overtakes another."""
    room = await house.rooms.create("den", ANN)
    with ExitStack() as stack:
        bob = await comes(house, room, BOB, stack)
        house.rooms.away(room, bob.seat)
        await house.rooms.catch_up(room, bob.seat)

        assert not bob.seat.live
        await house.rooms.post(room, ANN, "0")
        assert not bob.lagged


async def test_who_refuses_a_line_gets_it_before_the_next(house: House) -> None:
    """He is told once, and nothing is lost, doubled or reordered."""
    room = await house.rooms.create("den", ANN)
    with ExitStack() as stack:
        bob = await comes(house, room, BOB, stack)
        for number in range(100):
            bob.takes = number % 7 != 3
            await house.rooms.post(room, ANN, f"{number}")
            if number % 5 == 0:
                bob.takes = True
                await house.rooms.catch_up(room, bob.seat)
        bob.takes = True
        await house.rooms.catch_up(room, bob.seat)

    assert bob.lines() == [f"{number}" for number in range(100)]
    assert bob.lagged


@pytest.mark.parametrize(("size", "pushes"), [(10, 1), (4096, 3)])
async def test_a_batch_is_one_push_unless_it_is_large(house: House, size: int, pushes: int) -> None:
    """Small enough for an outbox to take or refuse; in one order anyhow."""
    room = await house.rooms.create("den", ANN)
    said = [f"{number:0{size}}" for number in range(48)]
    with ExitStack() as stack:
        bob = await comes(house, room, BOB, stack)
        await asyncio.gather(*(house.rooms.post(room, ANN, words) for words in said))

    assert bob.lines() == said
    assert len(bob.pushed) == pushes


async def test_who_comes_back_to_lines_that_are_gone_is_told_how_many(house: House) -> None:
    """Before the first one that is left, or where none is; nothing is missed in silence."""
    room = await house.rooms.create("den", ANN)
    with ExitStack() as stack:
        bob, cat = [await comes(house, room, who, stack) for who in (BOB, CAT)]
        for member in (bob, cat):
            house.rooms.away(room, member.seat)
        for number in range(1, 6):
            await house.rooms.post(room, ANN, f"{number}")

        for member, upto in ((bob, 3), (cat, 5)):
            await house.broker.trim(room.deed.log, upto)
            house.rooms.back(room, member.seat, seen=0)
            member.got.clear()
            await house.rooms.catch_up(room, member.seat)

    assert bob.got[:3] == ["Gone 3", "Ann:4", "Ann:5"]
    assert cat.got[:1] == ["Gone 5"]


async def test_a_line_that_is_stored_but_not_told_yet_comes_once(house: House) -> None:
    """A reading thread may see a line a moment before everybody is told of it."""
    room = await house.rooms.create("den", ANN)
    with ExitStack() as stack:
        bob = await comes(house, room, BOB, stack)
        house.rooms.away(room, bob.seat)
        await house.rooms.post(room, ANN, "0")
        house.rooms.back(room, bob.seat, seen=0)
        house.broker.early = [Record(room.deed.log, 2, "Ann", "", "1", at=0.0)]
        await house.rooms.catch_up(room, bob.seat)
        house.broker.early = []
        await house.rooms.post(room, ANN, "1")

    assert bob.lines() == ["0", "1"]


async def test_lines_said_while_somebody_joins_are_not_earlier_ones(house: House) -> None:
    """What he is shown as earlier is from before he came; the rest follows once."""
    room = await house.rooms.create("den", ANN)
    await house.rooms.post(room, ANN, "before")
    bob = Member(BOB)
    with house.rooms.joined(room, bob.seat):
        await house.rooms.post(room, ANN, "meanwhile")
        earlier = [record.body for record in await house.rooms.last_lines(room, bob.seat)]
        await house.rooms.catch_up(room, bob.seat)

    assert earlier == ["before"]
    assert bob.lines() == ["meanwhile"]


async def test_an_owner_lost_hands_the_room_to_who_is_there_longest(house: House) -> None:
    """And the heir is the owner after a restart, too."""
    room = await house.rooms.create("den", ANN)
    with ExitStack() as others, ExitStack() as own:
        await comes(house, room, ANN, own)
        bob = await comes(house, room, BOB, others)
        await comes(house, room, CAT, others)
        own.close()

        assert bob.got[-2:] == ["Left Ann 2", "Handed Bob"]
    assert (await house.again()).find("den").owner == BOB


async def test_an_owner_with_another_place_in_the_room_keeps_it(house: House) -> None:
    """Nobody left: he is still there."""
    room = await house.rooms.create("den", ANN)
    with ExitStack() as others, ExitStack() as own:
        await comes(house, room, ANN, own)
        await comes(house, room, ANN, others)
        bob = await comes(house, room, BOB, others)
        own.close()

        assert room.owner == ANN
        assert not [word for word in bob.got if word.startswith(("Left", "Handed"))]


async def test_a_house_that_rests_tells_nobody_and_hands_nothing_on(house: House) -> None:
    """Its members are sent away one by one."""
    room = await house.rooms.create("den", ANN)
    with ExitStack() as others, ExitStack() as own:
        await comes(house, room, ANN, own)
        bob = await comes(house, room, BOB, others)
        house.rooms.rest()
        own.close()

        assert "Left Ann 1" not in bob.got
    assert (await house.again()).find("den").owner == ANN


async def test_two_who_close_a_room_at_once_close_it_once(house: House) -> None:
    """Its owner from two places: everybody is told and dismissed once."""
    room = await house.rooms.create("den", ANN)
    with ExitStack() as stack:
        bob = await comes(house, room, BOB, stack)
        await asyncio.gather(house.rooms.close(room, ANN), house.rooms.close(room, ANN))

        assert bob.got.count("Closed Ann") == 1
        assert bob.dismissed == 1


async def test_closing_an_old_room_late_leaves_the_new_one_alone(house: House) -> None:
    """Its owner's second place still had an `exit` to be taken."""
    old = await house.rooms.create("den", ANN)
    await house.rooms.close(old, ANN)
    new = await house.rooms.create("den", BOB)

    await house.rooms.close(old, ANN)

    assert house.rooms.find("den") is new
    assert (await house.again()).find("den").owner == BOB


async def test_a_room_is_closed_though_the_closer_is_lost(house: House) -> None:
    """What is gone from the disk is not left open in memory."""
    room = await house.rooms.create("den", ANN)
    house.broker.hold()
    closing = asyncio.create_task(house.rooms.close(room, ANN))
    await house.broker.asked.wait()
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    house.broker.go_on.set()
    await house.later.settle()

    assert room.closed
    with pytest.raises(UserError, match="There is no chat room"):
        house.rooms.find("den")
    assert (await house.rooms.create("den", BOB)).owner == BOB


async def test_a_room_that_cannot_be_closed_now_is_closed_later(house: House) -> None:
    """The disk refuses: the room stays open until it works again."""
    room = await house.rooms.create("den", ANN)
    house.broker.refuses = True
    with pytest.raises(BrokerError):
        await house.rooms.close(room, ANN)
    assert not room.closed

    house.broker.refuses = False
    await house.later.settle()

    assert room.closed


async def test_an_id_is_free_again_where_its_creator_was_lost(house: House) -> None:
    """The room was stored, and nobody ever got it."""
    house.broker.hold()
    creating = asyncio.create_task(house.rooms.create("den", ANN))
    await house.broker.asked.wait()
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    house.broker.go_on.set()

    assert (await house.rooms.create("den", BOB)).owner == BOB
    assert (await house.again()).find("den").owner == BOB


async def test_the_lines_of_a_closed_room_stay_for_a_while(house: House) -> None:
    """Whoever reads slowly gets them; one made anew under the same id has none of them."""
    room = await house.rooms.create("den", ANN)
    log = room.deed.log
    with ExitStack() as stack:
        bob = await comes(house, room, BOB, stack)
        bob.takes = False
        await house.rooms.post(room, ANN, "last words")
        await house.rooms.close(room, ANN)
        await house.later.settle()
        bob.takes = True
        await house.rooms.catch_up(room, bob.seat)
    await house.later.settle()

    assert bob.lines() == ["last words"]
    assert await house.broker.last_seq(log) == 1
    assert [kept for kept, _ in await (await house.again()).closed.all()] == [log]
    assert (await house.rooms.create("den", BOB)).last_seq == 0


async def test_a_room_in_which_nothing_was_said_leaves_nothing(house: House) -> None:
    """However many are opened and closed."""
    room = await house.rooms.create("den", ANN)

    await house.rooms.close(room, ANN)

    assert await house.rooms.closed.all() == []


async def test_a_closing_that_broke_off_leaves_the_room_its_lines(house: House) -> None:
    """The note about its log comes first, and a hub that is killed behind it opens the room."""
    room = await house.rooms.create("den", ANN)
    await house.rooms.post(room, ANN, "still here")
    await house.rooms.closed.note(room.deed.log, room.last_seq)

    again = await house.again()

    assert again.find("den").last_seq == 1
    assert await again.closed.all() == []


async def test_an_empty_room_is_closed_after_its_days(house: House) -> None:
    """Hours on which somebody is there do not count, and make a new beginning."""
    house.rooms.keep_empty_days = 1
    room = await house.rooms.create("den", ANN)
    for _ in range(24):
        await house.rooms.an_hour_passed()
    with ExitStack() as stack:
        await comes(house, room, BOB, stack)
        await house.rooms.an_hour_passed()
    for _ in range(24):
        await house.rooms.an_hour_passed()
    assert not room.closed

    await house.rooms.an_hour_passed()

    assert room.closed


async def test_what_is_decided_of_people_outlives_a_restart() -> None:
    """Muted and kept out they stay; by name and id, for a name may change hands."""
    broker, later = MemoryBroker(), Later()
    rooms = Rooms(broker, later, worded)
    room = await rooms.create("den", ANN)
    rooms.rule(room, "mute", BOB, ANN)
    rooms.rule(room, "kick", CAT, ANN)
    await later.settle()

    after = Rooms(broker, Later(), worded)
    await after.load()
    den = after.find("den")

    assert (den.is_muted(BOB), den.is_out(CAT)) == (True, True)
    assert not den.is_muted(msgspec.structs.replace(BOB, id=20_002))


async def test_a_room_decides_of_a_bounded_number_of_people() -> None:
    """What is kept of a room stays small, whoever owns it."""
    rooms = Rooms(MemoryBroker(), Later(), worded)
    room = await rooms.create("den", ANN)
    crowd = [Account(name=f"p{n}", id=20_000 + n, key=f"p{n}") for n in range(MAX_RULED + 1)]
    for somebody in crowd[:-1]:
        rooms.rule(room, "mute", somebody, ANN)

    with pytest.raises(UserError, match="500 people"):
        rooms.rule(room, "mute", crowd[-1], ANN)

    rooms.rule(room, "unmute", crowd[0], ANN)
    rooms.rule(room, "mute", crowd[-1], ANN)


async def test_rooms_made_at_once_are_no_more_than_are_allowed(house: House) -> None:
    """Those whose making is under way count."""
    house.rooms.max_rooms = 2
    house.broker.hold()

    makings = [asyncio.create_task(house.rooms.create(f"r{n}", ANN)) for n in range(5)]
    await house.broker.asked.wait()
    house.broker.go_on.set()
    made = await asyncio.gather(*makings, return_exceptions=True)

    assert sum(isinstance(room, Room) for room in made) == len(house.rooms) == 2
    assert all(isinstance(room, Room | UserError) for room in made)


async def test_ids_of_rooms_differ_by_more_than_case() -> None:
    """Who says DEN means den; and nobody has a second one beside it."""
    rooms = Rooms(MemoryBroker(), Later(), worded)
    room = await rooms.create("Den", ANN)

    with pytest.raises(UserError, match="The chat room DEN already exists"):
        await rooms.create("DEN", BOB)

    assert rooms.find("den") is room
    assert room.id == "Den"

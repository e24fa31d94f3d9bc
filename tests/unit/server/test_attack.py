"""What nobody should be able to break: ends at every moment, takeovers, races, floods."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tcpnet.chat.accounts import Account
from tcpnet.errors import BrokerError, ConnectionLost, UserError
from tcpnet.net.pulse import Pulse
from tcpnet.net.tcp import Caller, Listener
from tcpnet.protocol import codec
from tcpnet.protocol.items import (
    PROTOCOL,
    Bye,
    Cancel,
    Hello,
    Input,
    Ping,
    Print,
    Progress,
    Reply,
    Resume,
    Status,
    Welcome,
)
from tcpnet.server.meter import Meter
from tcpnet.server.session import Session
from tests.hub import PATIENCE, Person, Town, town
from tests.unit.net import memory

Step = Callable[[Town, Person], Awaitable[None]]
QUICK = {"replies_per_second": 0.0, "grace_seconds": 0.05}


def hello(name: str, resume: Resume | None = None, **more: Any) -> Hello:
    """The first item of a client."""
    return Hello(protocol=PROTOCOL, agent="test", id_key=name, resume=resume, **more)


async def arrives(hub: Town, name: str, resume: Resume | None = None) -> Person:
    """Somebody whose client can come back, or does."""
    person = await hub.dials(name)
    person.send(hello(name, resume or Resume(session="")))
    await person.gets(Welcome)
    person.send(Status(ok=True))
    return person


async def in_room(hub: Town, name: str, room: str = "den", *, new: bool = False) -> Person:
    """Somebody who can come back, in a room."""
    person = await arrives(hub, name)
    await person.enters_room(room, new=new)
    return person


def session_of(person: Person) -> str:
    """The id under which somebody may come back."""
    return next(item.session for item in person.seen if isinstance(item, Welcome))


def the_session(hub: Town, name: str) -> Session:
    """The hub's side of somebody."""
    return next(s for s in hub.hub.community.sessions.values() if s.account.name == name)


async def nothing(_: Town, __: Person) -> None:
    """Say nothing at all."""


async def begins_a_frame(_: Town, person: Person) -> None:
    """Stop in the middle of the first frame."""
    person.send_raw(b'{"headers": [{"type": "hel')


async def is_asked_for_another_name(_: Town, person: Person) -> None:
    """Have a name that nobody can have."""
    person.send(hello(":"))
    await person.asked("Your id key")


async def gets_welcome(_: Town, person: Person) -> None:
    """Do not acknowledge it."""
    person.send(hello(person.name, Resume(session=""), keeps_token=True))
    await person.gets(Welcome)


async def comes_to_the_menu(hub: Town, person: Person) -> None:
    """Be asked for an option."""
    await gets_welcome(hub, person)
    person.send(Status(ok=True))
    await person.asked("Your option")


async def writes_a_message(hub: Town, person: Person) -> None:
    """Be in the middle of a dialogue."""
    await comes_to_the_menu(hub, person)
    await person.chooses(2)
    await person.asked("Enter your message: ")


async def talks(hub: Town, person: Person) -> None:
    """Own a room and say something in it."""
    await comes_to_the_menu(hub, person)
    await person.enters_room(person.name, new=True)
    person.types("hello", mid="m1")
    await person.sees("hello")


async def says_much(hub: Town, person: Person) -> None:
    """Leave many lines and an answer behind that nobody waits for."""
    await talks(hub, person)
    for number in range(40):
        person.types(f"line {number}")


STAGES: list[Step] = [
    nothing,
    begins_a_frame,
    is_asked_for_another_name,
    gets_welcome,
    comes_to_the_menu,
    writes_a_message,
    talks,
    says_much,
]


async def resets(_: Town, person: Person) -> None:
    """Be gone without a word."""
    assert person.connection is not None
    person.connection.abort()


async def says_bye(_: Town, person: Person) -> None:
    """Say so and hang up at once."""
    person.send(Bye(reason="bye"))
    assert person.connection is not None
    await person.connection.close()


async def breaks_the_wire(_: Town, person: Person) -> None:
    """Send what is no frame."""
    person.send_raw(b"rubbish\n")
    await person.gone()


async def is_dismissed(hub: Town, person: Person) -> None:
    """Be sent away, or reset where nobody is known yet."""
    for session in hub.hub.community.sessions.values():
        session.dismiss(Bye(reason="out", kind="refused"))
    await resets(hub, person)


async def answers_and_resets(_: Town, person: Person) -> None:
    """Have the last answer taken when the connection is lost already."""
    if person.question is not None and person.question.message.startswith("Your option"):
        person.types(7)
    assert person.connection is not None
    person.connection.flush_now()
    person.connection.abort()


ENDS: list[Step] = [resets, says_bye, breaks_the_wire, is_dismissed, answers_and_resets]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_a_session_that_ended_at_any_stage_leaves_nothing_behind(
    end: Step, caplog: pytest.LogCaptureFixture
) -> None:
    """No task, timer, seat or entry: what still refers to the session would be found."""
    async with town(limits=QUICK) as hub:
        community = hub.hub.community
        before = asyncio.all_tasks()
        for stage in STAGES:
            ann = await hub.dials(f"ann-{stage.__name__}")
            await stage(hub, ann)
            await end(hub, ann)

            await ended(before)
            gc.collect()
            assert not sessions(), stage.__name__
            assert not community.sessions, stage.__name__
            assert not len(community.presence), stage.__name__
            assert not any(room.seats for room in community.rooms), stage.__name__

    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_hub_that_closes_down_ends_sessions_of_every_stage(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Everybody at once, and nothing of anybody is left."""
    before = asyncio.all_tasks()
    async with town() as hub:
        for stage in STAGES:
            await stage(hub, await hub.dials(f"ann-{stage.__name__}"))
        away = await in_room(hub, "away", "other", new=True)
        await resets(hub, away)

    await ended(before)
    gc.collect()
    assert not sessions()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def ended(before: set[asyncio.Task[Any]]) -> None:
    """Wait until no task is left but these, this one, and those of the loop itself."""
    async with asyncio.timeout(PATIENCE):
        while left := _at_work() - before - {asyncio.current_task()}:
            await asyncio.wait(left)


def _at_work() -> set[asyncio.Task[Any]]:
    """All tasks but those in which asyncio waits for the next caller: it does so on Windows."""
    return {task for task in asyncio.all_tasks() if "IocpProactor" not in repr(task.get_coro())}


def sessions() -> list[Session]:
    """All sessions that anything refers to."""
    return [found for found in gc.get_objects() if type(found) is Session]


async def test_who_left_while_away_is_waited_for_no_longer() -> None:
    """His last answer was to leave; no timer goes off for him later."""
    async with town(limits={"replies_per_second": 0.0, "grace_seconds": 30}) as hub:
        before = asyncio.all_tasks()
        ann = await arrives(hub, "ann")
        question = await ann.asked("Your option")
        session = the_session(hub, "ann")

        session.received(Reply(res_key=question.res_key, value=7, id=question.id))
        session.connection.silent(60)  # lost before the answer is taken
        assert session.is_away
        del session
        await ended(before)
        gc.collect()

        assert not sessions()


async def test_who_comes_back_is_sent_what_he_misses_before_what_is_live(hub: Town) -> None:
    """Also where the old connection seemed to live, and a line comes at that very moment."""
    bob, ann = await in_room(hub, "bob", new=True), await in_room(hub, "ann")
    for number in range(3):
        bob.types(f"line {number}")
    await ann.sees("line 2")
    lines = [item for item in ann.seen if isinstance(item, Print) and item.kind == "chat"]
    session, room = the_session(hub, "ann"), hub.hub.community.rooms.find("den")

    again = await hub.dials("ann")
    again.send(hello("ann", Resume(session=session.id, rooms={"den": lines[0].seq or 0})))
    await again.gets(Welcome)
    community = hub.hub.community
    await community.rooms.post(room, account(hub, "bob"), "between")
    session.received(Status(ok=True))
    await community.rooms.post(room, account(hub, "bob"), "at once")
    await again.sees("at once")

    assert again.messages("chat") == [
        f"bob> {words}" for words in ("line 1", "line 2", "between", "at once")
    ]
    assert not [words for words in again.messages() if "too slowly" in words]


def account(hub: Town, name: str) -> Account:
    """Somebody who is there, as the hub knows him."""
    return the_session(hub, name).account


async def test_the_room_hears_once_that_somebody_is_away_and_once_that_he_is_back(
    hub: Town,
) -> None:
    """However often he fails to come back, and also where nobody saw him go."""
    bob, ann = await in_room(hub, "bob", new=True), await in_room(hub, "ann")
    resume = Resume(session=session_of(ann))
    await resets(hub, ann)
    await bob.sees("ann is away")
    for _ in range(2):
        failing = await hub.dials("ann")
        failing.send(hello("ann", resume))
        await failing.gets(Welcome)
        await resets(hub, failing)
    back = await arrives(hub, "ann", resume)
    await bob.sees("ann is back")
    await arrives(hub, "ann", resume)
    await bob.sees("ann is away")
    await bob.sees("ann is back")
    await bob.settled()
    await back.gone()

    assert [w for w in bob.messages("notice") if "ann" in w] == ["ann is away", "ann is back"] * 2


async def test_one_of_two_places_lost_is_nobody_away(hub: Town) -> None:
    """The other place is still there, and speaks."""
    bob = await in_room(hub, "bob", new=True)
    first = await hub.dials("ann")
    first.send(hello("ann", Resume(session=""), keeps_token=True))
    token = (await first.gets(Welcome)).token
    first.send(Status(ok=True))
    second = await hub.dials("ann")
    second.send(hello("ann", Resume(session=""), keeps_token=True, token=token))
    await second.gets(Welcome)
    second.send(Status(ok=True))
    for place in (first, second):
        await place.enters_room("den")

    await resets(hub, first)
    second.types("still here")
    await bob.sees("still here")

    assert "ann is away" not in bob.messages()


async def test_who_comes_back_and_never_says_so_is_not_waited_for() -> None:
    """A welcome that nobody acknowledges has its seconds, also on the way back."""
    async with town(limits={"handshake_seconds": 0.1}) as hub:
        bob, ann = await in_room(hub, "bob", new=True), await in_room(hub, "ann")
        again = await hub.dials("ann")
        again.send(hello("ann", Resume(session=session_of(ann))))

        await bob.sees("ann disconnected from the chat.")
        bye: Bye = await again.gets(Bye)

    assert bye.kind == "protocol"


async def test_a_status_that_says_no_is_no_way_back(hub: Town) -> None:
    """As it is none on the way in."""
    ann = await in_room(hub, "ann", new=True)
    again = await hub.dials("ann")
    again.send(hello("ann", Resume(session=session_of(ann))))
    await again.gets(Welcome)

    again.send(Status(ok=False))

    assert (await again.gets(Bye)).kind == "protocol"


async def test_a_long_text_told_to_somebody_away_is_whole_when_he_is_back(hub: Town) -> None:
    """His dialogue waits for him before it says more than is kept."""
    ann = await arrives(hub, "ann")
    await ann.asked("Your option")
    session = the_session(hub, "ann")
    session.connection.silent(60)
    text = "".join(f"{number} " for number in range(40_000))
    showing = asyncio.create_task(session.page(text))

    again = await arrives(hub, "ann", Resume(session=session.id))
    await showing
    session.tell("the end")
    await again.sees("the end")

    shown = [i.message for i in again.seen if isinstance(i, Print) and i.kind == "page"]
    assert "".join(shown) == text


async def test_what_was_too_much_to_keep_is_left_out_from_its_first_line_on(hub: Town) -> None:
    """And that is said; nothing is kept behind the gap."""
    ann = await arrives(hub, "ann")
    question = await ann.asked("Your option")
    session = the_session(hub, "ann")
    session.connection.silent(60)
    session.tell("first")
    for _ in range(5):
        session.tell("x" * 15_000)
    session.tell("last")

    again = await arrives(hub, "ann", Resume(session=session.id))
    await again.sees("left out")
    await again.asked("Your option")

    assert "first" in again.messages()
    assert "last" not in again.messages()
    assert [item for item in again.seen if isinstance(item, Input)] == [question]


async def test_progress_is_not_kept_for_somebody_away(hub: Town) -> None:
    """Each replaces the one before: a minute of them would be a burst of old news."""
    ann = await arrives(hub, "ann")
    await ann.asked("Your option")
    session = the_session(hub, "ann")
    meter = Meter(session, 1, "page")
    session.connection.silent(60)
    with meter:
        meter._show()
        meter._show()
        again = await arrives(hub, "ann", Resume(session=session.id))
        await again.asked("Your option")

    assert not [item for item in again.seen if isinstance(item, Progress)]


async def test_a_request_cancelled_twice_is_stopped_once(hub: Town) -> None:
    """Also where the second wish comes while the first is carried out."""
    ann = await hub.person("ann")
    session = the_session(hub, "ann")
    begun, unwinding, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
    requests: list[int] = []

    async def request() -> None:
        async with session.stoppable() as number:
            requests.append(number)
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                unwinding.set()
                await go_on.wait()

    running = asyncio.create_task(request())
    await begun.wait()
    ann.send(Cancel(id=requests[0]))
    await unwinding.wait()
    ann.send(Cancel(id=requests[0]))
    await ann.settled()
    go_on.set()

    with pytest.raises(UserError, match="Stopped"):
        await running
    assert ann.ended is None


async def test_a_reader_lost_while_lines_wait_for_him_holds_up_nobody(hub: Town) -> None:
    """With a broker that never waits, catching up would try again for ever."""
    bob, ann = await in_room(hub, "bob", new=True), await hub.person("ann")
    await ann.enters_room("den")
    session = the_session(hub, "ann")
    room = hub.hub.community.rooms.find("den")
    room.hold(next(seat for seat in room.seats if seat.account.name == "ann"))
    bob.types("missed")
    await bob.sees("missed")

    session.fall_behind()  # the session is due now, and in this very turn its connection ends
    session.connection._transport = None
    session.lost(ConnectionLost("closed"))

    await bob.sees("ann disconnected from the chat.")


async def test_a_restart_takes_no_room_from_its_owner(tmp_path: Path) -> None:
    """A hub that closes down sends its owner away first, perhaps."""
    server = {"ephemeral": False, "data_dir": str(tmp_path / "d"), "cache_dir": str(tmp_path / "c")}
    async with town(server=server | {"port": 0}) as hub:
        owners = [await in_room(hub, f"owner{n}", f"room{n}", new=True) for n in range(5)]
        guests = [await in_room(hub, f"guest{n}", f"room{n}") for n in range(5)]

    async with town(server=server | {"port": 0}) as hub:
        kept = {room.id: room.owner.name for room in hub.hub.community.rooms}

    assert kept == {f"room{n}": f"owner{n}" for n in range(5)}
    for person in (*owners, *guests):
        assert not person.messages("leave")
        assert not [words for words in person.messages() if "owns this room now" in words]


async def test_who_joins_while_a_room_is_closed_is_not_left_in_it(hub: Town) -> None:
    """He gets a sentence and the menu."""
    bob, ann = await in_room(hub, "bob", new=True), await arrives(hub, "ann")
    community = hub.hub.community
    room = community.rooms.find("den")
    await community.rooms.post(room, account(hub, "bob"), "what ann is shown")
    history = community.rooms._broker.history
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def slow(*arguments: Any, **more: Any) -> Any:
        reading.set()
        await go_on.wait()
        return await history(*arguments, **more)

    community.rooms._broker.history = slow  # type: ignore[method-assign]
    await ann.chooses(5)
    await ann.answers("Enter ", "den")
    await reading.wait()
    bob.types("exit")
    await bob.asked("Your option")
    go_on.set()

    await ann.sees("The chat room den was closed.")
    await ann.asked("Your option")
    assert room.closed


async def test_a_slow_reader_is_told_that_the_room_was_closed_meanwhile(hub: Town) -> None:
    """After the lines that waited for him; nobody says that he was away."""
    bob, ann = await in_room(hub, "bob", new=True), await in_room(hub, "ann")
    rooms = hub.hub.community.rooms
    room = rooms.find("den")
    room.hold(next(seat for seat in room.seats if seat.account.name == "ann"))
    the_session(hub, "ann")._behind = True
    await rooms.post(room, account(hub, "bob"), "one more")
    await rooms.close(room, account(hub, "bob"))
    await ann.asked("Your option")
    await bob.asked("Your option")

    words = ann.messages()
    assert words.index("bob> one more") < words.index("The chat room den was closed meanwhile.")
    assert "The chat room den was closed meanwhile." not in bob.messages()


async def test_lines_behind_the_end_of_a_room_are_refused(hub: Town) -> None:
    """Nobody would see them."""
    bob, ann = await in_room(hub, "bob", new=True), await in_room(hub, "ann")
    room = hub.hub.community.rooms.find("den")
    await hub.hub.community.rooms.close(room, account(hub, "bob"))

    with pytest.raises(UserError, match="was closed"):
        await hub.hub.community.rooms.post(room, account(hub, "ann"), "too late")
    for person in (ann, bob):
        await person.sees("bob closed the chat room den.")
        await person.asked("Your option")


async def knocks(hub: Town, name: str, token: str | None = None) -> Person:
    """Somebody whose client keeps tokens, and who said hello."""
    person = await hub.dials(name)
    person.send(hello(name, token=token, keeps_token=True))
    return person


async def test_a_name_is_not_owned_by_a_token_that_never_arrived(hub: Town) -> None:
    """The link broke in the very first handshake: the name is free for another try."""
    before = asyncio.all_tasks()
    first = await knocks(hub, "nina")
    await first.gets(Welcome)
    await resets(hub, first)
    await ended(before)

    again = await knocks(hub, "nina")

    assert (await again.gets(Welcome)).name == "nina"


async def test_an_invitation_is_not_spent_by_a_password_that_will_not_do() -> None:
    """Nor by leaving before there is one; a good code is no failed guess either."""
    async with town(accounts={"require_password": True, "failures_per_address": 1}) as hub:
        code = await hub.hub.community.invitations.make()
        before = asyncio.all_tasks()
        first = await knocks(hub, "nina")
        await first.answers("Password or invitation code: ", code)
        await first.asked("Choose a password: ")
        await resets(hub, first)
        await ended(before)

        again = await knocks(hub, "nina")
        await again.answers("Password or invitation code: ", code)
        await again.answers("Choose a password: ", "short")
        await again.sees("at least 8")
        await again.answers("Choose a password: ", "long enough")
        await again.answers("The same again: ", "long enough")
        await again.gets(Welcome)


async def test_nobody_learns_from_the_questions_which_names_exist() -> None:
    """Where passwords are required: the same words, key and refusal."""
    async with town(accounts={"require_password": True}) as hub:
        code = await hub.hub.community.invitations.make()
        nina = await knocks(hub, "nina")
        await nina.answers("Password or invitation code: ", code)
        await nina.answers("Choose a password: ", "correct horse")
        await nina.answers("The same again: ", "correct horse")
        await nina.gets(Welcome)

        said = []
        for name in ("nina", "eve"):
            guesser = await knocks(hub, name)
            question = await guesser.asked("Password")
            guesser.types("a wrong guess")
            refusal = await guesser.sees("This is neither the password")
            said.append((question, refusal.message.replace(name, "NAME")))

    assert said[0] == said[1]


async def test_guesses_at_once_are_as_many_as_guesses_in_turn() -> None:
    """Many connections ask before the first is answered."""
    async with town(accounts={"failures_per_account": 2, "failures_per_address": 0}) as hub:
        nina = await hub.hub.community.accounts.take("nina")
        hashed = await hub.hub.community.passwords.hashed("correct horse")
        await hub.hub.community.accounts.set_password(nina.account, hashed)
        guessers = [await knocks(hub, "nina") for _ in range(6)]
        for guesser in guessers:
            await guesser.asked("Password: ")
        for guesser in guessers:
            guesser.types("a wrong guess")
        for guesser in guessers:
            await guesser.sees("password")

    answers = [guesser.messages("error")[0] for guesser in guessers]
    assert len([words for words in answers if "not the password" in words]) == 2
    assert len([words for words in answers if "too many" in words]) == 4


async def test_a_password_changed_while_the_old_one_is_typed_lets_nobody_in(hub: Town) -> None:
    """The question had been asked before."""
    community = hub.hub.community
    nina = (await community.accounts.take("nina")).account
    await community.accounts.set_password(nina, await community.passwords.hashed("the old one"))
    thief = await knocks(hub, "nina")
    await thief.asked("Password: ")

    await community.accounts.set_password(nina, await community.passwords.hashed("the new one"))
    thief.types("the old one")

    await thief.sees("This is not the password of nina.")


async def test_an_account_deleted_while_somebody_logs_in_ends_that_login(hub: Town) -> None:
    """Nobody goes on with a name that is free again."""
    nina = await knocks(hub, "nina")
    await nina.gets(Welcome)
    community = hub.hub.community
    await community.forget(account(hub, "nina"))

    assert (await nina.gets(Bye)).reason == "this account was deleted"


async def test_places_that_change_one_account_at_once_lose_nothing(hub: Town) -> None:
    """A token, a password and a sign of life."""
    accounts = hub.hub.community.accounts
    nina = (await accounts.take("nina")).account
    accounts.hour = 5
    await asyncio.gather(
        accounts.give_token(nina, "one", "a"),
        accounts.set_password(nina, "hashed"),
        accounts.note_seen(nina),
        accounts.give_token(nina, "two", "b"),
    )

    claim = await accounts.current(nina)
    assert (claim.password, claim.seen) == ("hashed", 5)
    assert claim.knows("one")
    assert claim.knows("two")


@pytest.mark.parametrize("ids", [range(10_000, 100_000), range(10_000, 10_001)])
async def test_deleting_an_account_again_leaves_the_next_owner_alone(
    hub: Town, ids: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two places that forget one account, and somebody quick, be it with the id that got free."""
    monkeypatch.setattr("tcpnet.chat.accounts._IDS", ids)
    accounts = hub.hub.community.accounts
    old = (await accounts.take("nina")).account
    await accounts.delete(old)
    new = (await accounts.take("nina")).account

    await accounts.delete(old)

    with pytest.raises(UserError, match="was deleted"):
        await accounts.note_seen(old)
    assert (await accounts.find("nina")) == new
    assert (await accounts.find(str(new.id))) == new


async def test_a_disk_that_refuses_lets_known_people_in_and_tells_others(
    hub: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """Reads stay up; nothing counts as a fault of the hub."""
    community = hub.hub.community
    await community.accounts.take("nina")
    community.accounts.hour = 9

    async def refuses(*_: Any, **__: Any) -> Any:
        raise BrokerError("not saved: the disk is full")

    community.accounts._broker.together = refuses  # type: ignore[method-assign]
    await hub.person("nina")
    eve = await hub.dials("eve")
    eve.send(hello("eve"))
    bye: Bye = await eve.gets(Bye)

    assert bye.reason == "not saved: the disk is full"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_name_does_not_lapse_because_its_owner_never_left() -> None:
    """He was there all the time; days count from when he went."""
    async with town(accounts={"idle_days": 2}) as hub:
        community = hub.hub.community
        before = asyncio.all_tasks()
        nina = await knocks(hub, "nina")
        token = (await nina.gets(Welcome)).token
        nina.send(Status(ok=True))
        await nina.asked("Your option")
        for _ in range(60):
            await community.an_hour_passed()
        await resets(hub, nina)
        await ended(before)
        await community.an_hour_passed()

        again = await knocks(hub, "nina", token)
        await again.gets(Welcome)

    assert not [words for words in again.messages() if "lapsed" in words]


async def test_one_frame_of_wishes_is_not_granted_a_thousandfold() -> None:
    """Who reads nothing is cut off in the middle of it, and the rest of it is not taken."""
    granted: list[int] = []

    def grants(item: Ping) -> None:
        granted.append(len(granted))
        connection.send_encoded(b"x" * 32_768)

    connection, transport, listener = memory.connected(room=0, max_outbox=65_536)
    listener.on_item = grants

    connection.data_received(codec.encode(*(Ping(t=n) for n in range(1000))))

    assert len(granted) <= 5
    assert len(transport.written) <= 5 * 32_768


async def test_nobody_comes_in_once_a_port_is_closed() -> None:
    """Not even who was let in by the kernel before: a hub would wait for him at its end."""
    let_in: list[Caller] = []
    listener = await Listener.bind("127.0.0.1", 0)
    await listener.open(Pulse(), let_in.append)
    late = memory.MemoryTransport(asyncio.Protocol())
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    listener.close()

    listener._accepted(reader, asyncio.StreamWriter(late, asyncio.Protocol(), reader, loop))

    assert late.aborted
    assert not let_in


async def test_the_address_of_somebody_away_is_still_known(hub: Town) -> None:
    """His other place shows it, and the log says who was lost."""
    ann = await arrives(hub, "ann")
    await ann.asked("Your option")
    session = the_session(hub, "ann")

    session.connection.silent(60)
    await ann.gone()

    assert session.is_away
    assert session.address == "127.0.0.1"


async def test_after_a_restart_each_place_is_back_in_its_own_room(tmp_path: Path) -> None:
    """One account, two machines, two rooms."""
    server = {"ephemeral": False, "data_dir": str(tmp_path / "d"), "cache_dir": str(tmp_path / "c")}
    async with town(server=server | {"port": 0}) as hub:
        first = await hub.dials("ann")
        first.send(hello("ann", Resume(session=""), keeps_token=True))
        token = (await first.gets(Welcome)).token
        first.send(Status(ok=True))
        await first.enters_room("den", new=True)
        second = await hub.dials("ann")
        second.send(hello("ann", Resume(session=""), token=token))
        await second.gets(Welcome)
        second.send(Status(ok=True))
        await second.enters_room("attic", new=True)

    async with town(server=server | {"port": 0}) as hub:
        for former, room in ((first, "den"), (second, "attic")):
            again = await hub.dials("ann")
            resume = Resume(session=session_of(former), rooms={"den": 0, "attic": 0})
            again.send(hello("ann", resume, token=token))
            await again.gets(Welcome)
            again.send(Status(ok=True))
            await again.sees(f"You are back in chat room {room}.")

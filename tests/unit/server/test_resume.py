"""Coming back: the same session, the same question, every line once and in order."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tcpnet.protocol.items import PROTOCOL, Hello, Print, Resume, Status, Welcome
from tcpnet.server.session import Session
from tests.hub import PATIENCE, Person, Town, town
from tests.wire import STATUS, Wire, frame

KEEPS = Resume(session="")


async def arrives(hub: Town, name: str, resume: Resume = KEEPS, **more: Any) -> Person:
    """Somebody whose client can come back, or does."""
    person = await hub.dials(name)
    person.send(Hello(protocol=PROTOCOL, agent="test", id_key=name, resume=resume, **more))
    await person.gets(Welcome)
    person.send(Status(ok=True))
    return person


async def drops(person: Person) -> Resume:
    """Lose the connection without a word; what the client knows for its return."""
    assert person.connection is not None
    person.connection.abort()
    welcome = next(item for item in person.seen if isinstance(item, Welcome))
    lines = [item for item in person.seen if isinstance(item, Print) and item.kind == "chat"]
    rooms = {line.room: line.seq for line in lines if line.room and line.seq}
    return Resume(session=welcome.session, rooms=rooms)


async def enters(person: Person, room: str, *, new: bool = False) -> None:
    """Go into a room."""
    await person.asked("Your option")
    await person.enters_room(room, new=new)


async def test_who_comes_back_has_the_same_session_id_and_question(hub: Town) -> None:
    """What was half answered is asked again with its id, and the answer counts."""
    ann = await arrives(hub, "ann")
    await ann.chooses(2)
    await ann.answers("Enter your message: ", "hello")
    before = await ann.asked("Enter recipent id: ")
    resume = await drops(ann)

    again = await arrives(hub, "ann", resume)
    question = await again.asked("Enter recipent id: ")
    again.types("ann")
    await again.sees("Message sent!")

    first, second = ann.seen[0], again.seen[0]
    assert isinstance(first, Welcome)
    assert isinstance(second, Welcome)
    assert (second.resumed, second.session, second.client_id) == (
        True,
        first.session,
        first.client_id,
    )
    assert question == before


async def test_lines_missed_follow_in_order_and_none_twice(hub: Town) -> None:
    """Others see that somebody is away, and that he is back."""
    ann, bob = await arrives(hub, "ann"), await arrives(hub, "bob")
    await enters(bob, "den", new=True)
    await enters(ann, "den")
    for number in range(5):
        bob.types(f"before {number}")
    await ann.sees("before 4")

    resume = await drops(ann)
    await bob.sees("ann is away")
    for number in range(50):
        bob.types(f"missed {number}")
    await bob.sees("missed 49")
    again = await arrives(hub, "ann", resume)
    await bob.sees("ann is back")
    bob.types("live")
    await again.sees("live")

    assert again.messages("chat") == [f"bob> missed {n}" for n in range(50)] + ["bob> live"]


async def test_a_line_that_never_arrived_follows_though_it_was_sent(hub: Town) -> None:
    """The client's own position counts, not what the hub believes to have sent."""
    ann, bob = await arrives(hub, "ann"), await arrives(hub, "bob")
    await enters(bob, "den", new=True)
    await enters(ann, "den")
    for number in range(5):
        bob.types(f"line {number}")
    await ann.sees("line 4")

    resume = await drops(ann)
    lagging = Resume(session=resume.session, rooms={"den": resume.rooms["den"] - 2})
    again = await arrives(hub, "ann", lagging)
    await again.sees("line 4")

    assert again.messages("chat") == ["bob> line 3", "bob> line 4"]


async def test_a_line_resent_after_coming_back_appears_once(hub: Town) -> None:
    """The same mid, whether it had arrived or not."""
    ann, bob = await arrives(hub, "ann"), await arrives(hub, "bob")
    await enters(bob, "den", new=True)
    await enters(ann, "den")
    ann.types("twice?", mid="m1")
    await bob.sees("twice?")

    resume = await drops(ann)
    again = await arrives(hub, "ann", resume)
    await again.asked("")
    again.types("twice?", mid="m1")
    again.types("after", mid="m2")
    await bob.sees("after")

    assert bob.messages("chat") == ["ann> twice?", "ann> after"]


async def test_a_connection_that_only_looks_alive_is_taken_over(hub: Town) -> None:
    """The client noticed the loss first: the old connection is told and closed."""
    ann = await arrives(hub, "ann")
    await ann.asked("Your option")
    welcome = ann.seen[0]
    assert isinstance(welcome, Welcome)

    again = await arrives(hub, "ann", Resume(session=welcome.session))
    await again.asked("Your option")
    await ann.gone()
    await again.chooses(1)

    assert (await again.sees("Users in server: ann:")).message.count("ann") == 1


async def test_after_the_grace_time_the_place_is_given_up() -> None:
    """Then others see that somebody left; who comes back is in the room again all the same."""
    async with town(limits={"grace_seconds": 0.2}) as hub:
        ann, bob = await arrives(hub, "ann", keeps_token=True), await arrives(hub, "bob")
        await enters(bob, "den", new=True)
        await enters(ann, "den")

        resume = await drops(ann)
        await bob.sees("ann is away")
        await bob.sees("ann disconnected from the chat.")
        again = await arrives(hub, "ann", Resume(session=resume.session), token=_token(ann))
        await again.sees("You are back in chat room den.")
        await bob.sees("ann joined")

        assert isinstance(again.seen[0], Welcome)
        assert again.seen[0].resumed is False


async def test_after_the_grace_time_a_question_is_gone() -> None:
    """A dialogue waits for nobody longer; one sentence says so before the menu comes."""
    async with town(limits={"grace_seconds": 0.05}) as hub:
        ann = await arrives(hub, "ann")
        await ann.chooses(2)
        await ann.asked("Enter your message: ")
        resume = await drops(ann)
        async with asyncio.timeout(PATIENCE):
            while hub.hub.community.sessions:
                others = asyncio.all_tasks() - {asyncio.current_task()}
                await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)

        again = await arrives(hub, "ann", resume)
        await again.sees("the question that was open is gone")

        assert (await again.asked("Your option")).id == 1


async def test_after_a_restart_one_is_back_in_the_room_at_the_last_line(tmp_path: Path) -> None:
    """A coroutine survives no restart; a log does."""
    server = {"ephemeral": False, "data_dir": str(tmp_path / "d"), "cache_dir": str(tmp_path / "c")}
    async with town(server=server | {"port": 0}) as hub:
        ann, bob = await arrives(hub, "ann"), await arrives(hub, "bob")
        await enters(bob, "den", new=True)
        await enters(ann, "den")
        bob.types("seen")
        await ann.sees("seen")
        resume = await drops(ann)
        await bob.sees("ann is away")
        bob.types("missed")
        await bob.sees("missed")
        bob_resume = await drops(bob)

    async with town(server=server | {"port": 0}) as hub:
        bob = await arrives(hub, "bob", bob_resume)
        await bob.sees("You are back in chat room den.")
        again = await arrives(hub, "ann", resume)
        await again.sees("You are back in chat room den.")
        await again.sees("missed")
        await bob.sees("ann joined")
        bob.types("live")
        await again.sees("live")

        assert again.messages("chat") == ["bob> missed", "bob> live"]
        assert bob.messages("chat") == ["bob> live"]


async def test_who_left_before_the_restart_is_at_the_menu(tmp_path: Path) -> None:
    """A place is given up by leaving."""
    server = {"ephemeral": False, "data_dir": str(tmp_path / "d"), "cache_dir": str(tmp_path / "c")}
    async with town(server=server | {"port": 0}) as hub:
        ann, bob = await arrives(hub, "ann"), await arrives(hub, "bob")
        await enters(bob, "den", new=True)
        await enters(ann, "den")
        ann.types("bye")
        await ann.asked("Your option")
        resume = await drops(ann)

    async with town(server=server | {"port": 0}) as hub:
        again = await arrives(hub, "ann", Resume(session=resume.session, rooms={"den": 0}))
        await again.sees("the question that was open is gone")
        await again.asked("Your option")


async def test_a_client_that_cannot_come_back_is_gone_at_once(hub: Town) -> None:
    """Without `resume` in its hello nobody waits for it."""
    ann, bob = await hub.person("ann"), await arrives(hub, "bob")
    await enters(bob, "den", new=True)
    await ann.enters_room("den")

    await drops(ann)

    await bob.sees("ann disconnected from the chat.")
    assert "ann is away" not in bob.messages()


async def test_nobody_comes_back_as_somebody_else(hub: Town) -> None:
    """A session goes on only for the name it belongs to."""
    ann = await arrives(hub, "ann")
    await ann.asked("Your option")
    welcome = ann.seen[0]
    assert isinstance(welcome, Welcome)

    eve = await arrives(hub, "eve", Resume(session=welcome.session))
    await eve.asked("Your option")

    assert isinstance(eve.seen[0], Welcome)
    assert eve.seen[0].name == "eve"
    assert ann.ended is None


async def test_what_was_said_in_private_is_not_gone_on_with_in_clear(
    hub: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who read along and learned the session would hear the rest; its owner logs in anew."""
    ann, bob = await arrives(hub, "ann"), await arrives(hub, "bob")
    await enters(bob, "den", new=True)
    await enters(ann, "den")
    resume = await drops(ann)
    await bob.sees("ann is away")

    monkeypatch.setattr(Session, "is_private", False)
    again = await hub.dials("ann")
    again.send(Hello(protocol=PROTOCOL, agent="test", id_key="ann", resume=resume))
    await again.sees("The name ann is in use")
    monkeypatch.undo()
    back = await arrives(hub, "ann", resume)

    assert back.seen[0].resumed  # type: ignore[union-attr]


async def test_a_slow_reader_is_told_and_catches_up_without_a_gap() -> None:
    """His lines wait in the log; the others are not slowed, and he keeps his connection."""
    async with town(limits={"replies_per_second": 0, "outbox_bytes": 65_536}) as hub:
        ann, bob = await arrives(hub, "ann"), await arrives(hub, "bob")
        await enters(bob, "den", new=True)
        await enters(ann, "den")
        assert ann.connection is not None
        ann.connection.pause()
        session = next(s for s in hub.hub.community.sessions.values() if s.account.name == "ann")
        count = 0
        while session.connection.unsent <= 65_536:
            bob.types(f"{count} " + "x" * 4000)
            await bob.sees(f"bob> {count} ")
            count += 1
            assert count < 5000, "the kernel takes everything"
        for _ in range(100):
            bob.types(f"{count} " + "x" * 4000)
            await bob.sees(f"bob> {count} ")
            count += 1

        assert session.connection.unsent < 300_000
        ann.connection.resume()
        await ann.sees("You read too slowly")
        await ann.sees(f"bob> {count - 1} ")
        bob.types("live")
        await ann.sees("bob> live")

        heard = [message.split()[1] for message in ann.messages("chat")]
        assert heard == [str(number) for number in range(count)] + ["live"]


async def test_who_takes_nothing_at_all_is_disconnected_and_may_come_back() -> None:
    """Not one byte for the time of a setting."""
    async with town(
        limits={"replies_per_second": 0, "outbox_bytes": 32_768, "stall_seconds": 0.3}
    ) as hub:
        ann, bob = await arrives(hub, "ann"), await arrives(hub, "bob")
        await enters(bob, "den", new=True)
        await enters(ann, "den")
        assert ann.connection is not None
        ann.connection.pause()
        count = 0
        async with asyncio.timeout(20):
            while "ann is away" not in bob.messages():
                bob.types(f"{count} " + "x" * 4000)
                await bob.sees(f"bob> {count} ")
                count += 1
        resume = await drops(ann)

        again = await arrives(hub, "ann", resume)
        await again.sees(f"bob> {count - 1} ")

        assert resume.rooms.get("den", 0) + len(again.messages("chat")) == count


async def test_a_link_lost_while_a_room_is_entered_again_costs_no_line() -> None:
    """The client's position counts, though no question stood when the link changed."""
    limits = {"replies_per_second": 0, "grace_seconds": 0.05, "outbox_bytes": 16_384}
    async with town(limits=limits) as hub:
        ann, bob = await arrives(hub, "ann", keeps_token=True), await arrives(hub, "bob")
        token = _token(ann)
        await enters(bob, "den", new=True)
        await enters(ann, "den")
        bob.types("before")
        await ann.sees("bob> before")
        resume = await drops(ann)
        await bob.sees("ann disconnected")
        for number in range(2, 300):  # its seq, too
            bob.types(f"{number} " + "x" * 3000)
        await bob.sees("bob> 299 ")

        slow = await Wire.dial(hub.port, receive_buffer=4096)
        slow.write(_greets("ann", resume, token))
        session = (await slow.until("welcome"))["session"]
        slow.write(STATUS)
        await slow.until("print", kind="chat", seq=5)
        again = await arrives(hub, "ann", Resume(session=session, rooms={"den": 5}))
        bob.types("live")
        await again.sees("bob> live")
        await slow.close()

        heard = [message.split()[1] for message in again.messages("chat")]
        assert heard == [str(number) for number in range(6, 300)] + ["live"]


async def test_mail_on_a_link_that_was_lost_stays_unread() -> None:
    """What follows is not shown either: a read mark would cover what was lost before it."""
    async with town(limits={"replies_per_second": 0, "outbox_bytes": 16_384}) as hub:
        ann, bob = await arrives(hub, "ann"), await arrives(hub, "bob")
        await ann.leaves()
        for number in range(60):
            await bob.chooses(2)
            await bob.answers("Enter your message: ", f"{number} " + "x" * 16_000)
            await bob.answers("Enter recipent id: ", "ann")
        slow = await Wire.dial(hub.port, receive_buffer=4096)
        slow.write(_greets("ann", KEEPS))
        session = (await slow.until("welcome"))["session"]
        slow.write(STATUS)
        await slow.answers(3)
        await slow.until("print", kind="direct", seq=2)
        again = await arrives(hub, "ann", Resume(session=session))
        await again.sees("Reading was interrupted.")
        await again.asked("Your option")
        before = again.messages("direct")
        again.types(3)
        await again.sees("59 x")
        await slow.close()

        assert before == []
        assert [m.split()[2] for m in again.messages("direct")] == [str(n) for n in range(60)]


def _token(person: Person) -> str:
    return next(item.token for item in person.seen if isinstance(item, Welcome) and item.token)


def _greets(name: str, resume: Resume, token: str = "") -> bytes:
    where = {"session": resume.session, "rooms": resume.rooms}
    said = {"protocol": PROTOCOL, "agent": "test", "id-key": name, "token": token, "resume": where}
    return frame(("hello", said))

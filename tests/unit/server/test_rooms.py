"""Chat rooms over the wire."""

import asyncio

import pytest

from tcpnet.protocol.items import Print, Reply
from tests.hub import Person, Town, town


async def test_a_line_reaches_everyone_in_the_room_in_one_order(hub: Town) -> None:
    """All members, the speaker included, see lines in the server's order."""
    ann, bob = await hub.people("ann", "bob")
    await ann.enters_room("den", new=True)
    await bob.enters_room("den")

    for number in range(20):
        ann.types(f"a{number}")
        bob.types(f"b{number}")
    for person in (ann, bob):
        await _until_lines(person, 40)

    assert ann.messages("chat") == bob.messages("chat")


async def test_lines_arrive_while_a_question_stands_open(hub: Town) -> None:
    """Nobody has to type anything to see what others say."""
    ann, bob = await hub.people("ann", "bob")
    await ann.enters_room("den", new=True)
    await bob.enters_room("den")

    ann.types("hello")

    line = await bob.sees("hello")
    assert (line.message, line.from_, line.text, line.room) == ("ann> hello", "ann", "hello", "den")


async def test_the_creator_sees_the_banner_of_the_brief(hub: Town) -> None:
    """The strings of option 4, word for word."""
    jose = await hub.person("Jose")

    await jose.enters_room("23456", new=True)

    banner = await jose.sees("Chat Room 23456")
    assert banner.message.split("\n") == [
        "",
        "----------------------- Chat Room 23456 ------------------------ ",
        "",
        "Type 'exit' to close the chat room.",
        "Chat room created by: Jose",
        "Waiting for other users to join....",
    ]


async def test_a_member_sees_banner_joins_and_leaves_of_the_brief(hub: Town) -> None:
    """The strings of option 5, word for word."""
    bob, alice = await hub.people("Bob", "Alice")
    await bob.enters_room("3456", new=True)

    await alice.enters_room("3456")
    alice.types("See you later. bye")

    banner = await alice.sees("Chat Room 3456")
    assert banner.message.split("\n") == [
        "",
        "----------------------- Chat Room 3456 ------------------------",
        "Joined to chat room 3456",
        "Type 'bye' to exit this chat room.",
    ]
    await alice.asked("Your option")
    for words in ("Alice joined", "Alice> See you later. bye", "Alice disconnected from the chat."):
        assert (await bob.sees(words)).message == words


@pytest.mark.parametrize(
    ("line", "leaves", "posted"),
    [
        ("bye", True, False),
        ("BYE", True, False),
        ("Bye.", True, False),
        ("I am leaving too. Take care Bob. Bye.", True, True),
        ("See you later. bye", True, True),
        ("really? bye!", True, True),
        ("I told him bye", False, True),
        ("goodbye", False, True),
        ("bye bye", False, True),
        ("bye. Or not", False, True),
    ],
)
async def test_bye_leaves_as_the_whole_line_or_the_whole_last_sentence(
    hub: Town, line: str, leaves: bool, posted: bool
) -> None:
    """A longer parting is posted first; `bye` inside a sentence is only a word."""
    ann, bob = await hub.people("ann", "bob")
    await ann.enters_room("den", new=True)
    await bob.enters_room("den")

    bob.types(line)
    if leaves:
        await bob.asked("Your option")
        await ann.sees("bob disconnected from the chat.")
    else:
        await bob.sees(line)

    await ann.settled()
    assert (f"bob> {line}" in ann.messages("chat")) is posted
    assert ("bob disconnected from the chat." in ann.messages("leave")) is leaves


async def test_only_the_owner_closes_and_the_owner_cannot_say_bye(hub: Town) -> None:
    """A member's `exit` and the owner's `bye` get one sentence and are not posted."""
    ann, bob = await hub.people("ann", "bob")
    await ann.enters_room("den", new=True)
    await bob.enters_room("den")

    bob.types("exit")
    ann.types("bye")

    assert (await bob.sees("Only the owner")).kind == "error"
    assert (await ann.sees("This room is yours")).kind == "error"
    assert ann.messages("chat") == bob.messages("chat") == []


async def test_what_came_too_late_for_a_room_is_told_to_whoever_said_it(hub: Town) -> None:
    """Lines behind the owner's `exit`, his own and others', wherever they were by then."""
    ann, bob = await hub.people("ann", "bob")
    await ann.enters_room("den", new=True)
    await bob.enters_room("den")
    room = bob.question

    ann.types("exit", mid="m-1")
    ann.types("one more\x1b", mid="m-2")
    await bob.asked("Your option")
    assert room is not None
    bob.send(Reply(res_key=room.res_key, value="what?", id=room.id, mid="m-3"))
    bob.send(Reply(res_key=room.res_key, value="says no id", id=room.id))

    mine = await ann.sees("This came too late: one more")
    his = await bob.sees("This came too late: what?")
    await bob.settled()
    assert [(one.kind, one.mid) for one in (mine, his)] == [("error", "m-2"), ("error", "m-3")]
    assert "\x1b" not in mine.message
    assert len(bob.messages("error")) == 1
    assert ann.messages("chat") == bob.messages("chat") == []


async def test_closing_returns_every_member_to_the_menu(hub: Town) -> None:
    """`exit` of the owner, in any case, ends the room for all and frees its id."""
    ann, bob, eve = await hub.people("ann", "bob", "eve")
    await ann.enters_room("den", new=True)
    await bob.enters_room("den")

    ann.types("EXIT")

    await ann.asked("Your option")
    await bob.sees("ann closed the chat room den.")
    await bob.asked("Your option")
    await eve.enters_room("den", new=True)


async def test_an_owner_who_vanishes_hands_the_room_on(hub: Town) -> None:
    """The longest-present member owns it then, and may close it."""
    ann, bob, eve = await hub.people("ann", "bob", "eve")
    await ann.enters_room("den", new=True)
    await bob.enters_room("den")
    await eve.enters_room("den")

    assert ann.connection is not None
    await ann.connection.close()

    await eve.sees("ann disconnected from the chat.")
    await eve.sees("bob owns this room now")
    bob.types("exit")
    await eve.asked("Your option")


async def test_who_joins_sees_the_last_lines_marked_as_earlier(hub: Town) -> None:
    """20 lines by default, then everything from then on, none twice."""
    ann, bob = await hub.people("ann", "bob")
    await ann.enters_room("den", new=True)
    for number in range(25):
        ann.types(f"line {number}")
    await ann.sees("line 24")

    await bob.enters_room("den")
    ann.types("live")
    await bob.sees("live")

    lines = [item for item in bob.seen if isinstance(item, Print) and item.kind == "chat"]
    assert [line.text for line in lines] == [f"line {n}" for n in range(5, 25)] + ["live"]
    assert [line.earlier for line in lines] == [True] * 20 + [False]
    assert lines[0].message == "(earlier) ann> line 5"


async def test_a_room_made_anew_shows_nothing_of_the_old_one(hub: Town) -> None:
    """Each creation has a log of its own."""
    ann, bob = await hub.people("ann", "bob")
    await ann.enters_room("den", new=True)
    ann.types("secret of the first")
    await ann.sees("secret")
    ann.types("exit")

    await ann.enters_room("den", new=True)
    await bob.enters_room("den")

    assert bob.messages("chat") == []


async def test_unknown_and_duplicate_rooms_get_a_sentence_and_the_menu(hub: Town) -> None:
    """A wrong room id never ends the session."""
    ann, bob = await hub.people("ann", "bob")
    await ann.enters_room("den", new=True)

    await bob.chooses(5)
    await bob.answers("Enter chat room id to join: ", "nowhere")
    await bob.sees("There is no chat room nowhere.")
    await bob.chooses(4)
    await bob.answers("Enter new chat room id: ", "den")
    await bob.sees("The chat room den already exists.")
    await bob.chooses(4)
    await bob.answers("Enter new chat room id: ", "no spaces")
    await bob.sees("A room id has 1 to 64")
    await bob.asked("Your option")


async def test_the_list_tells_id_owner_and_how_many(hub: Town) -> None:
    """Option 8."""
    ann, bob = await hub.people("ann", "bob")
    await bob.chooses(8)
    await bob.sees("There are no chat rooms.")
    await ann.enters_room("den", new=True)

    await bob.chooses(8)

    await bob.sees("Chat rooms: den (owner: ann, 1 here)")


async def test_several_rooms_at_once_do_not_hear_each_other(hub: Town) -> None:
    """A line stays in its room."""
    ann, bob, cas, dan = await hub.people("ann", "bob", "cas", "dan")
    await ann.enters_room("one", new=True)
    await bob.enters_room("one")
    await cas.enters_room("two", new=True)
    await dan.enters_room("two")

    ann.types("for one")
    cas.types("for two")
    await bob.sees("for one")
    await dan.sees("for two")

    for person in (bob, dan):
        await person.settled()
    assert bob.messages("chat") == ["ann> for one"]
    assert dan.messages("chat") == ["cas> for two"]


async def test_a_resent_line_appears_once(hub: Town) -> None:
    """The client's own id makes a resend harmless, and comes back with the line."""
    ann = await hub.person("ann")
    await ann.enters_room("den", new=True)

    ann.types("once", mid="m1")
    assert (await ann.sees("once")).mid == "m1"
    ann.types("once", mid="m1")
    ann.types("after")
    await ann.sees("after")

    assert ann.messages("chat") == ["ann> once", "ann> after"]


async def test_whoever_leaves_has_his_last_lines_first(hub: Town) -> None:
    """Lines said in one breath with `bye` are in the room before he is out of it."""
    ann, bob = await hub.people("ann", "bob")
    await ann.enters_room("den", new=True)
    await bob.enters_room("den")

    for words in ("one", "two", "three", "bye"):
        bob.types(words)

    await bob.asked("Your option")
    await ann.sees("bob disconnected")
    assert bob.messages("chat") == ["bob> one", "bob> two", "bob> three"]
    assert ann.messages("chat") == bob.messages("chat")


async def test_a_line_that_is_too_long_is_refused_and_the_room_goes_on(hub: Town) -> None:
    """4 KiB of UTF-8; what is refused is said, with its mid."""
    ann = await hub.person("ann")
    await ann.enters_room("den", new=True)

    ann.types("é" * 2049, mid="m1")
    refusal = await ann.sees("at most 4096 bytes")
    ann.types("é" * 2048)

    assert (refusal.kind, refusal.mid) == ("error", "m1")
    await ann.sees("é" * 2048)


async def test_hostile_text_is_harmless_for_everybody(hub: Town) -> None:
    """No control, escape or bidi character of a line is passed on; no line break forges one."""
    ann, bob = await hub.people("ann", "bob")
    await ann.enters_room("den", new=True)
    await bob.enters_room("den")

    ann.types("a\x1b[31m\u202eb\nbob> c")

    line = await bob.sees("ann> a")
    assert line.message == "ann> a␛[31m\ufffdb bob> c"


async def test_two_hundred_members_see_one_order() -> None:
    """A full room: everybody speaks, everybody sees the same."""
    async with town() as hub:
        people = await asyncio.gather(*(hub.person(f"p{n}") for n in range(200)))
        await people[0].enters_room("hall", new=True)
        await asyncio.gather(*(person.enters_room("hall") for person in people[1:]))

        for person in people:
            person.types(f"hello from {person.name}")
        await asyncio.gather(*(_until_lines(person, 200) for person in people))

        orders = {tuple(person.messages("chat")) for person in people}
        assert len(orders) == 1


async def test_fifty_rooms_at_once() -> None:
    """Rooms do not disturb each other."""
    async with town() as hub:
        people = await asyncio.gather(*(hub.person(f"p{n}") for n in range(100)))
        pairs = list(zip(people[::2], people[1::2], strict=True))
        for number, (host, guest) in enumerate(pairs):
            await host.enters_room(f"room-{number}", new=True)
            await guest.enters_room(f"room-{number}")

        for number, (host, _) in enumerate(pairs):
            host.types(f"only for {number}")
        await asyncio.gather(*(_until_lines(guest, 1) for _, guest in pairs))

        for number, (host, guest) in enumerate(pairs):
            assert guest.messages("chat") == [f"{host.name}> only for {number}"]


async def _until_lines(person: Person, count: int) -> None:
    while len(person.messages("chat")) < count:
        await person.sees("> ")

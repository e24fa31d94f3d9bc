"""Orders in a room: who may give them, and what they do to whom."""

from tcpnet.protocol.items import PROTOCOL, Hello, Status, Welcome
from tests.hub import Person, Town


async def in_a_room(hub: Town, *names: str) -> list[Person]:
    """People in the room den, which the first one owns."""
    people = await hub.people(*names)
    await people[0].enters_room("den", new=True)
    for person in people[1:]:
        await person.enters_room("den")
    return people


async def promoted(hub: Town, name: str) -> None:
    """Somebody who is operator from here on."""
    community = hub.hub.community
    await community.promote(await community.accounts.find(name), operator=True)


async def comes(hub: Town, name: str, token: str | None = None) -> tuple[Person, str | None]:
    """Somebody whose client keeps tokens, at the menu; his token where he got one."""
    person = await hub.dials(name)
    person.send(Hello(protocol=PROTOCOL, agent="t", id_key=name, token=token, keeps_token=True))
    welcome: Welcome = await person.gets(Welcome)
    person.send(Status(ok=True))
    await person.asked("Your option")
    return person, welcome.token


async def test_an_owner_removes_a_member_who_stays_out(hub: Town) -> None:
    """Everybody hears it once, in one line; the removed one is at the menu."""
    ann, bob, eve = await in_a_room(hub, "ann", "bob", "eve")

    ann.types("/kick BOB")

    await bob.sees("ann removed bob from the chat.")
    await bob.chooses(5)
    await bob.answers("Enter chat room id", "den")
    assert (await bob.sees("You were removed from chat room den.")).kind == "error"
    told = await eve.sees("ann removed bob from the chat.")
    assert told.place == "room den (2)"
    await eve.settled()
    assert eve.messages("leave") == []


async def test_who_was_removed_may_be_let_in_again(hub: Town) -> None:
    """And everybody hears that too."""
    ann, bob = await in_a_room(hub, "ann", "bob")
    ann.types("/kick bob")
    await bob.asked("Your option")

    ann.types("/unkick bob")
    await ann.sees("ann lets bob come back.")
    await bob.enters_room("den")

    await ann.sees("bob joined")


async def test_a_muted_member_hears_and_says_nothing(hub: Town) -> None:
    """Until the owner lets him speak."""
    ann, bob = await in_a_room(hub, "ann", "bob")
    ann.types("/mute bob")
    await bob.sees("ann muted bob.")

    bob.types("hello?")
    await bob.sees("You are muted in this room")
    ann.types("/unmute bob")
    await bob.sees("ann lets bob speak again.")
    bob.types("thanks")

    await ann.sees("bob> thanks")
    assert ann.messages("chat") == ["bob> thanks"]


async def test_muting_outlives_leaving_and_coming_back(hub: Town) -> None:
    """It belongs to the room, not to a visit."""
    ann, bob = await in_a_room(hub, "ann", "bob")
    ann.types("/mute bob")
    await bob.sees("ann muted bob.")

    bob.types("bye")
    await bob.asked("Your option")
    await bob.enters_room("den")
    bob.types("me again")

    await bob.sees("You are muted in this room")


async def test_a_member_gives_no_orders_but_asks_who_is_there(hub: Town) -> None:
    """Each is refused in one sentence, and no order is ever posted as a line."""
    ann, bob = await in_a_room(hub, "ann", "bob")

    for order in ("/kick ann", "/mute ann", "/Unmute ann", "/unkick ann", "/CLOSE"):
        bob.types(order)
        assert (await bob.sees("Only ann, who owns this room")).kind == "error"
    bob.types("/who")

    await bob.sees("Here: ann (owner), bob")
    await ann.settled()
    assert ann.messages("chat") == []


async def test_a_word_that_is_no_order_is_a_line(hub: Town) -> None:
    """`/shrug` and `/kicking` are what somebody said."""
    ann, bob = await in_a_room(hub, "ann", "bob")

    ann.types("/kicking bob around")

    await bob.sees("ann> /kicking bob around")


async def test_an_order_answers_with_the_senders_id(hub: Town) -> None:
    """A client that waits for its acknowledgement gets one."""
    ann, bob = await in_a_room(hub, "ann", "bob")

    ann.types("/mute bob", mid="m-1")
    muted = await ann.sees("ann muted bob.")
    ann.types("/mute bob", mid="m-2")
    refused = await ann.sees("That is so already for bob.")

    assert (muted.mid, refused.mid, refused.kind) == ("m-1", "m-2", "error")
    assert muted.from_ is None
    await bob.sees("ann muted bob.")


async def test_orders_need_somebody_who_is_known_and_not_oneself(hub: Town) -> None:
    """A sentence for each."""
    ann, _ = await in_a_room(hub, "ann", "bob")

    ann.types("/kick nobody")
    ann.types("/kick")
    ann.types("/kick ann")

    await ann.sees("There is no user called nobody.")
    await ann.sees("Nobody was named.")
    await ann.sees("That is you.")


async def test_an_owner_may_leave_and_the_room_passes_on(hub: Town) -> None:
    """To the longest member who may speak; he has the words of an owner then."""
    ann, bob, eve = await in_a_room(hub, "ann", "bob", "eve")
    ann.types("/mute bob")
    await bob.sees("ann muted bob.")

    ann.types("/Leave")

    await ann.asked("Your option")
    await bob.sees("eve owns this room now")
    eve.types("/KICK bob")
    await bob.asked("Your option")


async def test_a_room_passes_to_nobody_who_is_muted(hub: Town) -> None:
    """It stays its owner's, also while he is away; everybody may ask whose it is."""
    ann, bob = await in_a_room(hub, "ann", "bob")
    ann.types("/mute bob")
    await bob.sees("ann muted bob.")

    ann.types("/leave")
    await bob.sees("ann disconnected from the chat.")
    bob.types("/who")

    await bob.sees("Here: bob (muted). ann owns it.")


async def test_an_operator_rules_in_every_room(hub: Town) -> None:
    """Also over its owner, who may do nothing to him; the longest member inherits."""
    ann, bob, eve = await in_a_room(hub, "ann", "bob", "eve")
    await promoted(hub, "bob")

    ann.types("/kick bob")
    await ann.sees("bob is an operator of this hub.")
    bob.types("/kick ann")

    await ann.asked("Your option")
    await eve.sees("bob removed ann from the chat.")
    await eve.sees("bob owns this room now")


async def test_an_operator_closes_any_room(hub: Town) -> None:
    """Like its owner's `exit`."""
    ann, bob = await in_a_room(hub, "ann", "bob")
    await promoted(hub, "bob")

    bob.types("/close")

    await ann.sees("bob closed the chat room den.")
    await ann.asked("Your option")
    await bob.asked("Your option")


async def test_who_is_removed_is_so_from_all_his_places(hub: Town) -> None:
    """Two seats of one account, one sentence."""
    [ann] = await in_a_room(hub, "ann")
    bob, token = await comes(hub, "bob")
    again, _ = await comes(hub, "bob", token)
    await bob.enters_room("den")
    await again.enters_room("den")

    ann.types("/kick bob")

    await bob.asked("Your option")
    await again.asked("Your option")
    await ann.settled()
    assert ann.messages("notice").count("ann removed bob from the chat.") == 1


async def test_an_order_with_one_slash_more_is_said(hub: Town) -> None:
    """And a line that is no order keeps all its slashes."""
    ann, bob = await in_a_room(hub, "ann", "bob")

    ann.types("//kick bob")
    ann.types("// kick bob")

    await bob.sees("ann> // kick bob")
    assert bob.messages("chat") == ["ann> /kick bob", "ann> // kick bob"]

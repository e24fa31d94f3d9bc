"""Chat rooms over the wire."""

from tests.hub import Town


async def test_a_line_reaches_everyone_in_the_room_in_one_order(hub: Town) -> None:
    """All members, the speaker included, see lines in the server's order."""
    ann, bob = await hub.people("ann", "bob")
    await ann.enters_room("den", new=True)
    await bob.enters_room("den")

    ann.types("one")
    bob.types("two")
    await ann.sees("bob> two")
    await bob.sees("bob> two")
    await ann.settled()
    await bob.settled()

    assert len(ann.messages("chat")) == 2
    assert ann.messages("chat") == bob.messages("chat")

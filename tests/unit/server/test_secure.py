"""Encrypted from the first item on, over the same port."""

import asyncio

from tcpnet.net import keys
from tcpnet.protocol.codec import encode
from tcpnet.protocol.items import Bye, Secure, Welcome
from tests.hub import Person, Town, town


async def whispers(hub: Town, name: str) -> Person:
    """Somebody whose connection is encrypted, and who has said nothing yet."""
    person = await hub.dials(name)
    await person.whispers()
    return person


async def test_a_whole_visit_goes_on_under_tls(hub: Town) -> None:
    """The key that was shown is the hub's id in the welcome; others need not encrypt."""
    ann, bob = await whispers(hub, "ann"), await hub.person("bob")
    await ann.logs_in()
    await ann.enters_room("den", new=True)
    await bob.enters_room("den")
    for number in range(20):
        ann.types(f"a{number} " + "x" * 4000)
        bob.types(f"b{number} " + "x" * 4000)
    for person in (ann, bob):
        await person.sees("a19")
        while len(person.messages("chat")) < 40:
            await person.sees("> ")

    welcome = next(item for item in ann.seen if isinstance(item, Welcome))
    assert ann.connection is not None
    assert ann.connection.certificate is not None
    assert keys.fingerprint(ann.connection.certificate) == welcome.hub
    assert ann.messages("chat") == bob.messages("chat")


async def test_secure_comes_first_or_not_at_all(hub: Town) -> None:
    """What was said in clear before could have been anybody's."""
    ann = await hub.person("ann")

    ann.send(Secure())

    bye: Bye = await ann.gets(Bye)
    assert bye.reason == "secure is the first item, or none"


async def test_who_asks_for_tls_and_then_says_nothing_is_sent_away() -> None:
    """The handshake has the time of any greeting."""
    async with town(limits={"handshake_seconds": 0.2}) as hub:
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        writer.write(encode(Secure()))
        granted = await reader.readline()

        rest = await reader.read()

        assert (granted, rest) == (encode(Secure()), b"")
        writer.close()
        await writer.wait_closed()

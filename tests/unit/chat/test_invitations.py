"""Codes that let one person in, once."""

from tcpnet.broker.memory import MemoryBroker
from tcpnet.chat.invitations import Invitations


async def test_a_code_is_good_until_it_is_used_and_only_once() -> None:
    """To look at it spends nothing; case and blanks around it do not matter."""
    invitations = Invitations(MemoryBroker())
    code = await invitations.make()

    assert await invitations.is_good(f" {code.upper()} ")
    assert await invitations.use(f" {code.upper()} ")
    assert not await invitations.is_good(code)
    assert not await invitations.use(code)


async def test_only_the_hash_of_a_code_is_kept() -> None:
    """Who reads the store comes in by none."""
    broker = MemoryBroker()
    code = await Invitations(broker).make()

    stored = await broker.entries("invitation")

    assert len(stored) == 1
    assert code not in stored[0].key

"""The room that an account is in, also after a restart."""

from tcpnet.broker.memory import MemoryBroker
from tcpnet.chat.accounts import Account
from tcpnet.chat.later import Later
from tcpnet.chat.places import Place, Places

NINA = Account(name="Nina", id=50_851, key="nina")
DEN = Place("den", "room/den/1", 7)


async def test_a_place_lasts_until_its_account_leaves_it() -> None:
    """Other books over the same broker know it."""
    broker, later = MemoryBroker(), Later()
    places = Places(broker, later)
    places.sits(NINA, DEN)
    await later.settle()
    after_a_restart = Places(broker, Later())

    found = await after_a_restart.of(NINA)
    places.leaves(NINA)

    assert found == DEN
    assert await places.of(NINA) is None


async def test_what_is_not_written_yet_is_known() -> None:
    """Who asks has it written first."""
    places = Places(MemoryBroker(), Later())
    places.sits(NINA, DEN)

    assert await places.of(NINA) == DEN

"""The room that an account is in, also after a restart."""

from tcpnet.broker.memory import MemoryBroker
from tcpnet.chat.accounts import Account
from tcpnet.chat.later import Later
from tcpnet.chat.places import Place, Places

NINA = Account(name="Nina", id=50_851, key="nina")
NINALEE = Account(name="Ninalee", id=50_852, key="ninalee")
DEN = Place("den", "room/den/1", 7, hour=7)
ATTIC = Place("attic", "room/attic/1", 0, hour=8)


async def test_a_place_lasts_until_its_session_leaves_it() -> None:
    """Other books over the same broker know it."""
    broker, later = MemoryBroker(), Later()
    places = Places(broker, later)
    places.sits(NINA, "s1", DEN)
    await later.settle()
    after_a_restart = Places(broker, Later())

    found = await after_a_restart.of(NINA, "s1")
    places.leaves(NINA, "s1")

    assert found == DEN
    assert await places.of(NINA, "s1") is None


async def test_what_is_not_written_yet_is_known() -> None:
    """Who asks has it written first."""
    places = Places(MemoryBroker(), Later())
    places.sits(NINA, "s1", DEN)

    assert await places.of(NINA, "s1") == DEN


async def test_two_sessions_of_one_account_are_in_rooms_of_their_own() -> None:
    """Neither overwrites the other, and one leaves alone."""
    places = Places(MemoryBroker(), Later())
    places.sits(NINA, "s1", DEN)
    places.sits(NINA, "s2", ATTIC)

    places.leaves(NINA, "s1")

    assert await places.of(NINA, "s1") is None
    assert await places.of(NINA, "s2") == ATTIC


async def test_an_account_that_is_deleted_was_nowhere() -> None:
    """Whose name begins like it stays where he is."""
    later = Later()
    places = Places(MemoryBroker(), later)
    places.sits(NINA, "s1", DEN)
    places.sits(NINA, "s2", ATTIC)
    places.sits(NINALEE, "s3", DEN)
    await later.settle()

    await places.forget(NINA)

    found = [await places.of(NINA, "s1"), await places.of(NINA, "s2")]
    assert found == [None, None]
    assert await places.of(NINALEE, "s3") == DEN


async def test_who_never_came_back_is_forgotten_in_time() -> None:
    """Counted in hours on which the hub ran."""
    later = Later()
    places = Places(MemoryBroker(), later)
    places.sits(NINA, "s1", DEN)
    places.sits(NINA, "s2", ATTIC)
    await later.settle()

    await places.tidy(before=8)

    assert await places.of(NINA, "s1") is None
    assert await places.of(NINA, "s2") == ATTIC

"""Bans: names with all that look like them, addresses, networks, and when they end."""

import pytest

from tcpnet.broker.base import Broker
from tcpnet.broker.memory import MemoryBroker
from tcpnet.chat.bans import MAX_REASON, Ban, Bans
from tcpnet.errors import UserError


class Clock:
    """Seconds as a test sets them."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def broker() -> Broker:
    return MemoryBroker()


async def loaded(broker: Broker, clock: Clock) -> Bans:
    """The bans as they are after a restart."""
    bans = Bans(broker, clock)
    await bans.load()
    return bans


async def test_a_name_is_banned_with_all_that_look_like_it(broker: Broker, clock: Clock) -> None:
    """Neither another case nor a letter of another script gets somebody in."""
    bans = Bans(broker, clock)

    ban = await bans.add("Alice", reason="shouts")

    assert ban == Ban(who="Alice", reason="shouts")
    for name in ("Alice", "alice", "ALICE", "AIice", "Аlice"):
        assert bans.of_name(name) == ban
    assert bans.of_name("Alicia") is None


async def test_two_names_that_look_alike_are_banned_one_by_one(
    broker: Broker, clock: Clock
) -> None:
    """Lifting one leaves the other, which still keeps both out."""
    bans = Bans(broker, clock)
    await bans.add("Alice")
    other = await bans.add("AIice")

    await bans.lift("ALICE")

    assert bans.of_name("Alice") == bans.of_name("AIice") == other
    await bans.lift("AIice")
    assert bans.of_name("Alice") is None


@pytest.mark.parametrize(
    ("banned", "inside", "outside"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.8"),
        ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("::ffff:192.0.2.0/120", "192.0.2.200", "192.0.3.1"),
        ("192.0.2.99/24", "192.0.2.1", "192.0.3.1"),
        ("2001:db8::/32", "2001:db8:9::1", "2001:db9::1"),
        ("2001:db8::7", "2001:db8::7", "2001:db8::8"),
        ("fe80::7", "fe80::7%eth0", "fe80::8%eth0"),
        ("0.0.0.0/2", "10.0.0.1", "64.0.0.1"),
    ],
)
async def test_an_address_is_banned_by_itself_or_with_its_network(
    broker: Broker, clock: Clock, banned: str, inside: str, outside: str
) -> None:
    """Whichever way it is written."""
    bans = Bans(broker, clock)

    ban = await bans.add(banned)

    assert bans.of_address(inside) == ban
    assert bans.of_address(outside) is None
    assert bans.of_address("2001:db8:ffff::" if "." in banned else "192.0.2.7") is None


async def test_the_smallest_and_the_largest_of_several_networks_hold(
    broker: Broker, clock: Clock
) -> None:
    """Lifting one leaves the others, also one of the same size."""
    bans = Bans(broker, clock)
    for who in ("10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"):
        await bans.add(who)

    await bans.lift("10.0.0.0/8")
    await bans.lift("10.1.0.0/16")

    assert bans.of_address("10.1.2.3") is None
    assert bans.of_address("10.2.2.3") == Ban(who="10.2.0.0/16")


async def test_a_ban_outlives_a_restart_and_ends_at_its_time(broker: Broker, clock: Clock) -> None:
    """To the second; what is over is forgotten at the next start."""
    ban = await Bans(broker, clock).add("Nina", seconds=60)
    await Bans(broker, clock).add("192.0.2.0/24", seconds=30)
    bans = await loaded(broker, clock)
    assert [found.who for found in bans] == ["Nina", "192.0.2.0/24"]

    clock.now += 59.5
    assert bans.of_name("nina") == ban
    assert bans.of_address("192.0.2.1") is None
    clock.now += 0.5
    assert bans.of_name("nina") is None
    assert list(bans) == []

    await loaded(broker, clock)
    assert await broker.entries("ban") == []


async def test_a_newer_ban_replaces_the_older_one(broker: Broker, clock: Clock) -> None:
    """And is lifted once."""
    bans = Bans(broker, clock)
    await bans.add("192.0.2.7", reason="first")
    await bans.add("192.0.2.7", reason="second", seconds=9)

    assert [ban.reason for ban in bans] == ["second"]
    await bans.lift("192.0.2.7")

    assert bans.of_address("192.0.2.7") is None
    assert list(await loaded(broker, clock)) == []
    with pytest.raises(UserError, match=r"192\.0\.2\.7 is not banned"):
        await bans.lift("192.0.2.7")


@pytest.mark.parametrize("who", ["127.0.0.1", "::1", "127.1.2.0/24", "0.0.0.0/0", "::/0"])
async def test_the_hubs_own_machine_cannot_be_banned(
    broker: Broker, clock: Clock, who: str
) -> None:
    """The operator would lock himself out."""
    with pytest.raises(UserError, match="own machine"):
        await Bans(broker, clock).add(who)


@pytest.mark.parametrize("who", ["", "10.0.0.300", "a b", "50922", "192.0.2.0/33", "x\x1b[2J"])
async def test_what_is_neither_a_name_nor_an_address_is_refused(
    broker: Broker, clock: Clock, who: str
) -> None:
    """In one harmless sentence."""
    with pytest.raises(UserError, match="neither a name nor an address") as refused:
        await Bans(broker, clock).add(who)

    assert "\x1b" not in str(refused.value)


async def test_the_person_reads_what_and_why_and_until_when(broker: Broker, clock: Clock) -> None:
    """A reason is cleaned and has bounds."""
    bans = Bans(broker, clock)

    assert str(await bans.add("Nina")) == "Nina is banned from this hub"
    assert str(await bans.add("192.0.2.7", reason=" too\nloud ", seconds=86_400)) == (
        "192.0.2.7 is banned from this hub until 2027-01-16 08:00 UTC: too loud"
    )
    assert len((await bans.add("Jose", reason="x" * 9999)).reason) <= MAX_REASON


async def test_nobody_is_banned_where_no_address_is_known(broker: Broker, clock: Clock) -> None:
    """A peer without a numeric address is not refused for it."""
    bans = Bans(broker, clock)
    await bans.add("192.0.2.7")

    assert bans.of_address("") is None
    assert bans.of_address("memory") is None

"""A name is taken with all that belongs to it, or not at all."""

import asyncio
import secrets
from pathlib import Path

import pytest

from tcpnet.broker.base import Broker
from tcpnet.broker.embedded import EmbeddedBroker
from tcpnet.broker.memory import MemoryBroker
from tcpnet.chat import accounts as module
from tcpnet.chat.accounts import Accounts
from tcpnet.errors import UserError


async def keys(broker: Broker, kind: str) -> list[str]:
    """What there is of a kind."""
    return [stored.key for stored in await broker.entries(kind)]


def draws(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    """Let chance be these ids, in turn."""
    drawn = iter(numbers)
    monkeypatch.setattr(secrets, "choice", lambda _: next(drawn))


async def test_a_name_is_taken_in_one_request() -> None:
    """Its look, its id and the account: nobody finds one without the others."""
    broker = MemoryBroker()

    taken = (await Accounts(broker).take("Nina")).account

    assert broker.statistics.operations == 1
    assert await keys(broker, "account") == ["nina"]
    assert await keys(broker, "id") == [str(taken.id)]
    assert await broker.claim("look", "nina", "eve") == "nina"


async def test_a_name_refused_for_its_look_spends_no_id() -> None:
    """As if nobody had asked."""
    broker = MemoryBroker()
    accounts = Accounts(broker)
    taken = (await accounts.take("nina")).account

    with pytest.raises(UserError, match="looks like one that somebody else has"):
        await accounts.take("n\N{CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I}na")

    assert await keys(broker, "account") == ["nina"]
    assert await keys(broker, "id") == [str(taken.id)]


async def test_an_id_that_somebody_has_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one is tried."""
    accounts = Accounts(MemoryBroker())
    draws(monkeypatch, 12345, 12345, 54321)

    nina, jose = await accounts.take("nina"), await accounts.take("jose")

    assert (nina.account.id, jose.account.id) == (12345, 54321)


async def test_a_full_hub_leaves_the_name_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who found no id holds nothing."""
    broker = MemoryBroker()
    accounts = Accounts(broker)
    monkeypatch.setattr(module, "_IDS", range(10_000, 10_001))
    await accounts.take("nina")

    with pytest.raises(UserError, match="All ids of this hub are in use"):
        await accounts.take("jose")

    assert await accounts.claim("jose") is None
    assert await broker.claim("look", "jose", "eve") == "eve"


async def test_a_name_that_somebody_took_meanwhile_is_refused() -> None:
    """And of the later one nothing stays."""
    broker = MemoryBroker()
    accounts = Accounts(broker)

    outcomes = await asyncio.gather(
        accounts.take("nina"), accounts.take("Nina"), return_exceptions=True
    )

    assert [str(one) for one in outcomes if isinstance(one, Exception)] == [
        "The name Nina was taken a moment ago."
    ]
    assert len(await keys(broker, "id")) == 1


@pytest.mark.parametrize("turns", range(6))
async def test_whoever_goes_while_a_name_is_taken_leaves_all_or_nothing(
    turns: int, tmp_path: Path
) -> None:
    """Cancelled after any step: there is no id or look without its account."""
    async with EmbeddedBroker.open(tmp_path) as broker:
        taking = asyncio.create_task(Accounts(broker).take("nina"))
        for _ in range(turns):
            await asyncio.sleep(0)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)

    async with EmbeddedBroker.open(tmp_path) as broker:
        taken = await Accounts(broker).claim("nina")
        assert await keys(broker, "id") == ([str(taken.account.id)] if taken else [])
        assert await broker.claim("look", "nina", "eve") == ("nina" if taken else "eve")


async def test_a_deleted_account_leaves_nothing() -> None:
    """In one request, and again is harmless."""
    broker = MemoryBroker()
    accounts = Accounts(broker)
    taken = (await accounts.take("nina")).account
    before = broker.statistics.operations

    await accounts.delete(taken)
    await accounts.delete(taken)

    assert broker.statistics.operations == before + 1
    assert await keys(broker, "account") == await keys(broker, "id") == []
    assert await broker.claim("look", "nina", "eve") == "eve"


async def test_a_deletion_frees_what_was_changed_meanwhile() -> None:
    """A sign of life does not save an account whose owner wants to go."""
    accounts = Accounts(MemoryBroker())
    taken = (await accounts.take("nina")).account
    accounts.hour = 5

    await asyncio.gather(accounts.note_seen(taken), accounts.delete(taken))

    assert await accounts.claim("nina") is None
    assert accounts.deletions == 1

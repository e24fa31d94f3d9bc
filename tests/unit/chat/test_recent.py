"""What is remembered of the store is what the store has, whatever happens at the same time."""

import asyncio
from typing import Any

import pytest

from tcpnet.broker.base import Conflict, Stored
from tcpnet.broker.changes import Change
from tcpnet.broker.memory import MemoryBroker
from tcpnet.chat import recent
from tcpnet.chat.recent import Recent, make_room
from tcpnet.errors import BrokerError
from tests.hub import PATIENCE


class Store(MemoryBroker):
    """Counts reads, and holds them up or refuses changes where a test wants that."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.refuses = False
        self.answering = asyncio.Event()
        self.answering.set()
        self.read = asyncio.Event()

    async def get(self, kind: str, key: str) -> Stored | None:
        """Read at once, and answer when it is time."""
        self.reads += 1
        found = await super().get(kind, key)
        self.read.set()
        await self.answering.wait()
        return found

    async def together(self, *changes: Change) -> list[int]:
        """Make changes, or refuse them."""
        if self.refuses:
            raise BrokerError("not saved: no space")
        return await super().together(*changes)


async def values() -> tuple[Store, Recent[str]]:
    """A store with one value, and what reads it."""
    store = Store()
    await store.put("k", "a", b'"one"')
    return store, Recent(store, "k", str)


async def held(value: Recent[str]) -> str | None:
    """What is under the one key."""
    found = await value.get("a")
    return found.value if found else None


async def test_what_was_read_or_written_is_not_read_again() -> None:
    """One read a key, and none of what was put."""
    store, one = await values()

    first, second = await held(one), await held(one)
    found = await one.get("a")
    assert found is not None
    await one.put("a", "two", expected=found.revision)

    assert (first, second, await held(one)) == ("one", "one", "two")
    assert store.reads == 1
    assert await one.all() == ["two"]


async def test_what_was_removed_is_gone() -> None:
    """Also where it was remembered."""
    _, one = await values()
    await held(one)

    await one.remove("a", expected=1)

    assert await held(one) is None


async def test_a_refused_change_leaves_what_the_store_has() -> None:
    """Refused by the disk, or because another one was faster."""
    store, one = await values()
    await held(one)
    store.refuses = True

    with pytest.raises(BrokerError):
        await one.put("a", "two", expected=1)
    store.refuses = False
    with pytest.raises(Conflict):
        await one.put("a", "two", expected=0)

    assert await held(one) == "one"


@pytest.mark.parametrize("change", ["put", "remove"])
async def test_an_answer_from_before_a_change_is_not_remembered(change: str) -> None:
    """Read before, heard after: the next one asks again."""
    store, one = await values()
    store.answering.clear()
    reading = asyncio.create_task(held(one))
    await store.read.wait()

    await (one.remove("a", expected=1) if change == "remove" else one.put("a", "two", expected=1))
    store.answering.set()
    async with asyncio.timeout(PATIENCE):
        assert await reading == "one"

    assert await held(one) == (None if change == "remove" else "two")


async def test_a_change_that_was_cancelled_may_have_happened() -> None:
    """Nobody learns whether, so that the store is asked each time."""
    store, one = await values()
    await held(one)
    putting = asyncio.create_task(one.put("a", "two", expected=1))
    await asyncio.sleep(0)

    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    await store.put("k", "a", b'"as it is stored later"')

    assert await held(one) == "as it is stored later"
    assert await held(one) == "as it is stored later"
    assert store.reads == 3


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was put in first goes, the rest stays."""
    monkeypatch.setattr(recent, "MAX_HELD", 4)
    kept: dict[int, Any] = {}

    for number in range(100):
        kept[number] = None
        make_room(kept)
        assert len(kept) <= 4

    assert list(kept)[-1] == 99

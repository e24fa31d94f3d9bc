"""What is kept of rooms, and for how long."""

import asyncio

import pytest

from tcpnet.broker.base import Broker
from tcpnet.broker.memory import MemoryBroker
from tcpnet.chat.closed import ClosedLogs
from tcpnet.chat.retention import Retention
from tcpnet.errors import BrokerError


async def say(broker: Broker, log: str, lines: int) -> int:
    """Say so many lines; the seq of the last."""
    return [await broker.publish(log, "ann", "", "x") for _ in range(lines)][-1]


async def kept(broker: Broker, log: str) -> list[int]:
    """The seqs that are there."""
    return [record.seq for record in await broker.history(log, after=0, limit=1000)]


async def test_only_the_newest_lines_are_kept() -> None:
    """Each room for itself."""
    broker = MemoryBroker()
    retention = Retention(broker, days=0, lines=3)
    logs = [("den", await say(broker, "den", 10)), ("hall", await say(broker, "hall", 2))]

    await retention.look(logs, today=0)

    assert await kept(broker, "den") == [8, 9, 10]
    assert await kept(broker, "hall") == [1, 2]


async def test_lines_go_after_so_many_days_of_the_hub() -> None:
    """A line is kept for whole days: it goes when the day that follows its own is so long ago."""
    broker = MemoryBroker()
    retention = Retention(broker, days=2, lines=0)
    last = await say(broker, "den", 3)
    await retention.look([("den", last)], today=10)
    last = await say(broker, "den", 2)

    await retention.look([("den", last)], today=11)
    before = await kept(broker, "den")
    await retention.look([("den", last)], today=12)
    at_first = await kept(broker, "den")
    await retention.look([("den", last)], today=13)

    assert (before, at_first, await kept(broker, "den")) == ([1, 2, 3, 4, 5], [4, 5], [])


async def test_what_was_noted_outlives_a_restart() -> None:
    """Or a hub that is restarted every week would keep lines for ever."""
    broker = MemoryBroker()
    last = await say(broker, "den", 3)
    await Retention(broker, days=2, lines=0).look([("den", last)], today=10)

    later = Retention(broker, days=2, lines=0)
    await later.load()
    await later.look([("den", last)], today=12)

    assert await kept(broker, "den") == []


async def test_a_room_that_is_gone_leaves_nothing() -> None:
    """Nor does a quiet one write a note a day."""
    broker = MemoryBroker()
    retention = Retention(broker, days=30, lines=0)
    last = await say(broker, "den", 1)
    for today in range(9):
        await retention.look([("den", last)], today)
    [note] = await broker.entries("kept")

    await retention.look([], today=9)

    assert note.value == b"[[0,1]]"
    assert await broker.entries("kept") == []


async def test_notes_of_a_busy_room_stay_few() -> None:
    """One for each day that still matters."""
    broker = MemoryBroker()
    retention = Retention(broker, days=3, lines=0)

    for today in range(20):
        await retention.look([("den", await say(broker, "den", 1))], today)

    [note] = await broker.entries("kept")
    assert note.value == b"[[16,17],[17,18],[18,19],[19,20]]"
    assert await kept(broker, "den") == [18, 19, 20]


@pytest.mark.parametrize("today", [0, 5000])
async def test_without_bounds_everything_is_kept(today: int) -> None:
    """0 days and 0 lines."""
    broker = MemoryBroker()

    await Retention(broker, days=0, lines=0).look([("den", await say(broker, "den", 9))], today)

    assert len(await kept(broker, "den")) == 9
    assert await broker.entries("kept") == []


async def test_many_rooms_are_looked_at_in_few_transactions() -> None:
    """A card that takes 50 ms to sync would be busy for a minute, once a day."""
    broker = MemoryBroker()
    logs = [(f"room {number}", 5) for number in range(500)]

    await Retention(broker, days=30, lines=0).look(logs, today=1)

    assert len(await broker.entries("kept")) == 500
    assert broker.statistics.commits < 20


async def test_a_disk_that_refuses_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeping on is for the hub's whole life."""
    broker = MemoryBroker()
    last = await say(broker, "den", 9)
    looks = 0

    async def refuse(_log: str, _upto: int) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise asyncio.CancelledError
        raise BrokerError("not saved: the disk is full")

    monkeypatch.setattr(broker, "trim", refuse)
    monkeypatch.setattr("tcpnet.chat.retention.INTERVAL", 0)
    retention = Retention(broker, days=0, lines=3)

    with pytest.raises(asyncio.CancelledError):
        await retention.keep(lambda: [("den", last)], ClosedLogs(broker), lambda: 0)

    assert looks == 2

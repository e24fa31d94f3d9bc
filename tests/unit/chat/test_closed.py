"""Logs of closed rooms: how long they are kept, and how much of them."""

import pytest

from tcpnet.broker.base import Broker
from tcpnet.broker.memory import MemoryBroker
from tcpnet.chat.closed import ClosedLogs
from tcpnet.errors import BrokerError


async def closed(broker: Broker, **lines: int) -> ClosedLogs:
    """Rooms that had so many lines each, closed in this order."""
    logs = ClosedLogs(broker)
    for log, number in lines.items():
        for _ in range(number):
            await broker.publish(log, "ann", "", "x")
        await logs.note(log, number)
    return logs


async def kept(logs: ClosedLogs) -> list[str]:
    """The logs that are there."""
    return [log for log, _ in await logs.all()]


async def test_a_log_is_kept_for_its_days() -> None:
    """Counted from when it was found, as those of lines are; then nothing is left of it."""
    broker = MemoryBroker()
    logs = await closed(broker, den=2)
    await logs.look(10, (), days=2, lines=0)

    await logs.look(11, (), days=2, lines=0)
    before = await broker.last_seq("den")
    await logs.look(12, (), days=2, lines=0)

    assert before == 2
    assert await broker.last_seq("den") == 0
    assert await kept(logs) == []


async def test_all_of_them_have_the_lines_of_one_room() -> None:
    """The oldest go first."""
    broker = MemoryBroker()
    logs = await closed(broker, attic=3, den=4, hall=5)

    await logs.look(0, (), days=0, lines=9)

    assert await kept(logs) == ["den", "hall"]
    assert [await broker.last_seq(log) for log in ("attic", "den", "hall")] == [0, 4, 5]


async def test_a_room_that_was_full_is_kept_alone() -> None:
    """Whatever came since the last look."""
    logs = await closed(MemoryBroker(), den=1, hall=12)

    await logs.look(0, (), days=0, lines=10)

    assert await kept(logs) == ["hall"]


async def test_days_go_on_after_a_restart() -> None:
    """Or a hub that is restarted every week would keep them for ever; in the same order."""
    broker = MemoryBroker()
    await (await closed(broker, hall=1, den=1)).look(10, (), days=2, lines=0)

    logs = ClosedLogs(broker)
    await logs.load(())

    assert await kept(logs) == ["hall", "den"]
    await logs.look(12, (), days=2, lines=0)
    assert await kept(logs) == []


async def test_nothing_goes_where_everything_is_kept() -> None:
    """0 days and 0 lines."""
    logs = await closed(MemoryBroker(), den=1, hall=1)

    await logs.look(0, (), days=0, lines=0)
    await logs.look(10_000, (), days=0, lines=0)

    assert await kept(logs) == ["den", "hall"]


async def test_a_room_that_is_still_open_loses_nothing() -> None:
    """Its closing may be held up by a disk that is full."""
    broker = MemoryBroker()
    logs = await closed(broker, den=9, hall=1)

    await logs.look(0, {"den"}, days=1, lines=5)
    await logs.look(1, {"den"}, days=1, lines=5)

    assert await kept(logs) == ["den"]
    assert await broker.last_seq("den") == 9


async def test_a_look_that_failed_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the same day."""
    broker = MemoryBroker()
    logs = await closed(broker, den=9, hall=9)

    async def refuse(_log: str) -> None:
        raise BrokerError("not saved: the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(broker, "delete_log", refuse)
        with pytest.raises(BrokerError):
            await logs.look(0, (), days=0, lines=10)
    await logs.look(0, (), days=0, lines=10)

    assert await kept(logs) == ["hall"]

"""The broker without a disk: its bounds."""

import asyncio

import pytest

from tcpnet.broker.memory import MemoryBroker
from tcpnet.errors import BrokerError


async def test_a_log_keeps_its_newest_lines() -> None:
    """What is older is forgotten: the line, its mid, and that it was unread."""
    broker = MemoryBroker(max_lines=3)
    for number in range(1, 6):
        assert await broker.publish("den", "ann", f"m{number}", str(number)) == number

    assert [record.seq for record in await broker.history("den", limit=9)] == [3, 4, 5]
    assert [record.seq for record in await broker.history("den", after=1, limit=2)] == [3, 4]
    assert await broker.history("den", before=3, limit=9) == []
    assert [record.seq for record in await broker.unread("den", limit=9)] == [3, 4, 5]
    assert await broker.unread_count("den") == 3
    assert await broker.publish("den", "ann", "m3", "3") == 3
    assert await broker.publish("den", "ann", "m1", "1") == 6


async def test_only_so_many_logs_are_kept() -> None:
    """A line for one more is refused; the others, and one in its place, are served."""
    broker = MemoryBroker(max_logs=2)
    await broker.publish("a", "ann", "", "x")
    await broker.publish("b", "ann", "", "x")

    with pytest.raises(BrokerError, match="holds 2 conversations"):
        await broker.publish("c", "ann", "", "x")

    assert await broker.publish("a", "ann", "", "y") == 2
    await broker.delete_log("b")
    assert await broker.publish("c", "ann", "", "x") == 1


async def test_a_line_offered_to_one_log_too_many_is_refused_with_its_batch() -> None:
    """Its speaker hears of it after the others were delivered, and nobody else does."""
    broker, heard = MemoryBroker(max_logs=1), list[object]()
    told = asyncio.get_running_loop().create_future()
    broker.follow("a", lambda records: heard.append([record.body for record in records]))
    broker.follow("b", heard.append)

    assert broker.offer("a", "ann", "", "x", heard.append)
    assert broker.offer("b", "ann", "", "y", told.set_result)
    assert heard == []

    assert isinstance(await told, BrokerError)
    assert heard == [["x"], 1]

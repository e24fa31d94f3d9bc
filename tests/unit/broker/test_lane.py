"""The thread behind the event loop."""

import asyncio
import threading
from typing import Any

import pytest

from tcpnet.broker.lane import Batch, Lane
from tcpnet.errors import BrokerError, ConfigError


class Doubler:
    """An engine that doubles numbers and notes what it was asked for."""

    def __init__(self, *, opens: threading.Event | None = None) -> None:
        self.batches: list[list[Any]] = []
        self.calls: list[str] = []
        self._opens = opens

    def open(self) -> None:
        self.calls.append("open")
        if self._opens is not None:
            assert self._opens.wait(10)

    def perform(self, works: list[Any]) -> Batch:
        self.batches.append(works)
        return Batch([2 * work for work in works])

    def tidy(self) -> bool:
        self.calls.append("tidy")
        return self.calls.count("tidy") < 3

    def close(self) -> None:
        self.calls.append("close")


class Held(Doubler):
    """An engine that is held in its first batch."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.goes_on = threading.Event(), threading.Event()

    def perform(self, works: list[Any]) -> Batch:
        self.began.set()
        assert self.goes_on.wait(10)
        return super().perform(works)


class Locked(Doubler):
    """An engine that cannot be opened."""

    def open(self) -> None:
        raise ConfigError("locked")


def ignore(batch: Batch) -> None:
    """Nobody wants to know of the batches."""


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


async def test_the_requests_of_one_turn_are_one_batch() -> None:
    """Each gets its own outcome."""
    engine = Doubler()
    async with Lane("doubler", engine, ignore) as lane:
        assert await asyncio.gather(*(lane.request(n, 0) for n in range(5))) == [0, 2, 4, 6, 8]
        assert await lane.request(7, 0) == 14

    assert engine.batches == [[0, 1, 2, 3, 4], [7]]
    assert "doubler" not in names()


async def test_who_asks_in_the_next_turn_comes_along() -> None:
    """A batch waits for one look at what arrived, and for no more."""
    engine = Doubler()
    async with Lane("doubler", engine, ignore) as lane:
        first = asyncio.ensure_future(lane.request(1, 0))
        await asyncio.sleep(0)  # it is asked in this turn
        await asyncio.sleep(0)

        assert await lane.request(2, 0) == 4
        assert await first == 2

    assert engine.batches == [[1, 2]]


async def test_one_batch_is_under_way_until_everybody_heard_of_it() -> None:
    """What is asked while it is told goes over with what was asked while it was done."""
    engine = Held()
    told_of_third = asyncio.get_running_loop().create_future()

    def told(batch: Batch) -> None:
        if batch.outcomes == [2]:
            assert lane.offer(3, 0, told_of_third.set_result)

    async with Lane("held", engine, told) as lane:
        first = asyncio.ensure_future(lane.request(1, 0))
        await asyncio.to_thread(engine.began.wait, 10)
        second = asyncio.ensure_future(lane.request(2, 0))
        await asyncio.sleep(0)
        engine.goes_on.set()

        assert [await first, await second, await told_of_third] == [2, 4, 6]

    assert engine.batches == [[1], [2, 3]]


async def test_a_request_of_the_turn_in_which_a_lane_closes_is_finished() -> None:
    """It was admitted, so it is answered."""
    engine = Doubler()
    async with asyncio.TaskGroup() as group, Lane("doubler", engine, ignore) as lane:
        asked = group.create_task(lane.request(1, 0))
        await asyncio.sleep(0)  # asked in this turn; closing begins in it too

    assert asked.result() == 2
    with pytest.raises(BrokerError, match="closing"):
        await lane.request(1, 0)


async def test_an_engine_tidies_while_nobody_asks_and_is_closed_at_the_end() -> None:
    """Until it says that all is tidy."""
    engine = Doubler()
    async with Lane("doubler", engine, ignore) as lane:
        await lane.request(1, 0)
        async with asyncio.timeout(10):
            while engine.calls.count("tidy") < 3:
                await lane.request(1, 0)

    assert engine.calls[0] == "open"
    assert engine.calls[-1] == "close"


async def test_an_engine_that_cannot_be_opened_ends_its_lane() -> None:
    """The error is that of the engine, and no thread stays."""
    with pytest.raises(ConfigError, match="locked"):
        async with Lane("locked", Locked(), ignore):
            pass

    assert "locked" not in names()


async def test_starting_can_be_cancelled() -> None:
    """The engine is closed again, once it is open."""
    opens = threading.Event()
    engine = Doubler(opens=opens)

    async def start() -> None:
        async with Lane("slow", engine, ignore):
            pass

    starting = asyncio.ensure_future(start())
    await asyncio.sleep(0)
    starting.cancel()
    await asyncio.sleep(0)
    opens.set()

    with pytest.raises(asyncio.CancelledError):
        await starting
    assert engine.calls == ["open", "close"]
    assert "slow" not in names()


async def test_an_observer_that_fails_keeps_nobody_from_the_outcome() -> None:
    """The bug goes where the event loop reports such things."""
    reported: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: reported.append(context["exception"])
    )

    def fail(batch: Batch) -> None:
        raise LookupError("a bug")

    async with Lane("doubler", Doubler(), fail) as lane:
        assert await lane.request(1, 0) == 2

    assert [type(error) for error in reported] == [LookupError]

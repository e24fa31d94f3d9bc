"""Writes that may wait: the newest wins, and one that fails holds up no other."""

import asyncio
from functools import partial

import pytest

from tcpnet.chat.later import Later
from tcpnet.errors import BrokerError


async def test_the_newest_write_replaces_those_before_it() -> None:
    """Only what is true at last has to be written."""
    later, written = Later(), []

    async def write(value: int) -> None:
        written.append(value)

    for value in range(3):
        later.note("mark", "nina", partial(write, value))
    await later.settle()
    await later.settle()

    assert written == [2]


async def test_a_write_that_is_always_refused_holds_up_no_other() -> None:
    """It is tried again the next time; the error is told."""
    later, written = Later(), []

    async def refused() -> None:
        written.append("refused")
        raise BrokerError("not saved: the store cannot hold it")

    async def taken() -> None:
        written.append("taken")

    later.note("mark", "odd", refused)
    later.note("mark", "good", taken)
    for _ in range(2):
        with pytest.raises(BrokerError, match="cannot hold it"):
            await later.settle()

    assert written == ["refused", "taken", "refused"]


async def test_what_is_noted_while_it_is_written_is_written_too() -> None:
    """The older write does not take the newer one with it."""
    later, written = Later(), []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        begun.set()
        await go_on.wait()
        written.append("first")

    async def second() -> None:
        written.append("second")

    later.note("place", "nina", first)
    writing = asyncio.create_task(later.now("place", "nina"))
    await begun.wait()
    later.note("place", "nina", second)
    go_on.set()
    await writing
    await later.settle()

    assert written == ["first", "second"]


async def test_the_keeper_writes_what_is_noted() -> None:
    """Without being asked."""
    later, done = Later(), asyncio.Event()
    keeper = asyncio.create_task(later.keep())

    async def write() -> None:
        done.set()

    later.note("place", "nina", write)
    async with asyncio.timeout(5):
        await done.wait()
    keeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeper


async def test_all_that_is_noted_is_asked_for_at_once() -> None:
    """Who notes many things waits for one commit, not for one after the other."""
    later, together = Later(), asyncio.Barrier(3)

    async def write() -> None:
        await together.wait()

    for number in range(3):
        later.note("place", f"{number}", write)
    async with asyncio.timeout(5):
        await later.settle()


async def test_what_cannot_be_written_at_the_end_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A full disk is no reason to end with an error: nothing of it was acknowledged."""
    later = Later()

    async def refused() -> None:
        raise BrokerError("not saved: the disk is full")

    later.note("place", "nina", refused)
    later.note("place", "jose", refused)
    await later.finish()

    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert (vars(record)["error"], vars(record)["lost"]) == (
        "not saved: the disk is full",
        {"place": 2},
    )

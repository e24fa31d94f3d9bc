"""Turns: in order, one at a time, and none for nothing."""

import asyncio

import pytest

from tcpnet.server.turns import GAP, Turns


async def test_whoever_comes_alone_does_not_wait() -> None:
    """A turn costs nothing where nobody else wants one."""
    with pytest.raises(StopIteration):  # it has ended at its first step
        Turns().take().send(None)


async def test_turns_come_in_order_and_with_room_between_them() -> None:
    """The loop is everybody's for a while after each."""
    turns, loop = Turns(), asyncio.get_running_loop()
    taken: list[tuple[float, int]] = []

    async def take(number: int) -> None:
        await turns.take()
        taken.append((loop.time(), number))

    began = loop.time()
    await asyncio.gather(*map(take, range(20)))

    assert [number for _, number in taken] == list(range(20))
    # A timer may fire a clock tick early, and never makes up for others that were late.
    tick = 0.016
    assert all(at - began >= number * GAP - tick for at, number in taken)
    assert taken[-1][0] - began >= 19 * GAP - tick

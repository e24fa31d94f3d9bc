"""Who is admitted, in which order."""

import asyncio

import pytest

from tcpnet.broker.gate import Gate
from tcpnet.errors import BrokerError


class Queue:
    """Callers of a gate, and who of them came through so far."""

    def __init__(self, group: asyncio.TaskGroup, gate: Gate) -> None:
        self._group = group
        self._gate = gate
        self.admitted: list[str] = []

    def comes(self, name: str, size: int = 1) -> asyncio.Task[None]:
        return self._group.create_task(self._enter(name, size))

    async def _enter(self, name: str, size: int) -> None:
        await self._gate.enter(size)
        self.admitted.append(name)


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_callers_are_admitted_in_order_as_room_is_given_back() -> None:
    """Nobody overtakes."""
    gate = Gate(max_requests=2, max_bytes=100)
    async with asyncio.TaskGroup() as group:
        queue = Queue(group, gate)
        for name in "abcde":
            queue.comes(name)
        await settle()
        assert queue.admitted == ["a", "b"]

        gate.leave(1, 1)
        queue.comes("f")
        await settle()
        assert queue.admitted == ["a", "b", "c"]

        gate.leave(2, 2)
        await settle()
        assert queue.admitted == ["a", "b", "c", "d", "e"]
        gate.leave(2, 2)


async def test_nobody_is_let_in_past_those_who_wait() -> None:
    """Room that is taken without waiting is no way to overtake."""
    gate = Gate(max_requests=2, max_bytes=100)
    async with asyncio.TaskGroup() as group:
        assert gate.let_in(60)
        queue = Queue(group, gate)
        queue.comes("large", 60)
        await settle()

        assert not gate.let_in(1)
        gate.leave(1, 60)
        await settle()
        assert gate.let_in(1)
        gate.close()
        gate.leave(2, 61)
        assert not gate.let_in(1)


async def test_bytes_are_bounded_too() -> None:
    """A small request does not overtake a large one that waits."""
    gate = Gate(max_requests=9, max_bytes=10)
    async with asyncio.TaskGroup() as group:
        queue = Queue(group, gate)
        queue.comes("a", 6)
        queue.comes("large", 6)
        queue.comes("small", 1)
        await settle()
        assert queue.admitted == ["a"]

        gate.leave(1, 6)
        await settle()
        assert queue.admitted == ["a", "large", "small"]
        assert (gate.requests, gate.bytes) == (2, 7)


async def test_what_is_larger_than_the_bound_goes_alone() -> None:
    """It would wait for ever otherwise."""
    gate = Gate(max_requests=9, max_bytes=10)
    async with asyncio.TaskGroup() as group:
        queue = Queue(group, gate)
        queue.comes("huge", 99)
        queue.comes("small", 1)
        await settle()
        assert queue.admitted == ["huge"]

        gate.leave(1, 99)
        await settle()
        assert queue.admitted == ["huge", "small"]


async def test_who_goes_away_takes_no_room() -> None:
    """Whether he still waits or was admitted a moment ago."""
    gate = Gate(max_requests=1, max_bytes=10)
    async with asyncio.TaskGroup() as group:
        queue = Queue(group, gate)
        queue.comes("a")
        waits = queue.comes("waits")
        admitted = queue.comes("admitted")
        queue.comes("b")
        await settle()

        waits.cancel()
        await settle()
        gate.leave(1, 1)
        admitted.cancel()
        await settle()

    assert queue.admitted == ["a", "b"]
    assert (gate.requests, gate.bytes) == (1, 1)


async def test_a_closed_gate_refuses_everybody() -> None:
    """Those who wait as well as those who come."""
    gate = Gate(max_requests=1, max_bytes=10)
    await gate.enter(1)
    waits = asyncio.ensure_future(gate.enter(1))
    gone = asyncio.ensure_future(gate.enter(1))
    await settle()
    gone.cancel()

    gate.close()

    with pytest.raises(BrokerError, match="closing"):
        await waits
    with pytest.raises(BrokerError, match="closing"):
        await gate.enter(1)
    gate.leave(1, 1)
    assert (gate.requests, gate.bytes) == (0, 0)

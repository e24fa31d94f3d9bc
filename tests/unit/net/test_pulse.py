"""One flush a tick, and one list of who was heard last."""

import asyncio
from collections.abc import Callable

from tcpnet.net.pulse import Pulse
from tests.hub import PATIENCE
from tests.unit.net.memory import tick


class Beating:
    """Counts what a pulse tells it."""

    def __init__(self, on_silent: Callable[[], None] = lambda: None) -> None:
        self.flushes = 0
        self.silences: list[float] = []
        self.asked = 0
        self.unsent = self.held = 0
        self.is_stuck = True
        self.sheds = 0
        self.on_asked: Callable[[], None] = lambda: None
        self.told = asyncio.Event()
        self._on_silent = on_silent

    def flush_now(self) -> None:
        """Count it."""
        self.flushes += 1

    def shed(self) -> None:
        """Count it."""
        self.sheds += 1

    def ask_for_life(self) -> None:
        """Count it."""
        self.asked += 1
        self.on_asked()

    def silent(self, seconds: float) -> None:
        """Keep for how long."""
        self.silences.append(seconds)
        self._on_silent()
        self.told.set()


async def test_everybody_who_is_due_is_flushed_at_the_end_of_the_tick() -> None:
    """All of them in one round of the loop, and once."""
    pulse, one, other = Pulse(), Beating(), Beating()

    pulse.due(one)
    pulse.due(other)
    assert (one.flushes, other.flushes) == (0, 0)
    await tick()

    assert (one.flushes, other.flushes) == (1, 1)


async def test_who_is_due_again_is_flushed_again() -> None:
    """Each tick has its own round."""
    pulse, one = Pulse(), Beating()

    for _ in range(3):
        pulse.due(one)
        await tick()

    assert one.flushes == 3


async def test_who_was_silent_too_long_is_told_once() -> None:
    """With the seconds since a sign of life."""
    pulse, silent = Pulse(max_silence=0.02), Beating()
    pulse.heard(silent)
    watching = asyncio.create_task(pulse.watch())

    async with asyncio.timeout(PATIENCE):
        await silent.told.wait()
    await tick()
    watching.cancel()

    assert len(silent.silences) == 1
    assert silent.silences[0] >= 0.02


async def test_a_sign_of_life_gives_all_the_time_again() -> None:
    """Whoever spoke at the last moment is looked at later."""
    pulse = Pulse(max_silence=0.02)
    lively = Beating()
    silent = Beating(on_silent=lambda: pulse.heard(lively))
    pulse.heard(silent)
    pulse.heard(lively)
    watching = asyncio.create_task(pulse.watch())

    async with asyncio.timeout(PATIENCE):
        await silent.told.wait()
        assert lively.silences == []
        await lively.told.wait()
    watching.cancel()

    assert lively.silences[0] >= 0.02


async def test_who_only_listens_is_asked_for_a_sign_of_life() -> None:
    """An answer gives all the time again; whoever gives none is told of."""
    pulse, lively, silent = Pulse(max_silence=0.04), Beating(), Beating()
    lively.on_asked = lambda: pulse.heard(lively)
    pulse.heard(lively)
    pulse.heard(silent)
    watching = asyncio.create_task(pulse.watch())

    async with asyncio.timeout(PATIENCE):
        await silent.told.wait()
    watching.cancel()

    assert silent.asked == 1
    assert lively.asked >= 1
    assert lively.silences == []


async def test_who_has_ended_is_not_told() -> None:
    """Also where it was first in the list."""
    pulse, gone, silent = Pulse(max_silence=0.02), Beating(), Beating()
    pulse.heard(gone)
    pulse.heard(silent)
    watching = asyncio.create_task(pulse.watch())

    pulse.forget(gone)
    pulse.forget(gone)
    async with asyncio.timeout(PATIENCE):
        await silent.told.wait()
    watching.cancel()

    assert gone.silences == []


async def test_one_who_is_told_may_drop_others() -> None:
    """Ending one connection ends more, sometimes."""
    pulse = Pulse(max_silence=0.02)
    other = Beating()
    first = Beating(on_silent=lambda: pulse.forget(other))
    last = Beating()
    for connection in (first, other, last):
        pulse.heard(connection)
    watching = asyncio.create_task(pulse.watch())

    async with asyncio.timeout(PATIENCE):
        await last.told.wait()
    watching.cancel()

    assert (len(first.silences), len(other.silences)) == (1, 0)


async def test_somebody_who_comes_while_nobody_is_there_is_watched() -> None:
    """The watch goes on over an empty house."""
    pulse, late = Pulse(max_silence=0.02), Beating()
    watching = asyncio.create_task(pulse.watch())
    await tick()

    pulse.heard(late)
    async with asyncio.timeout(PATIENCE):
        await late.told.wait()
    watching.cancel()

    assert late.silences[0] >= 0.02


async def test_without_a_limit_nobody_is_watched() -> None:
    """A client's own pulse has nobody to drop."""
    async with asyncio.timeout(PATIENCE):
        await Pulse().watch()


def holding(pulse: Pulse, *sizes: int) -> list[Beating]:
    """Connections with which so many bytes stay."""
    peers = [Beating() for _ in sizes]
    for peer, size in zip(peers, sizes, strict=True):
        peer.held = size
        pulse.stuck(peer)
    return peers


async def test_those_for_whom_most_is_held_go_first_where_memory_is_short() -> None:
    """As few as do: everybody else goes on."""
    pulse = Pulse(max_held=100)
    peers = holding(pulse, 10, 60, 50, 20)

    pulse.relieve()

    assert [peer.sheds for peer in peers] == [0, 1, 0, 0]


async def test_nobody_goes_while_memory_suffices() -> None:
    """Those who read again, or have ended, count no more."""
    pulse = Pulse(max_held=100)
    peers = holding(pulse, 80, 80, 80)

    peers[0].is_stuck = False
    pulse.unstuck(peers[1])
    pulse.unstuck(peers[1])
    pulse.relieve()

    assert [peer.sheds for peer in peers] == [0, 0, 0]


async def test_without_a_bound_nobody_goes() -> None:
    """As at the client."""
    pulse = Pulse()
    [peer] = holding(pulse, 2**40)
    peer.unsent = 7

    pulse.relieve()

    assert (peer.sheds, pulse.unsent) == (0, 7)

"""Frames of nonsense at a hub: no fault of its own, no pause, and nobody else notices."""

import random

from tests.fuzz import assault


async def test_nonsense_harms_nobody() -> None:
    """Nothing unexpected is logged, everybody is told why, and two others talk on."""
    tally = await assault(random.Random(), 10_000)

    assert tally.faults == []
    assert tally.frames >= 10_000
    assert tally.visits > 50
    assert tally.ends["protocol"] > 20, "most nonsense ends a visit with its reason"
    assert tally.slowest < 1

"""Every implementation of a seam, opened for one test."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext
from itertools import count
from pathlib import Path

import pytest

from tcpnet.broker.base import Broker
from tcpnet.broker.embedded import EmbeddedBroker
from tcpnet.broker.memory import MemoryBroker


def open_broker(name: str, folder: Path) -> AbstractAsyncContextManager[Broker]:
    """Open a broker whose clock ticks once a line."""
    ticks = count(1)
    clock = lambda: float(next(ticks))  # noqa: E731
    if name == "memory":
        return nullcontext(MemoryBroker(clock=clock))
    return EmbeddedBroker.open(folder, clock=clock)


@pytest.fixture(params=["embedded", "memory"])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broker]:
    """An empty broker, one of each kind in turn."""
    async with open_broker(request.param, tmp_path) as opened:
        yield opened

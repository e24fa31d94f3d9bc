"""Every implementation of a seam, opened for one test."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest

from tcpnet.broker import journal
from tcpnet.broker.base import Broker
from tcpnet.broker.embedded import EmbeddedBroker
from tcpnet.broker.memory import MemoryBroker


def open_broker(name: str, folder: Path) -> AbstractAsyncContextManager[Broker]:
    """Open a broker whose clock ticks once a line."""
    ticks = count(1)
    clock = lambda: float(next(ticks))  # noqa: E731
    if name == "memory":
        return nullcontext(MemoryBroker(clock=clock))
    if name == "moving":
        return _moving(folder, clock)
    return EmbeddedBroker.open(folder, clock=clock)


@asynccontextmanager
async def _moving(folder: Path, clock: Callable[[], float]) -> AsyncIterator[Broker]:
    """An embedded broker whose lines move as soon as they can, in the middle of anything."""
    with patch.object(journal, "MOVED_LINES", 2):
        async with EmbeddedBroker.open(folder, clock=clock) as opened:
            yield opened


@pytest.fixture(params=["embedded", "moving", "memory"])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broker]:
    """An empty broker, one of each kind in turn."""
    async with open_broker(request.param, tmp_path) as opened:
        yield opened

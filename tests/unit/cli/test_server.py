"""The server's command: what ends it."""

import asyncio
import signal
import sys
from collections.abc import Iterator

import pytest

from tcpnet.cli import server
from tcpnet.server import loops
from tests.hub import PATIENCE

ENDS = [signal.SIGINT, signal.SIGTERM]
if sys.platform == "win32":
    ENDS.append(signal.SIGBREAK)


@pytest.fixture
def handlers() -> Iterator[None]:
    """What signals do, as it was before, in the end."""
    before = {number: signal.getsignal(number) for number in ENDS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize("name", ["asyncio", loops.FAST])
@pytest.mark.usefixtures("handlers")
def test_a_signal_stops_a_hub_on_every_loop(name: str, number: signal.Signals) -> None:
    """The wish comes into the loop, wherever that waits."""
    factory = pytest.importorskip(name).new_event_loop

    async def scenario() -> None:
        stop = asyncio.Event()
        server._on_signals(stop.set)
        signal.raise_signal(number)
        async with asyncio.timeout(PATIENCE):
            await stop.wait()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(scenario())

"""One timer ends whoever takes too long, and nobody else."""

import asyncio

from tcpnet.errors import TcpnetError
from tcpnet.server.deadlines import Deadline
from tests.hub import PATIENCE

MS = 0.001


class Slow:
    """A session, as far as a deadline knows one."""

    def __init__(self) -> None:
        self.why: TcpnetError | None = None
        self.ended = asyncio.Event()

    def lost(self, error: TcpnetError) -> None:
        """Take note of the end."""
        assert self.why is None, "ended twice"
        self.why = error
        self.ended.set()


async def test_who_takes_too_long_ends_and_who_is_in_time_does_not() -> None:
    """Whoever began later has his time from then on."""
    deadline = Deadline(50 * MS, "limits.handshake_seconds")
    slow, quick, later = Slow(), Slow(), Slow()

    with deadline.bounding(slow):
        with deadline.bounding(quick):
            pass
        with deadline.bounding(later):
            async with asyncio.timeout(PATIENCE):
                await slow.ended.wait()
                await later.ended.wait()

    assert str(slow.why) == str(later.why) == "logging in took too long"
    assert slow.why is not None
    assert slow.why.bound == "limits.handshake_seconds"
    assert quick.why is None


async def test_a_timer_that_found_nobody_runs_again_for_the_next_one() -> None:
    """It is wound up only while somebody is there."""
    deadline = Deadline(20 * MS, "limits.login_seconds")
    with deadline.bounding(Slow()):
        pass
    await asyncio.sleep(0)
    next_one = Slow()

    with deadline.bounding(next_one):
        async with asyncio.timeout(PATIENCE):
            await next_one.ended.wait()

    assert next_one.why is not None

"""Names that nothing proves: whose time is over, and in which order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tcpnet.chat.accounts import Account
from tcpnet.chat.lapses import Lapses
from tcpnet.errors import BrokerError
from tests.hub import PATIENCE

NINA = Account(name="Nina", id=50_851, key="nina")
JOSE = Account(name="Jose", id=50_922, key="jose")


class Clerk:
    """Deletes accounts, or refuses to."""

    def __init__(self) -> None:
        self.refusals = 0
        self.lapsed: list[str] = []
        self._news = asyncio.Event()

    async def lapse(self, account: Account) -> None:
        """Take one account."""
        self.lapsed.append(account.name)
        self._news.set()
        if self.refusals:
            self.refusals -= 1
            raise BrokerError("not saved: the disk is full")

    async def had(self, number: int) -> list[str]:
        """Wait until so many came; their names."""
        async with asyncio.timeout(PATIENCE):
            while len(self.lapsed) < number:
                self._news.clear()
                await self._news.wait()
        return self.lapsed


@asynccontextmanager
async def kept(lapses: Lapses, lapse: Callable[[Account], Awaitable[None]]) -> AsyncIterator[None]:
    """The task that waits for people's time, for the length of the block."""
    keeper = asyncio.create_task(lapses.keep(lapse))
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.wait([keeper])


async def test_accounts_lapse_in_the_order_of_leaving() -> None:
    """Each once."""
    lapses, clerk = Lapses(grace=0.01), Clerk()
    async with kept(lapses, clerk.lapse):
        lapses.note(NINA)
        lapses.note(JOSE)

        assert await clerk.had(2) == ["Nina", "Jose"]


async def test_who_leaves_again_has_the_whole_time_again() -> None:
    """The earlier leaving counts no more."""
    lapses, clerk = Lapses(grace=0.01), Clerk()
    lapses.note(NINA)
    lapses.note(JOSE)
    lapses.note(NINA)
    async with kept(lapses, clerk.lapse):
        assert await clerk.had(2) == ["Jose", "Nina"]


async def test_what_the_disk_refuses_is_tried_again() -> None:
    """After the same time; nobody else waits for it."""
    lapses, clerk = Lapses(grace=0.01), Clerk()
    clerk.refusals = 1
    async with kept(lapses, clerk.lapse):
        lapses.note(NINA)
        lapses.note(JOSE)

        assert await clerk.had(3) == ["Nina", "Jose", "Nina"]

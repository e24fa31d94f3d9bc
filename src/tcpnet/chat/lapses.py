"""Names that nothing proves: their claims lapse a while after their people left."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from tcpnet.chat.accounts import Account
from tcpnet.errors import BrokerError

_log = logging.getLogger(__name__)


class Lapses:
    """Accounts whose people left, in the order in which their grace time ends."""

    def __init__(self, grace: float) -> None:
        self.grace = grace
        """Seconds from somebody's leaving until it counts."""
        self._left: dict[Account, float] = {}
        self._wake = asyncio.Event()

    def note(self, account: Account) -> None:
        """Take note that somebody left. Never waits."""
        self._left.pop(account, None)
        self._left[account] = asyncio.get_running_loop().time() + self.grace
        self._wake.set()

    async def keep(self, lapse: Callable[[Account], Awaitable[None]]) -> None:
        """Hand each account to `lapse` when its time is over; runs for ever."""
        while True:
            await self._wake.wait()
            account, due = next(iter(self._left.items()))
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            if self._left.get(account) != due:
                continue  # he was there again meanwhile, and left again
            del self._left[account]
            if not self._left:
                self._wake.clear()
            try:
                await lapse(account)
            except BrokerError as error:
                _log.warning("a name is still kept", extra={"error": str(error)})
                self.note(account)

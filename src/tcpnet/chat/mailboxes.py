"""Direct messages: kept until their owner has read them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from tcpnet import text
from tcpnet.broker.base import Broker, Following, Record
from tcpnet.chat.accounts import Account
from tcpnet.errors import BrokerError, UserError

MAX_MESSAGE: Final = 16 * 1024
"""Bytes of one message, in UTF-8."""

RETRY: Final = 5.0
"""Seconds until what the disk refused is tried again."""

_log = logging.getLogger(__name__)
_PAGE: Final = 100


class Mailboxes:
    """One log and one read mark an account."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._seen: dict[str, int] = {}
        self._wake = asyncio.Event()

    async def deliver(self, sender: Account, recipient: Account, words: str, mid: str) -> int:
        """Keep a message for its recipient; returns once it is durable. Raises UserError."""
        if not words.strip():
            raise UserError("A message needs words.")
        if text.size(words) > MAX_MESSAGE:
            raise UserError(f"A message has at most {MAX_MESSAGE} bytes.")
        return await self._broker.publish(_box(recipient), sender.name, mid, text.clean(words))

    async def unread(self, owner: Account) -> AsyncIterator[Record]:
        """What the owner has not read, oldest first."""
        await self._mark(_box(owner))
        page = await self._broker.unread(_box(owner), limit=_PAGE)
        while page:
            for record in page:
                yield record
            page = await self._broker.history(_box(owner), after=page[-1].seq, limit=_PAGE)

    async def count(self, owner: Account) -> int:
        """How many messages the owner has not read."""
        await self._mark(_box(owner))
        return await self._broker.unread_count(_box(owner))

    def saw(self, owner: Account, upto: int) -> None:
        """Note that everything up to this sequence number was shown. Never waits."""
        log = _box(owner)
        self._seen[log] = max(upto, self._seen.get(log, 0))
        self._wake.set()

    async def keep(self) -> None:
        """Write down what was noted; runs for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.settle()
            except BrokerError as error:
                _log.warning("read marks are not saved", extra={"error": str(error)})
                await asyncio.sleep(RETRY)
                self._wake.set()

    async def settle(self) -> None:
        """Write down what was noted. Raises BrokerError and keeps the rest for the next time."""
        for log in list(self._seen):
            await self._mark(log)

    def follow(self, owner: Account, arrived: Callable[[Record], None]) -> Following:
        """Call for each message as it becomes durable, until the following is closed."""

        def each(records: Sequence[Record]) -> None:
            for record in records:
                arrived(record)

        return self._broker.follow(_box(owner), each)

    async def _mark(self, log: str) -> None:
        if (upto := self._seen.get(log)) is not None:
            await self._broker.mark_read(log, upto)
            if self._seen.get(log) == upto:  # more may have been seen meanwhile
                del self._seen[log]


def _box(owner: Account) -> str:
    return f"mail/{owner.key}"

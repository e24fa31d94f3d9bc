"""Direct messages: kept until their owner has read them."""

from collections.abc import AsyncGenerator
from typing import Final

from tcpnet import text
from tcpnet.broker.base import Broker, Deliver, Following, Record
from tcpnet.chat.accounts import Account
from tcpnet.chat.later import Later
from tcpnet.chat.recent import Changes, make_room
from tcpnet.errors import UserError

MAX_MESSAGE: Final = 16 * 1024
"""Bytes of one message, in UTF-8."""

_MARK: Final = "read mark"
_PAGE: Final = 100


class Mailboxes:
    """One log and one read mark an account.

    `max_unread` messages may wait there, and none of them is thrown away. Of those that were read
    the newest stay for a while, so that one that is sent again is known.
    """

    def __init__(self, broker: Broker, later: Later, *, max_unread: int = 1000) -> None:
        self.max_unread = max_unread
        self._broker = broker
        self._later = later
        self._seen: dict[str, int] = {}
        self._deliveries = Changes()
        self._empty: dict[Account, None] = {}  # who has nothing unread, as far as is known

    async def deliver(self, sender: Account, recipient: Account, words: str, mid: str) -> int:
        """Keep a message for its recipient; returns once it is durable. Raises UserError."""
        check(words)
        box = _box(recipient)
        if await self.count(recipient) >= self.max_unread and not await self._has(box, sender, mid):
            raise UserError(
                f"The mailbox of {recipient.name} is full: {self.max_unread} messages are unread"
                " there. Yours was not sent.",
                bound="mail.max_unread",
            )
        self._empty.pop(recipient, None)
        with self._deliveries.of(recipient):
            return await self._broker.publish(box, sender.name, mid, text.clean(words))

    async def unread(self, owner: Account) -> AsyncGenerator[Record, None]:
        """What the owner has not read, oldest first; to be closed where it is left early."""
        await self._later.now(_MARK, _box(owner))
        page = await self._broker.unread(_box(owner), limit=_PAGE)
        while page:
            for record in page:
                yield record
            page = await self._broker.history(_box(owner), after=page[-1].seq, limit=_PAGE)

    def is_empty(self, owner: Account) -> bool:
        """Whether it is known without a look that nothing is unread."""
        return owner in self._empty

    async def count(self, owner: Account) -> int:
        """How many messages the owner has not read."""
        if self.is_empty(owner):
            return 0
        await self._later.now(_MARK, _box(owner))
        ended = self._deliveries.ended
        if unread := await self._broker.unread_count(_box(owner)):
            return unread
        self.opened(owner, ended)
        return 0

    @property
    def deliveries(self) -> int:
        """Deliveries that are over, for `opened`."""
        return self._deliveries.ended

    def opened(self, owner: Account, deliveries: int) -> None:
        """Take note of a new account: nothing is unread there unless it came meanwhile.

        `deliveries`: as they were before it was made.
        """
        if self._deliveries.is_current(owner, deliveries):
            self._empty[owner] = None
            make_room(self._empty)

    async def _has(self, box: str, sender: Account, mid: str) -> bool:
        """Whether a message is there already, and comes again for lack of an answer."""
        newest = await self._broker.history(box, limit=_PAGE)
        return any((record.sender, record.mid) == (sender.name, mid) for record in newest if mid)

    def saw(self, owner: Account, upto: int) -> None:
        """Note that everything up to this sequence number was shown. Never waits."""
        box = _box(owner)
        upto = self._seen[box] = max(upto, self._seen.get(box, 0))

        async def mark() -> None:
            await self._broker.mark_read(box, upto)
            surplus = await self._broker.last_seq(box) - self.max_unread
            if surplus > 0:
                await self._broker.trim(box, min(upto, surplus))
            if self._seen.get(box) == upto:
                del self._seen[box]

        self._later.note(_MARK, box, mark)

    async def delete(self, owner: Account) -> None:
        """Forget all messages of an account that is deleted."""
        self._empty.pop(owner, None)
        await self._broker.delete_log(_box(owner))

    def follow(self, owner: Account, arrived: Deliver) -> Following:
        """Hand messages over as they become durable, until the following is closed."""
        return self._broker.follow(_box(owner), arrived)


def check(words: str) -> None:
    """Raise UserError for words that no mailbox takes, whoever they are for."""
    if not words.strip():
        raise UserError("A message needs words.")
    if text.size(words) > MAX_MESSAGE:
        raise UserError(f"A message has at most {MAX_MESSAGE} bytes.")


def _box(owner: Account) -> str:
    return f"mail/{owner.key}/{owner.box}"

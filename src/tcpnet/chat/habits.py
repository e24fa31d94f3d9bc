"""What an account chose for its web requests, kept for its next time."""

import msgspec
from msgspec import Struct

from tcpnet.broker.base import Broker
from tcpnet.chat.accounts import Account

_KIND = "habits"


class Habits(Struct, frozen=True):
    """`caching` is None until the account chose; `private` hides its address from sites."""

    caching: bool | None = None
    private: bool = True


class HabitBook:
    """The habits of all accounts."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.changes = 0
        """How often somebody chose anew."""

    async def of(self, account: Account) -> Habits:
        """What the account chose last."""
        stored = await self._broker.get(_KIND, account.key)
        return msgspec.json.decode(stored.value, type=Habits) if stored else Habits()

    async def keep(self, account: Account, habits: Habits) -> None:
        """Write down what the account chose. Raises BrokerError."""
        await self._broker.put(_KIND, account.key, msgspec.json.encode(habits))
        self.changes += 1

    async def forget(self, account: Account) -> None:
        """Keep nothing of an account that is deleted."""
        await self._broker.remove(_KIND, account.key)

"""The room that an account is in, so that it is back there after a restart."""

import msgspec
from msgspec import Struct

from tcpnet.broker.base import Broker
from tcpnet.chat.accounts import Account
from tcpnet.chat.later import Later

_KIND = "place"


class Place(Struct, frozen=True):
    """A room, its log (a room made anew under the same id is another one), and since when.

    `since` is the last line before the account came: what it may have again begins behind it.
    """

    room: str
    log: str
    since: int


class Places:
    """Where the accounts of the hub are."""

    def __init__(self, broker: Broker, later: Later) -> None:
        self._broker = broker
        self._later = later

    def sits(self, account: Account, place: Place) -> None:
        """Note that an account is in a room. Never waits."""
        value = msgspec.json.encode(place)
        self._later.note(_KIND, account.key, lambda: self._broker.put(_KIND, account.key, value))

    def leaves(self, account: Account) -> None:
        """Note that an account left by its own choice. Never waits."""
        self._later.note(_KIND, account.key, lambda: self._broker.remove(_KIND, account.key))

    async def of(self, account: Account) -> Place | None:
        """Where the account was last, if it has not left."""
        await self._later.now(_KIND, account.key)
        stored = await self._broker.get(_KIND, account.key)
        return msgspec.json.decode(stored.value, type=Place) if stored else None

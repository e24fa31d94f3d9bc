"""The rooms that people are in, so that they are back there after a restart."""

from typing import Final

import msgspec
from msgspec import Struct

from tcpnet.broker.base import Broker
from tcpnet.chat.accounts import Account
from tcpnet.chat.later import Later

_KIND: Final = "place"


class Place(Struct, frozen=True):
    """A room, its log (a room made anew under the same id is another one), and since when.

    `since` is the last line before the account came: what it may have again begins behind it.
    `hour` is the hub's hour (hours that it ran in all) in which it came.
    """

    room: str
    log: str
    since: int
    hour: int = 0


class Places:
    """Where each session is: somebody who is connected twice may be in two rooms."""

    def __init__(self, broker: Broker, later: Later) -> None:
        self._broker = broker
        self._later = later

    def sits(self, account: Account, session: str, place: Place) -> None:
        """Note that a session is in a room. Never waits."""
        key, value = _key(account, session), msgspec.json.encode(place)
        self._later.note(_KIND, key, lambda: self._broker.put(_KIND, key, value))

    def leaves(self, account: Account, session: str) -> None:
        """Note that a session left by its person's own choice. Never waits."""
        key = _key(account, session)
        self._later.note(_KIND, key, lambda: self._broker.remove(_KIND, key))

    async def of(self, account: Account, session: str) -> Place | None:
        """Where a session was last, if it has not left."""
        key = _key(account, session)
        await self._later.now(_KIND, key)
        stored = await self._broker.get(_KIND, key)
        return msgspec.json.decode(stored.value, type=Place) if stored else None

    async def forget(self, account: Account) -> None:
        """Forget all places of an account that is deleted."""
        for entry in await self._broker.entries(_KIND, _key(account, "")):
            await self._broker.remove(_KIND, entry.key)

    async def tidy(self, before: int) -> None:
        """Forget whoever came before that hour of the hub, and never came back nor left."""
        for entry in await self._broker.entries(_KIND):
            if msgspec.json.decode(entry.value, type=Place).hour < before:
                await self._broker.remove(_KIND, entry.key)


def _key(account: Account, session: str) -> str:
    # No name has a blank.
    return f"{account.key} {session}"

"""Accounts: a name, its key and its five-digit id."""

import secrets
from typing import Final

import msgspec
from msgspec import Struct

from tcpnet import text
from tcpnet.broker.base import Broker, Conflict
from tcpnet.chat import names
from tcpnet.errors import UserError

_KIND: Final = "account"
_IDS: Final = range(10_000, 100_000)
_TRIES: Final = 200
"""Random ids tried before the hub counts as full: at 97 % in use, 1 in 400 logins fails."""


class Account(Struct, frozen=True):
    """Somebody the hub knows; `key` files the name whatever its case."""

    name: str
    id: int
    key: str


class Accounts:
    """All accounts of the hub, kept by the broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def open(self, name: str) -> Account:
        """The account of this valid name; a new name gets an id."""
        key = names.key(name)
        if (stored := await self._broker.get(_KIND, key)) is not None:
            return msgspec.json.decode(stored.value, type=Account)
        account = Account(name=name, id=await self._new_id(key), key=key)
        await self._broker.put(_KIND, key, msgspec.json.encode(account), expected=0)
        return account

    async def find(self, recipient: str) -> Account:
        """The account behind a name or an id; raises UserError."""
        wanted = text.clip(text.clean(recipient).strip(), 4 * names.MAX_NAME)
        if not wanted:
            raise UserError("Nobody was named.")
        # Digits alone are always an id, as no name has only digits.
        by_id = wanted.isdecimal()
        key = await self._owner(wanted) if by_id else names.key(wanted)
        stored = await self._broker.get(_KIND, key) if key else None
        if stored is None:
            raise UserError(f"There is no user {'with the id' if by_id else 'called'} {wanted}.")
        return msgspec.json.decode(stored.value, type=Account)

    async def _new_id(self, key: str) -> int:
        for _ in range(_TRIES):
            number = secrets.choice(_IDS)
            try:
                await self._broker.put("id", str(number), key.encode(), expected=0)
            except Conflict:
                continue
            return number
        raise UserError("All ids of this hub are in use.")

    async def _owner(self, number: str) -> str | None:
        found = await self._broker.get("id", str(int(number)))
        return found.value.decode() if found else None

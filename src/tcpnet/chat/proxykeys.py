"""Proxy keys: what a person's programs show at the proxy port, and good for nothing else."""

import hmac
import secrets
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Struct

from tcpnet.broker.base import Broker
from tcpnet.chat import names
from tcpnet.chat.accounts import Account
from tcpnet.errors import UserError

_KIND: Final = "proxy-key"
_NOBODY: Final = bytes(32)


class KeyHolder(Struct, frozen=True):
    """An account and the keyed hash of its key."""

    account: Account
    hash: bytes


class ProxyKeys:
    """The keys of all accounts, one each at most, in memory: they are asked at every request.

    `secret` is the hub's: without it the hashes that the broker keeps are of no use. `changes`
    counts what was given and taken.
    """

    def __init__(self, broker: Broker, secret: bytes) -> None:
        self.changes = 0
        self._broker = broker
        self._secret = secret
        self._holders: dict[str, KeyHolder] = {}

    async def load(self) -> None:
        """Read the keys that the broker kept."""
        for stored in await self._broker.entries(_KIND):
            self._holders[stored.key] = msgspec.json.decode(stored.value, type=KeyHolder)

    def has(self, account: Account) -> bool:
        """Whether an account has a key."""
        return account.key in self._holders

    async def renew(self, account: Account) -> str:
        """Make a key for an account, in the place of its last one. Raises BrokerError."""
        key = secrets.token_urlsafe(24)
        holder = KeyHolder(account, self._digest(key))
        await self._broker.put(_KIND, account.key, msgspec.json.encode(holder))
        self._holders[account.key] = holder
        self.changes += 1
        return key

    async def revoke(self, account: Account) -> None:
        """Let the key of an account, if it has one, be good for nothing. Raises BrokerError."""
        self._holders.pop(account.key, None)
        self.changes += 1
        await self._broker.remove(_KIND, account.key)

    def owner(self, name: str, key: str) -> Account | None:
        """Whose name and key these are; takes as long for a wrong name as for a wrong key."""
        holder = self._holders.get(_filed(name))
        fits = hmac.compare_digest(holder.hash if holder else _NOBODY, self._digest(key))
        return holder.account if holder and fits else None

    def _digest(self, key: str) -> bytes:
        # Fast is right here: 192 random bits cannot be guessed, however fast one tries.
        return blake2b(key.encode(errors="replace"), key=self._secret, digest_size=32).digest()


def _filed(name: str) -> str:
    try:
        return names.key(name)
    except UserError:
        return ""  # nobody has such a name

"""Codes that let somebody new in where guests are not."""

import secrets
from hashlib import sha256
from typing import Final

from tcpnet.broker.base import Broker

_KIND: Final = "invitation"
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_LENGTH: Final = 12
"""Letters of a code: 59 bits, which nobody guesses at a few tries a minute."""


class Invitations:
    """Each code lets one person in, once."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def make(self) -> str:
        """A new code; only its hash is kept."""
        code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        await self._broker.put(_KIND, _filed(code), b"1")
        return code

    async def is_good(self, code: str) -> bool:
        """Whether a code may still be used."""
        return await self._broker.get(_KIND, _filed(code)) is not None

    async def use(self, code: str) -> bool:
        """Spend a code; whether it was good."""
        return await self._broker.remove(_KIND, _filed(code))


def _filed(code: str) -> str:
    return sha256(code.strip().lower().encode()).hexdigest()

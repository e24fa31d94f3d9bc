"""Passwords: argon2id on a few threads, so that nobody else waits for it."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from precis_i18n import get_profile

from tcpnet import text
from tcpnet.errors import UserError

SHORTEST: Final = 8
"""Characters: what NIST SP 800-63B asks of a secret that a person chose."""
LONGEST: Final = 1024
"""Bytes: hashing more is work for nothing."""

_THREADS: Final = 2

# RFC 8265: the same password whatever keyboard composed its letters.
_OPAQUE: Final = get_profile("OpaqueString")

T = TypeVar("T")


class Passwords:
    """Hashes and verifies (m=19 MiB, t=2, p=1: OWASP's first choice; about 26 ms)."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self.nobody = self._hasher.hash(secrets.token_hex(16))
        """A hash that no password fits: checking it takes as long as any."""
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="password")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown()

    async def hashed(self, password: str) -> str:
        """What to store of a new password; raises UserError for one that is too short or long."""
        if len(password) < SHORTEST:
            raise UserError(f"A password has at least {SHORTEST} characters.")
        if text.size(password) > LONGEST:
            raise UserError(f"A password has at most {LONGEST} bytes.")
        try:
            prepared = _OPAQUE.enforce(password)
        except UnicodeEncodeError:
            raise UserError("A password has letters, digits, signs and spaces only.") from None
        return await self._run(self._hasher.hash, prepared)

    async def fits(self, stored: str, password: str) -> bool:
        """Whether this is the password behind the hash."""
        if text.size(password) > LONGEST:
            return False
        try:
            prepared = _OPAQUE.enforce(password)
        except UnicodeEncodeError:
            prepared = password  # it fits nothing, and takes as long as any
        return await self._run(self._verified, stored, prepared)

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verified(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, call: Callable[..., T], *arguments: str) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

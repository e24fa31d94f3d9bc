"""Accounts: a name that stays its owner's, its five-digit id, and what proves it."""

import hmac
import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from tcpnet import text
from tcpnet.broker import changes
from tcpnet.broker.base import Broker, Conflict
from tcpnet.chat import lookalikes, names
from tcpnet.chat.recent import Held, Recent
from tcpnet.errors import UserError

_KIND: Final = "account"
_ID: Final = "id"
_LOOK: Final = "look"
_IDS: Final = range(10_000, 100_000)
_TRIES: Final = 200
"""Random ids tried before the hub counts as full: at 97 % in use, 1 in 400 logins fails."""

MAX_TOKENS: Final = 20
"""Machines that one account is known on; the one that came first goes first."""


class Account(Struct, frozen=True):
    """Somebody the hub knows; `key` files the name whatever its case.

    `box` makes the mailbox this account's own: whoever has the name later gets another one.
    """

    name: str
    id: int
    key: str
    box: str = ""


class Token(Struct, frozen=True):
    """What a client keeps to prove the name; only its hash is stored."""

    hash: bytes
    agent: str


class Claim(Struct, frozen=True):
    """An account and what proves that somebody owns it.

    `seen` is the hub's hour (hours that it ran in all) in which the owner was last there.
    """

    account: Account
    tokens: tuple[Token, ...] = ()
    password: str = ""
    operator: bool = False
    seen: int = 0

    @property
    def is_proven(self) -> bool:
        """Whether anything proves the name: without it, it is free when nobody holds it."""
        return bool(self.tokens or self.password)

    def knows(self, token: str) -> bool:
        """Whether this is one of its tokens."""
        digest = _digest(token)
        return any(hmac.compare_digest(kept.hash, digest) for kept in self.tokens)


class Accounts:
    """All accounts of the hub, kept by the broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._claims = Recent(broker, _KIND, Claim)
        self.hour = 0
        """Hours that the hub ran in all."""
        self.deletions = 0
        """Accounts deleted since the start: as long as it is the same, none was."""

    async def claim(self, name: str) -> Claim | None:
        """Who holds this name; None where nobody does."""
        key = names.key(name)
        held = self._claims.remembered(key) or await self._claims.get(key)
        return held.value if held else None

    async def take(self, name: str) -> Claim:
        """Make an account of a free name: its look, its id and itself, all or nothing.

        Raises UserError where somebody was faster or no id is free, BrokerError.
        """
        key = names.key(name)
        look = changes.Claim(_LOOK, lookalikes.clash_key(name), key)
        for _ in range(_TRIES):
            number = secrets.choice(_IDS)
            account = Account(name=name, id=number, key=key, box=secrets.token_hex(4))
            claim = Claim(account=account, seen=self.hour)
            filed = changes.Put(_ID, str(number), key.encode(), expected=0)
            try:
                await self._claims.put(key, claim, look, filed, expected=0)
            except Conflict as conflict:
                if conflict.kind != _ID:
                    raise _taken(name, conflict) from None
            else:
                return claim
        raise UserError("All ids of this hub are in use.")

    async def change(self, account: Account, revise: Callable[[Claim], Claim]) -> Claim:
        """Write down what becomes of a claim, whoever else changes it at the same time.

        `revise` may be called again. Raises UserError once the account was deleted, BrokerError.
        """
        while True:
            claim, revision = await self._held(account)
            revised = revise(claim)
            if revised == claim:
                return claim
            try:
                await self._claims.put(account.key, revised, expected=revision)
            except Conflict:
                continue
            return revised

    async def give_token(self, account: Account, token: str, agent: str) -> None:
        """Let this secret of one client prove the name; only its hash stays here."""
        given = Token(hash=_digest(token), agent=text.clip(text.clean(agent), 64))

        def known(claim: Claim) -> Claim:
            return msgspec.structs.replace(claim, tokens=(*claim.tokens, given)[-MAX_TOKENS:])

        await self.change(account, known)

    async def keep_only(self, account: Account, token: str) -> Claim:
        """Forget all tokens but this one."""

        def alone(claim: Claim) -> Claim:
            kept = tuple(kept for kept in claim.tokens if kept.hash == _digest(token))
            return msgspec.structs.replace(claim, tokens=kept)

        return await self.change(account, alone)

    async def set_password(self, account: Account, hashed: str) -> None:
        """Let this password prove the name, and no other."""
        await self.change(account, lambda claim: msgspec.structs.replace(claim, password=hashed))

    async def note_seen(self, account: Account) -> None:
        """Note that the owner is there now."""
        await self.change(account, lambda claim: msgspec.structs.replace(claim, seen=self.hour))

    async def current(self, account: Account) -> Claim:
        """What is known of an account now. Raises UserError once it was deleted."""
        return (await self._held(account)).value

    async def delete(self, account: Account) -> None:
        """Free a name, its look and its id at once, unless that was done already."""
        number = changes.Remove(_ID, str(account.id))
        look = changes.Release(_LOOK, lookalikes.clash_key(account.name), account.key)
        while held := await self._claims.get(account.key):
            if held.value.account != account:
                return  # the name is somebody else's by now
            try:
                await self._claims.remove(account.key, number, look, expected=held.revision)
            except Conflict:
                continue
            self.deletions += 1
            return

    async def lapsed(self, days: float) -> list[Claim]:
        """Claims without a password whose owners were not there for so many days of the hub."""
        claims = await self._claims.all()
        return [c for c in claims if not c.password and self.hour - c.seen > days * 24]

    async def unproven(self) -> list[Account]:
        """Accounts that nothing proves."""
        return [claim.account for claim in await self._claims.all() if not claim.is_proven]

    async def find(self, recipient: str) -> Account:
        """The account behind a name or an id; raises UserError."""
        wanted = text.clip(text.clean(recipient).strip(), 4 * names.MAX_NAME)
        if not wanted:
            raise UserError("Nobody was named.")
        # Digits alone are always an id, as no name has only digits.
        by_id = wanted.isdecimal()
        key = await self._owner(wanted) if by_id else _possible_key(wanted)
        claim = await self.claim(key) if key else None
        if claim is None or (by_id and claim.account.id != int(wanted)):
            raise UserError(f"There is no user {'with the id' if by_id else 'called'} {wanted}.")
        return claim.account

    async def load(self) -> None:
        """Read how long the hub ran."""
        stored = await self._broker.get("hub", "hours")
        self.hour = int(stored.value) if stored else 0

    async def an_hour_passed(self) -> None:
        """Count one more hour that the hub ran."""
        self.hour += 1
        await self._broker.put("hub", "hours", str(self.hour).encode())

    async def _held(self, account: Account) -> Held[Claim]:
        held = await self._claims.get(account.key)
        if held is None or held.value.account != account:
            raise UserError("This account was deleted.")
        return held

    async def _owner(self, number: str) -> str | None:
        found = await self._broker.get(_ID, str(int(number)))
        return found.value.decode() if found else None


def new_token() -> str:
    """A secret for one client: 256 random bits."""
    return secrets.token_urlsafe(32)


def _possible_key(name: str) -> str | None:
    """What a name is filed under; None for what cannot be one, so nobody has it."""
    try:
        return names.key(name)
    except UserError:
        return None


def _taken(name: str, conflict: Conflict) -> UserError:
    if conflict.kind == _LOOK:
        return UserError(f"The name {name} looks like one that somebody else has.")
    return UserError(f"The name {name} was taken a moment ago.")


def _digest(token: str) -> bytes:
    # Fast is right here: 256 random bits cannot be guessed, however fast one tries.
    return sha256(token.encode()).digest()

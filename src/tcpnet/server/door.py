"""Who comes in at the proxy port: from which networks, how many, and as whom."""

import asyncio
import base64
import binascii
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from tcpnet.chat.bans import Bans
from tcpnet.chat.guessing import Guesses
from tcpnet.chat.habits import HabitBook
from tcpnet.chat.proxykeys import ProxyKeys
from tcpnet.errors import UserError
from tcpnet.net.limits import Doorway, household
from tcpnet.proxy.origin.guard import Network
from tcpnet.proxy.port.asker import Asker, Caller, Stranger
from tcpnet.proxy.port.refusals import Refused

_ANYBODY: Final = Asker(caching=True, private=True)

_REMEMBERED: Final = 1000
"""Credentials that need no second look for a while; whoever came least recently goes first."""

_A_WHILE: Final = 5.0
"""Seconds; a ban on a name holds after them at the latest."""


class Entrance:
    """Lets in whoever calls from one of the networks and is not banned, while there is room.

    `note` is told which setting kept out whom.
    """

    def __init__(
        self,
        networks: Iterable[Network],
        doorway: Doorway,
        bans: Bans,
        note: Callable[[str, str], None] = lambda _setting, _address: None,
    ) -> None:
        self._networks = tuple(networks)
        self._doorway = doorway
        self._bans = bans
        self._note = note

    def admit(self, caller: Caller) -> Refused | None:
        """Count a connection in, or say why not."""
        address = caller.address
        if (ban := self._bans.of_address(address)) is not None:
            self._note("bans", address)
            return Refused(403, f"{ban}.", final=True)
        if not self._is_near(address):
            self._note("proxy.clients", address)
            words = "This proxy is not for your address (the operator can allow it: proxy.clients)."
            return Refused(403, words, final=True)
        if (full := self._doorway.refusal(household(*caller), time.monotonic())) is not None:
            self._note(full.limit.replace("limits.", "proxy."), address)
            words = f"{full.words[:1].upper()}{full.words[1:]}."
            return Refused(503, words, fields=(("Retry-After", "10"),), final=True)
        self._doorway.enter(household(*caller))
        return None

    def leave(self, caller: Caller) -> None:
        """Count a connection out."""
        self._doorway.leave(household(*caller))

    def _is_near(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        # A listener for both kinds shows ::ffff:192.0.2.7 for 192.0.2.7.
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in network for network in self._networks)


class OpenDoor(Entrance):
    """A door where nobody is asked for a name: caching is on, and so is private browsing."""

    asks_for_names = False

    def known(self, _credentials: str | None) -> Asker | None:
        """Everybody is the same here."""
        return _ANYBODY

    async def asker(self, _credentials: str | None, _caller: Caller) -> Asker:
        """Everybody is the same here."""
        return _ANYBODY


class _Seen(NamedTuple):
    """Somebody whose credentials were right, until when (monotonic), and as things stood then."""

    asker: Asker
    until: float
    changes: tuple[int, int]


class KeyedDoor(Entrance):
    """A door for people with a proxy key; their account's habits hold for their requests."""

    asks_for_names = True

    def __init__(
        self,
        networks: Iterable[Network],
        doorway: Doorway,
        bans: Bans,
        keys: ProxyKeys,
        habits: HabitBook,
        guesses: Guesses,
        note: Callable[[str, str], None] = lambda _setting, _address: None,
    ) -> None:
        super().__init__(networks, doorway, bans, note)
        self._keys = keys
        self._habits = habits
        self._guesses = guesses
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def known(self, credentials: str | None) -> Asker | None:
        """Whoever showed the same a moment ago, while neither key nor habits changed."""
        seen = self._seen.get(credentials) if credentials else None
        if seen is None or seen.changes != self._changes or time.monotonic() > seen.until:
            return None
        return seen.asker

    async def asker(self, credentials: str | None, caller: Caller) -> Asker:
        """Whose credentials these are. Raises Stranger, and Refused after too many tries."""
        if not credentials:
            raise Stranger(
                "This proxy wants your name and your proxy key, which 9. Account in the menu makes."
            )
        name, key = _basic(credentials)
        changes = self._changes
        account = self._keys.owner(name, key)
        # The right key is never made to wait for what others tried.
        if account is None:
            await self._stranger(name, caller)
            raise Stranger("This name and this key do not belong together.")
        if ban := self._bans.of_name(account.name):
            raise Refused(403, f"{ban}.")
        habits = await self._habits.of(account)
        asker = Asker(caching=habits.caching is not False, private=habits.private)
        self._remember(credentials, _Seen(asker, time.monotonic() + _A_WHILE, changes))
        return asker

    @property
    def _changes(self) -> tuple[int, int]:
        return self._keys.changes, self._habits.changes

    async def _stranger(self, name: str, caller: Caller) -> None:
        """Make whoever guesses wait, longer each time. Raises Refused after too many tries."""
        try:
            now, counted = time.monotonic(), household(*caller)
            delay = self._guesses.begin(f"proxy {name[:64]}", counted, now)
        except UserError as error:
            self._note(error.bound, caller.address)
            raise Refused(429, str(error), fields=(("Retry-After", "60"),)) from error
        await asyncio.sleep(delay)

    def _remember(self, credentials: str, seen: _Seen) -> None:
        self._seen[credentials] = seen
        self._seen.move_to_end(credentials)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)


def _basic(credentials: str) -> tuple[str, str]:
    """Read a name and a key (RFC 7617); empty ones for anything else."""
    scheme, _, token = credentials.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(token.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    name, _, key = text.partition(":")
    return name, key

"""Who may not come in: names, addresses and whole networks."""

import ipaddress
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct

from tcpnet import text
from tcpnet.broker.base import Broker
from tcpnet.chat import lookalikes, names
from tcpnet.errors import UserError

MAX_REASON: Final = 200
"""Characters of a reason: it is shown to whoever is kept out."""

_KIND: Final = "ban"

_OWN: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Ban(Struct, frozen=True):
    """A name or a network that is kept out, why, and until when (UTC seconds; None: for good)."""

    who: str
    reason: str = ""
    until: float | None = None

    def holds(self, now: float) -> bool:
        """Whether it is not over yet."""
        return self.until is None or now < self.until

    def __str__(self) -> str:
        until = f" until {_date(self.until)}" if self.until is not None else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.who} is banned from this hub{until}{reason}"


class Bans:
    """All bans of the hub, kept by the broker and held in memory: they are asked at every door.

    A name is banned with all that look like it. What ends, ends by the machine's own clock.
    """

    def __init__(self, broker: Broker, clock: Callable[[], float] = time.time) -> None:
        self._broker = broker
        self._clock = clock
        self._bans: dict[str, Ban] = {}
        # What to look up: the shapes of banned names, the kinds and sizes of banned networks.
        self._shapes: dict[str, str] = {}
        self._sizes: set[tuple[int, int]] = set()

    def __iter__(self) -> Iterator[Ban]:
        now = self._clock()
        return iter([ban for ban in self._bans.values() if ban.holds(now)])

    async def load(self) -> None:
        """Read the bans that the broker kept, and forget those that are over."""
        for stored in await self._broker.entries(_KIND):
            ban = msgspec.json.decode(stored.value, type=Ban)
            if ban.holds(self._clock()):
                self._bans[stored.key] = ban
            else:
                await self._broker.remove(_KIND, stored.key)
        self._index()

    async def add(self, who: str, *, reason: str = "", seconds: float | None = None) -> Ban:
        """Keep a name or a network out, for good or so long, in the place of an older ban of it.

        Raises UserError for what is neither, and for the hub's own machine.
        """
        key, shown = _filed(who)
        until = None if seconds is None else self._clock() + seconds
        ban = Ban(who=shown, reason=text.clip(text.clean(reason).strip(), MAX_REASON), until=until)
        await self._broker.put(_KIND, key, msgspec.json.encode(ban))
        self._bans[key] = ban
        self._index()
        return ban

    async def lift(self, who: str) -> Ban:
        """Let a name or a network in again. Raises UserError where it was not banned."""
        key, shown = _filed(who)
        if (ban := self._bans.get(key)) is None:
            raise UserError(f"{shown} is not banned.")
        await self._broker.remove(_KIND, key)
        self._bans.pop(key, None)
        self._index()
        return ban

    def of_name(self, name: str) -> Ban | None:
        """The ban on this valid name, or on one that looks like it, if there is one."""
        if not self._shapes:
            return None
        alike = self._shapes.get(lookalikes.clash_key(name), "")
        return self._found(_name_key(name)) or self._found(alike)

    def of_address(self, address: str) -> Ban | None:
        """The ban on a numeric address or on a network that it is in, if there is one."""
        if not self._sizes or (peer := _network(address)) is None:
            return None
        return next(filter(None, map(self._found, self._keys(peer))), None)

    def _keys(self, peer: Network) -> Iterator[str]:
        for version, size in self._sizes:
            if version == peer.version and size <= peer.prefixlen:
                yield _network_key(peer.supernet(new_prefix=size))

    def _found(self, key: str) -> Ban | None:
        ban = self._bans.get(key)
        return ban if ban is not None and ban.holds(self._clock()) else None

    def _index(self) -> None:
        networks = {key: _network(ban.who) for key, ban in self._bans.items()}
        self._sizes = {(n.version, n.prefixlen) for n in networks.values() if n is not None}
        self._shapes = {
            lookalikes.clash_key(self._bans[key].who): key
            for key, network in networks.items()
            if network is None
        }


def _filed(who: str) -> tuple[str, str]:
    """What a ban is filed under, and how it is shown. Raises UserError."""
    if network := _network(who):
        if any(network.overlaps(own) for own in _OWN if own.version == network.version):
            raise UserError("The hub's own machine cannot be banned.")
        return _network_key(network), _shown(network)
    try:
        name = names.person(who)
    except UserError as error:
        raise UserError(f"That is neither a name nor an address: {text.clean(who)}") from error
    return _name_key(name), name


def _name_key(name: str) -> str:
    return f"name {names.key(name)}"


def _network_key(network: Network) -> str:
    return f"network {network}"


def _network(words: str) -> Network | None:
    """The network, or the one of a single address; None for what is neither."""
    try:
        found = ipaddress.ip_network(words.strip().partition("%")[0], strict=False)
    except ValueError:
        return None
    # A listener for both kinds shows ::ffff:192.0.2.7 for 192.0.2.7.
    if isinstance(found, ipaddress.IPv6Network) and found.subnet_of(_MAPPED):
        first = int(found.network_address) - int(_MAPPED.network_address)
        return ipaddress.ip_network((first, found.prefixlen - _MAPPED.prefixlen))
    return found


def _shown(network: Network) -> str:
    return str(network if network.num_addresses > 1 else network.network_address)


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"

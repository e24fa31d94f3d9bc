"""Looking for hubs on the network, by mDNS."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tcpnet import text
from tcpnet.client.address import Address
from tcpnet.client.known_hubs import KnownHubs
from tcpnet.errors import TcpnetError
from tcpnet.protocol import discovery

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncZeroconf

LISTENING: Final = 3.0
"""Seconds for hubs to answer."""
MAX_HUBS: Final = 100
"""Hubs that are looked at; a network with more of them is being made fun of."""

_ASKING: Final = 1.0  # seconds for one hub to tell where it is
_KEY: Final = re.compile(r"[a-z2-7]{4}(-[a-z2-7]{4}){6}")


class CannotFind(TcpnetError):
    """There is no looking for hubs here, for this reason."""


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A hub that answered: what it calls itself, where it is, and the key that it claims."""

    name: str
    address: Address
    key: str


async def find(seconds: float = LISTENING, interfaces: Sequence[str] | None = None) -> list[Found]:
    """Hubs that answer within so many seconds, by name. Raises CannotFind.

    On all networks of this machine unless `interfaces` (by their numeric addresses) are named.
    """
    try:
        from zeroconf import Error, InterfaceChoice
        from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf
    except ImportError as error:
        raise CannotFind(discovery.MISSING) from error
    names: dict[str, None] = {}

    def changed(name: str, **_: Any) -> None:
        if len(names) < MAX_HUBS:
            names[name] = None

    try:
        async with AsyncZeroconf(
            interfaces=InterfaceChoice.All if interfaces is None else list(interfaces)
        ) as network:
            browser = AsyncServiceBrowser(network.zeroconf, discovery.SERVICE, handlers=[changed])
            await asyncio.sleep(seconds)
            await browser.async_cancel()
            found = await asyncio.gather(*(_asked(network, name) for name in names))
    except (OSError, Error) as error:
        raise CannotFind(str(error) or type(error).__name__) from error
    return sorted(hub for hub in found if hub is not None)


async def _asked(network: "AsyncZeroconf", name: str) -> Found | None:
    """Where a hub is, as it says; None for one that is gone or says what cannot be."""
    from zeroconf.asyncio import AsyncServiceInfo

    service = AsyncServiceInfo(discovery.SERVICE, name)
    if not await service.async_request(network.zeroconf, _ASKING * 1000):
        return None
    # Version 4 first: a number of version 6 on the own link needs a zone behind it to be dialled.
    numbers = sorted(service.parsed_scoped_addresses(), key=lambda number: ":" in number)
    if not numbers or not service.port:
        return None
    key = service.decoded_properties.get(discovery.KEY) or ""
    return Found(
        name=text.clean(name.removesuffix(f".{discovery.SERVICE}")),
        address=Address(numbers[0], service.port),
        key=key if _KEY.fullmatch(key) else "",
    )


def standing(hub: Found, known: KnownHubs) -> str:
    """What is known of a hub: `known`, `new`, or `OTHER KEY`. Raises ConfigError."""
    key = known.key_of(hub.address)
    if key is None:
        return "new"
    return "known" if key == hub.key else "OTHER KEY"

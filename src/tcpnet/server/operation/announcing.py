"""Telling the network that a hub is there, by mDNS; without the extra the log says why not."""

import asyncio
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from tcpnet import text
from tcpnet.protocol import discovery, items

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told: the hub's name, where it is, and the fingerprint of its key."""

    name: str
    addresses: tuple[str, ...]
    port: int
    key: str


async def announce(notice: Notice, interfaces: Sequence[str] | None = None) -> None:
    """Answer whoever looks for hubs until this is cancelled; then say that the hub has gone.

    On all networks of this machine unless `interfaces` (by their numeric addresses) are named.
    Where that cannot be done, the log says why, and nothing else happens.
    """
    try:
        from zeroconf import Error, InterfaceChoice, ServiceInfo
        from zeroconf.asyncio import AsyncZeroconf
    except ImportError:
        _log.warning("not announced", extra={"reason": discovery.MISSING})
        return
    service = ServiceInfo(
        discovery.SERVICE,
        f"{_label(notice.name)}.{discovery.SERVICE}",
        parsed_addresses=list(notice.addresses),
        port=notice.port,
        properties={discovery.KEY: notice.key, discovery.PROTOCOL: str(items.PROTOCOL)},
        server=f"{socket.gethostname().partition('.')[0]}.local.",
    )
    try:
        async with AsyncZeroconf(
            interfaces=InterfaceChoice.All if interfaces is None else list(interfaces)
        ) as network:
            # Two hubs of one name on a network get numbers behind it.
            await (await network.async_register_service(service, allow_name_change=True))
            _log.info("announced", extra={"name_there": service.name})
            await asyncio.Event().wait()
    except (OSError, Error) as error:
        _log.warning("not announced", extra={"reason": str(error) or type(error).__name__})


def _label(name: str) -> str:
    """A name as DNS takes it: harmless, not too long, and without a point that would part it."""
    return text.clip(text.clean(name).replace(".", " ").strip(), discovery.MAX_NAME - 8) or "hub"

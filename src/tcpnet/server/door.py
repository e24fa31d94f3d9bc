"""Who comes in at the proxy port: from which networks, how many, and as whom."""

import ipaddress
import time
from collections.abc import Iterable

from tcpnet.chat.bans import Bans
from tcpnet.net.limits import Doorway
from tcpnet.proxy.guard import Network
from tcpnet.proxy.port.asker import Asker
from tcpnet.proxy.port.refusals import Refused

_ANYBODY = Asker(caching=True, private=True)


class OpenDoor:
    """Lets in whoever calls from one of the networks and is not banned; nobody has a name."""

    def __init__(self, networks: Iterable[Network], doorway: Doorway, bans: Bans) -> None:
        self._networks = tuple(networks)
        self._doorway = doorway
        self._bans = bans

    def admit(self, address: str) -> Refused | None:
        """Count a connection in, or say why not."""
        if (ban := self._bans.of_address(address)) is not None:
            return Refused(403, f"{ban}.", final=True)
        if not self._is_near(address):
            words = "This proxy is not for your address (the operator can allow it: proxy.clients)."
            return Refused(403, words, final=True)
        if (full := self._doorway.refusal(address, time.monotonic())) is not None:
            return Refused(503, f"{full.words[:1].upper()}{full.words[1:]}.", final=True)
        self._doorway.enter(address)
        return None

    def leave(self, address: str) -> None:
        """Count a connection out."""
        self._doorway.leave(address)

    def known(self, _credentials: str | None) -> Asker | None:
        """Everybody is the same here."""
        return _ANYBODY

    async def asker(self, _credentials: str | None, _address: str) -> Asker:
        """Everybody is the same here."""
        return _ANYBODY

    def _is_near(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        # A listener for both kinds shows ::ffff:192.0.2.7 for 192.0.2.7.
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in network for network in self._networks)

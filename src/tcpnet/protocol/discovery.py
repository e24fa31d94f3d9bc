"""How a hub is found on a network: the names that both sides use in mDNS (RFC 6762, RFC 6763)."""

from typing import Final

SERVICE: Final = "_tcpnet._tcp.local."
"""The type of service; before it stands the name of the hub, `Camp._tcpnet._tcp.local.`."""

KEY: Final = "key"
"""The property with the fingerprint of the hub's key: to tell hubs apart, it proves nothing."""

PROTOCOL: Final = "protocol"
"""The property with the number of the protocol."""

MAX_NAME: Final = 63
"""Bytes of a hub's name (RFC 1035, 2.3.4)."""

MISSING: Final = "the package zeroconf is not installed (pip install zeroconf)"
"""Why there is no finding, on either side."""

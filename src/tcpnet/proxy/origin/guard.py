"""Which addresses and ports may be dialled: the public Internet, and what the operator opens."""

import errno
import socket
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from tcpnet.proxy.origin.routes import Address, AddrInfo, local_addresses

Network = IPv4Network | IPv6Network

SETTING: Final = "proxy.allow"

_MACHINE: Final = "is this machine itself"
_LAN: Final = "is inside the local network"
_METADATA: Final = "belongs to the provider's own services"
_NOT_A_SITE: Final = "is reserved and no site's address"

# IANA's special-purpose registries, less the few blocks that are ordinary Internet, plus what
# they leave out: site-local, multicast, Azure's metadata address (168.63.129.16). The ipaddress
# module is not asked: is_global of Python 3.11 holds several of these to be public.
_REFUSED_V4: Final = tuple(
    (IPv4Network(network), why)
    for network, why in (
        ("0.0.0.0/8", _MACHINE),
        ("10.0.0.0/8", _LAN),
        ("100.64.0.0/10", "is inside the provider's network"),
        ("127.0.0.0/8", _MACHINE),
        ("168.63.129.16/32", _METADATA),
        ("169.254.0.0/16", "is a link-local address"),
        ("172.16.0.0/12", _LAN),
        ("192.0.0.0/24", _NOT_A_SITE),
        ("192.0.2.0/24", _NOT_A_SITE),
        ("192.88.99.0/24", _NOT_A_SITE),
        ("192.168.0.0/16", _LAN),
        ("198.18.0.0/15", _NOT_A_SITE),
        ("198.51.100.0/24", _NOT_A_SITE),
        ("203.0.113.0/24", _NOT_A_SITE),
        ("224.0.0.0/4", "is a multicast address"),
        ("240.0.0.0/4", _NOT_A_SITE),
    )
)

# Outside 2000::/3 nothing is the Internet; the entries there only choose better words.
_REFUSED_V6: Final = tuple(
    (IPv6Network(network), why)
    for network, why in (
        ("::/127", _MACHINE),
        ("fc00::/7", _LAN),
        ("fe80::/10", "is a link-local address"),
        ("fec0::/10", _LAN),
        ("ff00::/8", "is a multicast address"),
        ("::/3", _NOT_A_SITE),  # v4-compatible, 64:ff9b:1::/48, discard, …
        ("4000::/2", _NOT_A_SITE),
        ("8000::/1", _NOT_A_SITE),
        ("2001::/23", _NOT_A_SITE),  # Teredo, benchmarking, ORCHID, …
        ("2001:db8::/32", _NOT_A_SITE),
        ("3fff::/20", _NOT_A_SITE),
    )
)

_V4_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_6TO4: Final = IPv6Network("2002::/16")


class Forbidden(PermissionError):
    """A dial that is not made; an OSError, so that a connector takes it for a failed dial.

    `why` completes a sentence that begins with the address; `setting` names the setting that
    would allow it, None where none does.
    """

    def __init__(self, address: str, port: int, why: str, setting: str | None) -> None:
        super().__init__(errno.EACCES, f"{address} port {port} is refused: it {why}")
        self.address, self.port, self.why, self.setting = address, port, why, setting


class Guard:
    """Checks each address at the moment it is dialled, whatever name or spelling led to it.

    `own_ports` are the ports that this hub listens on: fetching from them is refused on every
    address of this machine, allowed networks included, or a page could speak to the hub itself.
    """

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        self.allowed = tuple(allowed)
        self.own_ports: set[int] = set()

    def check(self, host: str, port: int) -> None:
        """Raise `Forbidden` unless this numeric address may be dialled on this port."""
        if port not in (80, 443) and port < 1024:
            words = f"would be asked on port {port} (allowed are 80, 443 and those above 1023)"
            raise Forbidden(host, port, words, None)
        self.check_address(host, port)

    def check_address(self, host: str, port: int) -> None:
        """Raise `Forbidden` unless this numeric address may be dialled on a port that is open."""
        address = ip_address(host.partition("%")[0])
        if port in self.own_ports and _is_here(address):
            raise Forbidden(host, port, "is this hub", None)
        inner = embedded(address)
        if any(inner in network or address in network for network in self.allowed):
            return
        if why := refusal(inner):
            raise Forbidden(host, port, why, SETTING)

    def socket(self, addr_info: AddrInfo) -> socket.socket:
        """Open a socket for exactly this address, or raise `Forbidden`: a connector's factory."""
        family, kind, protocol, _, sockaddr = addr_info
        self.check(sockaddr[0], sockaddr[1])
        return socket.socket(family, kind, protocol)


def network(text: str) -> Network:
    """Read an operator's `10.0.0.0/8` or `fd00::/8`; a single address will do.

    Raises ValueError, with words, for anything else, host bits set included.
    """
    return ip_network(text)


def embedded(address: Address) -> Address:
    """Return the IPv4 address inside a mapped, NAT64 or 6to4 address, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _V4_MAPPED or address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _6TO4:
        return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return address


def refusal(address: Address) -> str | None:
    """Say why this address is not part of the public Internet; None if it is."""
    if isinstance(address, IPv4Address):
        return next((why for network, why in _REFUSED_V4 if address in network), None)
    return next((why for network, why in _REFUSED_V6 if address in network), None)


def _is_here(address: Address) -> bool:
    inner = embedded(address)
    return inner.is_loopback or inner.is_unspecified or inner in local_addresses()

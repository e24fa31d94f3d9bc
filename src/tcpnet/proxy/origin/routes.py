"""This machine's own addresses, and which of them leads to an origin."""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import ifaddr

Address = IPv4Address | IPv6Address
AddrInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
"""One answer of `socket.getaddrinfo`."""


def local_addresses() -> list[Address]:
    """List the addresses of this machine's interfaces, loopback included."""
    texts = (
        ip.ip if isinstance(ip.ip, str) else ip.ip[0]
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
    )
    return [ip_address(text.partition("%")[0]) for text in texts]


def own_address(answers: Iterable[AddrInfo]) -> str:
    """Return this machine's address on the way to the first of these that there is a way to.

    A datagram socket is connected, which sends nothing. Where there is no way, it is the first
    address on the local network; without a network, loopback.
    """
    for family, _, _, _, sockaddr in answers:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect(sockaddr)
                return str(probe.getsockname()[0])
        except OSError:
            continue  # no way to this address; the next may have one
    return str(_first_on_the_lan(local_addresses()))


def _first_on_the_lan(addresses: Iterable[Address]) -> Address:
    outward = [one for one in addresses if not one.is_loopback and not one.is_link_local]
    outward.sort(key=lambda one: one.version)
    return outward[0] if outward else IPv4Address("127.0.0.1")

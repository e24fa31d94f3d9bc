"""Where others on the network find this machine, and who is its neighbour."""

import ipaddress
from collections.abc import Iterator

import ifaddr


def reachable(host: str) -> Iterator[str]:
    """Addresses of this machine that others can dial for a listener on `host`."""
    listening = ipaddress.ip_address(host.partition("%")[0])
    if listening.is_loopback:
        return
    if not listening.is_unspecified:
        yield host
        return
    for number in own():
        address = ipaddress.ip_address(number)
        usable = not (address.is_loopback or address.is_link_local)
        if usable and address.version == listening.version:
            yield number


def own() -> Iterator[str]:
    """All addresses of this machine, in numbers."""
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            number = entry.ip if isinstance(entry.ip, str) else entry.ip[0]
            yield str(ipaddress.ip_address(number))

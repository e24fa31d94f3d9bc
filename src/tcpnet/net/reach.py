"""Where others on the network find this machine."""

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
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            address = ipaddress.ip_address(entry.ip if isinstance(entry.ip, str) else entry.ip[0])
            usable = not (address.is_loopback or address.is_link_local)
            if usable and address.version == listening.version:
                yield str(address)

"""Routes: this machine's own addresses."""

import socket
from ipaddress import ip_address

import pytest

from tcpnet.proxy.origin import routes
from tcpnet.proxy.origin.routes import Address, local_addresses, own_address


def test_loopback_is_among_the_addresses_of_this_machine() -> None:
    """Every machine can speak to itself."""
    assert ip_address("127.0.0.1") in local_addresses()


def test_the_address_that_leads_to_this_machine_is_its_own() -> None:
    """A connected datagram socket tells its own end, and nothing is sent."""
    answers = socket.getaddrinfo("127.0.0.1", 443, type=socket.SOCK_STREAM)

    assert own_address(answers) == "127.0.0.1"


@pytest.mark.parametrize(
    ("addresses", "own"),
    [
        (["127.0.0.1", "::1", "fd00::5", "192.168.1.5"], "192.168.1.5"),
        (["127.0.0.1", "169.254.3.4", "fe80::1", "10.0.0.5"], "10.0.0.5"),
        (["127.0.0.1", "::1", "fd00::5"], "fd00::5"),
        (["127.0.0.1", "::1"], "127.0.0.1"),
        ([], "127.0.0.1"),
    ],
)
def test_without_a_way_the_first_address_on_the_network_is_shown(
    addresses: list[str], own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link is down, or the name unknown: a person still reads who would have asked."""

    def interfaces() -> list[Address]:
        return [ip_address(address) for address in addresses]

    monkeypatch.setattr(routes, "local_addresses", interfaces)

    assert own_address([]) == own


def test_an_address_without_a_way_is_passed_over() -> None:
    """A broadcast address takes no ordinary socket; the next answer does."""
    nowhere = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("255.255.255.255", 443))
    here = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 443))

    assert own_address([nowhere, here]) == "127.0.0.1"

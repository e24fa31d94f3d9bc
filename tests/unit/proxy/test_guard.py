"""The guard: which addresses and ports are dialled."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.proxy.origin.guard import Forbidden, Guard, network, refusal

REFUSED = [
    # this machine
    *("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "::", "::1"),
    # networks of one place
    *("10.0.0.5", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1"),
    *("fc00::1", "fd00:ec2::254", "fd20:ce::254", "fec0::1", "100.127.255.255"),
    # one link, and the metadata services of clouds
    *("169.254.0.1", "169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
    *("fe80::1", "febf::1", "fe80::1%lo"),
    # many machines, or none
    *("224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "ff02::1", "ff0e::1"),
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.88.99.1"),
    *("2001:db8::1", "3fff::1", "100::1", "2001:2::1", "2001:10::1", "2001:20::1", "5f00::1"),
    *("1000::1", "4000::1", "e000::1"),
    # an IPv4 address inside
    *("::ffff:127.0.0.1", "::ffff:10.0.0.5", "::ffff:169.254.169.254", "::127.0.0.1", "::8.8.8.8"),
    *("64:ff9b::127.0.0.1", "64:ff9b::a00:5", "64:ff9b:1::7f00:1", "64:ff9b:1::808:808"),
    *("2002:7f00:1::", "2002:a00:5::1", "2002:c0a8:1::1", "2001:0:7f00:1::", "2001::808:808"),
    *("::ffff:0:127.0.0.1", "64:ff9b:0:1::1"),
]
PERMITTED = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1"),
    *("126.255.255.255", "128.0.0.1", "168.63.129.15", "169.253.255.255", "172.15.255.255"),
    *("172.32.0.1", "192.167.255.255", "192.169.0.1", "198.17.255.255", "223.255.255.255"),
    *("2606:4700::1111", "2a00:1450::1", "2001:200::1", "2003::1", "2002:808:808::1"),
    *("::ffff:8.8.8.8", "64:ff9b::8.8.8.8"),
]


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_the_public_internet_is_not_dialled(address: str) -> None:
    """Everything special is refused, however it is written, and the refusal names the way out."""
    with pytest.raises(Forbidden) as refused:
        Guard().check(address, 443)

    assert (refused.value.address, refused.value.port) == (address, 443)
    assert refused.value.setting == "proxy.allow"


@pytest.mark.parametrize("address", PERMITTED)
def test_the_public_internet_is_dialled(address: str) -> None:
    """The neighbours of special networks, and public IPv4 inside IPv6, are ordinary."""
    Guard().check(address, 443)


@given(st.ip_addresses(v=4).filter(lambda address: address.is_private))
def test_what_the_standard_library_calls_private_is_refused(address: IPv4Address) -> None:
    """The list covers at least what the library knows; the library alone is not enough."""
    assert refusal(address)


@given(st.ip_addresses(v=6).filter(lambda address: not address.is_global))
def test_what_the_standard_library_calls_local_is_refused_in_ipv6(address: IPv6Address) -> None:
    """The list covers at least what the library knows, but for what an IPv4 address decides."""
    assert refusal(address) or address.sixtofour or address.ipv4_mapped


@pytest.mark.parametrize("shell", ["::ffff:{}", "64:ff9b::{}"])
@given(inner=st.ip_addresses(v=4))
def test_an_address_with_an_ipv4_address_inside_is_judged_by_it(
    shell: str, inner: IPv4Address
) -> None:
    """Mapped and NAT64 addresses lead to the IPv4 address they hold (RFC 4291, RFC 6052)."""
    assert _is_refused(shell.format(inner)) == _is_refused(str(inner))


@given(st.ip_addresses(v=4))
def test_a_6to4_address_is_judged_by_the_ipv4_address_inside(inner: IPv4Address) -> None:
    """A 6to4 router sends the packet on to that address (RFC 3056 §2)."""
    shell = ip_address((0x2002 << 112) | int(inner) << 80 | 1)

    assert _is_refused(str(shell)) == _is_refused(str(inner))


@pytest.mark.parametrize("port", [0, 1, 22, 25, 53, 79, 81, 110, 442, 444, 587, 993, 1023])
def test_ports_of_other_services_are_not_dialled(port: int) -> None:
    """A mail server can be made to take an HTTP request for a letter; no setting opens that."""
    with pytest.raises(Forbidden, match=f"port {port}") as refused:
        Guard([network("0.0.0.0/0")]).check("8.8.8.8", port)

    assert refused.value.setting is None


@pytest.mark.parametrize("port", [80, 443, 1024, 8080, 65535])
def test_ports_of_the_web_are_dialled(port: int) -> None:
    """80, 443 and every port that an ordinary user may listen on."""
    Guard().check("8.8.8.8", port)


@pytest.mark.parametrize(
    ("allowed", "address"),
    [
        ("10.0.0.0/8", "10.0.0.5"),
        ("10.0.0.5", "10.0.0.5"),
        ("10.0.0.0/8", "::ffff:10.0.0.5"),
        ("10.0.0.0/8", "64:ff9b::a00:5"),
        ("127.0.0.0/8", "127.0.0.1"),
        ("::1", "::1"),
        ("fd00::/8", "fd12::1"),
        ("64:ff9b:1::/48", "64:ff9b:1::7f00:1"),
    ],
)
def test_the_operator_opens_networks(allowed: str, address: str) -> None:
    """What `proxy.allow` names is dialled, and nothing beside it."""
    guard = Guard([network(allowed)])

    guard.check(address, 443)

    with pytest.raises(Forbidden):
        guard.check("192.168.1.1", 443)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0"])
def test_the_hub_does_not_fetch_from_itself(address: str) -> None:
    """Its own ports stay closed where the operator has opened the networks around them."""
    guard = Guard([network("0.0.0.0/0"), network("::/0")])
    guard.own_ports.add(12000)

    with pytest.raises(Forbidden, match="is this hub") as refused:
        guard.check(address, 12000)

    assert refused.value.setting is None
    guard.check(address, 12001)
    guard.check("8.8.8.8", 12000)


def test_the_socket_of_a_permitted_address_is_made() -> None:
    """As a connector's factory the guard makes the socket for just this address."""
    guard = Guard([network("127.0.0.0/8")])

    with guard.socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 8080))) as made:
        assert (made.family, made.type) == (socket.AF_INET, socket.SOCK_STREAM)


def test_no_socket_is_made_for_a_refused_address() -> None:
    """A refusal is an OSError: a connector takes it for a dial that failed."""
    sockaddr = ("fe80::1%lo", 443, 0, 1)

    with pytest.raises(OSError, match="link-local"):
        Guard().socket((socket.AF_INET6, socket.SOCK_STREAM, 0, "", sockaddr))


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10/8", "lan", "", "10.0.0.0/33"])
def test_a_network_that_means_nothing_certain_is_not_read(text: str) -> None:
    """Host bits left set are more often a slip than a wish."""
    with pytest.raises(ValueError, match=r"."):
        network(text)


def _is_refused(address: str) -> bool:
    try:
        Guard().check(address, 443)
    except Forbidden:
        return True
    return False

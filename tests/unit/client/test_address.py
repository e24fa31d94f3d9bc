"""Addresses as people write them."""

import pytest

from tcpnet.client.address import Address, port_number, split
from tcpnet.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("127.0.0.1", ("127.0.0.1", None)),
        ("127.0.0.1:12000", ("127.0.0.1", 12000)),
        ("hub.lan:1", ("hub.lan", 1)),
        ("[::1]", ("::1", None)),
        ("[::1]:12000", ("::1", 12000)),
        ("::1", ("::1", None)),
        ("fe80::1%eth0", ("fe80::1%eth0", None)),
        (" hub ", ("hub", None)),
    ],
)
def test_host_and_port_are_told_apart(text: str, parts: tuple[str, int | None]) -> None:
    """Only brackets can give an IPv6 number a port."""
    assert split(text) == parts


@pytest.mark.parametrize(
    "text", ["", ":12000", "hub:", "hub:http", "[::1", "[::1]x", "hub:0", "hub:65536"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """The refusal says what is wrong with it."""
    with pytest.raises(ConfigError, match=r"address|port"):
        split(text)


@pytest.mark.parametrize("text", ["0", "65536", "-1", "1e3", "٣", "x", "99999999"])
def test_what_is_no_port_is_refused(text: str) -> None:
    """A port is a number from 1 to 65535."""
    with pytest.raises(ConfigError, match="from 1 to 65535"):
        port_number(text)


def test_an_address_is_shown_as_the_hub_shows_it() -> None:
    """With a slash before the port."""
    assert str(Address("127.0.0.1", 12000)) == "127.0.0.1/12000"

"""Where a hub is: host and port, as people write them."""

from dataclasses import dataclass
from typing import Final

from tcpnet.errors import ConfigError

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 12005


@dataclass(frozen=True, slots=True)
class Address:
    """A host name or number, and a port."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        return f"{self.host}/{self.port}"


def split(text: str) -> tuple[str, int | None]:
    """Read `HOST`, `HOST:PORT` or `[IPv6]:PORT`; a bare IPv6 number is a host without a port.

    Raises ConfigError.
    """
    text = text.strip()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ConfigError(f"address {text}: the form is [::1]:{DEFAULT_PORT}")
        port = rest[1:]
    else:
        host, colon, port = text.partition(":")
        if ":" in port:
            host, colon, port = text, "", ""
        if colon and not port:
            raise ConfigError(f"address {text}: the port is missing")
    if not host:
        raise ConfigError(f"address {text}: the host is missing")
    return host, port_number(port) if port else None


def port_number(text: str) -> int:
    """Read a port; raises ConfigError."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 6):
        raise ConfigError(f"port {text}: a port is a number from 1 to 65535")
    if not 1 <= int(digits) <= 65535:
        raise ConfigError(f"port {text}: a port is a number from 1 to 65535")
    return int(digits)

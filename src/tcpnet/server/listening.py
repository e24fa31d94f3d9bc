"""The port at which people call; taken before anything else is touched, or even imported."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tcpnet.config import Settings
from tcpnet.errors import ConfigError
from tcpnet.net.tcp import Listener


async def bound(settings: Settings) -> Listener:
    """Take the port: whoever calls waits until it is open. Raises ConfigError."""
    with telling(settings.server.host, settings.server.port):
        return await Listener.bind(settings.server.host, settings.server.port)


@contextmanager
def telling(host: str, port: int) -> Iterator[None]:
    """Say in words why a port cannot be had."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"cannot listen at {host}/{port}: {_why(error)}") from error


def _why(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "it is in use already"
        case errno.EADDRNOTAVAIL:
            return "this machine does not have that address"
    # asyncio puts its own words and the address into the text of what the system said.
    if error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return error.strerror or str(error)

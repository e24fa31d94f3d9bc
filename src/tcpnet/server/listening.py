"""The port at which people call; taken before anything else is touched, or even imported."""

import errno
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
        why = "it is in use already" if error.errno == errno.EADDRINUSE else error.strerror
        raise ConfigError(f"cannot listen at {host}/{port}: {why}") from error

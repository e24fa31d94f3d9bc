"""Why a port cannot be had, in words."""

import errno
import socket

import pytest

from tcpnet.errors import ConfigError
from tcpnet.server.listening import telling


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EADDRINUSE, "error while attempting to bind"), "it is in use already"),
        (OSError(errno.EADDRNOTAVAIL, "while"), "this machine does not have that address"),
        (PermissionError(errno.EACCES, "error while attempting to bind"), "Permission denied"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (OSError("nothing came of it"), "nothing came of it"),
    ],
)
def test_a_port_that_cannot_be_had_is_told_in_words(error: OSError, words: str) -> None:
    """Without the address twice, as asyncio would have it."""
    with pytest.raises(ConfigError) as told, telling("h", 1):
        raise error

    assert str(told.value) == f"cannot listen at h/1: {words}"

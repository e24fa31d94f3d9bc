"""Telling systemd how far a start or an end is, by its protocol for services (`sd_notify`)."""

import os
import socket
from collections.abc import Mapping
from typing import Final

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"

_VARIABLE: Final = "NOTIFY_SOCKET"


def tell(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Say one state where somebody wants to hear it; elsewhere nothing. Never raises OSError.

    The socket's name is in `NOTIFY_SOCKET`; `@` stands for the zero byte of an abstract one.
    """
    name = environ.get(_VARIABLE, "")
    family = getattr(socket, "AF_UNIX", None)
    if not name or family is None:
        return
    address = f"\0{name[1:]}" if name.startswith("@") else name
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        try:
            line.sendto(state.encode(), address)
        except OSError:
            return  # a hub runs as well without anybody who watches

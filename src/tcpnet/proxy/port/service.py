"""What every connection of the port works with."""

import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tcpnet.proxy.entry import Lines
from tcpnet.proxy.port.asker import Door
from tcpnet.proxy.proxy import WebProxy


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may take, in seconds.

    `head`: from the first byte of a request to the end of its head. `body`: between two pieces of
    its body. `idle`: between two requests. `stall`: without taking a byte of its answer.
    `linger`: to take the last answer before the connection is closed. `tunnel`: without a byte
    either way.
    """

    head: float = 10.0
    body: float = 60.0
    idle: float = 60.0
    stall: float = 120.0
    linger: float = 2.0
    tunnel: float = 600.0


@dataclass(frozen=True, slots=True)
class OwnPage:
    """A page of the hub itself."""

    status: int
    fields: Lines
    body: bytes


Dial = Callable[[str, int], Awaitable[socket.socket]]
"""Connects to a site by its name and port, where that is permitted. Raises FetchError."""

OwnPages = Callable[[str, str], OwnPage | None]
"""The hub's own page under a path, for who calls the hub by this address; None for no page."""


@dataclass(slots=True)
class Counters:
    """What happened at the port since the start, as plain integers; bytes are those of bodies."""

    connections: int = 0
    requests: int = 0
    at_once: int = 0
    bytes_at_once: int = 0
    refused: int = 0
    tunnels: int = 0
    tunnel_bytes: int = 0


@dataclass(slots=True)
class Service:
    """The parts that all connections share; tunnels go to `connect_ports` only."""

    web: WebProxy
    door: Door
    own_pages: OwnPages
    dial: Dial
    connect_ports: frozenset[int] = frozenset({443})
    patience: Patience = Patience()
    clock: Callable[[], float] = time.time
    counters: Counters = field(default_factory=Counters)

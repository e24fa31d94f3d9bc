"""What the load generator is told to do, and where."""

from typing import Any

import msgspec
from msgspec import Struct


class Target(Struct, frozen=True):
    """A server, and how to talk to it.

    `at_once` handshakes are under way together, `text_bytes` are said in a line, and `pump` is
    the compiled one, if there is one.
    """

    wire: str
    port: int
    pid: int
    at_once: int
    text_bytes: int
    pump: str | None


class Fanout(Struct, frozen=True, tag=True):
    """Rooms of so many members, so many lines under way in all, for so many seconds."""

    rooms: int
    members: int
    in_flight: int
    seconds: float


class Paced(Struct, frozen=True, tag=True):
    """One room in which so many lines a second are said, whatever happens to them."""

    members: int
    rate: float
    seconds: float


class Idle(Struct, frozen=True, tag=True):
    """People who log in and do nothing; memory is read at each of these numbers of them."""

    people: tuple[int, ...]
    tls: bool = False


class Logins(Struct, frozen=True, tag=True):
    """So many new people log in, and then the same ones again."""

    people: int
    tls: bool = False


class Doors(Struct, frozen=True, tag=True):
    """A room of members, and visitors who come and go for so many seconds."""

    members: int
    visitors: int
    seconds: float


class Stuck(Struct, frozen=True, tag=True):
    """A paced room of long lines, without and then with one member who does not read."""

    members: int
    rate: float
    seconds: float


Shape = Fanout | Paced | Idle | Logins | Doors | Stuck


class Order(Struct, frozen=True):
    """One load on one server."""

    target: Target
    shape: Shape


Figures = dict[str, float]
"""What was measured, by name; seconds, bytes, counts."""


def read(text: str) -> Order:
    """An order from the command line."""
    return msgspec.json.decode(text, type=Order)


def write(value: Any) -> str:
    """An order, or figures, as one line."""
    return msgspec.json.encode(value).decode()

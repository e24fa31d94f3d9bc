"""What happens in a room and everybody there is told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tcpnet.broker.base import Record


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody came in; `here` counts everybody."""

    room: str
    name: str
    here: int


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody went, or was lost."""

    room: str
    name: str
    here: int


@dataclass(frozen=True, slots=True)
class Away:
    """Somebody's connection was lost; he may be back soon."""

    room: str
    name: str


@dataclass(frozen=True, slots=True)
class Back:
    """Somebody who was away is there again."""

    room: str
    name: str


@dataclass(frozen=True, slots=True)
class Handed:
    """The owner was lost, and the room passed to the member who is there longest."""

    room: str
    name: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The owner closed the room."""

    room: str
    by: str


Verb = Literal["mute", "unmute", "kick", "unkick"]
"""What may be decided of somebody: whether he may speak, whether he may be there."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """Somebody who may decided so of `name`; `mid` is the deciding one's id of his word."""

    room: str
    verb: Verb
    name: str
    by: str
    here: int
    mid: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """So many lines that somebody missed are kept no longer."""

    room: str
    lines: int


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody said, durable."""

    room: str
    record: Record


Event = Joined | Left | Away | Back | Handed | Closed | Ruled | Gone | Line
Render = Callable[[Event], bytes]
"""Puts an event into the frame that everybody gets."""

"""What happens in a room and everybody there is told."""

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct

from tcpnet.broker.base import Record


class Joined(Struct, frozen=True):
    """Somebody came in; `here` counts everybody."""

    room: str
    name: str
    here: int


class Left(Struct, frozen=True):
    """Somebody went, or was lost."""

    room: str
    name: str
    here: int


class Away(Struct, frozen=True):
    """Somebody's connection was lost; he may be back soon."""

    room: str
    name: str


class Back(Struct, frozen=True):
    """Somebody who was away is there again."""

    room: str
    name: str


class Handed(Struct, frozen=True):
    """The owner was lost, and the room passed to the member who is there longest."""

    room: str
    name: str


class Closed(Struct, frozen=True):
    """The owner closed the room."""

    room: str
    by: str


Verb = Literal["mute", "unmute", "kick", "unkick"]
"""What may be decided of somebody: whether he may speak, whether he may be there."""


class Ruled(Struct, frozen=True):
    """Somebody who may decided so of `name`; `mid` is the deciding one's id of his word."""

    room: str
    verb: Verb
    name: str
    by: str
    here: int
    mid: str = ""


class Gone(Struct, frozen=True):
    """So many lines that somebody missed are kept no longer."""

    room: str
    lines: int


class Said(Struct, frozen=True):
    """Lines that were said, in order and durable."""

    room: str
    records: Sequence[Record]


Event = Joined | Left | Away | Back | Handed | Closed | Ruled | Gone | Said
Render = Callable[[Event], bytes]
"""Puts an event into what everybody gets: one frame, or one for each line."""

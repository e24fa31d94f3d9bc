"""Rooms full of members, ready to speak."""

import time

from benchmarks.crowd import PATIENCE, Crowd, Hung, acknowledge_at_once
from benchmarks.orders import Target
from benchmarks.wires import WIRES, Wire


class Rooms:
    """Members who take turns, room by room."""

    def __init__(self, crowd: Crowd, target: Target, rooms: int, members: int) -> None:
        self.crowd = crowd
        self.wire = wire = wire_of(target)
        self.rooms = rooms
        self.members = members
        self.said = 0
        # Room by room in turn, as they will speak. Those who open the rooms come first.
        names = [(person(n), room_name(n % rooms)) for n in range(rooms * members)]
        first = (wire.enter(*name, first=True) for name in names[:rooms])
        others = (wire.enter(*name, first=False) for name in names[rooms:])
        crowd.bring(first, target.at_once)
        crowd.bring(others, target.at_once)
        crowd.settle()

    def say(self, words: bytes) -> None:
        """The next member says something."""
        crowd, serial = self.crowd, self.said
        speaker = crowd.members[serial % len(crowd.members)]
        speaker.socket.sendall(self.wire.line(speaker.seat, words, serial))
        acknowledge_at_once(speaker.socket)
        self.said += 1

    @property
    def newlines(self) -> int:
        """Line feeds that the members hear for one line."""
        return self.wire.newlines_heard(self.members)

    def wait(self, newlines: int) -> None:
        """Read until so many line feeds came. Raises Hung."""
        until = time.monotonic() + PATIENCE
        while newlines > 0:
            newlines -= self.crowd.pump(1)
            if time.monotonic() > until:
                raise Hung(f"{newlines} line feeds are missing")


def wire_of(target: Target) -> Wire:
    """The wire that a server speaks."""
    return WIRES[target.wire](target.text_bytes)


def person(number: int) -> str:
    """A name of one length, within nine letters, which is all that some servers take."""
    return f"m{number:06}"


def room_name(number: int) -> str:
    """A room's name, of one length too."""
    return f"r{number:04}"

"""One member who does not read: what it does to the others, and what becomes of his lines."""

import select
import time
from typing import Final

from benchmarks.crowd import PATIENCE, Crowd, Hung, Member
from benchmarks.machine import resident
from benchmarks.orders import Figures, Stuck, Target
from benchmarks.paced import EVERY, Audience, Reader, quantiles, talk
from benchmarks.room import Rooms, person, room_name
from benchmarks.wires import Wire

RECEIVE_BUFFER: Final = 4096
"""Bytes that his own kernel takes for him: the rest is the server's."""

QUIET: Final = 1.0
"""Seconds without a byte after which he has caught up."""


def figures(target: Target, shape: Stuck) -> Figures:
    """The others' `p99` with and without him, bytes of memory for him, the share of lines lost.

    `kept` is 1 if he is still connected in the end.
    """
    with Crowd(target.port, target.pump) as crowd:
        rooms = Rooms(crowd, target, 1, shape.members)
        with Audience(crowd, crowd.members[::EVERY]) as audience:
            talk(rooms, audience, shape.rate, shape.seconds / 3)  # warm
            before = resident(target.pid)
            alone = quantiles(talk(rooms, audience, shape.rate, shape.seconds))
            member = _stuck(crowd, rooms.wire, shape.members)
            audience.settle()
            between, began = resident(target.pid), time.monotonic_ns()
            beside = quantiles(talk(rooms, audience, shape.rate, shape.seconds))
            # A server that keeps lines grows without him, too.
            held = (resident(target.pid) - between) - (between - before)
            heard, kept = _catch_up(Reader(member), audience)
            lines = [stamp for stamp in heard if stamp > began]
            said = round(shape.rate * shape.seconds)
            return {
                "p99_alone": alone["p99"],
                "p99_beside": beside["p99"],
                "slowdown": beside["p99"] / alone["p99"],
                "memory": max(0, held),
                "lost_share": 1 - len(lines) / said,
                "kept": float(kept),
            }


def _stuck(crowd: Crowd, wire: Wire, number: int) -> Member:
    """Somebody who sits in the room and reads nothing from then on."""
    enter = wire.enter(person(number), room_name(0), first=False)
    member = crowd.dial(enter, RECEIVE_BUFFER)
    until = time.monotonic() + PATIENCE
    while select.select([member.socket], [], [], PATIENCE)[0]:
        if member.hear(member.socket.recv(RECEIVE_BUFFER)):
            return member
        if time.monotonic() > until:
            break
    raise Hung(f"the last one {member}")


def _catch_up(reader: Reader, audience: Audience) -> tuple[set[int], bool]:
    """What he reads in the end, and whether he is still connected."""
    lines: set[int] = set()
    with select.epoll() as epoll, reader.socket:
        epoll.register(reader.socket.fileno(), select.EPOLLIN)
        while epoll.poll(QUIET, 1):
            try:
                lines.update(reader.stamps())
            except ConnectionResetError:
                return lines, False
            if reader.ended:
                return lines, False
            audience.listen(0)
    return lines, True

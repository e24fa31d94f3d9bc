"""People who come and go in a full room, where everybody is told each time."""

import select
import time

from benchmarks.crowd import NAP, PATIENCE, Crowd, Hung
from benchmarks.meter import Meter
from benchmarks.orders import Doors, Figures, Target
from benchmarks.room import Rooms, person, room_name


def figures(target: Target, shape: Doors) -> Figures:
    """Seconds of the server's processors for 1,000 visits, each a coming and a going."""
    with Crowd(target.port, target.pump) as crowd:
        rooms = Rooms(crowd, target, 1, shape.members)
        visits = Visits(rooms, shape.visitors)
        visits.warm()
        meter = Meter(target.pid)
        visits.receive(shape.seconds)
        used = meter.figures()
        return {
            "cost": used["server_cpu"] / visits.ended * 1e3,
            "rate": visits.ended / used["seconds"],
            **used,
        }


class Visits:
    """Visitors of one room, each of whom comes again as soon as he has gone."""

    def __init__(self, rooms: Rooms, visitors: int) -> None:
        self.ended = 0
        self._crowd = rooms.crowd
        self._visitors = {}
        for number in range(visitors):
            talk = rooms.wire.visit(person(rooms.members + number), room_name(0), self._returned)
            member = self._crowd.dial(talk)
            self._crowd.members.append(member)
            self._visitors[member.socket.fileno()] = member

    def warm(self) -> None:
        """Let them come and go until each has done it once, about. Raises Hung."""
        until = time.monotonic() + PATIENCE
        while self.ended < len(self._visitors):
            self._receive(0.05)
            if time.monotonic() > until:
                raise Hung(f"one {next(iter(self._visitors.values()))}")

    def receive(self, seconds: float) -> None:
        """Let them come and go for so long, and count how often."""
        self.ended = 0
        self._receive(seconds)

    def _receive(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        with select.epoll() as epoll:
            for fd in (self._crowd.counted(), *self._visitors):
                epoll.register(fd, select.EPOLLIN)
            while time.monotonic() < until:
                for fd, _ in epoll.poll(0) or self._nap():
                    self._hear(fd)

    def _nap(self) -> tuple[()]:
        time.sleep(NAP)
        return ()

    def _hear(self, fd: int) -> None:
        if (visitor := self._visitors.get(fd)) is None:
            self._crowd.pump(0)
        else:
            visitor.hear(visitor.socket.recv(1 << 16))

    def _returned(self) -> None:
        self.ended += 1

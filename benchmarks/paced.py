"""Lines at a fixed pace, and how long each takes to a member."""

import re
import select
import time
from collections.abc import Iterable
from typing import Final

from benchmarks.crowd import Crowd, Hung, Member
from benchmarks.meter import Meter
from benchmarks.orders import Figures, Paced, Target
from benchmarks.room import Rooms

EVERY: Final = 5
"""One member of so many is listened to, the others are only counted."""

_STAMP: Final = re.compile(rb"@(\d{19})@")


def stamped(size: int) -> bytes:
    """Words of so many bytes that tell when they were said."""
    return (b"@%019d@" % time.monotonic_ns()).ljust(size, b"w")


class Reader:
    """Reads the stamps out of what one member hears."""

    def __init__(self, member: Member) -> None:
        self.socket = member.socket
        self.ended = False
        self._rest = b""

    def stamps(self) -> list[int]:
        """The moments, in nanoseconds, at which the lines that arrived were said."""
        data = self.socket.recv(1 << 18)
        self.ended = not data
        whole, _, self._rest = (self._rest + data).rpartition(b"\n")
        return [int(stamp) for stamp in _STAMP.findall(whole)]


class Audience:
    """Members whose lines are timed, among others who are only counted; a context manager."""

    def __init__(self, crowd: Crowd, listeners: Iterable[Member]) -> None:
        self.delays: list[float] = []
        self._crowd = crowd
        self._epoll = select.epoll()
        self._epoll.register(crowd.counted(), select.EPOLLIN)
        self._readers: dict[int, Reader] = {}
        for member in listeners:
            crowd.uncount(member)
            self._readers[member.socket.fileno()] = Reader(member)
            self._epoll.register(member.socket.fileno(), select.EPOLLIN)

    def __enter__(self) -> "Audience":
        return self

    def __exit__(self, *_: object) -> None:
        self._epoll.close()

    def listen(self, until: float) -> None:
        """Take what arrives until that moment of the monotonic clock, and once at least."""
        self._take(until - time.monotonic())
        while (left := until - time.monotonic()) > 0:
            self._take(left)

    def settle(self, quiet: float = 0.3) -> None:
        """Take what arrives until nothing came for so many seconds."""
        while self._take(quiet):
            pass

    def _take(self, seconds: float) -> bool:
        events = self._epoll.poll(max(0.0, seconds))
        for fd, _ in events:
            if (reader := self._readers.get(fd)) is None:
                self._crowd.pump(0)
                continue
            stamps, now = reader.stamps(), time.monotonic_ns()
            if reader.ended:
                raise Hung("a listener was cut off")
            self.delays += [(now - stamp) / 1e9 for stamp in stamps]
        return bool(events)


def figures(target: Target, shape: Paced) -> Figures:
    """Half of the deliveries took at most `p50` seconds, 99 of 100 at most `p99`."""
    with Crowd(target.port, target.pump) as crowd:
        rooms = Rooms(crowd, target, 1, shape.members)
        with Audience(crowd, crowd.members[::EVERY]) as audience:
            talk(rooms, audience, shape.rate, shape.seconds / 5)  # warm
            meter = Meter(target.pid)
            delays = talk(rooms, audience, shape.rate, shape.seconds)
            used = meter.figures()
            lines = round(shape.rate * shape.seconds)
            deliveries = lines * rooms.wire.deliveries(shape.members)
            cost = used["server_cpu"] / deliveries * 1e6
            return {**quantiles(delays), "cost": cost, **used}


def talk(rooms: Rooms, audience: Audience, rate: float, seconds: float) -> list[float]:
    """Say lines at a rate; the seconds that each took to each listener."""
    audience.delays = []
    begin = time.monotonic()
    for number in range(round(rate * seconds)):
        audience.listen(begin + number / rate)
        rooms.say(stamped(rooms.wire.text_bytes))
    audience.settle()
    return audience.delays


def quantiles(delays: list[float]) -> Figures:
    """The middle one and the one that 1 of 100 exceeds. Raises Hung when there is none."""
    if not delays:
        raise Hung("no line arrived")
    ranked = sorted(delays)
    return {"p50": ranked[len(ranked) // 2], "p99": ranked[len(ranked) * 99 // 100]}

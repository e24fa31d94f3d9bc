"""As many lines as a server can take with so many under way."""

import time

from benchmarks.crowd import Crowd
from benchmarks.meter import Meter
from benchmarks.orders import Fanout, Figures, Target
from benchmarks.room import Rooms


def figures(target: Target, shape: Fanout) -> Figures:
    """Seconds of the server's processors for a million deliveries, and deliveries a second."""
    with Crowd(target.port, target.pump) as crowd:
        rooms = Rooms(crowd, target, shape.rooms, shape.members)
        _converse(rooms, shape.in_flight, shape.seconds / 5)  # warm
        crowd.settle()
        meter = Meter(target.pid)
        lines = _converse(rooms, shape.in_flight, shape.seconds)
        used = meter.figures()
        deliveries = lines * rooms.wire.deliveries(shape.members)
        return {
            "cost": used["server_cpu"] / deliveries * 1e6,
            "rate": deliveries / used["seconds"],
            **used,
        }


def _converse(rooms: Rooms, in_flight: int, seconds: float) -> int:
    """Say the next line when an earlier one is everywhere; how many were said, and all heard."""
    words = b"w" * rooms.wire.text_bytes
    began, said, heard, newlines = time.monotonic(), 0, 0, rooms.newlines
    pump = rooms.crowd.pump
    while time.monotonic() - began < seconds:
        while said - heard // newlines < in_flight:
            rooms.say(words)
            said += 1
        heard += pump(1)
    rooms.wait(said * newlines - heard)
    return said

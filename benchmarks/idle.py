"""People who log in: what one costs, and what he holds while he does nothing."""

from collections.abc import Iterable
from typing import Final

from benchmarks.crowd import Crowd
from benchmarks.machine import resident
from benchmarks.meter import Meter, rest
from benchmarks.orders import Figures, Idle, Logins, Target
from benchmarks.room import person, wire_of
from benchmarks.sealed import anybody, sealed
from benchmarks.wires import Script, Wire

FIRST: Final = 16
"""People for whom a server makes what it makes once; they are not counted."""


def figures(target: Target, shape: Idle) -> Figures:
    """Bytes a person at each number of them, `bytes` at the last."""
    people = People(wire_of(target), tls=shape.tls)
    with Crowd(target.port, target.pump) as crowd:
        crowd.bring(people.log_ins(range(FIRST)), target.at_once)
        crowd.settle()
        empty = resident(target.pid)
        found: Figures = {}
        there = 0
        for number in shape.people:
            crowd.bring(people.log_ins(range(FIRST + there, FIRST + number)), target.at_once)
            crowd.settle()
            there = number
            found[f"at_{number}"] = (resident(target.pid) - empty) / number
        return {"bytes": found[f"at_{there}"], **found}


def login_figures(target: Target, shape: Logins) -> Figures:
    """Logins of known people a second, and processor seconds for 1,000; `new_…` of new ones.

    `core_rate`: logins for which one of the server's processors is busy a second. Under TLS the
    generator has as much to do for a login as the server.
    """
    people = People(wire_of(target), tls=shape.tls)
    _log_in(target, people, range(shape.people, shape.people + FIRST))  # warm
    new = _log_in(target, people, range(shape.people))
    known = _log_in(target, people, range(shape.people))
    return {
        "new_rate": shape.people / new["seconds"],
        "new_cost": new["server_cpu"] / shape.people * 1e3,
        "rate": shape.people / known["seconds"],
        "cost": known["server_cpu"] / shape.people * 1e3,
        "core_rate": shape.people / known["server_cpu"],
        **{name: share for name, share in known.items() if name.endswith("_share")},
    }


class People:
    """Those who log in, under TLS or in clear."""

    def __init__(self, wire: Wire, *, tls: bool) -> None:
        self._wire = wire
        self._context = anybody() if tls else None

    def log_ins(self, numbers: Iterable[int]) -> Iterable[Script]:
        """What people of these numbers say."""
        return (self._log_in(person(number)) for number in numbers)

    def _log_in(self, name: str) -> Script:
        talk = self._wire.log_in(name)
        if self._context is None:
            return talk
        assert self._wire.asking is not None, "only who asks for it is measured under TLS"
        return sealed(talk, self._wire.asking, self._context)


def _log_in(target: Target, people: People, numbers: Iterable[int]) -> Figures:
    with Crowd(target.port, target.pump) as crowd:
        meter = Meter(target.pid)
        crowd.bring(people.log_ins(numbers), target.at_once)
        used = meter.figures()
    rest(target.pid)
    return used

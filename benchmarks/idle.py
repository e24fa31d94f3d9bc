"""People who log in: what one costs, and what he holds while he does nothing."""

from collections.abc import Iterable
from typing import Final

from benchmarks.crowd import Crowd
from benchmarks.machine import resident
from benchmarks.meter import Meter, rest
from benchmarks.orders import Figures, Idle, Logins, Target
from benchmarks.room import person, wire_of
from benchmarks.wires import Script, Wire

FIRST: Final = 16
"""People for whom a server makes what it makes once; they are not counted."""


def figures(target: Target, shape: Idle) -> Figures:
    """Bytes a person at each number of them, `bytes` at the last."""
    wire = wire_of(target)
    with Crowd(target.port, target.pump) as crowd:
        crowd.bring(_log_ins(wire, range(FIRST)), target.at_once)
        crowd.settle()
        empty = resident(target.pid)
        found: Figures = {}
        there = 0
        for people in shape.people:
            crowd.bring(_log_ins(wire, range(FIRST + there, FIRST + people)), target.at_once)
            crowd.settle()
            there = people
            found[f"at_{people}"] = (resident(target.pid) - empty) / people
        return {"bytes": found[f"at_{there}"], **found}


def login_figures(target: Target, shape: Logins) -> Figures:
    """Logins of known people a second, and processor seconds for 1,000; `new_…` of new ones."""
    wire = wire_of(target)
    _log_in(target, wire, range(shape.people, shape.people + FIRST))  # warm
    new = _log_in(target, wire, range(shape.people))
    known = _log_in(target, wire, range(shape.people))
    return {
        "new_rate": shape.people / new["seconds"],
        "new_cost": new["server_cpu"] / shape.people * 1e3,
        "rate": shape.people / known["seconds"],
        "cost": known["server_cpu"] / shape.people * 1e3,
        **{name: known[name] for name in ("server_share", "generator_share", "others_share")},
    }


def _log_in(target: Target, wire: Wire, numbers: Iterable[int]) -> Figures:
    with Crowd(target.port, target.pump) as crowd:
        meter = Meter(target.pid)
        crowd.bring(_log_ins(wire, numbers), target.at_once)
        used = meter.figures()
    rest(target.pid)
    return used


def _log_ins(wire: Wire, numbers: Iterable[int]) -> Iterable[Script]:
    return (wire.log_in(person(number)) for number in numbers)

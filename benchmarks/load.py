"""The load generator, a process of its own: one order in, one line of figures out."""

import sys
from typing import assert_never

from benchmarks import doors, fanout, idle, machine, orders, paced, stuck
from benchmarks.orders import Doors, Fanout, Figures, Idle, Logins, Order, Paced, Stuck


def main() -> None:
    """Carry out the order that the first argument is."""
    machine.allow_files()
    print(orders.write(carried_out(orders.read(sys.argv[1]))))


def carried_out(order: Order) -> Figures:
    """The figures of one order. Raises Hung and OSError."""
    match order.shape:
        case Fanout():
            return fanout.figures(order.target, order.shape)
        case Paced():
            return paced.figures(order.target, order.shape)
        case Idle():
            return idle.figures(order.target, order.shape)
        case Logins():
            return idle.login_figures(order.target, order.shape)
        case Doors():
            return doors.figures(order.target, order.shape)
        case Stuck():
            return stuck.figures(order.target, order.shape)
        case _:
            assert_never(order.shape)


if __name__ == "__main__":
    main()

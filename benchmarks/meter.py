"""The time between two moments, and who of this machine worked in it."""

import os
import time

from benchmarks.machine import busy_seconds, cpu_seconds, stolen_seconds
from benchmarks.orders import Figures


def rest(pid: int, within: float = 10.0) -> None:
    """Wait, so many seconds at most, until a server has nothing left to do."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        before = cpu_seconds(pid)
        time.sleep(0.1)
        if cpu_seconds(pid) - before < 0.005:
            return


class Meter:
    """Starts when it is made."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began = self._now()

    def figures(self) -> Figures:
        """Seconds since the start, of the clock and of the server's and our own processors.

        `others_share` is what all other processes took, in cores, and `stolen_share` what the
        host of a virtual machine kept from it: noise, when it is much.
        """
        wall, server, own, busy, stolen = (
            now - then for now, then in zip(self._now(), self._began, strict=True)
        )
        return {
            "seconds": wall,
            "server_cpu": server,
            "server_share": server / wall,
            "generator_share": own / wall,
            "others_share": max(0.0, busy - server - own) / wall,
            "stolen_share": stolen / wall,
        }

    def _now(self) -> tuple[float, ...]:
        server, own = cpu_seconds(self._pid), cpu_seconds(os.getpid())
        return time.monotonic(), server, own, busy_seconds(), stolen_seconds()

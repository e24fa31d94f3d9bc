"""A load of requests through a proxy, made by `wrk`."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.peers import UNPACKED, Absent, environment

CONNECTIONS: Final = 32

_SCRIPT: Final = """
local next, site, size, first, count = 0, "{site}", {size}, {first}, {count}
request = function()
  local number = first + next
  next = (next + 1) % count
  return "GET " .. site .. "/text/" .. size .. "/" .. number .. " HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
end
"""
_TIMES: Final = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked for: pages of `size` bytes, `count` different ones from number `first` on."""

    size: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Served:
    """What came of it: answers, those that were none, and the 99th percentile in milliseconds."""

    requests: int
    failed: int
    p99: float


def program() -> str:
    """The path of wrk. Raises Absent."""
    places = [os.environ.get("PATH", ""), str(UNPACKED / "usr/bin")]
    if (path := shutil.which("wrk", path=os.pathsep.join(places))) is None:
        raise Absent("not installed")
    return path


def run(proxy: int, site: str, load: Load, seconds: float, folder: Path) -> Served:
    """Ask through the proxy at this port of the machine, as fast as it answers."""
    script = folder / "load.lua"
    values = {"site": site, "size": load.size, "first": load.first, "count": load.count}
    text = _SCRIPT
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    script.write_text(text, "utf-8")
    command = [program(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--latency"]
    url = f"http://127.0.0.1:{proxy}/"
    return _read(_output([*command, "-s", str(script), url], seconds))


def _output(command: Sequence[str], seconds: float) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=seconds + 30,
        check=True,
        env=environment(),
    )
    return done.stdout


def _read(output: str) -> Served:
    requests = re.search(r"(\d+) requests in", output)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    if not requests or not p99:
        sys.exit(f"wrk said something else: {output}")
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+)", output)
    bad = int(failed[1]) if failed else 0
    bad += sum(map(int, errors.groups())) if errors else 0
    return Served(int(requests[1]), bad, float(p99[1]) * _TIMES[p99[2]])

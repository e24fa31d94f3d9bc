"""What this machine is, and what a process of it has used."""

import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from msgspec import Struct

FILES_SPARE: Final = 200
"""Descriptors a process needs besides its connections."""

_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Machine(Struct, frozen=True):
    """Where a run was made; `load` is the average of one minute before it began."""

    system: str
    processor: str
    cores: int
    memory_mib: int
    python: str
    files: int
    load: float


def describe() -> Machine:
    """This machine, now."""
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_mib=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        load=os.getloadavg()[0],
    )


def allow_files() -> int:
    """Raise this process's limit of open files as far as it goes; children inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def cpu_seconds(pid: int) -> float:
    """User and system time that all threads of a process have used."""
    # The kernel's own clock of a process, see CPUCLOCK_SCHED in its posix-timers.h: nanoseconds,
    # where /proc/PID/stat has hundredths.
    return time.clock_gettime((~pid << 3) | 2)


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def busy_seconds() -> float:
    """Time that the cores of this machine have worked, for whomever, since it started."""
    user, nice, system, _, _, irq, softirq, *_ = _ticks()
    return (user + nice + system + irq + softirq) / _TICKS


def stolen_seconds() -> float:
    """Time in which a core of this machine had work and its host gave it none, since the start.

    Always 0 on a machine that is not virtual, and where a host does not tell.
    """
    return _ticks()[7] / _TICKS


def version_of(command: list[str], environment: dict[str, str]) -> str:
    """The first line in which a program tells its version, with a digit in it."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=10, check=False, env=environment
    )
    lines = (done.stdout + done.stderr).splitlines()
    return next((line.strip() for line in lines if any(c.isdigit() for c in line)), "unknown")


def compiler() -> str | None:
    """A C compiler, where there is one."""
    return shutil.which("cc")


def compiled(source: Path, target: Path, *flags: str) -> Path | None:
    """Compile a C file; None without a compiler. Raises CalledProcessError."""
    if (cc := compiler()) is None:
        return None
    subprocess.run([cc, "-O2", *flags, "-o", str(target), str(source)], check=True, timeout=60)
    return target


def unsupported() -> str | None:
    """Why the loads cannot run here; None if they can."""
    return None if sys.platform == "linux" else "the loads need Linux: epoll and /proc"


def _ticks() -> list[int]:
    """Of all cores together; see proc_stat(5)."""
    first = Path("/proc/stat").read_text("ascii").split("\n")[0]
    return [int(ticks) for ticks in first.split()[1:]]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()

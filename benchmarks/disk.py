"""The disk below a benchmark: what making a file costs there, and where it costs little.

ext4 without a journal takes no inode again whose file was deleted in the last minutes, and looks
at each of them for every new file in that part of the disk (`recently_deleted` in its ialloc.c):
0.2 ms of processor time instead of 0.01 where thousands were.
"""

import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SLOW: Final = 30e-6
"""Seconds for a file above which a disk is not itself: at rest it takes 10 to 15 µs."""

TRIES: Final = 5
FILES: Final = 2000
GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Place:
    """A folder, and the processor seconds that making a file took in it."""

    folder: Path
    cost: float


def scatter(folder: Path) -> None:
    """Have folders right below one lie far apart on an ext4, as those below its root do."""
    if chattr := shutil.which("chattr"):
        # Other file systems refuse it, and do not need it.
        subprocess.run([chattr, "+T", str(folder)], capture_output=True, check=False)


def place(folder: Path, size: int) -> Place:
    """Make a folder where files of so many bytes cost little, or the least of a few tries."""
    tried: list[Place] = []
    while len(tried) < TRIES and not (tried and tried[-1].cost <= SLOW):
        made = Path(tempfile.mkdtemp(dir=folder))
        tried.append(Place(made, cost(made, size)))
    return min(tried, key=lambda one: one.cost)


def cost(folder: Path, size: int) -> float:
    """Make files of so many bytes, which stay; the processor seconds that each took."""
    made, body = tempfile.mkdtemp(dir=folder, prefix="floor-"), bytes(size)
    before = time.thread_time()
    for number in range(FILES):
        file = os.open(f"{made}/{number:032x}", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(file, body)
        os.close(file)
    return (time.thread_time() - before) / FILES


def lack(folder: Path, files: int, size: int) -> str | None:
    """Why so many files of so many bytes have no room on a disk; None if they have."""
    disk = os.statvfs(folder)
    needed = files * -(-size // disk.f_frsize) * disk.f_frsize
    if needed > (free := disk.f_bavail * disk.f_frsize):
        return f"{needed / GIB:.1f} GiB of disk are needed, {free / GIB:.1f} are free"
    # Where files are not counted, there are 0 in all.
    if disk.f_files and files > disk.f_favail:
        return (
            f"room for {files:,} files is needed on the disk, there is some for {disk.f_favail:,}"
        )
    return None

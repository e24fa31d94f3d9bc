"""`bench peers`: fetch the peers' packages and unpack them in this folder, for nobody else.

Nothing is installed: no service starts, no user is made, and removing the folder undoes it all.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.caches import WRK, caches
from benchmarks.peers import KINDS, PYTHON, UNPACKED, Absent

BOUND: Final = 300
"""Seconds for the whole download."""


def main() -> int:
    """Get what is missing, telling each step; the exit status."""
    missing, modules = sorted(_missing()), sorted(_missing_distributions())
    if not missing and not modules:
        print("all peers are here")
        return 0
    if modules:
        _fetch_distributions(modules)
    if not missing:
        return 0
    tools = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
    if tools:
        print(f"skipped {', '.join(missing)}: this system has no {' and no '.join(tools)}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return _fetch(missing, Path(folder))


def _missing() -> set[str]:
    packages = set()
    for kind in (*KINDS.values(), *caches(0).values(), WRK):
        if kind.package is not None:
            try:
                kind.found(UNPACKED)
            except Absent:
                packages.add(kind.package)
    return packages


def _missing_distributions() -> set[str]:
    distributions = set()
    for kind in caches(0).values():
        if kind.distribution:
            try:
                kind.found(UNPACKED)
            except Absent:
                distributions.add(kind.distribution)
    return distributions


def _fetch_distributions(distributions: Sequence[str]) -> None:
    options = ["--quiet", "--no-deps", "--disable-pip-version-check", "--target", str(PYTHON)]
    command = [sys.executable, "-m", "pip", "install", *options, *distributions]
    print("$", *command)
    status = subprocess.call(command, timeout=BOUND)
    if status:
        print(f"pip ended with status {status}: {', '.join(distributions)} will be skipped")


def _fetch(packages: Sequence[str], folder: Path) -> int:
    (folder / "partial").mkdir()
    # Into a folder of ours and without apt's locks: root is not needed.
    options = [f"-oDir::Cache::Archives={folder}", "-oDebug::NoLocking=1", "-oAPT::Sandbox::User="]
    choice = ["--download-only", "--no-install-recommends", "--yes", "-qq"]
    command = ["apt-get", "install", *choice, *options, *packages]
    print("$", *command)
    status = subprocess.call(command, timeout=BOUND)
    if status:
        print(f"apt-get ended with status {status}: these peers are skipped")
        return 0
    for archive in sorted(folder.glob("*.deb")):
        print(f"$ dpkg-deb -x {archive.name} {UNPACKED}")
        subprocess.run(["dpkg-deb", "-x", str(archive), str(UNPACKED)], check=True, timeout=60)
    return 0


if __name__ == "__main__":
    sys.exit(main())

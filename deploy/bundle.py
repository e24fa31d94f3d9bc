"""`python3 dev.py bundle`: a folder from which tcpnet is installed where there is no Internet.

It holds our wheel and, for each system and Python below, the wheels that it needs, in the versions
that `requirements/dev.lock` pins and the tests ran with; where those have no wheel for a system, in
the newest ones that have.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from packaging.requirements import Requirement

ROOT: Final = Path(__file__).resolve().parents[1]
PYTHONS: Final = ("3.11", "3.12", "3.13")

_FORM: Final = ("--universal", "--python-version", PYTHONS[0], "--generate-hashes")
_BARE: Final = ("--quiet", "--no-header", "--no-annotate")

_README: Final = """\
tcpnet {version}, with all that it needs, for {systems} and Python {pythons}.

In this folder, with nothing but Python:

    python3 -m venv tcpnet
    tcpnet/bin/pip install --no-index --find-links . tcpnet
    tcpnet/bin/tcpnet-server --host 0.0.0.0

On Windows:

    py -m venv tcpnet
    tcpnet\\Scripts\\pip install --no-index --find-links . tcpnet
    tcpnet\\Scripts\\tcpnet-server --host 0.0.0.0

With "tcpnet[discovery]" in the place of tcpnet, hubs are found by `tcpnet-client --find`.
"""


@dataclass(frozen=True, slots=True)
class System:
    """A kind of machine: tags of wheels that fit it, the widest first, and what others call it."""

    name: str
    tags: tuple[str, ...]
    sys_platform: str
    system: str
    machine: str
    target: str

    def markers(self, python: str) -> dict[str, str]:
        """What the conditions of a requirement are asked of (PEP 508)."""
        return {
            "implementation_name": "cpython",
            "os_name": "nt" if self.sys_platform == "win32" else "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": self.system,
            "python_full_version": f"{python}.0",
            "python_version": python,
            "sys_platform": self.sys_platform,
        }


def _linux(machine: str) -> System:
    # 2_17 runs on every Linux of the last ten years, 2_28 on those of the last six.
    tags = tuple(
        f"{tag}_{machine}" for tag in ("manylinux_2_17", "manylinux2014", "manylinux_2_28")
    )
    target = f"{machine}-manylinux_2_28"
    return System(f"Linux {machine}", tags, "linux", "Linux", machine, target)


def _macos(machine: str, target: str, *oldest: str) -> System:
    tags = tuple(f"macosx_{version}_{machine}" for version in oldest)
    return System(f"macOS {machine}", tags, "darwin", "Darwin", machine, target)


SYSTEMS: Final = (
    _linux("x86_64"),
    _linux("aarch64"),
    _macos("arm64", "aarch64-apple-darwin", "11_0", "14_0"),
    _macos("x86_64", "x86_64-apple-darwin", "10_15", "13_0"),
    System("Windows x86_64", ("win_amd64",), "win32", "Windows", "AMD64", "x86_64-pc-windows-msvc"),
)


def main(arguments: list[str]) -> int:
    """Make the folder; the exit status."""
    parser = argparse.ArgumentParser(prog="python3 dev.py bundle", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist" / "bundle")
    folder = parser.parse_args(arguments).folder.absolute()
    if folder.exists() and any(folder.iterdir()):
        _stop(f'"{folder}" is not empty: name another folder, or remove it')
    folder.mkdir(parents=True, exist_ok=True)
    pins = _resolved(*_FORM, "--constraint", str(ROOT / "requirements" / "dev.lock"))
    for system in SYSTEMS:
        for python in PYTHONS:
            _say(f"{system.name}, Python {python}")
            if _downloaded(folder, system, python, needed(pins, system.markers(python))):
                continue
            _say("not everything is there in these versions: others are taken")
            if not _downloaded(folder, system, python, _resolved(*_for(system, python))):
                _stop(f"not everything is there for {system.name} and Python {python}")
    version = _own_wheel(folder)
    for system in SYSTEMS:
        for python in PYTHONS:
            if not _is_complete(folder, system, python):
                _stop(f"the folder does not do for {system.name} and Python {python}")
    systems = ", ".join(system.name for system in SYSTEMS)
    text = _README.format(version=version, systems=systems, pythons=", ".join(PYTHONS))
    (folder / "README.txt").write_text(text, "utf-8")
    wheels = list(folder.glob("*.whl"))
    size = sum(wheel.stat().st_size for wheel in wheels)
    _say(f'"{folder}": {len(wheels)} wheels, {size / 1e6:.0f} MB')
    return 0


def needed(pins: Iterable[str], markers: dict[str, str]) -> Iterator[str]:
    """Of requirements with their hashes those that hold for a machine, without their conditions."""
    for pin in pins:
        words, hashes, rest = pin.partition(" --hash")
        requirement = Requirement(words.strip())
        if requirement.marker is None or requirement.marker.evaluate(markers):
            yield f"{requirement.name}{requirement.specifier}{hashes}{rest}"


def entries(text: str) -> list[str]:
    """The requirements of a file, each with its options on one line."""
    lines = (line.strip() for line in text.replace("\\\n", " ").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _for(system: System, python: str) -> list[str]:
    """How to ask for what has wheels for one machine."""
    options = ["--python-version", python, "--python-platform", system.target]
    return [*options, "--only-binary", ":all:", "--generate-hashes"]


def _resolved(*options: str) -> list[str]:
    """What the package and its extra for finding hubs need."""
    command = [_uv(), "pip", "compile", *_BARE, "--extra", "discovery", *options]
    made = subprocess.run([*command, "pyproject.toml"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if made.returncode:
        _stop("what is needed could not be found out; is the registry within reach?")
    return entries(made.stdout)


def _downloaded(folder: Path, system: System, python: str, requirements: Iterable[str]) -> bool:
    """Whether all of this could be had for a machine."""
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch) / "requirements.txt"
        listed.write_text("\n".join(requirements), "utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "--requirement", str(listed)]
        command += ["--implementation", "cp", "--python-version", python, "--dest", str(folder)]
        for tag in system.tags:
            command += ["--platform", tag]
        return subprocess.call(command) == 0


def _is_complete(folder: Path, system: System, python: str) -> bool:
    """Whether the folder alone has all that a machine needs."""
    options = ["--quiet", "--offline", "--no-index", "--find-links", str(folder)]
    command = [_uv(), "pip", "compile", *_for(system, python), *options, "-"]
    wanted = subprocess.run(
        command, input="tcpnet[discovery]", stdout=subprocess.DEVNULL, text=True
    )
    return wanted.returncode == 0


def _own_wheel(folder: Path) -> str:
    """Build our wheel by the normal build; its version."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    if subprocess.call(build, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        _stop("the wheel of tcpnet could not be built")
    return next(folder.glob("tcpnet-*.whl")).name.split("-")[1]


def _uv() -> str:
    """The resolver, beside the Python that runs this."""
    return str(Path(sys.executable).with_name("uv.exe" if sys.platform == "win32" else "uv"))


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def _stop(words: str) -> NoReturn:
    _say(words)
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

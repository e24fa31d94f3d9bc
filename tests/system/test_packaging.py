"""What is published and pinned: the wheel's contents, the lock file against pyproject's ranges."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements" / "dev.lock").read_text(encoding="utf-8")
RANGES = [
    *PROJECT["project"]["dependencies"],
    *PROJECT["dependency-groups"]["dev"],
    *PROJECT["build-system"]["requires"],
]


def pins() -> list[tuple[Requirement, str]]:
    """Every pin of the lock file and the options that follow it."""
    entries = LOCK.replace("\\\n", " ").splitlines()
    return [(Requirement(entry.partition(" --")[0]), entry) for entry in entries]


@pytest.mark.parametrize("wanted", RANGES)
def test_the_lock_file_pins_what_the_project_asks_for(wanted: str) -> None:
    """`python3 dev.py lock` follows every change of a range."""
    asked = Requirement(wanted)

    versions = [
        next(iter(pin.specifier)).version
        for pin, _ in pins()
        if canonicalize_name(pin.name) == canonicalize_name(asked.name)
    ]

    assert versions
    assert all(asked.specifier.contains(version) for version in versions)


def test_the_lock_file_names_every_file_by_its_hash_and_no_address() -> None:
    for pin, entry in pins():
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), entry
        assert re.fullmatch(r"[^@]+?( --hash=sha256:[0-9a-f]{64}\s*)+", entry), entry
    assert "//" not in LOCK


def test_the_cache_folder_is_marked_as_a_cache() -> None:
    """Backup programs look for these 43 bytes (the Cache Directory Tagging Specification)."""
    tag = (ROOT / "cache" / "CACHEDIR.TAG").read_bytes()

    assert tag.startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n")


def test_the_wheel_carries_the_whole_package_its_licence_and_both_commands(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, text=True)

    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        info = next(name for name in names if name.endswith("METADATA")).rpartition("/")[0]
        commands = wheel.read(f"{info}/entry_points.txt").decode()

    assert {path.relative_to(ROOT / "src").as_posix() for path in package_files()} <= names
    assert f"{info}/licenses/LICENSE" in names
    assert "tcpnet-server = tcpnet.cli.server:main" in commands
    assert "tcpnet-client = tcpnet.cli.client:main" in commands


def package_files() -> list[Path]:
    """Every file of the package, modules and what they ship with."""
    files = (path for path in (ROOT / "src" / "tcpnet").rglob("*") if path.is_file())
    return [path for path in files if "__pycache__" not in path.parts]

"""Private files: whole or not at all, and for nobody else."""

import stat
import sys
from pathlib import Path

import pytest

from tcpnet import privatefile


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    """Whatever of them is missing."""
    path = tmp_path / "a" / "b" / "file"

    privatefile.write(path, b"content")

    assert path.read_bytes() == b"content"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    """Nor look into a folder made for it."""
    path = tmp_path / "folder" / "file"

    privatefile.write(path, b"content")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_a_file_that_others_could_read_becomes_private(tmp_path: Path) -> None:
    """The new one does not take over the rights of the old."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o644)

    privatefile.write(path, b"new")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """And nothing beside it."""
    path = tmp_path / "file"
    path.mkdir()

    with pytest.raises(OSError, match="file"):
        privatefile.write(path, b"new")

    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]

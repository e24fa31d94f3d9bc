"""Locks between processes: one hub in a folder, one writer at a file."""

import errno
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tcpnet import lock
from tcpnet.errors import ConfigError
from tcpnet.lock import NAME, FolderLock, turn

HOLDER = """
import sys
from pathlib import Path
from tcpnet.lock import FolderLock

with FolderLock(Path(sys.argv[1]), "data directory"):
    print("holds", flush=True)
    sys.stdin.read()
"""

TAKER = """
import sys
from pathlib import Path
from tcpnet.lock import turn

with turn(Path(sys.argv[1]), 0):
    print("holds", flush=True)
    sys.stdin.read()
"""


def test_a_second_holder_is_refused_even_in_one_process(tmp_path: Path) -> None:
    """The text says what the folder is, and which."""
    with (
        FolderLock(tmp_path, "data directory"),
        pytest.raises(ConfigError) as refused,
        FolderLock(tmp_path, "data directory"),
    ):
        pass

    assert str(refused.value) == f'another hub already uses the data directory "{tmp_path}"'


def test_a_folder_can_be_locked_again_after_it_was_freed(tmp_path: Path) -> None:
    """Nothing is left behind that would have to be cleaned up, by a refused holder either."""
    for _ in range(3):
        with FolderLock(tmp_path, "data directory"):
            with pytest.raises(ConfigError), FolderLock(tmp_path, "data directory"):
                pass
            with pytest.raises(ConfigError), FolderLock(tmp_path, "data directory"):
                pass


def test_a_folder_is_freed_when_its_holder_fails(tmp_path: Path) -> None:
    """The lock ends with its block, however that ends."""
    with pytest.raises(LookupError), FolderLock(tmp_path, "data directory"):
        raise LookupError

    with FolderLock(tmp_path, "data directory"):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """The operating system frees the lock of a process that could not."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline().strip() == b"holds"
            with (
                pytest.raises(ConfigError, match="already uses"),
                FolderLock(tmp_path, "data directory"),
            ):
                pass
        finally:
            holder.kill()

    with FolderLock(tmp_path, "data directory"):
        pass


def test_a_folder_is_made_for_its_owner(tmp_path: Path) -> None:
    """Parents too; others on the machine may not look inside."""
    folder = tmp_path / "share" / "hub"
    with FolderLock(folder, "data directory"):
        assert folder.is_dir()
        if sys.platform != "win32":
            assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """The text names the folder and the reason."""
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(ConfigError, match=r'the cache directory ".*hub" cannot be written: '),
        FolderLock(tmp_path / "file" / "hub", "cache directory"),
    ):
        pass


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """Whatever stands in the way of the lock file."""
    (tmp_path / NAME).mkdir()

    with (
        pytest.raises(ConfigError, match="cannot be written"),
        FolderLock(tmp_path, "data directory"),
    ):
        pass


def test_a_folder_that_cannot_be_locked_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems of networks know no locks; nobody is blamed for holding it."""

    def refuse(file: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_lock", refuse)

    with (
        pytest.raises(ConfigError, match="cannot be locked: No locks available"),
        FolderLock(tmp_path, "data directory"),
    ):
        pass


def test_turns_are_taken_one_by_one(tmp_path: Path) -> None:
    """Whoever comes meanwhile waits: nobody reads what another is about to replace."""
    count = tmp_path / "count"
    count.write_text("0")

    def add(_number: int) -> None:
        with turn(tmp_path / "count.lock", 20):
            count.write_text(str(int(count.read_text()) + 1))

    with ThreadPoolExecutor(4) as adders:
        list(adders.map(add, range(40)))

    assert count.read_text() == "40"


def test_a_turn_is_not_waited_for_without_end(tmp_path: Path) -> None:
    """And can be had once it is free, also where its holder was killed."""
    path = tmp_path / "state" / "tokens.lock"
    with subprocess.Popen(
        [sys.executable, "-c", TAKER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline().strip() == b"holds"
            with pytest.raises(TimeoutError), turn(path, 0.02):
                pass
        finally:
            holder.kill()

    with turn(path, 0):
        pass


def test_a_turn_is_had_where_there_are_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client on such a file system keeps what it learns, as long as it is alone."""

    def refuse(file: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_lock", refuse)

    with turn(tmp_path / "lock", 0), turn(tmp_path / "lock", 0):
        pass

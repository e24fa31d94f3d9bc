"""Opening a store: its version, its settings, and what is refused."""

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tcpnet.broker.connection import connect
from tcpnet.broker.embedded import FILE, EmbeddedBroker
from tcpnet.broker.schema import APPLICATION_ID, STEPS, open_store
from tcpnet.errors import ConfigError
from tests.unit.broker.faulty import Faults, failing


def damage(path: Path) -> None:
    """Write over the first page, behind the header."""
    open_store(connect, path).close()
    contents = bytearray(path.read_bytes())
    contents[100:4096] = b"\xa5" * (4096 - 100)
    path.write_bytes(contents)


def execute(*statements: str) -> Callable[[Path], None]:
    """Prepare a database by hand."""

    def prepare(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return prepare


def test_a_new_store_has_the_newest_version_and_is_marked_as_ours(tmp_path: Path) -> None:
    """Later versions know by it what to do."""
    connection = open_store(connect, tmp_path / FILE)

    assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS),)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    connection.close()


def test_a_store_is_opened_again_without_a_step(tmp_path: Path) -> None:
    """Steps are taken once."""
    open_store(connect, tmp_path / FILE).close()

    faults = Faults(before=failing("CREATE", sqlite3.OperationalError("no step is due")))
    open_store(faults, tmp_path / FILE).close()


def test_a_step_is_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    """A start that is broken off in the middle is simply repeated."""
    faults = Faults(before=failing("CREATE TABLE entries", sqlite3.OperationalError("killed")))
    with pytest.raises(ConfigError):
        open_store(faults, tmp_path / FILE)

    connection = open_store(connect, tmp_path / FILE)
    assert connection.execute("SELECT last FROM revisions").fetchone() == (0,)
    connection.close()


def test_every_commit_is_synced(tmp_path: Path) -> None:
    """In WAL mode only FULL (2) or more outlives a power cut."""
    connection = open_store(connect, tmp_path / FILE)

    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA fullfsync").fetchone() == (1,)
    connection.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps permissions elsewhere")
def test_the_store_is_for_its_owner_only(tmp_path: Path) -> None:
    """Others on the machine cannot read messages or tokens."""
    connection = open_store(connect, tmp_path / "data" / FILE)

    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    for path in (tmp_path / "data").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name
    connection.close()


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        (lambda path: path.write_text("shopping list\n" * 99), "belongs to another program"),
        (lambda path: path.mkdir(), "cannot be opened"),
        (damage, "cannot be opened"),
        (execute("CREATE TABLE shopping (item)"), "belongs to another program"),
        (execute("PRAGMA user_version = 7"), "belongs to another program"),
        (execute("PRAGMA application_id = 7"), "belongs to another program"),
        (
            execute(f"PRAGMA application_id = {APPLICATION_ID}", "PRAGMA user_version = 99"),
            f"newer tcpnet (version 99, this one knows {len(STEPS)})",
        ),
    ],
)
async def test_a_file_that_is_not_our_store_is_refused_and_left_alone(
    tmp_path: Path, prepare: Callable[[Path], None], text: str
) -> None:
    """The text names the file and says what is wrong; not a byte is changed."""
    path = tmp_path / FILE
    prepare(path)
    before = contents(path)

    with pytest.raises(ConfigError) as refused:
        async with EmbeddedBroker.open(tmp_path):
            pass

    assert str(path) in str(refused.value)
    assert text in str(refused.value)
    assert contents(path) == before


def contents(path: Path) -> bytes:
    """All bytes of a file; none of a folder."""
    return path.read_bytes() if path.is_file() else b""


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A file in its place is nothing the program may touch."""
    (tmp_path / "data").write_text("")

    with pytest.raises(ConfigError, match="cannot be opened"):
        async with EmbeddedBroker.open(tmp_path / "data"):
            pass


async def test_a_reader_that_cannot_open_is_refused(tmp_path: Path) -> None:
    """Both connections are needed; the one that was opened is closed again."""

    def writers_only(path: Path, *, readonly: bool) -> sqlite3.Connection:
        if readonly:
            raise sqlite3.OperationalError("unable to open database file")
        return connect(path, readonly=False)

    with pytest.raises(ConfigError, match="cannot be read"):
        async with EmbeddedBroker.open(tmp_path, connect=writers_only):
            pass
    assert not (tmp_path / f"{FILE}-wal").exists()


def test_a_file_system_without_shared_memory_is_refused(tmp_path: Path) -> None:
    """Without a write-ahead log nothing here holds; SQLite answers with the mode it keeps."""

    def in_memory(path: Path, *, readonly: bool) -> sqlite3.Connection:
        return sqlite3.connect(":memory:", isolation_level=None)

    with pytest.raises(ConfigError, match="file system"):
        open_store(in_memory, tmp_path / FILE)

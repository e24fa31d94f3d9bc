"""Backups of a store: what is in them, what is refused, and that nobody waits for them."""

import asyncio
import os
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import perf_counter

import pytest

from tcpnet.broker import backup
from tcpnet.broker.backup import back_up, copy, restore
from tcpnet.broker.embedded import FILE, EmbeddedBroker
from tcpnet.errors import BrokerError, UserError

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SENDERS = 20
OLD_LINES = 4000
PATIENCE = 5.0 * float(os.environ.get("TCPNET_TEST_PATIENCE", "1"))


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[EmbeddedBroker]:
    """The broker of a hub that runs in the folder `hub`."""
    async with EmbeddedBroker.open(tmp_path / "hub") as opened:
        yield opened


async def fill(broker: EmbeddedBroker, lines: int, body: str = "x" * 500) -> None:
    """Publish so many lines to the log `old`."""
    await asyncio.gather(*(broker.publish("old", "ann", f"{n:05}", body) for n in range(lines)))


async def lines(folder: Path, log: str) -> list[str]:
    """The lines of a log in the store of a folder."""
    async with EmbeddedBroker.open(folder) as broker:
        return [record.body for record in await broker.history(log, limit=1_000_000)]


def execute(path: Path, *statements: str) -> None:
    """Change a database by hand."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


async def test_a_backup_under_load_is_one_moment_and_nobody_waits_for_it(
    tmp_path: Path, broker: EmbeddedBroker
) -> None:
    """All that was acknowledged before, nothing with a gap, and writers go on meanwhile."""
    await fill(broker, OLD_LINES)
    # Lines that came all at once move piece by piece: on a busy machine for as long as the copy.
    while await broker._change(lambda store: store.journal.is_due()):
        pass
    acknowledged = [0] * SENDERS
    waits: list[float] = []
    ended, talking = False, asyncio.Event()

    async def talk(sender: int) -> None:
        while not ended:
            began, number = perf_counter(), acknowledged[sender] + 1
            await broker.put("newest", str(sender), b"%d" % number)
            await broker.publish("den", str(sender), f"m{number}", str(number))
            waits.append(perf_counter() - began)
            acknowledged[sender] = number
            if all(acknowledged):
                talking.set()

    async with asyncio.TaskGroup() as group:
        for sender in range(SENDERS):
            group.create_task(talk(sender))
        await talking.wait()
        before, waits[:] = list(acknowledged), []
        size = await back_up(tmp_path / "hub", tmp_path / "copy")
        after, ended = list(acknowledged), True

    assert sum(after) - sum(before) >= SENDERS, "they went on while the copy was made"
    assert max(waits) < PATIENCE
    assert size == (tmp_path / "copy").stat().st_size
    restore(tmp_path / "copy", made(tmp_path / "second"), now=NOW)
    async with EmbeddedBroker.open(tmp_path / "second") as second:
        den = await second.history("den", limit=1_000_000)
        assert [record.seq for record in den] == list(range(1, len(den) + 1))
        for sender in range(SENDERS):
            said = [int(record.body) for record in den if record.sender == str(sender)]
            stored = await second.get("newest", str(sender))
            assert said == list(range(1, len(said) + 1))
            assert before[sender] <= len(said) <= after[sender] + 1
            assert stored is not None
            assert int(stored.value) in (len(said), len(said) + 1)
        assert await second.last_seq("old") == OLD_LINES


def names(folder: Path) -> set[str]:
    """What lies in a folder."""
    return {path.name for path in folder.iterdir()}


def made(folder: Path) -> Path:
    """A new folder."""
    folder.mkdir()
    return folder


async def test_a_backup_is_for_its_owner_alone(tmp_path: Path, broker: EmbeddedBroker) -> None:
    """It holds messages and the hub's key."""
    await back_up(tmp_path / "hub", tmp_path / "copy")

    if sys.platform != "win32":
        assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("hub", ["stopped", "killed"])
async def test_the_hub_goes_on_elsewhere_from_its_backup(tmp_path: Path, hub: str) -> None:
    """With the files that belong to it, whether it had ended in order or not."""
    async with EmbeddedBroker.open(tmp_path / "hub") as broker:
        await broker.publish("den", "ann", "m1", "Hello")
        if hub == "killed":
            shutil.copytree(tmp_path / "hub", tmp_path / "killed")
    folder = tmp_path / ("killed" if hub == "killed" else "hub")
    (folder / "key").write_bytes(b"secret \0 key")

    copy(folder, tmp_path / "copy", ("key", "missing"))
    aside = restore(tmp_path / "copy", made(tmp_path / "second"), ("key", "missing"), now=NOW)

    assert aside is None
    assert await lines(tmp_path / "second", "den") == ["Hello"]
    assert (tmp_path / "second" / "key").read_bytes() == b"secret \0 key"
    assert not (tmp_path / "second" / "missing").exists()


async def test_what_was_there_is_put_aside_whole(tmp_path: Path, broker: EmbeddedBroker) -> None:
    """Also lines that were only in the log of a hub that was killed: a hub could start on it."""
    await broker.publish("den", "ann", "m1", "before")
    await back_up(tmp_path / "hub", tmp_path / "copy")
    await broker.publish("den", "ann", "m2", "after")
    killed = shutil.copytree(tmp_path / "hub", tmp_path / "killed")
    (killed / "key").write_bytes(b"old key")

    aside = restore(tmp_path / "copy", killed, ("key",), now=NOW)

    assert aside is not None
    assert aside.name.startswith("before-restore-20260304-050607")
    assert await lines(killed, "den") == ["before"]
    assert await lines(aside, "den") == ["before", "after"]
    assert (aside / "key").read_bytes() == b"old key"


async def test_the_key_stays_where_the_backup_has_none(
    tmp_path: Path, broker: EmbeddedBroker
) -> None:
    """A hub whose backup was made elsewhere goes on with the key that people know."""
    await back_up(tmp_path / "hub", tmp_path / "copy", ("key",))
    (tmp_path / "hub" / "key").write_bytes(b"key")
    folder = shutil.copytree(tmp_path / "hub", tmp_path / "second")

    restore(tmp_path / "copy", folder, ("key",), now=NOW)

    assert (folder / "key").read_bytes() == b"key"


async def test_a_damaged_store_is_put_aside_as_it_is(
    tmp_path: Path, broker: EmbeddedBroker
) -> None:
    """It is what a backup is for."""
    await broker.publish("den", "ann", "m1", "Hello")
    await back_up(tmp_path / "hub", tmp_path / "copy")
    broken = made(tmp_path / "broken")
    (broken / FILE).write_bytes(b"no database " * 1000)
    (broken / f"{FILE}-wal").write_bytes(b"no log " * 1000)

    aside = restore(tmp_path / "copy", broken, now=NOW)

    assert await lines(broken, "den") == ["Hello"]
    assert aside is not None
    assert (aside / FILE).read_bytes().startswith(b"no database")
    assert (aside / f"{FILE}-wal").read_bytes().startswith(b"no log")


async def test_a_backup_brings_no_file_that_nobody_asked_for(
    tmp_path: Path, broker: EmbeddedBroker
) -> None:
    """Whoever made it could have written any name into it."""
    (tmp_path / "hub" / "key").write_bytes(b"key")
    await back_up(tmp_path / "hub", tmp_path / "copy", ("key",))
    execute(
        tmp_path / "copy",
        "INSERT INTO beside VALUES ('../outside', x'00'), ('other', x'00')",
    )

    restore(tmp_path / "copy", made(tmp_path / "second"), ("key",), now=NOW)

    assert names(tmp_path / "second") == {FILE, "key"}
    assert not (tmp_path / "outside").exists()


def written(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def executed(*statements: str) -> Callable[[Path], object]:
    return lambda path: execute(path, *statements)


def hurt(path: Path) -> None:
    """Write over a page of the table of records."""
    content = bytearray(path.read_bytes())
    content[-4096:] = b"\xa5" * 4096
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (written(b""), "is no backup of a hub"),
        (written(b"Dear diary, " * 1000), "is damaged, or no backup of a hub"),
        (executed("PRAGMA application_id = 7"), "is no backup of a hub"),
        (executed("PRAGMA user_version = 99"), "was written by a newer tcpnet .version 99"),
        (hurt, "is damaged"),
        (Path.unlink, "cannot be restored .*: No such file"),
    ],
)
async def test_what_is_no_sound_backup_changes_nothing(
    tmp_path: Path, broker: EmbeddedBroker, spoil: Callable[[Path], object], words: str
) -> None:
    """One sentence names the file, and the old store is where it was."""
    await fill(broker, 100)
    await back_up(tmp_path / "hub", tmp_path / "copy")
    folder = shutil.copytree(tmp_path / "hub", tmp_path / "second")
    before = sorted(folder.iterdir())
    spoil(tmp_path / "copy")

    with pytest.raises(UserError, match=words) as refused:
        restore(tmp_path / "copy", folder, now=NOW)

    assert str(tmp_path / "copy") in str(refused.value)
    assert sorted(folder.iterdir()) == before
    assert len(await lines(folder, "old")) == 100


async def test_a_store_with_changes_beside_it_is_no_backup(
    tmp_path: Path, broker: EmbeddedBroker
) -> None:
    """Somebody copied the file of a running hub: what is in its log would be lost."""
    await broker.publish("den", "ann", "m1", "Hello")

    with pytest.raises(UserError, match="is no backup: it needs"):
        restore(tmp_path / "hub" / FILE, made(tmp_path / "second"), now=NOW)


async def test_a_file_that_is_there_is_never_written_over(
    tmp_path: Path, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that was there before nor one that came meanwhile."""
    target = tmp_path / "copy"
    target.write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        await back_up(tmp_path / "hub", target)

    target.unlink()
    vacuum = backup._vacuum
    monkeypatch.setattr(backup, "_vacuum", lambda *a: (vacuum(*a), target.write_text("mine")))
    with pytest.raises(UserError, match="exists already"):
        await back_up(tmp_path / "hub", target)

    assert target.read_text() == "mine"
    assert names(tmp_path) == {"hub", "copy"}


async def test_what_cannot_be_written_or_read_leaves_nothing_behind(
    tmp_path: Path, broker: EmbeddedBroker
) -> None:
    """The sentence names the file; a damaged store is found while it is copied."""
    with pytest.raises(UserError, match="cannot be written: No such file"):
        await back_up(tmp_path / "hub", tmp_path / "missing" / "copy")
    with pytest.raises(UserError, match="there is no hub in"):
        await back_up(tmp_path / "empty", tmp_path / "copy")
    broken = made(tmp_path / "broken")
    (broken / FILE).write_bytes(b"no database " * 1000)
    with pytest.raises(BrokerError, match="the store is damaged"):
        await back_up(broken, tmp_path / "copy")

    assert names(tmp_path) == {"hub", "broken"}


async def test_a_hub_that_ends_does_not_wait_for_its_backup(
    tmp_path: Path, broker: EmbeddedBroker
) -> None:
    """It is told to stop, and no half of it stays."""
    await fill(broker, OLD_LINES)
    copying = asyncio.ensure_future(back_up(tmp_path / "hub", tmp_path / "copy"))
    await asyncio.sleep(0)

    copying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying

    assert names(tmp_path) == {"hub"}


async def test_a_copy_looks_now_and_then_whether_to_stop(
    tmp_path: Path, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle, not only at its end."""
    await fill(broker, OLD_LINES)
    monkeypatch.setattr(backup, "_STEPS_A_LOOK", 1000)
    stop = Impatient()

    with pytest.raises(BrokerError, match="interrupted"):
        copy(tmp_path / "hub", tmp_path / "copy", stop=stop)

    assert stop.looks == Impatient.PATIENCE
    assert names(tmp_path) == {"hub"}


class Impatient(Event):
    """Tells to stop at the third look."""

    PATIENCE = 3

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def is_set(self) -> bool:
        self.looks += 1
        return self.looks >= self.PATIENCE

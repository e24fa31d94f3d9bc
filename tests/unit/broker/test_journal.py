"""The journal: what is in it is as good as filed, wherever a line is and whenever it moves."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

from tcpnet.broker import journal, reader, schema
from tcpnet.broker.backup import copy, restore
from tcpnet.broker.connection import Connection, Parameters, connect
from tcpnet.broker.embedded import FILE, EmbeddedBroker
from tcpnet.errors import ConfigError
from tests import powercut
from tests.disk import Disk, Remains, Told
from tests.unit.broker.faulty import FULL, Faults, limit_pages

MOVED = 4
"""Lines that move at once in these tests."""


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few lines are enough to see them move."""
    monkeypatch.setattr(journal, "MOVED_LINES", MOVED)


@pytest.fixture
def faults() -> Iterator[Faults]:
    """A factory of connections that fail on demand, and not at closing."""
    faults = Faults()
    yield faults
    faults.mend()


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[EmbeddedBroker]:
    """A broker without lines."""
    async with EmbeddedBroker.open(tmp_path) as opened:
        yield opened


async def say(broker: EmbeddedBroker, *mids: str, log: str = "den") -> list[int]:
    """Publish a line for each mid, which is its body too."""
    return [await broker.publish(log, "ann", mid, mid) for mid in mids]


def places(connection: Connection) -> tuple[int, int]:
    """How many lines are in `records`, and in the journal."""
    [records] = connection.execute("SELECT count(*) FROM records").fetchone()
    [waiting] = connection.execute("SELECT count(*) FROM journal").fetchone()
    return records, waiting


def logs(connection: Connection) -> int:
    """How many logs there are, deleted ones with lines included."""
    [count] = connection.execute("SELECT count(*) FROM logs").fetchone()
    return int(count)


async def until_moved(broker: EmbeddedBroker, records: int, waiting: int) -> None:
    """Wait until so many lines are in `records` and so many in the journal."""
    async with asyncio.timeout(10):
        while await broker._read(places) != (records, waiting):
            pass


async def seen(broker: EmbeddedBroker) -> list[object]:
    """All that the reads tell of the log `den`."""
    pages = [
        await broker.history("den", limit=99),
        await broker.history("den", limit=3),
        await broker.history("den", before=4, limit=2),
        await broker.history("den", after=2, limit=3),
        await broker.unread("den", limit=3),
    ]
    texts = [[(record.seq, record.body) for record in page] for page in pages]
    return [*texts, await broker.last_seq("den"), await broker.unread_count("den")]


async def test_every_read_sees_the_same_wherever_the_lines_are(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the journal, in `records`, or some here and some there."""
    monkeypatch.setattr(journal, "MOVED_LINES", 99)
    await say(broker, "a", "b", "c", "d", "e", "f")
    await broker.mark_read("den", 1)
    assert await broker._read(places) == (0, 6)
    before = await seen(broker)

    await broker._change(lambda store: store.journal.wait())  # the thread moves none by itself
    monkeypatch.setattr(journal, "MOVED_LINES", 3)
    for moved in (3, 6):
        await broker._change(lambda store: store.journal.move())
        assert await broker._read(places) == (moved, 6 - moved)
        assert await seen(broker) == before
    assert before[-2:] == [6, 5]


async def test_lines_move_when_many_are_there(broker: EmbeddedBroker) -> None:
    """Not one by one, and all of a batch with one change."""
    await say(broker, *"abc")
    assert await broker._read(places) == (0, 3)

    await say(broker, "d")
    await until_moved(broker, 4, 0)


async def test_lines_move_when_long_ones_are_there(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few at once, since they are what takes time; one at least."""
    monkeypatch.setattr(journal, "MOVED_CHARACTERS", 250)

    await say(broker, "a" * 100, "b" * 100)
    assert await broker._read(places) == (0, 2)
    await say(broker, "c" * 900)
    await until_moved(broker, 3, 0)
    await say(broker, "d" * 900)
    await until_moved(broker, 4, 0)


async def test_a_text_with_a_nul_moves_like_others(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite takes it for shorter than Python does; neither is left with a wrong sum."""
    monkeypatch.setattr(journal, "MOVED_CHARACTERS", 250)

    await say(broker, "\0" + "a" * 300)
    await until_moved(broker, 1, 0)
    await say(broker, "b" * 100)

    assert await broker._read(places) == (1, 1)


async def test_a_line_is_known_again_wherever_it_is(tmp_path: Path) -> None:
    """In the same batch, in the journal, in `records`, and after the next start; whatever order."""
    async with EmbeddedBroker.open(tmp_path) as broker:
        twice = await asyncio.gather(*(broker.publish("den", "ann", "m5", "a") for _ in "12"))
        assert twice == [1, 1]
        assert await say(broker, "m3", "m5") == [2, 1]
        assert await say(broker, "m7", "m9") == [3, 4]
        await until_moved(broker, 4, 0)

        assert await say(broker, "m5", "m3", "m4", "m9", "m8") == [1, 2, 5, 4, 6]
        assert await broker._read(places) == (4, 2)
        assert await broker.publish("den", "bob", "m5", "his own") == 7
        assert await say(broker, "m5", log="hall") == [1]
        await until_moved(broker, 8, 0)
        await say(broker, "m2")

    async with EmbeddedBroker.open(tmp_path) as broker:
        assert await say(broker, "m4", "m2", "m9") == [5, 8, 4]


async def test_lines_that_nobody_moved_are_found_after_a_kill(tmp_path: Path) -> None:
    """The journal is read again: what it holds is known, and numbers go on behind it."""
    connection = schema.open_store(connect, tmp_path / FILE)
    connection.execute("INSERT INTO logs (name) VALUES ('den')")
    connection.execute("INSERT INTO records VALUES (1, 1, 'ann', 'm1', 'a', 0)")
    connection.execute("INSERT INTO journal VALUES (7, 1, 2, 'ann', 'm2', 'b', 0)")
    connection.close()

    async with EmbeddedBroker.open(tmp_path) as broker:
        assert await broker.last_seq("den") == 2
        assert await say(broker, "m2", "m1", "m3") == [2, 1, 3]


async def test_a_store_at_rest_has_an_empty_journal(tmp_path: Path) -> None:
    """Whoever reads the file finds all lines in their place, in the order of their logs."""
    async with EmbeddedBroker.open(tmp_path) as broker:
        for number in range(9):
            await say(broker, f"m{number}", log=f"log {number % 2}")

    with closing(connect(tmp_path / FILE, readonly=True)) as connection:
        assert places(connection) == (9, 0)


async def test_a_log_that_is_deleted_or_trimmed_leaves_nothing_in_the_journal(
    broker: EmbeddedBroker,
) -> None:
    """What is not seen any more goes from there as from `records`."""
    await say(broker, "a")
    await say(broker, "b", "c", log="hall")
    await broker.trim("hall", 1)
    await broker.delete_log("den")
    await until_moved(broker, 0, 1)

    assert await say(broker, "c", "b", log="hall") == [2, 3]


@pytest.mark.parametrize("mids", ["abc", "abcd"], ids=["in the journal", "moved"])
async def test_a_new_log_in_the_place_of_a_deleted_one_has_none_of_its_lines(
    broker: EmbeddedBroker, mids: str
) -> None:
    """Nor its mids, though the store gives it the same number."""
    await say(broker, *mids)
    if len(mids) == MOVED:
        await until_moved(broker, MOVED, 0)
    await broker.delete_log("den")
    await until_moved(broker, 0, 0)
    assert await broker._read(logs) == 0

    assert await say(broker, "a", log="new") == [1]
    assert [record.body for record in await broker.history("new", limit=9)] == ["a"]


async def test_reading_a_page_looks_at_that_page(broker: EmbeddedBroker) -> None:
    """No read goes through all that was ever said, whatever SQLite makes of the view."""
    await say(broker, *"abcd")
    await until_moved(broker, 4, 0)

    def plans(connection: Connection) -> str:
        queries = [
            (reader._FORWARD, ("den", 0, 9, 9)),
            (reader._BACKWARD, ("den", 0, 9, 9)),
            (reader._UNREAD, ("den", 9)),
            (reader._UNREAD_COUNT, ("den",)),
            (f"SELECT {schema.END} FROM logs WHERE name = ?", ("den",)),
            (journal._FIND, ("m", 1, "ann")),
        ]
        found = [
            connection.execute(f"EXPLAIN QUERY PLAN {query}", parameters).fetchall()
            for query, parameters in queries
        ]
        return str(found)

    plan = await broker._read(plans)
    assert "SEARCH records" in plan
    assert "SCAN records" not in plan


# When moving fails


class FailingMoves:
    """Refuses one statement of every move, and counts."""

    def __init__(self, statement: str) -> None:
        self.count = 0
        self._statement = statement
        self._moving = False

    def __call__(self, sql: str, _: Parameters) -> None:
        """See `Faults.before`."""
        words = " ".join(sql.split())
        if words.startswith(("BEGIN", "SELECT max(arrival)")):
            self._moving = words.startswith("SELECT")
        if self._moving and words.startswith(self._statement):
            self.count += 1
            raise sqlite3.OperationalError(FULL)

    async def reach(self, count: int, broker: EmbeddedBroker) -> None:
        """Wait until so many moves were tried."""
        async with asyncio.timeout(10):
            while self.count < count:
                await broker.last_seq("den")


@pytest.mark.parametrize(
    "statement",
    ["SELECT max(arrival)", "INSERT OR ROLLBACK INTO records", "DELETE FROM journal", "COMMIT"],
)
async def test_a_move_that_fails_moves_nothing_and_is_tried_again(
    tmp_path: Path, faults: Faults, statement: str
) -> None:
    """Not at every line: when as many have come again. They are taken and can be read meanwhile."""
    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        faults.before = moves = FailingMoves(statement)
        await say(broker, *"abcd")
        await moves.reach(1, broker)
        assert await say(broker, *"efg") == [5, 6, 7]
        assert await say(broker, *"aceg") == [1, 3, 5, 7]
        assert moves.count == 1
        await say(broker, "h")
        await moves.reach(2, broker)
        assert await broker._read(places) == (0, 8)
        assert [record.body for record in await broker.history("den", limit=99)] == [*"abcdefgh"]

        faults.mend()
        await say(broker, *"ijkl")
        await until_moved(broker, 12, 0)
        assert [record.body for record in await broker.history("den", limit=99)] == [
            *"abcdefghijkl"
        ]


async def test_a_disk_too_full_to_move_lines_takes_more_of_them(
    tmp_path: Path, faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    """Moving needs room before it frees any; a line that fits is not refused for that."""
    large = ["a" * 20_000, "b" * 20_000, "c" * 20_000]
    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        await say(broker, *large)
        limit_pages(faults, 1)
        await say(broker, "d")
        async with asyncio.timeout(10):
            while "the store refuses changes" not in caplog.messages:
                await broker.last_seq("den")
        assert await say(broker, "e", "a" * 20_000) == [5, 1]
        assert await broker._read(places) == (0, 5)

        limit_pages(faults, 1_000_000)
        await say(broker, *"fgh")
        await until_moved(broker, 8, 0)
    assert broker.statistics.failures == 0


async def test_lines_that_cannot_move_stop_neither_the_end_nor_the_start(
    tmp_path: Path, faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    """They are as safe where they are."""
    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        await say(broker, *"ab")
        faults.before = FailingMoves("INSERT OR ROLLBACK INTO records")
    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        assert caplog.messages == ["lines stay in the journal"] * 2
        assert await say(broker, *"bac") == [2, 1, 3]
        faults.mend()

    with closing(connect(tmp_path / FILE, readonly=True)) as connection:
        assert places(connection) == (3, 0)


async def test_a_power_cut_at_any_moment_of_a_move_loses_nothing(tmp_path: Path) -> None:
    """Whatever of a line or of a move is on the disk: each line is there once, in its place."""
    with Disk(tmp_path / "disk") as disk:
        async with EmbeddedBroker.open(disk.folder, connect=disk.connect) as broker:
            begin = len(disk.tape)
            for number, sender in product(range(1, 4), "012"):
                log, words = powercut.log_of(sender), powercut.words(sender, number)
                seq = await broker.publish(log, sender, str(number), words)
                disk.tell(powercut.Line(sender, number, seq))
            async with asyncio.timeout(10):
                while (await broker._read(places))[0] < len(powercut.LOGS) * 2:
                    pass

    tally, remains, ledger = powercut.Tally(), Remains(), powercut.Ledger()
    dice = random.Random(1)
    for moment, event in enumerate(disk.tape):
        remains.take(event, dice)
        if isinstance(event, Told):
            ledger.note(event.what)
        if moment > begin:
            await powercut.judge(tmp_path / str(moment), remains.cut(dice), ledger, tally)
    assert tally.wrong == {}
    assert len(ledger.seqs) == 9


# What goes with it


async def test_a_backup_brings_the_journal(tmp_path: Path) -> None:
    """Lines that had not moved when it was made are there, and are known again."""
    async with EmbeddedBroker.open(tmp_path / "hub") as broker:
        await say(broker, *"abcd")
        await until_moved(broker, 4, 0)
        await say(broker, *"ef")
        copy(tmp_path / "hub", tmp_path / "copy")
    with closing(connect(tmp_path / "copy", readonly=True)) as connection:
        assert places(connection) == (4, 2)
    (tmp_path / "new").mkdir()
    restore(tmp_path / "copy", tmp_path / "new", now=datetime(2026, 3, 4, tzinfo=UTC))

    async with EmbeddedBroker.open(tmp_path / "new") as broker:
        assert await say(broker, *"gfa") == [7, 6, 1]
        found = await broker.history("den", limit=99)
        assert [record.body for record in found] == [*"abcdefg"]


def older_store(path: Path, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Open a store as the version before the journal did."""
    with monkeypatch.context() as patch:
        patch.setattr(schema, "STEPS", schema.STEPS[:3])
        return schema.open_store(connect, path)


async def test_a_store_without_a_journal_gets_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines are where they were, numbers go on and mids are known."""
    connection = older_store(tmp_path / FILE, monkeypatch)
    connection.execute("INSERT INTO logs (name, read) VALUES ('den', 1)")
    connection.execute("INSERT INTO records VALUES (1, 1, 'ann', 'm1', 'a', 0)")
    connection.execute("INSERT INTO records VALUES (1, 2, 'ann', 'm2', 'b', 0)")
    connection.close()

    async with EmbeddedBroker.open(tmp_path) as broker:
        assert await say(broker, "m2", "m3", "m1") == [2, 3, 1]
        assert [record.body for record in await broker.unread("den", limit=9)] == ["b", "m3"]


async def test_the_version_before_refuses_a_store_with_a_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would not see the lines in it."""
    async with EmbeddedBroker.open(tmp_path) as broker:
        await say(broker, "a")

    with pytest.raises(ConfigError, match="written by a newer tcpnet"):
        older_store(tmp_path / FILE, monkeypatch)

"""The durable broker: what it adds to the contract all brokers keep."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcpnet.broker import lane, schema
from tcpnet.broker.changes import Claim, Put
from tcpnet.broker.connection import Parameters, connect
from tcpnet.broker.embedded import FILE, EmbeddedBroker
from tcpnet.broker.gate import Gate
from tcpnet.broker.store import Store
from tcpnet.errors import BrokerError
from tests.unit.broker.faulty import FULL, Faults, failing, limit_pages

LARGE = "x" * 100_000
MIB = 2**20


@pytest.fixture
def faults() -> Faults:
    """A factory of connections that fail on demand."""
    return Faults()


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    """Every test ends with the threads it began with."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


async def publish_all(broker: EmbeddedBroker, *texts: str) -> list[int]:
    return await asyncio.gather(*(broker.publish("den", "ann", "", text) for text in texts))


async def stored(broker: EmbeddedBroker) -> list[str]:
    return [record.body for record in await broker.history("den", limit=1000)]


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


# Staying


async def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    """Lines, marks, claims, values and the count of revisions outlive the process."""
    async with EmbeddedBroker.open(tmp_path) as broker:
        await broker.publish("den", "ann", "m1", "a")
        await broker.publish("den", "ann", "m2", "b")
        await broker.mark_read("den", 1)
        await broker.claim("account", "ann", "1")
        revision = await broker.put("room", "den", b"value")
        await broker.remove("room", "den")

    async with EmbeddedBroker.open(tmp_path) as broker:
        assert await stored(broker) == ["a", "b"]
        assert await broker.unread_count("den") == 1
        assert await broker.publish("den", "ann", "m1", "a") == 1
        assert await broker.publish("den", "ann", "m3", "c") == 3
        assert await broker.claim("account", "ann", "2") == "1"
        assert await broker.put("room", "den", b"value", expected=0) > revision


async def test_a_folder_is_made(tmp_path: Path) -> None:
    """The first start needs no preparation."""
    async with EmbeddedBroker.open(tmp_path / "new" / "data") as broker:
        assert await publish_all(broker, "a") == [1]


async def test_no_seq_is_used_again_when_lines_are_removed(tmp_path: Path) -> None:
    """Where a log stands does not depend on which lines are kept."""
    async with EmbeddedBroker.open(tmp_path) as broker:
        await publish_all(broker, "a", "b", "c")
        await broker.trim("den", 3)
        async with asyncio.timeout(10):
            while await broker._read(_rows) != (0, 1):
                pass
        assert await broker.last_seq("den") == 3

    async with EmbeddedBroker.open(tmp_path) as broker:
        assert await broker.last_seq("den") == 3
        assert await publish_all(broker, "d") == [4]


async def test_a_log_of_an_older_version_goes_on_where_it_was(tmp_path: Path) -> None:
    """It wrote down the last seq, whatever lines are left."""
    older = tmp_path / FILE
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "STEPS", schema.STEPS[:2])
        connection = schema.open_store(connect, older)
    connection.execute("INSERT INTO logs (name, last, gone, swept) VALUES ('den', 7, 5, 5)")
    connection.execute("INSERT INTO records VALUES (1, 7, 'ann', '', 'seven', 0)")
    connection.execute("INSERT INTO logs (name, last, gone, swept) VALUES ('hall', 4, 4, 4)")
    connection.close()

    async with EmbeddedBroker.open(tmp_path) as broker:
        assert await broker.last_seq("den") == 7
        assert await broker.publish("den", "ann", "", "eight") == 8
        assert await broker.publish("hall", "ann", "", "five") == 5


async def test_the_lines_of_a_deleted_log_are_removed_when_there_is_time(tmp_path: Path) -> None:
    """Deleting is quick however long the log, and leaves nothing behind in the end."""
    async with EmbeddedBroker.open(tmp_path) as broker:
        await publish_all(broker, *(str(number) for number in range(1200)))
        await broker.publish("hall", "ann", "", "stays")
        await broker.delete_log("den")
        assert await stored(broker) == []
    async with EmbeddedBroker.open(tmp_path) as broker:
        # The sweep goes on where it was; its pieces and this line are all done at closing.
        await broker.publish("hall", "ann", "", "too")
        async with asyncio.timeout(10):
            while await broker._read(_rows) != (2, 1):
                pass
        assert len(await broker.history("hall", limit=9)) == 2


async def test_removing_lines_goes_on_when_the_disk_does(tmp_path: Path, faults: Faults) -> None:
    """A failure while tidying up harms nobody, and is tried again."""
    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        await publish_all(broker, *(str(number) for number in range(300)))
        faults.before = failing("DELETE FROM records", sqlite3.OperationalError(FULL))
        await broker.delete_log("den")
        assert await broker.publish("hall", "ann", "", "a") == 1

        faults.mend()
        async with asyncio.timeout(10):
            while await broker._read(_rows) != (1, 1):
                await broker.mark_read("hall", 1)


def _rows(connection: object) -> tuple[int, int]:
    assert isinstance(connection, sqlite3.Connection)
    [lines] = connection.execute("SELECT count(*) FROM lines").fetchone()
    [logs] = connection.execute("SELECT count(*) FROM logs").fetchone()
    return lines, logs


async def test_closing_leaves_one_file(tmp_path: Path) -> None:
    """The write-ahead log is written back, so that the one file is all there is to copy."""
    async with EmbeddedBroker.open(tmp_path) as broker:
        await publish_all(broker, "a")

    assert names(tmp_path) == [FILE]


async def test_the_write_ahead_log_stays_small(tmp_path: Path) -> None:
    """However much is written, and while others read through the broker."""
    sizes = []
    async with EmbeddedBroker.open(tmp_path) as broker:
        for number in range(150):
            # Not with each: it begins anew at a write that meets no reader, after another such.
            reading = [] if number % 3 else [broker.history("den", limit=20)]
            await asyncio.gather(publish_all(broker, LARGE), *reading)
            sizes.append(size_of_log(tmp_path))

    assert max(sizes) < 8 * MIB < 150 * len(LARGE)


async def test_a_foreign_reader_makes_the_write_ahead_log_grow_only_while_he_reads(
    tmp_path: Path,
) -> None:
    """What a backup or a curious operator holds up is made good afterwards."""
    async with EmbeddedBroker.open(tmp_path) as broker:
        await publish_all(broker, LARGE)
        foreign = sqlite3.connect(tmp_path / FILE)
        reading = foreign.execute("SELECT * FROM lines UNION ALL SELECT * FROM lines")
        reading.fetchone()
        for _ in range(20):
            await publish_all(broker, *(LARGE for _ in range(10)))
        assert size_of_log(tmp_path) > 16 * MIB

        reading.close()
        foreign.close()
        for _ in range(3):
            await publish_all(broker, LARGE)
        assert size_of_log(tmp_path) <= 16 * MIB


def size_of_log(folder: Path) -> int:
    return (folder / f"{FILE}-wal").stat().st_size


# Batches


async def test_what_queues_during_a_commit_shares_the_next(tmp_path: Path, faults: Faults) -> None:
    """A commit takes all that came while the last one ran, and waits for nothing else."""
    committing, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold(sql: str, parameters: Parameters) -> None:
        if sql == "COMMIT":
            loop.call_soon_threadsafe(committing.set)
            assert go_on.wait(10)

    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        faults.before = hold
        async with asyncio.TaskGroup() as group:
            group.create_task(publish_all(broker, "first"))
            await committing.wait()
            for number in range(50):
                group.create_task(publish_all(broker, str(number)))
                await asyncio.sleep(0)  # each in a turn of its own
            await asyncio.sleep(0)  # the last one, too, is handed over before the commit ends
            go_on.set()

        assert broker.statistics.commits == 2
        assert broker.statistics.largest_batch == 50


async def test_only_so_many_requests_wait_for_the_disk(tmp_path: Path) -> None:
    """Beyond the bound callers wait, in order; nobody is refused."""
    async with EmbeddedBroker.open(tmp_path, max_requests=4) as broker:
        seqs = await publish_all(broker, *(str(number) for number in range(50)))

        assert seqs == list(range(1, 51))
        assert broker.statistics.largest_batch <= 4


async def test_only_so_many_bytes_wait_for_the_disk(tmp_path: Path) -> None:
    """A line larger than the bound goes alone."""
    async with EmbeddedBroker.open(tmp_path, max_bytes=len(LARGE) - 1) as broker:
        assert await publish_all(broker, LARGE, LARGE, "a", "b") == [1, 2, 3, 4]
        assert broker.statistics.largest_batch == 2


async def test_a_row_that_fails_is_alone_in_failing(tmp_path: Path, faults: Faults) -> None:
    """The others of its batch are saved, each once and in order."""

    def refuse_bad(sql: str, parameters: Parameters) -> None:
        if "bad" in parameters:
            raise sqlite3.IntegrityError("CHECK constraint failed")

    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        faults.before = refuse_bad
        outcomes = await asyncio.gather(
            broker.publish("den", "ann", "", "a"),
            broker.publish("den", "ann", "", "bad"),
            broker.claim("account", "bad", "1"),
            broker.publish("den", "ann", "", "b"),
            broker.put("room", "den", b"value", expected=5),
            broker.publish("den", "ann", "", "c"),
            return_exceptions=True,
        )

        assert [outcomes[0], outcomes[3], outcomes[5]] == [1, 2, 3]
        assert isinstance(outcomes[1], BrokerError)
        assert isinstance(outcomes[2], BrokerError)
        assert "changed by somebody else" in str(outcomes[4])
        assert await stored(broker) == ["a", "b", "c"]


async def test_a_value_of_a_wrong_type_fails_alone(tmp_path: Path) -> None:
    """What the driver cannot bind is one caller's bug."""
    async with EmbeddedBroker.open(tmp_path) as broker:
        outcomes = await asyncio.gather(
            broker.publish("den", "ann", "", "a"),
            broker.put("room", "den", [1, 2]),  # type: ignore[arg-type]
            broker.publish("den", "ann", "", "b"),
            return_exceptions=True,
        )

        assert [type(outcome) for outcome in outcomes] == [int, BrokerError, int]


async def test_a_change_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    """The others of its batch are saved without a trace of it."""

    def half(store: Store) -> None:
        store.claim("account", "ann", "1")
        raise ValueError

    async with EmbeddedBroker.open(tmp_path) as broker:
        outcomes = await asyncio.gather(
            broker._change(half), broker.claim("account", "bob", "1"), return_exceptions=True
        )

        assert [type(outcome) for outcome in outcomes] == [BrokerError, str]
        assert await broker.claim("account", "ann", "2") == "2"
        assert await broker.claim("account", "bob", "2") == "1"


async def test_changes_made_together_that_fail_half_way_leave_nothing(
    tmp_path: Path, faults: Faults
) -> None:
    """Nor do they spend a revision that another change has: the store and its writer agree."""

    def refuse_bad(sql: str, parameters: Parameters) -> None:
        if sql.lstrip().startswith("INSERT") and "bad" in parameters:
            raise sqlite3.IntegrityError("CHECK constraint failed")

    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        faults.before = refuse_bad
        first = await broker.put("room", "den", b"1")
        with pytest.raises(BrokerError, match="not saved"):
            await broker.together(Put("room", "hall", b"2"), Claim("look", "bad", "ann"))
        second = await broker.put("room", "attic", b"3")

    async with EmbeddedBroker.open(tmp_path) as broker:
        found = {stored.key: stored.revision for stored in await broker.entries("room")}
        third = await broker.put("room", "hall", b"4")

    assert found == {"den": first, "attic": second}
    assert first < second < third


# A failing disk


async def test_a_full_disk_refuses_lines_and_recovers(
    tmp_path: Path, faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is acknowledged or delivered; reading goes on, and writing with the first room."""
    delivered: list[str] = []
    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        broker.follow("den", lambda batch: delivered.extend(record.body for record in batch))
        await publish_all(broker, "before")

        limit_pages(faults, 1)
        for _ in range(3):
            outcomes = await asyncio.gather(
                *(broker.publish("den", "ann", "", LARGE) for _ in range(3)),
                return_exceptions=True,
            )
            assert [str(outcome) for outcome in outcomes] == ["not saved: the disk is full"] * 3
            assert await stored(broker) == ["before"]
        assert broker.statistics.failures == 3

        limit_pages(faults, 1_000_000)
        assert await publish_all(broker, "after") == [2]
        assert await stored(broker) == delivered == ["before", "after"]

    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.ERROR, "the store refuses changes"),
        (logging.WARNING, "the store takes changes again"),
    ]


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT INTO journal", "UPDATE", "COMMIT"])
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (FULL, "not saved: the disk is full"),
        ("disk I/O error", "not saved: the disk reports an error"),
        ("attempt to write a readonly database", "not saved: the disk accepts no changes"),
        ("something new", "not saved: the store failed"),
    ],
)
async def test_an_error_at_any_statement_acknowledges_nothing(
    tmp_path: Path, faults: Faults, statement: str, text: str, sentence: str
) -> None:
    """Every publisher of the batch is told, and all is as before."""
    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        await publish_all(broker, "before")
        await broker.mark_read("den", 1)

        faults.before = failing(statement, sqlite3.OperationalError(text))
        outcomes = await asyncio.gather(
            *(broker.publish("den", "ann", f"m{n}", "lost") for n in range(3)),
            broker.put("room", "den", b"lost"),
            return_exceptions=True,
        )
        assert [str(outcome) for outcome in outcomes] == [sentence] * 4
        assert len({id(outcome) for outcome in outcomes}) == 4
        assert await stored(broker) == ["before"]

        faults.mend()
        assert await broker.publish("den", "ann", "m0", "after") == 2
        assert await broker.get("room", "den") is None


async def test_a_commit_that_succeeded_in_spite_of_its_error_is_acknowledged(
    tmp_path: Path, faults: Faults
) -> None:
    """What a failed commit left is looked up: nobody hears that a saved line is lost."""
    delivered: list[str] = []
    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        broker.follow("den", lambda batch: delivered.extend(record.body for record in batch))

        def lie(sql: str) -> None:
            if sql == "COMMIT":
                raise sqlite3.OperationalError("disk I/O error")

        faults.after = lie
        assert await publish_all(broker, "a", "b") == [1, 2]
        with pytest.raises(BrokerError, match="the disk reports an error"):
            await broker.put("room", "den", b"value")

        faults.mend()
        assert await publish_all(broker, "c") == [3]
        assert await stored(broker) == delivered == ["a", "b", "c"]


async def test_a_rollback_that_fails_is_made_up_for(tmp_path: Path, faults: Faults) -> None:
    """A transaction that could not be undone does not stay open for ever."""

    def fail(sql: str, parameters: Parameters) -> None:
        if sql in {"COMMIT", "ROLLBACK"}:
            raise sqlite3.OperationalError("disk I/O error")

    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        faults.before = fail
        for _ in range(2):
            with pytest.raises(BrokerError):
                await publish_all(broker, "lost")

        faults.mend()
        assert await publish_all(broker, "after") == [1]
        assert await stored(broker) == ["after"]


async def test_a_store_that_cannot_be_read_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Damage is an error of the one who reads it, and others go on."""
    async with EmbeddedBroker.open(tmp_path) as broker:
        with pytest.raises(BrokerError, match="not read: the store failed"):
            await broker._read(lambda connection: connection.execute("SELECT x FROM nowhere"))

        assert await publish_all(broker, "a") == [1]
    assert "the store cannot be read" in caplog.messages


async def test_reading_does_not_wait_for_writing(tmp_path: Path, faults: Faults) -> None:
    """While a disk hangs in a commit, what was saved can be read."""
    go_on = threading.Event()

    def hold(sql: str, parameters: Parameters) -> None:
        if sql == "COMMIT":
            assert go_on.wait(10)

    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        await publish_all(broker, "before")
        faults.before = hold
        async with asyncio.TaskGroup() as group:
            publishing = group.create_task(publish_all(broker, "after"))
            assert await stored(broker) == ["before"]
            assert not publishing.done()
            go_on.set()
        assert await stored(broker) == ["before", "after"]


# Closing


async def test_closing_finishes_what_was_asked_for(tmp_path: Path) -> None:
    """Who asked before the end gets his answer, who asks later is refused."""
    async with asyncio.TaskGroup() as group, EmbeddedBroker.open(tmp_path) as broker:
        asked = [group.create_task(publish_all(broker, str(n))) for n in range(20)]
        await asyncio.sleep(0)
    assert sorted(task.result()[0] for task in asked) == list(range(1, 21))

    with pytest.raises(BrokerError, match="the hub is closing"):
        await broker.publish("den", "ann", "", "late")
    with pytest.raises(BrokerError, match="the hub is closing"):
        await broker.history("den", limit=1)


async def test_closing_refuses_who_still_waits_for_room(
    tmp_path: Path, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue longer than the bound does not hold up the end."""
    closing, close = threading.Event(), Gate.close

    def note(gate: Gate) -> None:
        close(gate)
        if gate.requests:
            closing.set()

    def hold(sql: str, parameters: Parameters) -> None:
        if sql == "COMMIT":
            assert closing.wait(10)

    monkeypatch.setattr(Gate, "close", note)
    async with EmbeddedBroker.open(tmp_path, connect=faults, max_requests=1) as broker:
        faults.before = hold
        asked = [asyncio.ensure_future(broker.publish("den", "ann", "", "a")) for _ in range(5)]
        await asyncio.sleep(0)

    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert outcomes[0] == 1
    assert [type(outcome) for outcome in outcomes[1:]] == [BrokerError] * 4


async def test_a_disk_that_hangs_does_not_hold_up_the_end(
    tmp_path: Path,
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Closing gives up in time, and nobody is left waiting or told a lie."""
    monkeypatch.setattr(lane, "CLOSE_SECONDS", 0.05)
    go_on = threading.Event()

    def hold(sql: str, parameters: Parameters) -> None:
        if sql == "COMMIT":
            assert go_on.wait(10)

    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        faults.before = hold
        asked = asyncio.ensure_future(broker.publish("den", "ann", "", "a"))
        await asyncio.sleep(0)

    with pytest.raises(BrokerError, match="the disk does not answer"):
        await asked
    assert "the disk does not answer; closing without it" in caplog.messages
    go_on.set()
    [writer] = [thread for thread in threading.enumerate() if thread.name == "broker-writer"]
    await asyncio.to_thread(writer.join, 10)


async def test_a_batch_that_meets_a_bug_is_refused_and_the_next_is_not(
    tmp_path: Path, faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    """An error nobody foresaw ends one batch, not the writing thread."""
    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        faults.before = failing("COMMIT", MemoryError())
        with pytest.raises(BrokerError, match="not saved"):
            await publish_all(broker, "a")

        faults.mend()
        assert await publish_all(broker, "b") == [1]
    assert "a batch failed unexpectedly" in caplog.messages


async def test_housekeeping_that_meets_a_bug_does_not_end_the_thread(
    tmp_path: Path, faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    """The lines of a deleted log are swept in quiet moments; others go on publishing."""
    async with EmbeddedBroker.open(tmp_path, connect=faults) as broker:
        await publish_all(broker, "a")
        await broker.publish("gone", "ann", "", "x")
        faults.before = failing("DELETE FROM records", MemoryError())
        await broker.delete_log("gone")
        while "tidying up failed unexpectedly" not in caplog.messages:
            await broker.last_seq("den")

        assert await publish_all(broker, "b") == [2]
        faults.mend()

"""Power cuts at random moments of a store under load; no disk is harmed, since one is simulated."""

import random
from collections import Counter
from pathlib import Path

import pytest

from tests import powercut
from tests.disk import SECTOR, Event, Named, Remains, Resized, Synced, Written


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_acknowledged_is_lost_in_a_power_cut(tmp_path: Path, seed: int) -> None:
    """200 cuts in all; the second run of each store begins with what a cut has left."""
    tally = await powercut.outlive(tmp_path, random.Random(seed), cuts=25, lives=2)

    assert tally.wrong == {}
    assert tally.cuts == 50
    assert tally.lines > 10 * tally.cuts, "there was something to lose"
    assert tally.checkpoints > 2 * 2, "some cuts come while the log is written back"
    assert tally.moved > 2 * 2 * powercut.MOVED, "and some while lines leave the journal"


async def test_a_store_that_syncs_less_is_found_out(tmp_path: Path) -> None:
    """The test has teeth: with synchronous = NORMAL most cuts lose acknowledged lines."""
    tally = await powercut.outlive(tmp_path, random.Random(0), cuts=50, swaps=powercut.NORMAL)

    faults = [fault for faults in tally.wrong.values() for fault in faults]
    assert len(tally.wrong) > tally.cuts / 3
    assert any("lines are lost" in fault for fault in faults)


async def test_nothing_acknowledged_is_lost_where_syncs_fail_before_the_cut(tmp_path: Path) -> None:
    """A refused change is asked for again; what a failed sync left behind does no harm."""
    tally = await powercut.outlive(tmp_path, random.Random(0), cuts=50, lives=2, faulty=0.05)

    assert tally.wrong == {}
    assert tally.failed_syncs > 5


def left(*events: Event) -> Counter[bytes | None]:
    """What 200 cuts after these events leave of the file `hub`, and how often."""
    dice, remains = random.Random(1), Remains()
    for event in events:
        remains.take(event, dice)
    return Counter(remains.cut(dice).get("hub") for _ in range(200))


NEW = Named("hub", 1)


def test_the_disk_keeps_what_was_synced() -> None:
    """Every cut leaves all of it."""
    assert left(NEW, Written(1, 0, b"old"), Synced(1, names=True)) == {b"old": 200}


def test_the_disk_keeps_any_part_of_what_was_not_synced() -> None:
    """Sector by sector: the first, the second, both or none."""
    old, new = b"o" * 2 * SECTOR, b"n" * 2 * SECTOR
    found = left(NEW, Written(1, 0, old), Synced(1, names=True), Written(1, 0, new))

    assert set(found) == {a * SECTOR + b * SECTOR for a in (b"o", b"n") for b in (b"o", b"n")}


def test_the_disk_tears_a_write_where_sectors_end() -> None:
    """A write across a border is two, and what lies before a part that is left reads as zeros."""
    found = left(NEW, Synced(1, names=True), Written(1, SECTOR - 2, b"abcd"))

    before = bytes(SECTOR - 2)
    assert set(found) == {b"", before + b"ab", before + b"\0\0cd", before + b"abcd"}


def test_the_disk_may_forget_a_size_and_a_name() -> None:
    """A file that was cut short may be long again, and a new one may be gone."""
    written = Written(1, 0, b"abcd")

    assert set(left(NEW, written, Synced(1, names=True), Resized(1, 2))) == {b"abcd", b"ab"}
    assert set(left(NEW, written, Synced(1, names=False))) == {b"abcd", None}


def test_a_sync_that_fails_leaves_any_part_for_good() -> None:
    """A later sync that succeeds does not write what the failed one left out."""
    failed = Synced(1, names=False, failed=True)
    found = Counter[bytes | None]()
    for seed in range(50):
        dice, remains = random.Random(seed), Remains()
        for event in (NEW, Synced(1, names=True), Written(1, 0, b"abcd"), failed):
            remains.take(event, dice)
        remains.take(Synced(1, names=True), dice)
        found[remains.cut(dice)["hub"]] += 1

    assert set(found) == {b"", b"abcd"}

"""A whole hub is killed at random moments under load, and the ledger that says what it did."""

import random
import sqlite3
from pathlib import Path

import pytest

from tcpnet.broker.embedded import FILE
from tests.kills import kept, outlive
from tests.ledger import Faults, Ledger, Line

ANN, BOB = "Ann", "Bob"
LINES = [Line(1, ANN, 1), Line(2, BOB, 1), Line(3, ANN, 2), Line(4, BOB, 2)]


async def test_nothing_acknowledged_is_lost_repeated_or_moved_by_kills(tmp_path: Path) -> None:
    """Not in rooms, not in mailboxes, and nobody loses his place in a room.

    Then one line is taken out of the store, and the same ledger notices: it has teeth.
    """
    outcome = await outlive(tmp_path, random.Random(), kills=4, lifetime=2000)

    assert outcome.faults == Faults()
    assert outcome.strayed == 0
    assert outcome.acks > 100, "there was something to lose"
    assert outcome.shown > outcome.acks

    data = tmp_path / "data"
    store = sqlite3.connect(data / FILE)
    with store:
        store.execute("DELETE FROM records WHERE seq = 5 AND log = (SELECT MIN(log) FROM records)")
    store.close()
    assert outcome.ledger.faults(await kept(data)).lost == 1


def ledger() -> Ledger:
    """Two people said two lines each in the den; Bob reads along."""
    made = Ledger()
    for line in LINES:
        assert made.says("den", line.sender) == line.number
        made.was_told("den", line.sender, line.number, line.seq)
        made.was_shown(BOB, "den", line)
    return made


def test_a_ledger_of_a_flawless_hub_finds_nothing() -> None:
    """Every line once, in order, as it was said."""
    made = ledger()

    assert made.faults({"den": LINES}) == Faults()
    assert made.acks == 4


@pytest.mark.parametrize(
    ("kept", "what"),
    [
        (LINES[:3], "lost"),
        ([], "lost"),
        ([*LINES, Line(5, BOB, 2)], "duplicate"),
        ([LINES[0], LINES[2], LINES[1], LINES[3]], "reordered"),
        ([Line(1, BOB, 1), Line(2, ANN, 1), *LINES[2:]], "reordered"),
        ([Line(1, ANN, 2), Line(2, BOB, 1), Line(3, ANN, 1), LINES[3]], "reordered"),
        ([*LINES, Line(5, BOB, 3)], "phantom"),
        ([*LINES, Line(5, "Eve", 1)], "phantom"),
        ([*LINES[:3], Line(4, BOB, -1)], "phantom"),
    ],
)
def test_a_fault_of_what_was_kept_is_found(kept: list[Line], what: str) -> None:
    """Whatever a store does to lines that were acknowledged."""
    assert getattr(ledger().faults({"den": kept}), what) > 0


@pytest.mark.parametrize(
    ("seen", "what"),
    [
        (LINES[:3], "lost"),
        ([LINES[0], *LINES], "duplicate"),
        ([*LINES, LINES[1]], "reordered"),
        ([LINES[1], LINES[0], *LINES[2:]], "reordered"),
        ([Line(1, ANN, 1), Line(2, BOB, 1), Line(3, ANN, 2), Line(7, BOB, 2)], "phantom"),
    ],
)
def test_a_fault_of_what_was_shown_is_found(seen: list[Line], what: str) -> None:
    """Whatever one reader sees, though the store is right."""
    made = ledger()
    made.shown[BOB, "den"] = seen

    assert getattr(made.faults({"den": LINES}), what) > 0

"""A hub whose disk is full or fails: no false word, reading goes on, and so does writing later."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.hub import Town, town
from tests.unit.broker.faulty import FULL, Faults, failing

FAILURES = {
    "full": sqlite3.OperationalError(FULL),
    "broken": sqlite3.OperationalError("disk I/O error"),
}
WORDS = {"full": "not saved: the disk is full", "broken": "not saved: the disk reports an error"}
RECOVERY = 5.0
"""Seconds in which a hub has to go on once the disk does."""


def kept_in(folder: Path) -> dict[str, Any]:
    """Settings of a hub with a store."""
    folders = {"data_dir": str(folder / "data"), "cache_dir": str(folder / "cache")}
    return {"server": {"ephemeral": False, "port": 0, **folders}}


@pytest.mark.parametrize("why", FAILURES)
async def test_a_disk_that_refuses_is_told_and_nothing_else_stops(
    tmp_path: Path, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Lines, mail and new rooms are refused in words; lines, mail and rooms are read; no crash."""
    faults = Faults()
    async with town(connect=faults, **kept_in(tmp_path)) as hub:
        ann, bob, cat = await hub.people("Ann", "Bob", "Cat")
        await ann.enters_room("den", new=True)
        await bob.enters_room("den")
        ann.types("before", mid="m0")
        await bob.sees("Ann> before")
        await _writes(cat, "Bob", "Message sent!")

        faults.before = failing("COMMIT", FAILURES[why])
        ann.types("refused", mid="m1")
        refusal = await ann.sees(WORDS[why])
        await _writes(cat, "Ann", WORDS[why])
        await cat.chooses(4)
        await cat.answers("Enter new chat room id: ", "attic")
        await cat.sees(WORDS[why])
        await _reads(hub, bob, cat)

        faults.mend()
        began = asyncio.get_running_loop().time()
        ann.types("refused", mid="m1")
        await ann.sees("Ann> refused")
        recovered = asyncio.get_running_loop().time() - began

    assert (refusal.kind, refusal.mid) == ("error", "m1")
    assert recovered < RECOVERY
    assert ann.messages("chat") == ["Ann> before", "Ann> refused"]
    assert "Traceback" not in caplog.text


async def _writes(person: Any, recipient: str, outcome: str) -> None:
    await person.chooses(2)
    await person.answers("Enter your message: ", "hello")
    await person.answers("Enter recipent id: ", recipient)
    await person.sees(outcome)


async def _reads(hub: Town, bob: Any, cat: Any) -> None:
    """Mail, the list of people, a room and its lines."""
    bob.types("bye")
    await bob.chooses(3)
    await bob.sees("hello (from: Cat)")
    await cat.chooses(1)
    await cat.sees("Users in server: Ann:")
    await cat.enters_room("den")
    await cat.sees("(earlier) Ann> before")


async def test_a_hub_ends_in_order_on_a_full_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What waited to be written is named in the log, and what was acknowledged is there later."""
    faults = Faults()
    async with town(connect=faults, **kept_in(tmp_path)) as hub:
        ann, bob = await hub.people("Ann", "Bob")
        await ann.enters_room("den", new=True)
        await bob.enters_room("den")
        ann.types("acknowledged", mid="m1")
        await bob.sees("Ann> acknowledged")

        faults.before = failing("COMMIT", FAILURES["full"])
        bob.types("bye")
        await bob.asked("Your option")
    (lost,) = [record for record in caplog.records if record.message == "not written at the end"]

    faults.mend()
    async with town(**kept_in(tmp_path)) as hub:
        cat = await hub.person("Cat")
        await cat.enters_room("den")
        await cat.sees("(earlier) Ann> acknowledged")

    assert vars(lost)["error"] == WORDS["full"]
    assert "Traceback" not in caplog.text

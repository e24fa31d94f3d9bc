"""A hub that tells the network where it is, and a client that looks for it; on loopback alone."""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from tcpnet.cli.client import main
from tcpnet.client import discovery
from tcpnet.client.address import Address
from tcpnet.client.known_hubs import KnownHubs
from tcpnet.server.operation.announcing import Notice, announce
from tests.hub import town

LOOPBACK: Final = ("127.0.0.1",)
KEY: Final = "3csv-erhd-2zkw-6odc-54nx-bosx-psny"

if sys.platform == "win32":  # asyncio forgets a datagram transport that is closed while it writes
    pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """What was left unclosed is found here, and not in another test."""
    yield
    gc.collect()


@asynccontextmanager
async def announced(notice: Notice) -> AsyncIterator[None]:
    """A hub that is announced for the length of the block."""
    task = asyncio.create_task(announce(notice, LOOPBACK))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def looked_for(name: str) -> discovery.Found:
    """The hub of this name, as soon as it answers."""
    async with asyncio.timeout(20):
        while True:
            for hub in await discovery.find(0.5, LOOPBACK):
                if hub.name.startswith(name):
                    return hub


async def test_a_hub_that_announces_itself_is_found(tmp_path: Path) -> None:
    """With its address and key; its name is made harmless and fits DNS."""
    name = f"Camp {tmp_path.name[-12:]}"
    async with announced(Notice(f"{name}.\x1b[2J{'x' * 99}", ("127.0.0.1",), 12005, KEY)):
        hub = await looked_for(name)

    assert "\x1b" not in hub.name
    assert (hub.address, hub.key) == (Address("127.0.0.1", 12005), KEY)


async def test_a_key_that_is_none_is_not_shown(tmp_path: Path) -> None:
    """Anybody may answer, and say anything."""
    name = f"Trap {tmp_path.name[-12:]}"
    async with announced(Notice(name, ("127.0.0.1",), 12005, "\x1b[2J known")):
        assert (await looked_for(name)).key == ""


def test_what_is_known_of_a_hub_is_said() -> None:
    """The first visit shows whether it is true; here a changed key is only noticed."""
    known = KnownHubs()
    known.keep(Address("192.0.2.7"), KEY)
    other = f"aaaa{KEY[4:]}"

    standings = [
        discovery.standing(discovery.Found("x", Address(host), key), known)
        for host, key in (("192.0.2.7", KEY), ("192.0.2.7", other), ("192.0.2.8", KEY))
    ]

    assert standings == ["known", "OTHER KEY", "new"]


def test_the_client_lists_what_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row for people, an object for programs; status 3 where nobody answers."""
    hubs = [discovery.Found("Camp", Address("192.0.2.7"), KEY)]

    async def find() -> list[discovery.Found]:
        return hubs

    monkeypatch.setattr(discovery, "find", find)
    words = ["--find", "--state-dir", str(tmp_path)]

    statuses = [main(words), main([*words, "--json"])]
    hubs.clear()
    statuses.append(main(words))

    out, err = capsys.readouterr()
    row, thing = out.splitlines()
    assert row == f"Camp  192.0.2.7:12005  {KEY}  new"
    assert f'"address": "192.0.2.7:12005", "key": "{KEY}", "known": "new"' in thing
    assert "no hub answered" in err
    assert statuses == [0, 0, 3]


def test_without_the_extra_the_client_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a sentence, and without a trace."""
    monkeypatch.setitem(sys.modules, "zeroconf", None)

    status = main(["--find", "--state-dir", str(tmp_path)])

    assert status == 2
    assert "pip install zeroconf" in capsys.readouterr().err


async def test_without_the_extra_a_hub_runs_as_well(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says why nobody finds it."""
    monkeypatch.setitem(sys.modules, "zeroconf", None)

    with caplog.at_level(logging.WARNING):
        await announce(Notice("Camp", ("127.0.0.1",), 12005, KEY))

    assert "pip install zeroconf" in caplog.records[0].__dict__["reason"]


async def test_a_hub_for_this_machine_alone_is_not_announced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody else could come."""
    caplog.set_level(logging.WARNING)
    async with town(discovery={"announce": True}) as hub:
        await hub.person("ann")

    reasons = [r.__dict__["reason"] for r in caplog.records if r.message == "not announced"]
    assert reasons == ["only this machine can reach the hub"]

"""The figures of a hub and whether it is ready, as a monitoring program asks for them."""

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tcpnet.broker.memory import MemoryBroker
from tcpnet.errors import BrokerError, ConfigError
from tcpnet.server.operation import metrics, probe
from tcpnet.server.operation.health import FRESH, Health
from tcpnet.server.operation.lag import Lag
from tests.hub import Town, town

PAGE = Path(__file__).parents[3] / "docs" / "operating.md"


@asynccontextmanager
async def measured() -> AsyncIterator[tuple[Town, str]]:
    """A hub that serves figures, and where."""
    async with town(metrics={"port": 0}) as hub:
        assert hub.hub.metrics_address is not None
        host, port = hub.hub.metrics_address
        yield hub, f"http://{host}:{port}"


async def get(url: str, method: str = "GET") -> tuple[int, str]:
    """Status and body."""
    async with aiohttp.request(method, url) as reply:
        return reply.status, await reply.text()


def values(text: str) -> dict[str, float]:
    """Every sample, labels in its name."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(sample.labels.values())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


async def test_a_hub_tells_who_is_there_and_what_was_said() -> None:
    """Counted by the hub for itself, read by whoever asks."""
    async with measured() as (hub, url):
        ann, bob = await hub.people("ann", "bob")
        await ann.enters_room("den", new=True)
        await bob.enters_room("den")
        ann.types("hello")
        await bob.sees("ann> hello")
        stray = await hub.dials()
        stray.send_raw(b"rubbish\n")
        await stray.gone()

        status, text = await get(f"{url}/metrics")

    figures = values(text)
    assert status == 200
    assert {name.removesuffix("_total") for name in metrics.NAMES} <= {
        family.name for family in text_string_to_metric_families(text)
    }
    wanted = {"people": 2, "sessions": 2, "connections": 2, "rooms": 1, "room_members": 2}
    assert {name: figures[f"tcpnet_{name}"] for name in wanted} == wanted
    assert figures["tcpnet_lines_total"] == 1
    assert figures["tcpnet_frames_in_total"] > 5
    assert figures["tcpnet_out_bytes_total"] > figures["tcpnet_frames_out_total"] > 10
    assert figures["tcpnet_connections_ended_total{protocol}"] == 1
    assert figures["tcpnet_commits_total"] > 0


async def test_totals_never_fall() -> None:
    """Whatever becomes of the connections that they are made of."""
    async with measured() as (hub, url):
        ann = await hub.person("ann")
        before = values((await get(f"{url}/metrics"))[1])

        await ann.leaves()
        await ann.gone()
        after = values((await get(f"{url}/metrics"))[1])

    for name in ("frames_in", "frames_out", "in_bytes", "out_bytes", "lines"):
        assert after[f"tcpnet_{name}_total"] >= before[f"tcpnet_{name}_total"]
    assert after["tcpnet_connections"] == 0


async def test_only_what_is_there_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    """And nothing is changed or logged by asking, which happens every few seconds."""
    caplog.set_level(logging.INFO)
    async with measured() as (_, url):
        assert await get(f"{url}/healthz") == (200, "ready\n")
        assert (await get(url))[0] == 404
        assert (await get(f"{url}/metrics", "POST"))[0] == 405
    assert caplog.records == []


async def test_a_port_that_is_taken_is_named() -> None:
    """As for the hub's own port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=f"cannot listen at 127.0.0.1/{port}: it is in use"):
            async with town(metrics={"port": port}):
                pass


async def test_a_hub_that_is_not_ready_says_why() -> None:
    """One reason a line."""

    async def flaws() -> list[str]:
        return ["the hub is closing down", "and more"]

    async with probe.answering("127.0.0.1", 0, bytes, "text/plain", flaws) as (_, port):
        assert await get(f"http://127.0.0.1:{port}/healthz") == (
            503,
            "the hub is closing down\nand more\n",
        )


class Disk(MemoryBroker):
    """Refuses, or hangs, as a test says; counts how often it is tried."""

    def __init__(self) -> None:
        super().__init__()
        self.tried = 0
        self.refuses = self.hangs = False

    async def put(self, kind: str, key: str, value: bytes, *, expected: int | None = None) -> int:
        self.tried += 1
        self.statistics.failing = self.refuses
        if self.hangs:
            await asyncio.Event().wait()
        if self.refuses:
            raise BrokerError("not saved: the disk is full")
        return await super().put(kind, key, value, expected=expected)


async def test_the_disk_is_tried_when_somebody_asks(tmp_path: Path) -> None:
    """Not each time while it is well; each time while it is not: its end is seen at once."""
    disk, now = Disk(), 100.0
    health = Health(disk, tmp_path, lambda: now)

    assert (await health.flaws(), await health.flaws(), disk.tried) == ([], [], 1)
    now += FRESH
    disk.refuses = True
    refused = await health.flaws(), await health.flaws()
    disk.refuses = False

    assert refused == (["not saved: the disk is full"],) * 2
    assert (await health.flaws(), disk.tried) == ([], 4)


async def test_a_disk_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks has a time-out of his own."""
    monkeypatch.setattr("tcpnet.server.operation.health.PATIENCE", 0.01)
    disk = Disk()
    disk.hangs = True

    assert await Health(disk, tmp_path).flaws() == ["not saved: the disk does not answer"]


async def test_a_cache_folder_that_is_gone_and_a_hub_that_ends_are_flaws(tmp_path: Path) -> None:
    """The folder may be on a stick that somebody took."""
    health = Health(MemoryBroker(), tmp_path / "gone")

    missing = await health.flaws()
    health.ends()

    assert missing == [f'the cache folder "{tmp_path / "gone"}" cannot be written']
    assert await health.flaws() == ["the hub is closing down"]


async def test_a_long_turn_of_the_loop_is_noticed() -> None:
    """By how much the others had to wait."""
    noticed = asyncio.Event()

    class Told(Lag):
        def note(self, late: float) -> None:
            super().note(late)
            if late > 0.1:
                noticed.set()

    lag, loop = Told(), asyncio.get_running_loop()
    watching = asyncio.create_task(lag.watch())
    await asyncio.sleep(0)  # it sleeps already

    until = loop.time() + 0.5
    while loop.time() < until:
        pass
    async with asyncio.timeout(10):
        await noticed.wait()
    watching.cancel()

    assert lag.longest > 0.1


def test_the_longest_delay_is_forgotten_after_a_while() -> None:
    """An alarm that never ends is none."""
    lag = Lag()

    for late in (0.1, 0.7, *[-0.01] * 239):
        lag.note(late)
    within = lag.longest
    lag.note(0.2)

    assert (within, lag.longest, lag.last) == (0.7, 0.2, 0.2)


def test_every_figure_is_explained_to_operators() -> None:
    """The page lists each, with its unit."""
    page = PAGE.read_text("utf-8")

    assert [name for name in metrics.NAMES if f"| `{name}` |" not in page] == []


def test_what_only_some_hubs_want_is_loaded_for_them_alone() -> None:
    """A hub without figures and without an announcement starts without their packages."""
    code = "import sys, tcpnet.server.app; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "tcpnet.server.app" in loaded.stdout.split()
    assert not {"prometheus_client", "aiohttp.web", "zeroconf"} & set(loaded.stdout.split())

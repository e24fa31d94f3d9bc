"""The operator's socket: who is heard, what is refused, and that the hub outlives it all."""

import asyncio
import json
import logging
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tcpnet.errors import BrokerError, ConfigError, UserError
from tcpnet.server.operation import control, orders
from tcpnet.server.operation.control import listening
from tcpnet.server.operation.orders import BackUp, Door, Kick, Order, Outcome, Row, Users


class Hub:
    """Takes orders and does what a test says."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.outcome = Outcome("It is done.", [Row({"name": "Nina", "id": 50851})])
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.asked = asyncio.Event()

    async def perform(self, order: Order) -> Outcome:
        self.orders.append(order)
        self.asked.set()
        if self.gate:
            await self.gate.wait()
        if self.error:
            raise self.error
        return self.outcome


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
async def door(tmp_path: Path, hub: Hub) -> AsyncIterator[Door]:
    async with listening(tmp_path, hub.perform) as opened:
        yield opened


@asynccontextmanager
async def called(door: Door) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    """A connection to the socket."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def said(door: Door, line: bytes) -> list[dict[str, Any]]:
    """What the socket says to these bytes until it hangs up."""
    answers = []
    async with called(door) as (reader, writer):
        writer.write(line)
        with suppress(ConnectionError):  # it hung up before it had read everything
            async for answer in reader:
                answers.append(json.loads(answer))
    return answers


def request(door: Door, order: Any = None, key: str | None = None) -> bytes:
    """An order as it goes over the wire."""
    body = {"key": door.key if key is None else key, "order": order or {"type": "users"}}
    return json.dumps(body).encode() + b"\n"


async def test_an_order_is_answered_by_rows_and_a_last_line(hub: Hub, door: Door) -> None:
    """One JSON object a line; then the socket hangs up."""
    answers = await said(door, request(door, {"type": "kick", "who": "Nina"}))

    assert hub.orders == [Kick("Nina")]
    assert answers == [
        {"type": "row", "cells": {"name": "Nina", "id": 50851}},
        {"type": "done", "message": "It is done."},
    ]


async def test_the_key_is_in_a_file_for_the_owner_alone_while_the_hub_runs(tmp_path: Path) -> None:
    """A new key each time, and nothing left at the end."""
    keys = set()
    for _ in range(2):
        async with listening(tmp_path, Hub().perform) as door:
            file = tmp_path / "control.json"
            assert orders.find(tmp_path) == door
            assert len(bytes.fromhex(door.key)) == 32
            if sys.platform != "win32":
                assert file.stat().st_mode & 0o777 == 0o600
            keys.add(door.key)
        assert orders.find(tmp_path) is None
        assert not file.exists()

    assert len(keys) == 2


async def test_nobody_else_on_the_network_can_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket listens on loopback, whatever the hub itself listens at."""
    listened: list[tuple[Any, ...]] = []
    start = asyncio.start_server

    async def started(*arguments: Any, **more: Any) -> asyncio.Server:
        server = await start(*arguments, **more)
        listened.extend(listening.getsockname() for listening in server.sockets)
        return server

    monkeypatch.setattr(asyncio, "start_server", started)
    async with listening(tmp_path, Hub().perform) as door:
        assert listened == [("127.0.0.1", door.port)]


@pytest.mark.parametrize(
    "key", ["", "0" * 64, "é" * 64, "\ud800", pytest.param(None, id="one letter off")]
)
async def test_without_the_key_nothing_is_done(hub: Hub, door: Door, key: str | None) -> None:
    """Not even what the order is gets looked at."""
    wrong = door.key[:-1] + "x" if key is None else key

    (answer,) = await said(door, request(door, {"type": "no order"}, key=wrong))

    assert answer["type"] == "refused"
    assert "key" in answer["reason"] or "surrogate" in answer["reason"]
    assert hub.orders == []


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"GET / HTTP/1.1\r\n",
        b"[" * 60_000 + b"\n",
        b'{"key": 7, "order": {}}\n',
        b"\xff\xfe\n",
    ],
)
async def test_what_is_no_request_is_refused_in_one_line(hub: Hub, door: Door, line: bytes) -> None:
    """A browser that was sent here, a program that has the wrong port."""
    (answer,) = await said(door, line)

    assert answer["type"] == "refused"
    assert hub.orders == []
    assert (await said(door, request(door)))[-1]["type"] == "done"


async def test_what_is_too_long_is_not_read_to_its_end(hub: Hub, door: Door) -> None:
    """The caller may see the refusal, or only that it was hung up on."""
    assert len(await said(door, b"x" * 100 * orders.MAX_ORDER)) <= 1

    assert (await said(door, request(door)))[-1]["type"] == "done"
    assert len(hub.orders) == 1


@pytest.mark.parametrize(
    "order", [{"type": "dance"}, {"type": "kick"}, {"type": "kick", "who": 7}, 7, {}]
)
async def test_an_unknown_order_is_refused_with_what_is_wrong(
    hub: Hub, door: Door, order: Any
) -> None:
    """As between a command and a hub of different versions."""
    (answer,) = await said(door, request(door, order or [1]))

    assert answer["type"] == "refused"
    assert answer["reason"].startswith("this hub does not know such an order: ")
    assert hub.orders == []


@pytest.mark.parametrize("error", [UserError("There is no user called X."), BrokerError("full")])
async def test_a_refusal_is_told_as_it_is(hub: Hub, door: Door, error: Exception) -> None:
    """The sentence is for the operator."""
    hub.error = error

    assert await said(door, request(door)) == [{"type": "refused", "reason": str(error)}]


async def test_a_fault_of_an_order_is_noted_and_the_hub_goes_on(
    hub: Hub, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator gets a number that is in the log."""
    hub.error = ZeroDivisionError("a bug")
    with caplog.at_level(logging.ERROR):
        (answer,) = await said(door, request(door))

    number = caplog.records[0].__dict__["error"]
    assert answer["reason"] == f"That did not work (error {number}). It has been noted."
    hub.error = None
    assert (await said(door, request(door)))[-1]["type"] == "done"


async def test_who_says_nothing_is_not_waited_for(
    hub: Hub, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order comes in time, or it is refused."""
    monkeypatch.setattr(control, "READING", 0.01)

    async with called(door) as (reader, writer):
        writer.write(b'{"key": "half an ord')
        answer = json.loads(await reader.readline())

    assert answer["type"] == "refused"
    assert hub.orders == []


async def test_who_reads_nothing_is_hung_up_on(
    hub: Hub, door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer of any length costs the hub a bounded time and memory."""
    monkeypatch.setattr(control, "WRITING", 0.05)
    hung_up = Heard()
    logging.getLogger(control.__name__).addHandler(hung_up)
    caplog.set_level(logging.INFO, control.__name__)
    hub.outcome = Outcome("never", (Row({"text": "x" * 10_000}) for _ in count()))

    async with called(door) as (_, writer):
        writer.write(request(door))
        async with asyncio.timeout(20):
            await hung_up.event.wait()

    logging.getLogger(control.__name__).removeHandler(hung_up)
    hub.outcome = Outcome("It is done.")
    assert (await said(door, request(door)))[-1]["type"] == "done"


class Heard(logging.Handler):
    """Tells when something is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.event = asyncio.Event()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.event.set()


async def test_only_so_many_orders_are_under_way_at_once(hub: Hub, door: Door) -> None:
    """More callers are hung up on, and are welcome again later."""
    hub.gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        callers = [
            group.create_task(said(door, request(door))) for _ in range(control.MAX_CALLERS + 3)
        ]
        refused = 0
        for first in asyncio.as_completed(callers):
            if await first == []:
                refused += 1
            if refused == 3:
                hub.gate.set()

    assert refused == 3
    assert len(hub.orders) == control.MAX_CALLERS
    assert (await said(door, request(door)))[-1]["type"] == "done"


async def test_a_hub_that_ends_does_not_wait_for_its_orders(tmp_path: Path, hub: Hub) -> None:
    """The caller sees that it was hung up on."""
    hub.gate = asyncio.Event()
    async with asyncio.TaskGroup() as group, listening(tmp_path, hub.perform) as door:
        caller = group.create_task(said(door, request(door, {"type": "backup", "file": "/x"})))
        await hub.asked.wait()

    assert hub.orders == [BackUp("/x")]
    assert caller.result() == []


async def test_a_caller_who_is_gone_harms_nobody(hub: Hub, door: Door) -> None:
    """Neither before nor after the order was carried out."""
    hub.gate = asyncio.Event()
    async with called(door) as (_, writer):
        writer.write(request(door))
        await hub.asked.wait()
        writer.transport.abort()
    hub.gate.set()
    async with called(door):
        pass

    assert (await said(door, request(door)))[-1]["type"] == "done"
    assert hub.orders == [Users(), Users()]


async def test_what_is_in_the_way_of_the_file_is_said(tmp_path: Path) -> None:
    """A hub that its operator cannot reach does not start."""
    (tmp_path / "control.json").mkdir()

    with pytest.raises(ConfigError, match=r"control\.json.* cannot be written"):
        async with listening(tmp_path, Hub().perform):
            pass


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"port": "x", "key": ""}'])
def test_a_file_that_tells_nothing_is_no_door(tmp_path: Path, content: bytes) -> None:
    """As a hub that ended badly could have left it."""
    (tmp_path / "control.json").write_bytes(content)

    assert orders.find(tmp_path) is None

"""Every broker beside a model of plain dictionaries, under any sequence of requests."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tcpnet.broker.base import Broker, Conflict, Following
from tcpnet.broker.changes import Claim, Put
from tests.contract.conftest import open_broker

LOGS = st.sampled_from(["den", "hall"])
NAMES = st.sampled_from(["ann", "bob"])
MIDS = st.sampled_from(["", "m1", "m2", "m3"])
SEQS = st.integers(-1, 12)
EXPECTED = st.none() | st.just(0) | st.integers(1, 20)


@dataclass
class Log:
    """Lines as (sender, mid, body); the seq is the place in the list."""

    lines: list[tuple[str, str, str]] = field(default_factory=list)
    read: int = 0
    gone: int = 0

    def is_open(self, line: tuple[str, str, str]) -> bool:
        """Whether it may be either new or known: one with its mid was trimmed."""
        sender, mid, _ = line
        return bool(mid) and (sender, mid) in {known[:2] for known in self.lines[: self.gone]}

    def append(self, line: tuple[str, str, str]) -> int:
        """Add a line unless its sender and mid are there already."""
        for seq, (sender, mid, _) in enumerate(self.lines, start=1):
            if mid and (sender, mid) == line[:2]:
                return seq
        self.lines.append(line)
        return len(self.lines)


class BrokerMachine(RuleBasedStateMachine):
    """Does the same to a broker and to the model, and compares all that can be seen."""

    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.stack = AsyncExitStack()
        self.logs: dict[str, Log] = {}
        self.owners: dict[tuple[str, str], str] = {}
        self.values: dict[str, tuple[bytes, int]] = {}
        self.delivered: dict[str, list[tuple[str, str, str]]] = {}
        self.open()

    def run(self, coroutine: Any) -> Any:
        """Run one request to its end."""
        return self.runner.run(coroutine)

    def open(self) -> None:
        """Open the broker and follow both logs."""
        opened = open_broker(self.kind, Path(self.folder.name))
        self.broker: Broker = self.run(self.stack.enter_async_context(opened))
        for log in ("den", "hall"):
            self.stack.enter_context(self.follow(log))

    def follow(self, log: str) -> Following:
        """Note what is delivered from now on."""
        heard = self.delivered.setdefault(log, [])
        return self.broker.follow(
            log, lambda batch: heard.extend((r.sender, r.mid, r.body) for r in batch)
        )

    def teardown(self) -> None:
        """Leave nothing open."""
        self.run(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()

    @rule(log=LOGS, lines=st.lists(st.tuples(NAMES, MIDS, st.text(max_size=5)), max_size=5))
    def publish(self, log: str, lines: list[tuple[str, str, str]]) -> None:
        """Publish some lines at once."""
        model = self.logs.setdefault(log, Log()) if lines else Log()
        lines = [line for line in lines if not model.is_open(line)]

        async def publish_all() -> list[int]:
            return await asyncio.gather(*(self.broker.publish(log, *line) for line in lines))

        assert self.run(publish_all()) == [model.append(line) for line in lines]

    @rule(log=LOGS, upto=SEQS)
    def mark_read(self, log: str, upto: int) -> None:
        """Move a mark."""
        self.run(self.broker.mark_read(log, upto))
        if log in self.logs:
            model = self.logs[log]
            model.read = max(model.read, min(upto, len(model.lines)))

    @rule(log=LOGS, upto=SEQS)
    def trim(self, log: str, upto: int) -> None:
        """Let old lines go."""
        self.run(self.broker.trim(log, upto))
        if log in self.logs:
            model = self.logs[log]
            model.gone = max(model.gone, min(upto, len(model.lines)))

    @rule(log=LOGS)
    def delete_log(self, log: str) -> None:
        """Delete a log; the model lets its name be used again, which starts from 1."""
        self.run(self.broker.delete_log(log))
        self.logs.pop(log, None)
        self.delivered[log].clear()

    @rule(name=NAMES, owner=NAMES)
    def claim(self, name: str, owner: str) -> None:
        """Claim a name."""
        holder = self.owners.setdefault(("account", name), owner)
        assert self.run(self.broker.claim("account", name, owner)) == holder

    @rule(name=NAMES, owner=NAMES)
    def release(self, name: str, owner: str) -> None:
        """Release a name."""
        held = self.owners.get(("account", name)) == owner
        if held:
            del self.owners["account", name]
        assert self.run(self.broker.release("account", name, owner)) == held

    @rule(key=NAMES, value=st.binary(max_size=3), expected=EXPECTED)
    def put(self, key: str, value: bytes, expected: int | None) -> None:
        """Change a value, perhaps only from one revision."""
        _, revision = self.values.get(key, (b"", 0))
        if expected not in (None, revision):
            with pytest.raises(Conflict) as conflict:
                self.run(self.broker.put("room", key, value, expected=expected))
            assert conflict.value.revision == revision
            return
        newer = self.run(self.broker.put("room", key, value, expected=expected))
        assert newer > max((known for _, known in self.values.values()), default=0)
        self.values[key] = value, newer

    @rule(key=NAMES)
    def remove(self, key: str) -> None:
        """Remove a value."""
        there = self.values.pop(key, None) is not None
        assert self.run(self.broker.remove("room", key)) == there

    @rule(name=NAMES, owner=NAMES, value=st.binary(max_size=3), expected=EXPECTED)
    def together(self, name: str, owner: str, value: bytes, expected: int | None) -> None:
        """Take a name and store a value under it, both or neither."""
        _, revision = self.values.get(name, (b"", 0))
        changes = Put("room", name, value, expected), Claim("account", name, owner)
        free = self.owners.get(("account", name)) in (None, owner)
        if expected not in (None, revision) or not free:
            with pytest.raises(Conflict):
                self.run(self.broker.together(*changes))
            return
        [newer] = self.run(self.broker.together(*changes))
        self.owners["account", name] = owner
        self.values[name] = value, newer

    @rule(log=LOGS, after=st.none() | SEQS, before=st.none() | SEQS, limit=st.integers(0, 5))
    def history(self, log: str, after: int | None, before: int | None, limit: int) -> None:
        """Read any page."""
        page = self.run(self.broker.history(log, after=after, before=before, limit=limit))
        model = self.logs.get(log, Log())
        between = [
            (seq, *line)
            for seq, line in enumerate(model.lines, start=1)
            if seq > model.gone
            and (after is None or seq > after)
            and (before is None or seq < before)
        ]
        expected = between[:limit] if after is not None else between[max(len(between) - limit, 0) :]
        assert [(r.seq, r.sender, r.mid, r.body) for r in page] == expected

    @invariant()
    def all_agree(self) -> None:
        """What can be asked without changing anything is what the model says."""
        for log in ("den", "hall"):
            model = self.logs.get(log, Log())
            assert self.delivered[log] == model.lines
            assert self.run(self.broker.last_seq(log)) == len(model.lines)
            first = max(model.read, model.gone)
            assert self.run(self.broker.unread_count(log)) == len(model.lines) - first
            unread = self.run(self.broker.unread(log, limit=99))
            assert [(r.sender, r.mid, r.body) for r in unread] == model.lines[first:]
        stored = self.run(self.broker.entries("room"))
        assert {s.key: (s.value, s.revision) for s in stored} == self.values


class MemoryMachine(BrokerMachine):
    """The broker without a disk."""

    kind = "memory"


class EmbeddedMachine(BrokerMachine):
    """The durable broker, which may be closed and opened at any time."""

    kind = "embedded"

    @rule()
    def reopen(self) -> None:
        """Close the broker and open it again."""
        self.run(self.stack.aclose())
        self.open()


class MovingMachine(EmbeddedMachine):
    """The durable broker, whose lines move as soon as they can."""

    kind = "moving"


LIMITS = settings(
    max_examples=25,
    stateful_step_count=20,
    suppress_health_check=list(HealthCheck),
)
MemoryMachine.TestCase.settings = LIMITS
EmbeddedMachine.TestCase.settings = LIMITS
MovingMachine.TestCase.settings = LIMITS

TestMemoryModel = MemoryMachine.TestCase
TestEmbeddedModel = EmbeddedMachine.TestCase
TestMovingModel = MovingMachine.TestCase

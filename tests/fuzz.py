"""People who say anything at all: odd answers, broken items, frames and bytes."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tcpnet.errors import ProtocolError, TcpnetError
from tcpnet.net import tcp
from tcpnet.net.connection import Connection
from tcpnet.protocol.items import FromServer, Input, Pong
from tests.hub import PATIENCE, Person, Town, town
from tests.wire import STATUS, frame

_LIMITS: Final = {"replies_per_second": 0.0, "grace_seconds": 0.02}

WORKERS: Final = 8
BURST: Final = 25
"""Frames that are sent at once, about."""
BURSTS: Final = 4
"""Bursts over one connection, at most: most of them end earlier, by what they say."""

_LETTERS: Final = 'aß\0\x1b[2J\u202e\u200b\ufeff🙂 \n"\\{}[]:,'
_VALUES: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 2**53 - 1, 2**53, 2**64, -(2**70), 1.5,
    1e308, "", " ", "0", "1", "y", "n", "bye", "exit", "/who", "/mute x", "den", "Ann", "10000",
    "http://[::1]/", "x" * 300, "x" * 5000, "é" * 5000, [], [[]], {}, {"a": {"b": []}},
)  # fmt: skip
_KEYS: Final = (
    "type", "body", "headers", "protocol", "agent", "id-key", "token", "resume", "session",
    "rooms", "ok", "res-key", "value", "id", "mid", "mail", "t", "offset", "reason", "new",
)  # fmt: skip
_DEEP: Final = b'{"headers": [{"type": "x", "body": ' + b"[" * 20_000 + b"]" * 20_000 + b"}]}\n"

_RECORDED: Final = [
    line.removeprefix("C: ").encode() + b"\n"
    for path in sorted((Path(__file__).parent / "transcripts").glob("*.txt"))
    for line in path.read_text("utf-8").splitlines()
    if line.startswith("C: ")
]
"""What clients say in the conversations that the protocol is shown by."""


@dataclass
class Tally:
    """What so many frames did."""

    frames: int = 0
    """That the hub has taken."""
    visits: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    """How often a visit ended in which way."""
    slowest: float = 0.0
    """Seconds that a line between two others took, at most."""
    faults: list[str] = field(default_factory=list)


class Visitor:
    """Somebody who talks nonsense, and keeps only what is asked and how it ended."""

    def __init__(self) -> None:
        self.question: Input | None = None
        self.pong = -1.0
        self.ended: TcpnetError | None = None
        self.last: FromServer | None = None
        self._news = asyncio.Event()

    def received(self, item: FromServer) -> None:
        """Take an item."""
        self.last = item
        match item:
            case Input():
                self.question = item
            case Pong(t=mark):
                self.pong = mark
        self._news.set()

    def lost(self, error: TcpnetError) -> None:
        """Learn the end."""
        self.ended = error
        self._news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a state, or for the end."""
        async with asyncio.timeout(PATIENCE):
            while not (holds() or self.ended):
                self._news.clear()
                await self._news.wait()


class Nonsense:
    """Frames: most of them nearly right, some of them nothing at all."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def hello(self, name: str) -> bytes:
        """A first frame that is fine, or nearly."""
        resume = {"session": self._dice.choice(("", "x" * 32)), "rooms": {"den": 1}}
        body = {"protocol": 1, "agent": "fuzz", "id-key": name, "resume": resume}
        return self._spoilt(frame(("hello", body)), rarely=0.15)

    def burst(self, question: Input | None) -> bytes:
        """Some frames behind each other."""
        count = self._dice.randint(1, 2 * BURST)
        return b"".join(self._frame(question) for _ in range(count))

    def _frame(self, question: Input | None) -> bytes:
        if self._dice.random() < 0.02:
            return self._spoilt(self._dice.choice(_RECORDED), rarely=0.3)
        made = [self._item(question) for _ in range(self._dice.choice((1, 1, 1, 1, 1, 2, 9)))]
        headers = [{"type": kind, "body": body} for kind, body in made]
        escaped = self._dice.random() < 0.5
        line = json.dumps({"headers": headers}, ensure_ascii=escaped)
        return self._spoilt(line.encode(errors="replace") + b"\n", rarely=0.005)

    def _item(self, question: Input | None) -> tuple[str, dict[str, Any]]:
        pick = self._dice.random()
        if question is not None and pick < 0.7:
            question_id = question.id + self._dice.choice((0, 0, 0, 0, 1, 2))
            mid = {"mid": self._words(6)} if self._dice.random() < 0.3 else {}
            value = self._answer()
            return "reply", {"res-key": question.res_key, "value": value, "id": question_id} | mid
        items: tuple[tuple[str, dict[str, Any]], ...] = (
            ("ping", {"t": self._dice.random()}),
            ("pong", {"t": 0}),
            ("seen", {"mail": self._dice.choice((0, 1, 2**53 - 1))}),
            ("cancel", {"id": self._dice.randint(0, 9)}),
            ("get", {"id": self._dice.randint(0, 9), "offset": self._dice.randint(0, 9)}),
            ("unheard-of", {self._words(3): self._value()}),
            ("reply", {"res-key": "message", "value": self._answer(), "id": 10_000}),
        )
        kind, body = self._dice.choice(items)
        if self._dice.random() < 0.003:
            kind = self._dice.choice(
                ("hello", "status", "secure", "bye", "welcome", self._words(4))
            )
        if self._dice.random() < 0.005:
            body[self._dice.choice(_KEYS)] = self._value()
        return kind, body

    def _answer(self) -> str | int:
        value = self._value()
        # A boolean is no answer and ends the visit, which other things do often enough.
        return value if type(value) in (str, int) else self._words(12)

    def _value(self) -> Any:
        return self._dice.choice(_VALUES) if self._dice.random() < 0.8 else self._words(20)

    def _words(self, length: int) -> str:
        words = "".join(self._dice.choices(_LETTERS, k=self._dice.randint(0, length)))
        return words + "\ud800" if self._dice.random() < 0.001 else words

    def _spoilt(self, line: bytes, rarely: float) -> bytes:
        """The line with some bytes changed, cut out, doubled or put in; most often as it is."""
        if self._dice.random() > rarely:
            return line
        at, end = sorted(self._dice.choices(range(len(line) + 1), k=2))
        some = self._dice.randbytes(self._dice.choice((1, 4, 60)))
        return self._dice.choice(
            (
                line[:at] + some + line[at + len(some) :],
                line[:at] + line[end:],
                line[:end] + line[at:],
                line[:at] + some + line[at:],
                some,
                _DEEP,
                b"\n" * 50,
                b"y" * 70_000,
                json.dumps(self._value()).encode() + b"\n",
            )
        )


class _Complaints(logging.Handler):
    """What a hub logs of faults of its own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record))


@asynccontextmanager
async def _listening() -> AsyncIterator[_Complaints]:
    complaints, root = _Complaints(), logging.getLogger()
    root.addHandler(complaints)
    try:
        yield complaints
    finally:
        root.removeHandler(complaints)


async def assault(dice: random.Random, frames: int) -> Tally:
    """Have a hub take so many frames of nonsense while two others talk."""
    tally = Tally()
    async with (
        _listening() as complaints,
        # Ann and Bob answer no ping.
        town(limits={**_LIMITS, "silence_seconds": 3600}) as hub,
    ):
        ann, bob = await hub.people("Ann", "Bob")
        await ann.enters_room("den", new=True)
        await bob.enters_room("den")
        async with asyncio.TaskGroup() as group:
            for number in range(WORKERS):
                group.create_task(_visits(hub, Nonsense(dice), number, tally, frames))
            group.create_task(_talk(ann, bob, tally, frames))
    tally.faults += complaints.found
    return tally


async def _visits(hub: Town, nonsense: Nonsense, number: int, tally: Tally, frames: int) -> None:
    while tally.frames < frames:
        name = f"f{number}-{tally.visits % 50}"
        tally.visits += 1
        visitor = Visitor()
        connection = await tcp.dial("127.0.0.1", hub.port, visitor)
        try:
            await _visit(connection, visitor, nonsense, name)
        finally:
            await connection.close()
        tally.frames = _taken(hub)
        end = visitor.ended
        if isinstance(end, ProtocolError):
            tally.faults.append(f"the hub said what is no frame: {end}")
        kind = getattr(visitor.last, "kind", "") if end else "we left"
        tally.ends[kind or "cut"] = tally.ends.get(kind or "cut", 0) + 1


def _taken(hub: Town) -> int:
    return hub.hub.community.totals.traffic().frames_in


async def _visit(
    connection: Connection[FromServer], visitor: Visitor, nonsense: Nonsense, name: str
) -> None:
    connection.send_encoded(nonsense.hello(name) + STATUS)
    for number in range(BURSTS):
        connection.send_encoded(frame(("ping", {"t": number})))
        await visitor.until(lambda: visitor.pong == number)  # noqa: B023 - it is awaited here
        if visitor.ended:
            return
        connection.send_encoded(nonsense.burst(visitor.question))


async def _talk(ann: Person, bob: Person, tally: Tally, frames: int) -> None:
    """Say a line after the other, and note how long the slowest takes."""
    loop, number = asyncio.get_running_loop(), 0
    while tally.frames < frames:
        began = loop.time()
        ann.types(f"line {number}")
        await bob.sees(f"Ann> line {number}")
        tally.slowest = max(tally.slowest, loop.time() - began)
        number += 1
        for person in (ann, bob):
            del person.seen[:-1]
            person._read = min(person._read, len(person.seen))

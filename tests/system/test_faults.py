"""A bad line between the real link of the client and a real hub: every line once and in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

import pytest

from tcpnet.client.address import Address
from tcpnet.client.known_hubs import KnownHubs
from tcpnet.client.link import Link
from tcpnet.client.screen import State
from tcpnet.client.trust import Trust
from tcpnet.client.visit import Liveness
from tcpnet.protocol.items import FromServer, Input, Print, Reply, Welcome
from tests.faults import Crossing, Relay, Weather, relay
from tests.hub import PATIENCE, Town

LIVELY = Liveness(ping_after=0.1, max_silence=0.4)
"""Seconds: a line that swallows everything is noticed soon."""


class Nina:
    """Somebody at our client, in a room, far away from the hub."""

    def __init__(self, relay: Relay) -> None:
        self.lines: list[str] = []
        self.welcomes: list[Welcome] = []
        self.questions: list[Input] = []
        self.losses = 0
        self._mids = count(1)
        self._news = asyncio.Event()
        self.link = Link(
            Address("127.0.0.1", relay.port),
            "Nina",
            [self],
            Trust(KnownHubs()),
            first_pause=0.01,
            liveness=LIVELY,
        )

    def on_item(self, item: FromServer, _now: float) -> None:
        """Answer until she is in the room; keep what is said there."""
        match item:
            case Welcome():
                self.welcomes.append(item)
            case Print(kind="chat", text=str(words)):
                self.lines.append(words)
            case Input(res_key="option_selected"):
                self.answer(item, 5)
            case Input(res_key="room_id"):
                self.answer(item, "den")
            case Input():
                self.questions.append(item)
        self._news.set()

    def on_state(self, state: State, _now: float) -> None:
        """Count how often the link was lost."""
        self.losses += state.phase == "lost"
        self._news.set()

    def answer(self, question: Input, value: str | int) -> None:
        """Answer under a mid of her own."""
        mid = f"{next(self._mids):04}"
        self.link.send(Reply(res_key=question.res_key, value=value, id=question.id, mid=mid))

    def says(self, words: str) -> None:
        """Say a line in the room."""
        self.answer(self.questions[-1], words)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a state that comes with news."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"in vain; {self.losses} losses, {self.lines}") from None


@asynccontextmanager
async def nina_in_room(hub: Town, weather: Weather) -> AsyncIterator[tuple[Nina, Relay]]:
    """Nina behind a relay, once she is in the den."""
    async with relay(lambda: hub.port, weather) as line, asyncio.TaskGroup() as group:
        nina = Nina(line)
        running = group.create_task(nina.link.run())
        await nina.until(lambda: bool(nina.questions))
        yield nina, line
        nina.link.leave()
        await running


@pytest.mark.parametrize(
    "weather", [Weather(delay=0.02), Weather(crumb=1)], ids=["latency", "one byte at a time"]
)
async def test_a_slow_line_changes_nothing(hub: Town, weather: Weather) -> None:
    """What is said comes through in order, over one link."""
    bob = await hub.person("Bob")
    await bob.enters_room("den", new=True)
    async with nina_in_room(hub, weather) as (nina, _):
        for number in range(5):
            nina.says(f"nina {number}")
            await bob.sees(f"nina {number}")
            bob.types(f"bob {number}")
        await nina.until(lambda: "bob 4" in nina.lines)

        assert nina.losses == 0
    assert sorted(nina.lines) == sorted(f"{who} {n}" for who in ("bob", "nina") for n in range(5))
    assert bob.messages("chat") == [_shown(line) for line in nina.lines]


def resets(crossing: Crossing) -> None:
    """Both sides learn it at once."""
    crossing.reset()


def leaves_half_open(crossing: Crossing) -> None:
    """Only the person's side learns it."""
    crossing.leave_half_open()


def swallows(crossing: Crossing) -> None:
    """Neither side is told: nothing crosses any more."""
    crossing.swallows = True


@pytest.mark.parametrize("fault", [resets, leaves_half_open, swallows])
async def test_a_line_that_breaks_costs_nothing(
    hub: Town, fault: Callable[[Crossing], None]
) -> None:
    """Same id, same question; what was said on both sides meanwhile is there once, in order."""
    bob = await hub.person("Bob")
    await bob.enters_room("den", new=True)
    async with nina_in_room(hub, Weather()) as (nina, line):
        nina.says("before")
        await bob.sees("before")
        fault(line.crossings[-1])
        nina.says("on its way")
        bob.types("meanwhile")
        await nina.until(lambda: len(nina.questions) == 2)
        await bob.sees("on its way")
        nina.says("after")
        await nina.until(lambda: "after" in nina.lines)

        assert nina.questions[0] == nina.questions[1]
        assert len({(w.client_id, w.session) for w in nina.welcomes}) == 1
        assert [w.resumed for w in nina.welcomes] == [False, True]
    assert sorted(nina.lines) == ["after", "before", "meanwhile", "on its way"]
    assert bob.messages("chat") == [_shown(line) for line in nina.lines]


async def test_links_cut_in_the_middle_of_frames_lose_no_line(hub: Town) -> None:
    """Each link lives for 25,001 bytes: more than one record of TLS, and a part of a frame."""
    bob = await hub.person("Bob")
    await bob.enters_room("den", new=True)
    async with nina_in_room(hub, Weather()) as (nina, line):
        line.weather = Weather(cut_after=25_001)
        line.crossings[-1].reset()
        for number in range(600):
            bob.types(f"bob {number}")
        await nina.until(lambda: "bob 599" in nina.lines)
        line.weather = Weather()

        assert nina.losses > 3
    assert nina.lines == [f"bob {number}" for number in range(600)]


def _shown(line: str) -> str:
    return f"{'Bob' if line.startswith(('bob', 'meanwhile')) else 'Nina'}> {line}"

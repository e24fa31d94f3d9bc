"""A person at a full screen, without a terminal and without a hub: keys in, cells out."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import pyte
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from tcpnet.client import terminal
from tcpnet.client.bell import Bell
from tcpnet.client.commands import Commands
from tcpnet.client.desk import Desk
from tcpnet.client.inline import inline
from tcpnet.client.keyboard import Keyboard
from tcpnet.client.layout import Look
from tcpnet.client.screen import Screen, State
from tcpnet.client.stage import Stage
from tcpnet.client.talk import Talk
from tcpnet.protocol.items import FromClient, FromServer, Input, Limits, Print, Reply, Welcome

PATIENCE = 10 * float(os.environ.get("TCPNET_TEST_PATIENCE", "1"))
"""Seconds until a wait counts as failed."""

NOON = 1_704_110_400.0
"""2024-01-01 12:00 UTC."""

ENTER, ESCAPE, TAB, BACK_TAB = "\r", "\x1b", "\t", "\x1b[Z"
UP, DOWN, PAGE_UP, PAGE_DOWN = "\x1b[A", "\x1b[B", "\x1b[5~", "\x1b[6~"
CTRL_UP, CTRL_DOWN, CTRL_HOME, CTRL_END = "\x1b[1;5A", "\x1b[1;5B", "\x1b[1;5H", "\x1b[1;5F"
F1 = "\x1bOP"


def ctrl(letter: str) -> str:
    """What a terminal sends for this letter with Ctrl."""
    return chr(ord(letter.upper()) & 0x1F)


def pasted(text: str) -> str:
    """What a terminal that marks pastes sends for this one."""
    return f"\x1b[200~{text}\x1b[201~"


@dataclass
class FakeWay:
    """Keeps what is sent; nothing answers but the test."""

    rtt: float | None = None
    sent: list[FromClient] = field(default_factory=list)
    retries: int = 0
    redials: int = 0
    left: tuple[str, int] | None = None
    on_leave: Callable[[], None] = lambda: None

    def send(self, *items: FromClient) -> bool:
        """Keep it."""
        self.sent += items
        return True

    def retry_now(self) -> None:
        """Count it."""
        self.retries += 1

    def redial(self) -> None:
        """Count it."""
        self.redials += 1

    def leave(self, reason: str = "leaving", status: int = 0) -> None:
        """Keep the first one, and end as a link does."""
        self.left = self.left or (reason, status)
        self.on_leave()


class Cells(StringIO):
    """A terminal's screen behind the output's text."""

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__()
        self.screen = pyte.HistoryScreen(columns, rows, history=10_000, ratio=0.01)
        self.written: list[str] = []
        self._stream = pyte.Stream(self.screen)

    def write(self, text: str) -> int:
        """Show it."""
        self.written.append(text)
        # Joiners take no cell; pyte, unlike terminals, would drop all that follows one.
        self._stream.feed(text.replace("\u200c", "").replace("\u200d", ""))
        return len(text)


class Output(Vt100_Output):
    """Keeps apart what is text on the screen and what moves the cursor."""

    def __init__(self, cells: Cells, size: Callable[[], Size]) -> None:
        super().__init__(cells, size, term="xterm", enable_cpr=False)
        self.texts: list[str] = []
        self.sequences: list[str] = []

    def write(self, data: str) -> None:
        """Keep what is to be read."""
        self.texts.append(data)
        super().write(data)

    def write_raw(self, data: str) -> None:
        """Keep what the terminal is told to do."""
        self.sequences.append(data)
        super().write_raw(data)


class Seat:
    """What the person does, and what is seen of it."""

    def __init__(self, columns: int, rows: int, keys: PipeInput, mode: str) -> None:
        self.now = 1000.0
        self.way = FakeWay(on_leave=self._end)
        self.screen = Screen("127.0.0.1/12005", "Alice", new_mid=self._mid)
        self.cells = Cells(columns, rows)
        self.size = Size(rows, columns)
        self.keys = keys
        self.keyboard = Keyboard(keys, lambda: self.now)
        talk = Talk(Look(lambda _at: "12:00"), day=lambda at: f"day {at // 86400:.0f}", now=NOON)
        self.desk = Desk(
            self.screen,
            self.way,
            talk,
            Bell(),
            words=Commands(pane=mode != "inline"),
            keeps_refused=mode != "inline",
            clock=lambda: self.now,
            wall=lambda: NOON,
        )
        self.output = Output(self.cells, lambda: self.size)
        make = inline if mode == "inline" else terminal.full_screen
        self.stage: Stage = make(self.desk, "auto", self.keyboard, self.output)
        self.app: Any = self.stage._app
        self.stage._pause = 0.0  # what the hub says is painted without waiting for more
        self._news = asyncio.Event()
        self._keys = self._paints = self._mids = 0
        self.app.key_processor.after_key_press += self._count_key
        self.app.after_render += self._count_paint

    @property
    def lines(self) -> list[str]:
        """The rows of the screen, without the spaces at their ends."""
        return [row.rstrip() for row in self.cells.screen.display]

    @property
    def text(self) -> str:
        """What was said: all rows above the status, without the empty ones above."""
        return "\n".join(self.lines[: -1 - self._typed_rows]).strip("\n")

    @property
    def status(self) -> str:
        """The line of status."""
        return self.lines[-1 - self._typed_rows]

    @property
    def typed(self) -> str:
        """The line that is typed, in its rows."""
        return "\n".join(self.lines[-self._typed_rows :])

    @property
    def _typed_rows(self) -> int:
        painted = self.stage._line.window.render_info
        assert painted is not None
        return painted.window_height

    @property
    def answers(self) -> list[str | int]:
        """What was answered."""
        return [item.value for item in self.way.sent if isinstance(item, Reply)]

    @property
    def rings(self) -> int:
        """How often the terminal rang."""
        return "".join(self.cells.written).count("\a")

    async def press(self, *keys: str) -> None:
        """Press keys one by one, or text as if it were typed quickly, and see it painted."""
        for key in keys:
            before = self._keys
            self.keys.send_text(key)
            await self._pressed(before)
        await self.painted()

    async def enter(self, text: str) -> None:
        """Type a line and press Enter."""
        if text:
            await self.press(text)
        await self.press(ENTER)

    async def hub(self, *items: FromServer) -> None:
        """Let the hub say something, and see it painted."""
        for item in items:
            self.screen.on_item(item, NOON)
        await self.until(lambda: not self.screen._fresh)
        await self.painted()

    async def link(self, state: State) -> None:
        """Let the link change."""
        self.screen.on_state(state, NOON)
        if state.phase != "ended":
            await self.until(lambda: not self.screen._fresh)
            await self.painted()

    async def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        self.size = Size(rows, columns)
        self.cells.screen.resize(rows, columns)
        self.cells.screen.erase_in_display(2)
        self.app._on_resize()
        await self.painted()

    async def painted(self) -> None:
        """Wait for one more painting."""
        before = self._paints
        self.app.invalidate()
        await self.until(lambda: self._paints > before or self.app.is_done)

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for something that a key or a painting brings."""
        async with asyncio.timeout(PATIENCE):
            while not happened():
                self._news.clear()
                await self._news.wait()

    async def _pressed(self, before: int) -> None:
        await self.until(lambda: self._keys > before)

    def _count_key(self, _sender: object) -> None:
        self._keys += 1
        self._news.set()

    def _count_paint(self, _sender: object) -> None:
        self._paints += 1
        self._news.set()

    def _mid(self) -> str:
        self._mids += 1
        return f"m{self._mids}"

    def _end(self) -> None:
        reason, status = self.way.left or ("", 0)
        self.screen.on_state(State("ended", reason=reason, status=status), NOON)


@asynccontextmanager
async def seated(*, columns: int = 80, rows: int = 14, mode: str = "full") -> AsyncIterator[Seat]:
    """Somebody at a screen of this size, where nothing has happened yet."""
    with create_pipe_input() as keys:
        seat = Seat(columns, rows, keys, mode)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(seat.stage.run())
            await seat.until(lambda: seat._paints > 0)
            yield seat
            if not running.done():
                seat.way.leave()
                async with asyncio.timeout(PATIENCE):
                    await running


WELCOME = Welcome(
    protocol=1,
    hub="h",
    session="s",
    client_id=50851,
    name="Alice",
    resumed=False,
    limits=Limits(frame=65536, line=4096, message=16384),
)


def menu(id_: int = 1) -> Input:
    """The question for a number."""
    return Input(
        message="Your option <enter a number>: ", res_key="option_selected", res_type="int", id=id_
    )


def ask(prompt: str, id_: int = 1, *, type_: str = "string", local: bool = False) -> Input:
    """A question for one answer."""
    return Input(message=prompt, res_key="key", res_type=type_, id=id_, local=local)


def room(id_: int = 1, *words: str) -> Input:
    """The standing question of a room."""
    return Input(
        message="",
        res_key="message",
        res_type="string",
        id=id_,
        keep=True,
        place="room den (3)",
        local=True,
        words=words,
    )


def said(name: str, text: str, **more: Any) -> Print:
    """A line of a room."""
    return Print(message=f"{name}> {text}", kind="chat", from_=name, text=text, room="den", **more)

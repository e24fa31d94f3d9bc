"""Without a screen of its own: lines scroll by in the terminal, the line that is typed below them.

For screen readers, and for who likes the terminal's own scrolling and selecting: nothing that was
printed is ever painted again, and what the status line says is a line when it changes.
"""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace
from prompt_toolkit import Application
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.input import Input
from prompt_toolkit.layout import HSplit
from prompt_toolkit.layout import Layout as Arrangement
from prompt_toolkit.output import Output
from prompt_toolkit.renderer import print_formatted_text

from tcpnet.client import palette
from tcpnet.client.desk import Desk
from tcpnet.client.entry import Entry
from tcpnet.client.inputline import InputLine
from tcpnet.client.keys import Keyring
from tcpnet.client.layout import WIDE, Layout, Row
from tcpnet.client.settings import Color
from tcpnet.client.stage import Stage
from tcpnet.client.status import spoken

RATE: Final = 5
"""Prints a second."""


class Roll:
    """Prints every entry once, above the line that is typed."""

    def __init__(self, desk: Desk, app: Application[None], color: Color) -> None:
        self._desk, self._app = desk, app
        self._depth = palette.depth(color)
        self._layout = Layout(desk.talk.view.layout.look)
        self._layout.width = WIDE
        self._next = 0
        self._spoken = ""

    def show(self) -> None:
        """Print what was not printed yet."""
        self._layout.look = replace(self._desk.talk.view.layout.look, columns=False)
        lines = list(self._new())
        if not lines or self._app.context is None:
            return
        text = FormattedText((f"class:{role}", part) for row in lines for role, part in row)
        # In the application's context, for it has to clear its line first.
        self._app.context.copy().run(run_in_terminal, lambda: self._print(text))

    def _new(self) -> Iterator[Row]:
        talk, desk = self._desk.talk.view.scrollback, self._desk
        for id_ in range(max(self._next, talk.first), talk.whole):
            yield from self._rows(talk[id_], id_)
        self._next = talk.whole
        if desk.reading.text:
            for entry in desk.reading.text.scrollback:
                yield from self._rows(entry)
            desk.reading.close()
        said, self._spoken = self._spoken, spoken(desk)
        if self._spoken and self._spoken != said:
            yield from self._rows(Entry(message=self._spoken, kind="note"))

    def _rows(self, entry: Entry, id_: int | None = None) -> Iterator[Row]:
        page = None if id_ is None else self._desk.talk.view.scrollback.pages.get(id_)
        for row in self._layout.lay_out(entry, page):
            yield [*row, ("text", "\n")]

    def _print(self, text: FormattedText) -> None:
        print_formatted_text(self._app.output, text, palette.STYLE, color_depth=self._depth)
        self._desk.seen()


def inline(desk: Desk, color: Color, keyboard: Input, output: Output) -> Stage:
    """The desk without a pane, ready to run."""
    line = InputLine(desk, stars=False)
    app: Application[None] = Application(
        Arrangement(HSplit([line.window]), focused_element=line.window),
        style=palette.STYLE,
        include_default_pygments_style=False,
        color_depth=palette.depth(color),
        key_bindings=Keyring(desk, line).inline(),
        clipboard=line.clipboard(),
        erase_when_done=True,
        max_render_postpone_time=0,
        input=keyboard,
        output=output,
    )
    return Stage(desk, line, app, Roll(desk, app, color).show, RATE)

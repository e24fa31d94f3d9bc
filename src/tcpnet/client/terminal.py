"""The full screen: what was said above, a line of status, and the line that is typed.

`run` is the way in, for the full screen and for inline.
"""

import gc
import time
from typing import Final

from prompt_toolkit import Application
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.layout import ConditionalContainer, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.output import Output, create_output

from tcpnet.client import palette
from tcpnet.client.bell import Bell
from tcpnet.client.commands import Commands
from tcpnet.client.desk import Desk, Way
from tcpnet.client.inline import inline
from tcpnet.client.inputline import InputLine
from tcpnet.client.keyboard import Keyboard
from tcpnet.client.keys import Keyring
from tcpnet.client.layout import Look
from tcpnet.client.pane import Pane, PaneWindow
from tcpnet.client.screen import Screen
from tcpnet.client.settings import Color, Settings
from tcpnet.client.stage import Stage
from tcpnet.client.status import status
from tcpnet.client.talk import Talk

RATE: Final = 25
"""Paintings a second of what arrives."""
COLUMNS: Final = 20
LINES: Final = 4
"""On a screen smaller than this there is no room for what was said."""


async def run(
    screen: Screen,
    way: Way,
    settings: Settings,
    *,
    keyboard: Input | None = None,
    output: Output | None = None,
) -> None:
    """Show and take keys until the link has ended; the terminal is left as it was found."""
    desk = desk_for(screen, way, settings)
    keyboard = Keyboard(keyboard or create_input(), time.monotonic)
    # All that was loaded stays: no collection in the midst of a flood has to look at it.
    gc.freeze()
    show = inline if settings.mode == "inline" else full_screen
    await show(desk, settings.color, keyboard, output or create_output()).run()


def desk_for(screen: Screen, way: Way, settings: Settings) -> Desk:
    """The desk of a person with these wishes."""
    talk = Talk(Look(_hour), day=_day, now=time.time(), keep=settings.scrollback)
    desk = Desk(
        screen,
        way,
        talk,
        Bell(settings.bell),
        words=Commands(pane=settings.mode != "inline"),
        # Inline a refusal is a line: what is typed next would go on behind the refused word.
        keeps_refused=settings.mode != "inline",
        clock=time.monotonic,
        wall=time.time,
    )
    desk.held.extend(settings.answers)
    return desk


def full_screen(desk: Desk, color: Color, keyboard: Input, output: Output) -> Stage:
    """The desk with a pane above, ready to run."""
    pane, line = Pane(desk), InputLine(desk, stars=True)
    tall = Condition(lambda: _is_tall(output))
    app: Application[None] = Application(
        Layout(
            HSplit(
                [
                    ConditionalContainer(PaneWindow(pane), tall),
                    Window(_Status(desk, output), height=1, style="class:status"),
                    line.window,
                ]
            ),
            focused_element=line.window,
        ),
        style=palette.STYLE,
        include_default_pygments_style=False,
        color_depth=palette.depth(color),
        key_bindings=Keyring(desk, line).full_screen(),
        clipboard=line.clipboard(),
        full_screen=True,
        # Paint in the midst of a flood too, or keys would wait for its end.
        max_render_postpone_time=0,
        after_render=lambda _app: desk.seen(),
        input=keyboard,
        output=output,
    )
    return Stage(desk, line, app, pane.stale, RATE)


class _Status(FormattedTextControl):
    def __init__(self, desk: Desk, output: Output) -> None:
        super().__init__(lambda: _painted(status(desk, output.get_size().columns)))


def _painted(text: str) -> StyleAndTextTuples:
    return [("", text)]


def _is_tall(output: Output) -> bool:
    size = output.get_size()
    return size.rows >= LINES and size.columns >= COLUMNS


def _hour(at: float) -> str:
    """The time of day here, `12:01`."""
    return _local("%H:%M", at) or "--:--"


def _day(at: float) -> str:
    """The date here, `2024-12-31`."""
    return _local("%Y-%m-%d", at)


def _local(form: str, at: float) -> str:
    try:
        return time.strftime(form, time.localtime(at))
    except (OverflowError, OSError, ValueError):
        return ""  # the hub may say any number

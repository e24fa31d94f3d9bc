"""A running application on a desk: what arrives is shown together, keys at once.

`min_redraw_interval` would hold back keys as well (2 ms to the echo become 21): only what arrives
waits here for its turn.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from prompt_toolkit import Application

from tcpnet.client.desk import LATE, Desk
from tcpnet.client.inputline import InputLine

HUNG_UP: Final = 129
"""The exit status of who lost the terminal."""
ESCAPE: Final = 0.05
"""Seconds after which Escape is a key of its own, not the beginning of one."""
SECOND: Final = 1.0
"""How often a countdown is painted."""


class Stage:
    """Wakes a view when there is something to show, `rate` times a second at most, and ends it."""

    def __init__(
        self,
        desk: Desk,
        line: InputLine,
        app: Application[None],
        show: Callable[[], None],
        rate: int,
    ) -> None:
        """Take part in an application; `show` shows what is new on the desk."""
        self._desk, self._line, self._app = desk, line, app
        self._show, self._pause = show, 1 / rate
        self._due: asyncio.TimerHandle | None = None
        self._last = 0.0
        self._again: asyncio.TimerHandle | None = None
        app.ttimeoutlen = ESCAPE
        app.key_processor.before_key_press += self._before_key
        app.key_processor.after_key_press += self._after_key

    async def run(self) -> None:
        """Show and take keys until the link has ended."""
        self._loop = asyncio.get_running_loop()
        self._desk.screen.on_change = self.wake
        try:
            with self._errors_end():
                await self._app.run_async(pre_run=self._turn, set_exception_handler=False)
        except EOFError:
            self._desk.way.leave("the terminal is gone", HUNG_UP)
        finally:
            self._desk.screen.on_change = _nothing
            for timer in (self._due, self._again):
                if timer:
                    timer.cancel()

    def wake(self) -> None:
        """Show soon what is fresh, together with what comes until then."""
        if self._due is None:
            self._due = self._loop.call_at(self._last + self._pause, self._turn)

    def _turn(self) -> None:
        self._due, self._last = None, self._loop.time()
        if self._app.is_done:
            return
        if self._desk.take():
            self._app.output.bell()
        self._settle()

    def _before_key(self, _sender: object) -> None:
        self._desk.notice = ""

    def _after_key(self, _sender: object) -> None:
        if not self._app.is_done:
            self._settle()

    def _settle(self) -> None:
        """Let everything follow from how the desk is now."""
        self._desk.go_on()
        self._line.settle()
        self._show()
        self._app.invalidate()
        self._end_if_over()
        self._look_again()

    def _end_if_over(self) -> None:
        desk = self._desk
        if desk.screen.state.phase == "ended" or desk.impatient:
            self._app.exit()

    def _look_again(self) -> None:
        """Paint again soon where something changes by itself: a countdown, a line on its way."""
        if self._again:
            self._again.cancel()
            self._again = None
        screen = self._desk.screen
        if screen.state.phase != "connected":
            self._again = self._loop.call_later(SECOND, self._settle)
        elif screen.pending or self._desk.mid_line:
            self._again = self._loop.call_later(LATE, self._settle)

    @contextmanager
    def _errors_end(self) -> Iterator[None]:
        """Let an error in a callback end the view, so that the terminal is put right first."""
        before = self._loop.get_exception_handler()

        def end(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            error = context.get("exception")
            if isinstance(error, Exception) and self._app.is_running and not self._app.is_done:
                self._app.exit(exception=error)
            else:
                loop.default_exception_handler(context)

        self._loop.set_exception_handler(end)
        try:
            yield
        finally:
            self._loop.set_exception_handler(before)


def _nothing() -> None:
    """Hear of a change when there is no view any more."""

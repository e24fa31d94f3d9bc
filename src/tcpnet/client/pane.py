"""The message pane: the rows of a view, painted.

Not a text area or buffer: their cost grows with all that was said (180 us a line at 10,000 lines,
half a second a key at 100,000). This one hands over exactly the rows that are seen.
"""

from typing import Final

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import UIContent, UIControl, Window
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import Screen, WritePosition

from tcpnet.client.desk import Desk
from tcpnet.client.layout import ROLES, Layout, Row

_STYLES: Final = {role: f"class:{role}" for role in ROLES}


class Pane(UIControl):
    """Shows what the desk's view shows."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._size = (0, 0)
        self._fresh = False
        self._lines: list[StyleAndTextTuples] = []
        self.changes = 0
        """How often something else was to be seen."""

    def stale(self) -> None:
        """Note that there may be something else to see."""
        self._fresh = False

    def is_focusable(self) -> bool:
        """Never: keys go to the input line."""
        return False

    def refresh(self, width: int, height: int) -> None:
        """Find out what is to be seen on so many cells and rows."""
        if self._fresh and self._size == (width, height):
            return
        lines = self._rows(width, height)
        if lines != self._lines or self._size != (width, height):
            self.changes += 1
        self._lines, self._size, self._fresh = lines, (width, height), True

    def create_content(self, width: int, height: int) -> UIContent:
        """Hand over the rows that are seen."""
        self.refresh(width, height)
        lines = self._lines
        return UIContent(lines.__getitem__, line_count=len(lines), show_cursor=False)

    def _rows(self, width: int, height: int) -> list[StyleAndTextTuples]:
        desk = self._desk
        for view in {desk.view, desk.talk.view}:
            view.resize(width, height)
        rows = desk.view.rows()
        if desk.reading.text is None and desk.view.follows:
            rows = (rows + self._late(desk.view.layout))[-height:]
        blank: list[StyleAndTextTuples] = [[] for _ in range(height - len(rows))]
        painted: list[StyleAndTextTuples] = [
            [(_STYLES[role], text) for role, text in row] for row in rows
        ]
        # What was said last stands next to where it is answered; a text that is read starts above.
        return [*painted, *blank] if desk.reading.text else [*blank, *painted]

    def _late(self, layout: Layout) -> list[Row]:
        return [row for entry in self._desk.late for row in layout.lay_out(entry)]


class PaneWindow(Window):
    """Puts the pane's cells on the screen; the same ones again until there are others to see.

    Writing them is a third of what a key costs, and a key changes none of them.
    """

    def __init__(self, pane: Pane) -> None:
        super().__init__(pane, always_hide_cursor=True)
        self._pane = pane
        self._changes = -1
        self._at: tuple[int, int] | None = None
        self._cells = Screen()

    def write_to_screen(
        self,
        screen: Screen,
        mouse_handlers: MouseHandlers,
        write_position: WritePosition,
        parent_style: str,
        erase_bg: bool,
        z_index: int | None,
    ) -> None:
        """Write the rows, which are those of the last time where nothing has changed."""
        place = write_position
        at = place.xpos, place.ypos
        self._pane.refresh(place.width, place.height)
        if self._pane.changes != self._changes or at != self._at:
            self._changes, self._at = self._pane.changes, at
            self._cells = Screen()
            super().write_to_screen(
                self._cells, mouse_handlers, place, parent_style, erase_bg, z_index
            )
        for y in range(place.ypos, place.ypos + place.height):
            screen.data_buffer[y] = self._cells.data_buffer[y]
        screen.width = max(screen.width, self._cells.width)
        screen.height = max(screen.height, self._cells.height)
        screen.visible_windows_to_write_positions[self] = place

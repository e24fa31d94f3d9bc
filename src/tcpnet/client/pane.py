"""The message pane: the rows of a view, painted.

Not a text area or buffer: their cost grows with all that was said (180 us a line at 10,000 lines,
half a second a key at 100,000). This one hands over exactly the rows that are seen.
"""

from typing import Final

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import UIContent, UIControl

from tcpnet.client.desk import Desk
from tcpnet.client.layout import ROLES, Layout, Row

_STYLES: Final = {role: f"class:{role}" for role in ROLES}


class Pane(UIControl):
    """Shows what the desk's view shows; painted again without new rows it costs next to nothing."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._size = (0, 0)
        self._lines: list[StyleAndTextTuples] | None = None

    def stale(self) -> None:
        """Note that there is something else to see."""
        self._lines = None

    def is_focusable(self) -> bool:
        """Never: keys go to the input line."""
        return False

    def create_content(self, width: int, height: int) -> UIContent:
        """Hand over the rows that are seen."""
        if self._lines is None or self._size != (width, height):
            self._size = width, height
            self._lines = self._rows(width, height)
        lines = self._lines
        return UIContent(lines.__getitem__, line_count=len(lines), show_cursor=False)

    def _rows(self, width: int, height: int) -> list[StyleAndTextTuples]:
        desk = self._desk
        for view in {desk.view, desk.talk.view}:
            view.resize(width, height)
        rows = desk.view.rows()
        if desk.reading is None and desk.view.follows:
            rows = (rows + self._late(desk.view.layout))[-height:]
        blank: list[StyleAndTextTuples] = [[] for _ in range(height - len(rows))]
        painted: list[StyleAndTextTuples] = [
            [(_STYLES[role], text) for role, text in row] for row in rows
        ]
        # What was said last stands next to where it is answered; a text that is read starts above.
        return [*painted, *blank] if desk.reading else [*blank, *painted]

    def _late(self, layout: Layout) -> list[Row]:
        return [row for entry in self._desk.late for row in layout.lay_out(entry)]

"""Keys and what they do; what is not here is what every line editor does (Emacs keys)."""

import sys
from collections.abc import Callable, Mapping
from typing import Final

from prompt_toolkit.filters import Condition, Filter
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from tcpnet.client.desk import Desk
from tcpnet.client.inputline import InputLine

INTERRUPTED: Final = 130
"""The exit status of who was interrupted."""
TWICE: Final = 2.0
"""Seconds within which the second ^C on an empty line leaves."""
ROWS: Final = 3
"""Rows that ^Up and ^Down scroll by."""


class Keyring:
    """Binds keys to what the desk and the input line do."""

    def __init__(self, desk: Desk, line: InputLine) -> None:
        self._desk, self._line = desk, line
        self._interrupted_at: float | None = None
        self._finding = Condition(lambda: desk.reading.find is not None)
        self._reviewing = Condition(lambda: desk.reviewing is not None)
        self._closable = Condition(lambda: bool(desk.reading.text or desk.next_lines))
        self._empty = Condition(lambda: not line.control.buffer.text)

    def inline(self) -> KeyBindings:
        """The keys of the input line alone."""
        keys = KeyBindings()
        self._typing(keys)
        self._ending(keys)
        self._deciding(keys)
        return keys

    def full_screen(self) -> KeyBindings:
        """The keys of the input line and of the pane above it."""
        keys = self.inline()
        self._moving(keys)
        self._searching(keys)
        return keys

    def _typing(self, keys: KeyBindings) -> None:
        desk, line = self._desk, self._line
        keys.add(Keys.BracketedPaste)(lambda event: line.paste(event.data))
        for digit in "0123456789":
            # Emacs would take Esc and a digit for a count; here a digit is an answer.
            keys.add("escape", digit)(lambda event: line.paste(event.data))
        keys.add("c-x", "c-e")(lambda _event: line.edit())
        if sys.platform != "win32":
            keys.add("c-z")(lambda event: event.app.suspend_to_background())
        _bind(
            keys,
            {
                "tab": lambda: line.complete(1),
                "s-tab": lambda: line.complete(-1),
                "up": lambda: line.recall(desk.recall.older),
                "c-p": lambda: line.recall(desk.recall.older),
                "down": lambda: line.recall(desk.recall.newer),
                "c-r": lambda: line.recall(desk.recall.find),
                "f1": lambda: desk.obey("/help"),
            },
        )

    def _ending(self, keys: KeyBindings) -> None:
        desk = self._desk
        _bind(
            keys,
            {
                "c-c": self._interrupt,
                "<sigint>": self._break_off,
            },
        )
        _bind(keys, {"c-d": desk.leave}, self._empty)
        _bind(keys, {"escape": self._escape}, self._closable)

    def _deciding(self, keys: KeyBindings) -> None:
        """Keys at a paste: one of four, and no other does anything."""
        line = self._line
        _bind(keys, {Keys.Any: self._remind}, self._reviewing)
        _bind(
            keys,
            {
                "enter": line.send_paste,
                "e": line.edit_paste,
                "j": line.join_paste,
                "escape": line.drop_paste,
                "c-c": line.drop_paste,
            },
            self._reviewing,
        )

    def _moving(self, keys: KeyBindings) -> None:
        desk = self._desk
        _bind(
            keys,
            {
                "pageup": lambda: desk.view.page(-1),
                "pagedown": lambda: desk.view.page(1),
                "c-up": lambda: desk.view.scroll(-ROWS),
                "c-down": lambda: desk.view.scroll(ROWS),
                "c-home": lambda: desk.view.top(),
                "escape <": lambda: desk.view.top(),
                "c-end": lambda: desk.view.follow(),
                "escape >": lambda: desk.view.follow(),
                "c-n": self._next_mark,
                "c-f": desk.reading.begin_find,
            },
        )

    def _searching(self, keys: KeyBindings) -> None:
        desk = self._desk
        _bind(
            keys,
            {
                "up": lambda: desk.reading.find_again(-1),
                "c-r": lambda: desk.reading.find_again(-1),
                "down": lambda: desk.reading.find_again(1),
                "c-s": lambda: desk.reading.find_again(1),
                "escape": lambda: desk.reading.end_find(stay=False),
                "c-g": lambda: desk.reading.end_find(stay=False),
                "c-c": lambda: desk.reading.end_find(stay=False),
                "tab": lambda: None,
            },
            self._finding,
        )

    def _interrupt(self) -> None:
        """Stop what runs, or close what is open, or clear the line, or leave at the second time."""
        desk = self._desk
        now = desk.clock()
        if desk.cancel() or desk.stop_posting() or desk.reading.close() or self._line.clear():
            self._interrupted_at = None
        elif desk.screen.client_id is None and desk.question is None:
            self._break_off()  # nothing was reached yet that could be lost
        elif self._interrupted_at is not None and now - self._interrupted_at < TWICE:
            self._break_off()
        else:
            self._interrupted_at = now
            desk.notice = "press ^C again or ^D to quit"

    def _break_off(self) -> None:
        self._desk.leave("interrupted", INTERRUPTED)

    def _escape(self) -> None:
        if not self._desk.reading.close():
            self._desk.next_lines.clear()

    def _remind(self) -> None:
        self._desk.notice = "Enter, e, j or Esc: what is to become of the paste?"

    def _next_mark(self) -> None:
        if not self._desk.view.next_mark():
            self._desk.notice = "nothing unread, no mention"


def _bind(
    keys: KeyBindings, table: Mapping[str, Callable[[], object]], when: Filter | bool = True
) -> None:
    for key, do in table.items():
        # Escape alone must not wait for a second key, as it does where Alt is of use.
        keys.add(*key.split(), filter=when, eager=key == "escape")(_doing(do))


def _doing(do: Callable[[], object]) -> Callable[[KeyPressEvent], None]:
    def handler(_event: KeyPressEvent) -> None:
        do()

    return handler

"""Keys in: the terminal's input with two guards around what is pasted.

A terminal that does not mark pastes sends each line's Enter as if it had been pressed, and one
that loses the closing mark makes every later key part of the paste. Both end here.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Final

from prompt_toolkit.input import Input
from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

TYPED_AT_ONCE: Final = 8
"""Characters in one read that may still have been typed; more with an Enter were pasted."""
QUIET: Final = 0.2
"""Seconds after a pasted read in which all keys belong to the paste: nobody reacts faster."""
HOLD: Final = 0.05
"""Seconds that a line which came at once with its Enter waits for more: alone, it was typed."""
MARK_WITHIN: Final = 2.0
"""Seconds to wait for the closing mark of a paste of which no more comes."""

_END_MARK: Final = "\x1b[201~"
# A closing mark that comes after its paste was ended here is no text.
ANSI_SEQUENCES[_END_MARK] = Keys.Ignore

_BREAKS: Final = frozenset({Keys.ControlM, Keys.ControlJ})
_TEXT: Final = {Keys.ControlM: "\n", Keys.ControlJ: "\n", Keys.ControlI: "\t"}


class Keyboard(Input):
    """Another input, in which pastes are always one key of their own."""

    def __init__(self, inner: Input, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._clock = clock
        self._paste_until = 0.0
        self._ready: Callable[[], None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._held: list[KeyPress] = []
        self._hold: asyncio.TimerHandle | None = None
        self._held_back = 0

    def read_keys(self) -> list[KeyPress]:
        """Keys that were pressed, or the text that was pasted."""
        keys = self._inner.read_keys()
        now = self._clock()
        held = self._let_go()
        text = [key for key in (*held, *keys) if _text_of(key)]
        if held and not any(_text_of(key) for key in keys):
            keys = [*held, *keys]
        elif text and not held and now >= self._paste_until and _is_one_line(text):
            keys = self._wait_with(keys)
        elif text and (now < self._paste_until or held or _is_burst(text)):
            self._paste_until = now + QUIET
            keys = [_pasted(text), *(key for key in keys if key.key == Keys.CPRResponse)]
        self._watch_for_mark()
        return keys

    def flush_keys(self) -> list[KeyPress]:
        """Keys that waited for more to come."""
        return self._inner.flush_keys()

    def attach(self, input_ready_callback: Callable[[], None]) -> AbstractContextManager[None]:
        """Call back whenever there are keys to read."""
        self._ready = input_ready_callback
        return self._inner.attach(input_ready_callback)

    def detach(self) -> AbstractContextManager[None]:
        """Call back no more for a while."""
        return self._inner.detach()

    def raw_mode(self) -> AbstractContextManager[None]:
        """Take keys as they are pressed."""
        return self._inner.raw_mode()

    def cooked_mode(self) -> AbstractContextManager[None]:
        """Let the terminal edit lines for a while."""
        return self._inner.cooked_mode()

    def fileno(self) -> int:
        """The inner input's file descriptor."""
        return self._inner.fileno()

    def typeahead_hash(self) -> str:
        """The inner input's name for what was typed too early."""
        return self._inner.typeahead_hash()

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._inner.closed

    def close(self) -> None:
        """Close the inner input."""
        self._inner.close()

    def _wait_with(self, keys: list[KeyPress]) -> list[KeyPress]:
        """Keep a line back for a moment, in case it is the first of several that are pasted.

        What a program types, or a person pastes as one line, goes on after it.
        """
        self._held = keys
        self._hold = asyncio.get_running_loop().call_later(HOLD, self._hold_is_over)
        return []

    def _hold_is_over(self) -> None:
        self._hold = None
        if self._ready is not None:
            self._ready()

    def _let_go(self) -> list[KeyPress]:
        held, self._held = self._held, []
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
        return held

    def _watch_for_mark(self) -> None:
        """Start the clock when a paste begins, and again when more comes than can be typed."""
        before, self._held_back = self._held_back, _held_back(self._parser)
        if not self._held_back:
            self._stop_watch()
        elif self._watch is None or self._held_back - before > TYPED_AT_ONCE:
            self._stop_watch()
            loop = asyncio.get_running_loop()
            self._watch = loop.call_later(MARK_WITHIN, self._end_paste)

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _end_paste(self) -> None:
        self._watch = None
        if self._parser is not None and self._ready is not None:
            self._parser.feed(_END_MARK)
            self._ready()

    @property
    def _parser(self) -> Vt100Parser | None:
        # Consoles of Windows mark pastes by themselves and have none.
        return getattr(self._inner, "vt100_parser", None)


def _held_back(parser: Vt100Parser | None) -> int:
    """Characters that wait for a closing mark, and one for the opening mark."""
    if parser is None or not parser._in_bracketed_paste:
        return 0
    return len(parser._paste_buffer) + 1


def _text_of(key: KeyPress) -> str:
    """What the key types; empty for one that does something."""
    if key.key == Keys.BracketedPaste:
        return key.data
    if isinstance(key.key, Keys):
        return _TEXT.get(key.key, "")
    return key.key


def _is_burst(text: list[KeyPress]) -> bool:
    """Whether there are more Enters, or more with one, than a person presses at once."""
    breaks = sum(key.key in _BREAKS for key in text)
    marked = any(key.key == Keys.BracketedPaste for key in text)
    return breaks > 1 or (breaks == 1 and (marked or len(text) - breaks > TYPED_AT_ONCE))


def _is_one_line(text: list[KeyPress]) -> bool:
    """Whether this is a line that came at once with its Enter, and nothing behind it."""
    breaks = [key for key in text if key.key in _BREAKS or key.key == Keys.BracketedPaste]
    return breaks == text[-1:] and text[-1].key in _BREAKS and len(text) > TYPED_AT_ONCE


def _pasted(keys: Iterable[KeyPress]) -> KeyPress:
    return KeyPress(Keys.BracketedPaste, "".join(map(_text_of, keys)))

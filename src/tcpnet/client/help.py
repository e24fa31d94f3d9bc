"""What F1 shows: every key and every word, on one page."""

from textwrap import wrap
from typing import Final

KEYS: Final = (
    ("Enter", "send the line; while there is no connection: dial now"),
    ("Tab, Shift-Tab", "complete a name, a room or a /word; again for the next one"),
    ("Up, Down", "lines you sent before, to questions of this kind"),
    ("^R", "the last such line that holds what you typed; again for the one before"),
    ("PgUp, PgDn", "scroll by a page"),
    ("^Up, ^Down", "scroll by three lines"),
    ("^Home, ^End", "the oldest line; follow the newest (also Alt-<, Alt->)"),
    ("^F", "search; Up and Down go on, Enter stays, Esc or ^G goes back"),
    ("^N", "go to the next mention, or to where the unread lines begin"),
    (
        "^C",
        "stop a request or a paste; clear the line (^_ undoes that); twice on an empty one: leave",
    ),
    ("^D", "leave, on an empty line"),
    ("^L", "paint the screen anew"),
    ("^X ^E", "write the line in your editor ($EDITOR)"),
    ("^Z", "suspend (not on Windows)"),
    ("F1", "this help; Esc closes it"),
)
"""Keys and what they do; those of every line editor (^A ^E ^W ^U ^K ^Y ^_ …) work too."""


WIDTH: Final = 80
"""Cells of a terminal that has not said how wide it is."""
_NARROW: Final = 60
"""Cells below which what a key does stands under it."""


def help_text(
    words: "list[tuple[str, str]]", of_hub: "tuple[str, ...]" = (), width: int = WIDTH
) -> str:
    """The page; `words`: each slash word with what it does; `of_hub`: words that are sent."""
    lines = ["Keys", *_table(KEYS, width), ""]
    lines += ["Words, in a room and at the menu (//text sends /text)", *_table(words, width), ""]
    if of_hub:
        lines += ["Words of the hub, here", "  " + "  ".join(of_hub), ""]
    lines += ["A pasted text of several lines is shown for review before anything is sent."]
    return "\n".join(lines)


def _table(rows: "tuple[tuple[str, str], ...] | list[tuple[str, str]]", width: int) -> list[str]:
    left = max(len(key) for key, _ in rows)
    lines = []
    for key, what in rows:
        if width < _NARROW:
            lines.append(f"  {key}")
            lines += wrap(what, max(width, 20), initial_indent=" " * 4, subsequent_indent=" " * 4)
        else:
            under = " " * (left + 4)
            lines += wrap(what, width, initial_indent=f"  {key:<{left}}  ", subsequent_indent=under)
    return lines

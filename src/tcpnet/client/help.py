"""What F1 shows: every key and every word, on one page."""

from textwrap import wrap
from typing import Final

from msgspec import Struct


class Key(Struct, frozen=True):
    """A row of the table."""

    names: str
    what: str
    inline: str | None = None
    """What it does without a pane, where that differs; empty: nothing."""


KEYS: Final = (
    Key("Enter", "send the line; while there is no connection: dial now"),
    Key("Tab, Shift-Tab", "complete a name, a room or a /word; again for the next one"),
    Key("Up, Down", "lines you sent before, to questions of this kind"),
    Key("^R", "the last such line that holds what you typed; again for the one before"),
    Key("PgUp, PgDn", "scroll by a page", ""),
    Key("^Up, ^Down", "scroll by three lines", ""),
    Key("^Home, ^End", "the oldest line; follow the newest (also Alt-<, Alt->)", ""),
    Key("^F", "search; Up and Down go on, Enter stays, Esc or ^G goes back", ""),
    Key("^N", "go to the next mention, or to where the unread lines begin", ""),
    Key(
        "^C",
        "stop a request or a paste; clear the line (^_ undoes that); twice on an empty one: leave",
    ),
    Key("^D", "leave, on an empty line"),
    Key("^L", "paint the screen anew"),
    Key("^X ^E", "write the line in your editor ($EDITOR)"),
    Key("^Z", "suspend (not on Windows)"),
    Key("F1", "this help; Esc closes it", "this help"),
)
"""Keys and what they do; those of every line editor (^A ^E ^W ^U ^K ^Y ^_ …) work too."""


WIDTH: Final = 80
"""Cells of a terminal that has not said how wide it is."""
_NARROW: Final = 60
"""Cells below which what a key does stands under it."""


def help_text(
    words: "list[tuple[str, str]]",
    of_hub: "tuple[str, ...]" = (),
    width: int = WIDTH,
    *,
    pane: bool = True,
) -> str:
    """The page; `words`: each slash word with what it does; `of_hub`: words that are sent."""
    does = ((key.names, key.what if pane or key.inline is None else key.inline) for key in KEYS)
    lines = ["Keys", *_table([(names, what) for names, what in does if what], width), ""]
    lines += ["Words, in a room and at the menu (//text sends /text)", *_table(words, width), ""]
    if of_hub:
        lines += ["Words of the hub, here", "  " + "  ".join(of_hub), ""]
    lines += ["A pasted text of several lines is shown for review before anything is sent."]
    return "\n".join(lines)


def _table(rows: "list[tuple[str, str]]", width: int) -> list[str]:
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

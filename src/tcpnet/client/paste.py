"""What was pasted, and what may become of it before anything is sent. Pure."""

import re
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tcpnet.client.width import cut, steady
from tcpnet.text import clean, size

MANY_LINES: Final = 50
MANY_BYTES: Final = 16 * 1024
"""More than this needs a second Enter."""

# What no key types. The breaks between lines stay, and tabs, which become spaces.
_CONTROLS: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_BREAKS: Final = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")


class Paste(Struct, frozen=True):
    """Several lines awaiting a decision; `confirmed`: a long one had its first Enter."""

    pieces: tuple[str, ...]
    """As `split` made them: an empty last one is the end of the line before it."""
    confirmed: bool = False
    typed: str = ""
    """What the input line held before it: the start of the first line."""

    @property
    def lines(self) -> tuple[str, ...]:
        """What would be sent."""
        return self.pieces if self.pieces[-1] else self.pieces[:-1]

    @property
    def is_long(self) -> bool:
        """Whether one Enter is not enough."""
        return len(self.lines) > MANY_LINES or sum(map(size, self.lines)) > MANY_BYTES

    @property
    def may_send(self) -> bool:
        """Whether the next Enter sends."""
        return self.confirmed or not self.is_long

    def preview(self, rows: int, width: int) -> list[str]:
        """As many of the first lines as there are rows for, cut to the width; what is left last."""
        shown = self.lines
        if len(shown) > rows:
            shown = (*shown[: rows - 1], f"(+{len(shown) - rows + 1:,})")
        return [cut(steady(line), width) for line in shown]

    def confirm(self) -> "Paste":
        """Note the first Enter."""
        return replace(self, confirmed=True)

    def joined(self) -> str:
        """All lines as one, with a space between."""
        return " ".join(line.strip() for line in self.lines if line.strip())

    def extend(self, more: list[str]) -> "Paste":
        """Add what came later in the same burst: its first line goes on with the last one."""
        first, *rest = more
        pieces = (*self.pieces[:-1], self.pieces[-1] + first, *rest)
        return replace(self, pieces=pieces, confirmed=False)


def split(pasted: str) -> list[str]:
    """The lines of what was pasted, harmless; an empty last one stands for a closing newline."""
    return [clean(line) for line in _BREAKS.split(_CONTROLS.sub("", pasted))]


def is_one_line(lines: list[str]) -> bool:
    """Whether it may go straight into the input line: nothing but a closing newline is dropped."""
    return len(lines) == 1 or (len(lines) == 2 and not lines[1])

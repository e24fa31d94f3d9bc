"""Colours: the terminal's own sixteen, so that its palette rules; none carries meaning alone."""

from typing import Final

from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

from tcpnet.client.layout import NAME_ROLES
from tcpnet.client.settings import Color

# Readable on black and on white: neither of the two, no grey, nothing pale, no dark blue.
_NAMES: Final = (
    "ansired",
    "ansigreen",
    "ansiyellow",
    "ansimagenta",
    "ansicyan",
    "ansibrightred",
    "ansibrightblue",
    "ansibrightmagenta",
)

STYLE: Final = Style.from_dict(
    {
        "name": "bold",
        "own": "bold",
        "mention": "bold",
        "earlier": "dim",
        "error": "bold ansired",
        "state": "italic",
        "time": "dim",
        "rule": "dim",
        "fold": "italic",
        "pending": "dim italic",
        "match": "underline",
        "found": "reverse",
        "status": "reverse",
        "prompt": "",
        **{role: f"bold {colour}" for role, colour in zip(NAME_ROLES, _NAMES, strict=True)},
    }
)


def depth(color: Color) -> ColorDepth:
    """How many colours to use: sixteen or none."""
    return ColorDepth.DEPTH_1_BIT if color == "never" else ColorDepth.DEPTH_4_BIT

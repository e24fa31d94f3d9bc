"""Which event loop a hub runs on: libuv's where it is installed, else that of Python."""

import asyncio
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Final, NamedTuple

FAST: Final = "winloop" if sys.platform == "win32" else "uvloop"
"""The package of the `speed` extra on this system."""


class Loop(NamedTuple):
    """A kind of event loop: its name for the log, and what makes one."""

    name: str
    make: Callable[[], asyncio.AbstractEventLoop]


def choose(*, fast: bool) -> Loop:
    """The loop to run on; `fast` takes the one of `FAST`, where there is one."""
    if fast:
        try:
            return Loop(FAST, import_module(FAST).new_event_loop)
        except ImportError:
            pass  # it is optional
    return Loop("asyncio", asyncio.new_event_loop)

"""How long a batch waits for more: one look at the sockets, which costs a few microseconds."""

import asyncio
from collections.abc import Callable


def after_a_look(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Call back once the event loop has taken what arrived since this turn began.

    Who answers the batch before is there by then: without it those who speak in turn fall into
    two halves that never meet, and each line is written to everybody in batches of half the size.
    """
    loop.call_soon(loop.call_soon, callback)

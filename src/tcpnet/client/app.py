"""The client put together: the model, the link, one view, and the signals that end them."""

import asyncio
import importlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, TextIO

from msgspec.structs import replace

from tcpnet.client import password
from tcpnet.client.address import Address
from tcpnet.client.known_hubs import NAME, KnownHubs
from tcpnet.client.link import Link, Listener
from tcpnet.client.ndjson import REFUSED_INPUT, Ndjson
from tcpnet.client.password import Doorman
from tcpnet.client.plain import Plain
from tcpnet.client.screen import Screen, State
from tcpnet.client.settings import Settings, state_folder
from tcpnet.client.stdin import Source
from tcpnet.client.tokens import NAME as TOKENS
from tcpnet.client.tokens import Tokens
from tcpnet.client.trace import Trace
from tcpnet.client.trust import Trust
from tcpnet.client.visit import LEFT

TERMINAL: Final = "tcpnet.client.terminal"
"""Not imported above: the plain views never load its toolkit."""

TRIES: Final = 5
"""Dials after a loss where nobody may be watching."""


async def live(
    settings: Settings,
    address: Address,
    name: str,
    *,
    source: Source,
    out: TextIO,
    trace: TextIO | None = None,
) -> State:
    """Talk with the hub until it is over; how that came about. `settings.mode` is the view.

    The hub is dialled while the view is still being loaded. Raises ConfigError.
    """
    watched = settings.mode in ("full", "inline")
    screen = Screen(str(address), name)
    refused = 0
    listeners: list[Listener] = [screen]
    link = Link(
        address,
        name,
        listeners,
        Trust(known_hubs(settings), clear=settings.clear),
        Tokens(state_folder(settings, os.environ) / TOKENS),
        timeout=settings.timeout,
        tries=(None if watched else TRIES) if settings.reconnect else 0,
        tap=Trace(trace) if trace else None,
    )
    if settings.password_file:
        listeners.append(Doorman(password.read(settings.password_file), screen, link))
    with _signals(link):
        async with asyncio.TaskGroup() as group:
            group.create_task(link.run())
            if settings.mode == "json":
                program = Ndjson(screen, link, source, out)
                listeners.append(program)
                await program.run()
                refused = program.refused
            elif settings.mode == "plain":
                await Plain(screen, link, source, out).run()
            else:
                terminal = await asyncio.to_thread(importlib.import_module, TERMINAL)
                await terminal.run(screen, link, settings)
            link.leave()
    if refused and screen.state.status == LEFT:
        count = f"{refused:,} line{'' if refused == 1 else 's'}"
        reason = f"{count} of the input could not be taken"
        return replace(screen.state, status=REFUSED_INPUT, reason=reason)
    return screen.state


def known_hubs(settings: Settings) -> KnownHubs:
    """The hubs that this person has met."""
    return KnownHubs(state_folder(settings, os.environ) / NAME)


@contextmanager
def _signals(link: Link) -> Iterator[None]:
    """Leave politely when the process is told to end; told twice, it ends at once.

    Interrupts are asyncio's own business: it cancels, and everything is put away on the way out.
    """
    loop = asyncio.get_running_loop()
    told: set[int] = set()

    def leave(number: int, _frame: FrameType | None) -> None:
        if number in told:
            raise SystemExit(128 + number)
        told.add(number)
        loop.call_soon_threadsafe(link.leave, "terminated", 128 + number)

    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows knows no hang-up
        # Who was started with hang-ups ignored, as by nohup, goes on ignoring them.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Names to addresses that may be dialled, on threads that hold nobody up."""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult

from tcpnet.proxy.failures import Stage
from tcpnet.proxy.origin.guard import Forbidden, Guard
from tcpnet.proxy.origin.patience import running
from tcpnet.proxy.origin.routes import AddrInfo

T = TypeVar("T")
Lookup = Callable[[str, int, socket.AddressFamily], Sequence[AddrInfo]]

# Each lookup that a dead link keeps waiting sits on a thread of its own.
MAX_LOOKUPS: Final = 32


def look_up(host: str, port: int, family: socket.AddressFamily) -> Sequence[AddrInfo]:
    """Ask the system for the addresses of a host. Blocks; raises OSError."""
    flags = socket.AI_ADDRCONFIG
    try:
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)
    except UnicodeError:  # a part of the name is empty, or longer than 63 bytes
        raise socket.gaierror(socket.EAI_NONAME, "no such name") from None


class Resolver(AbstractResolver):
    """Hands on only addresses that the guard permits.

    The guard looks again when one is dialled, and alone judges numeric hosts, for which no
    resolver is asked. It is asked here because a connector that fails on two addresses of a
    host merges the errors into one that no longer tells what was refused.
    """

    def __init__(self, guard: Guard, lookup: Lookup = look_up) -> None:
        self._guard = guard
        self._lookup = lookup
        self._places = asyncio.Semaphore(MAX_LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the permitted addresses; raise `Forbidden` if none is, OSError without any."""
        permitted: list[ResolveResult] = []
        refusal = None
        progress = running.get()
        if progress is not None:
            progress.enter(Stage.LOOKUP)
        found = await self.addresses(host, port, family)
        if progress is not None:
            progress.enter(Stage.CONNECT)
        for kind, _, protocol, _, sockaddr in found:
            try:
                self._guard.check(sockaddr[0], sockaddr[1])
            except Forbidden as error:
                refusal = error
                continue
            permitted.append(
                ResolveResult(
                    hostname=host,
                    host=sockaddr[0],
                    port=sockaddr[1],
                    family=int(kind),
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        if not permitted:
            raise refusal or socket.gaierror(socket.EAI_NONAME, "no address")
        return permitted

    async def addresses(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> Sequence[AddrInfo]:
        """Return all addresses of a host, permitted or not; raise OSError without any."""
        await self._places.acquire()
        return await _on_thread(partial(self._lookup, host, port, family), self._places.release)

    async def close(self) -> None:
        """Nothing is kept open: a thread that is still asking ends by itself."""


async def _on_thread(call: Callable[[], T], done: Callable[[], None]) -> T:
    """Run a blocking call on a daemon thread; `done` is called when the thread is free.

    The loop's own threads are few and joined when a program ends: lookups on a dead link would
    hold up everybody's blocking work, and then the shutdown.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(act: Callable[[], None]) -> None:
        done()
        if not outcome.done():
            act()

    def run() -> None:
        try:
            act = partial(outcome.set_result, call())
        except BaseException as error:  # whatever it is, it belongs to who waits
            act = partial(outcome.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, act)

    threading.Thread(target=run, name="name lookup", daemon=True).start()
    return await outcome

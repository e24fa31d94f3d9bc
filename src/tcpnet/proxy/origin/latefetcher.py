"""A fetcher that is made when the first request needs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from tcpnet.proxy.origin.guard import Guard
from tcpnet.proxy.origin.uplink import Uplink

if TYPE_CHECKING:
    import socket
    from types import TracebackType

    from tcpnet.proxy.origin.fetcher import Fetcher, Reply


class LateFetcher:
    """Does what a Fetcher does, whose library is a fifth of the hub's start and of its memory.

    `make` makes another one, where it is wanted, on a thread. An async context manager, as the
    fetcher is.
    """

    def __init__(self, guard: Guard, make: Callable[[Guard], Fetcher] | None = None) -> None:
        self.guard = guard
        self._make = make
        self._fetcher: Fetcher | None = None
        self._making = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._fetcher is not None:
            await self._fetcher.__aexit__(kind, error, trace)

    @property
    def uplink(self) -> Uplink:
        """What origins were asked for so far."""
        return self._fetcher.uplink if self._fetcher is not None else Uplink()

    async def own_address(self, url: str) -> str:
        """See `Fetcher.own_address`."""
        return await (await self._made()).own_address(url)

    async def connect(self, host: str, port: int) -> socket.socket:
        """See `Fetcher.connect`."""
        return await (await self._made()).connect(host, port)

    def send(self, *request: Any, **more: Any) -> AbstractAsyncContextManager[Reply]:
        """See `Fetcher.send`."""
        if self._fetcher is not None:
            return self._fetcher.send(*request, **more)
        return self._sent_once_made(request, more)

    @asynccontextmanager
    async def _sent_once_made(
        self, request: tuple[Any, ...], more: dict[str, Any]
    ) -> AsyncGenerator[Reply, None]:
        async with (await self._made()).send(*request, **more) as reply:
            yield reply

    async def _made(self) -> Fetcher:
        async with self._making:
            if self._fetcher is None:
                # On a thread: in the event loop the import would hold everybody up.
                fetcher = await asyncio.to_thread(self._make or _loaded, self.guard)
                await fetcher.__aenter__()
                self._fetcher = fetcher
        return self._fetcher


def _loaded(guard: Guard) -> Fetcher:
    """A fetcher. Blocks for some 0.2 s while its library is loaded."""
    from tcpnet.proxy.origin.fetcher import Fetcher

    return Fetcher(guard)

"""The port itself: who is connected, and how it ends."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self

from tcpnet.proxy.port.connection import PortConnection
from tcpnet.proxy.port.hits import Hits
from tcpnet.proxy.port.service import Service
from tcpnet.proxy.store.pages import PageStore

log = logging.getLogger(__name__)

_BACKLOG: Final = 1024

DRAIN: Final = 1.0
"""Seconds that requests have to come to their end when the hub stops."""

_ROUNDS: Final = 4
"""How often a connection is looked at within the shortest time that it may take."""


class ProxyPort:
    """A port that is ours from `bind` on, and answers once `serving`."""

    def __init__(self, server: asyncio.Server, connections: "_Connections") -> None:
        self._server = server
        self._connections = connections
        self.addresses = tuple(
            (str(name[0]), int(name[1])) for name in (s.getsockname() for s in server.sockets)
        )

    @classmethod
    async def bind(cls, host: str, port: int) -> Self:
        """Take a port (0: a free one); whoever dials waits until `serving`. Raises OSError."""
        connections = _Connections()
        server = await asyncio.get_running_loop().create_server(
            connections.made, host, port, backlog=_BACKLOG, start_serving=False
        )
        return cls(server, connections)

    @asynccontextmanager
    async def serving(self, service: Service, pages: PageStore) -> AsyncIterator[None]:
        """Answer clients for the length of the block; then what began has DRAIN seconds to end."""
        web = service.web
        hits = Hits(pages, service.door, web.via(), service.counters, service.clock, web.rules)
        self._connections.open(service, hits)
        await self._server.start_serving()
        try:
            yield
        finally:
            self.close()
            await self._connections.ended(DRAIN)

    def close(self) -> None:
        """Let nobody in any more; again is harmless."""
        self._server.close()


class _Connections:
    """Everybody connected, and who was until the task that answered him is over."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._all: set[PortConnection] = set()
        self._service: Service | None = None
        self._hits: Hits | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._none = asyncio.Event()
        self._none.set()

    def open(self, service: Service, hits: Hits) -> None:
        """Begin to take connections."""
        self._service, self._hits = service, hits
        self._check()

    def made(self) -> PortConnection:
        """Return the protocol of one more connection."""
        assert self._service is not None, "nobody is accepted before the port serves"
        assert self._hits is not None, "nobody is accepted before the port serves"
        connection = PortConnection(self._service, self._hits, self._lost)
        self._all.add(connection)
        self._none.clear()
        return connection

    async def ended(self, within: float) -> None:
        """End them all: in order if they can be so soon, else at once."""
        if self._watch is not None:
            self._watch.cancel()
        for connection in tuple(self._all):
            connection.finish()
        try:
            async with asyncio.timeout(within):
                await self._none.wait()
        except TimeoutError:
            log.info("requests broken off", extra={"connections": len(self._all)})
        for connection in tuple(self._all):
            connection.abort()
        tasks = [connection.task for connection in self._all if connection.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _lost(self, connection: PortConnection) -> None:
        self._all.discard(connection)
        if not self._all:
            self._none.set()

    def _check(self) -> None:
        assert self._service is not None, "only a port that serves is watched"
        patience, now = self._service.patience, self._loop.time()
        for connection in tuple(self._all):
            connection.check(now)
        shortest = min(patience.head, patience.body, patience.idle, patience.linger)
        self._watch = self._loop.call_later(shortest / _ROUNDS, self._check)

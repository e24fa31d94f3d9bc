"""aiohttp's pool of connections, which tells each request how far it has come."""

from typing import TYPE_CHECKING

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from tcpnet.proxy.failures import Stage
from tcpnet.proxy.origin.patience import running

if TYPE_CHECKING:
    from aiohttp.tracing import Trace


class Connector(aiohttp.TCPConnector):
    """Notes the stages of the running request.

    aiohttp's own traces tell the same and more, for a quarter of what its client takes for a page.
    """

    # Where aiohttp names a parameter `timeout`, so must we.

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    ) -> Connection:
        """Return a connection from the pool, or a new one."""
        progress = running.get()
        if progress is not None:
            progress.enter(Stage.QUEUE)
        connection = await super().connect(req, traces, timeout)
        if progress is not None:
            progress.enter(Stage.ANSWER)
        return connection

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    ) -> ResponseHandler:
        if (progress := running.get()) is not None:
            progress.enter(Stage.CONNECT)
        return await super()._create_connection(req, traces, timeout)

"""aiohttp's pool of connections, which tells each request how far it has come."""

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from yarl import URL

from tcpnet.proxy.failures import Stage
from tcpnet.proxy.origin.patience import running

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Awaitable

    from aiohttp.tracing import Trace

_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None)

# Sites whose way is remembered: less than 2 KiB each.
_MAX_SITES: Final = 512


class Wire(ResponseHandler):
    """A connection that knows its other end, and leaves nobody waiting for a body when it ends."""

    peer: str = ""
    tls: "ssl.SSLObject | None" = None

    def connection_made(self, transport: "asyncio.BaseTransport") -> None:
        """Note who it is."""
        super().connection_made(transport)
        self.tls = transport.get_extra_info("ssl_object")
        self.peer = (transport.get_extra_info("peername") or ("",))[0]

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the body that is read: after a bad chunk aiohttp leaves its reader waiting."""
        body = self._payload
        super().connection_lost(exc)
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("the connection was given up"))


class Connector(aiohttp.TCPConnector):
    """Notes the stages of the running request.

    aiohttp's own traces tell the same and more, for a quarter of what its client takes for a page.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._factory: Any = partial(Wire, loop=self._loop)
        self._sites: dict[str, Site] = {}

    def site(self, site: str) -> "Site":
        """Return what leads to a site: scheme, host and port, as in a URL."""
        found = self._sites.get(site)
        if found is None:
            found = self._sites[site] = Site("GET", URL(site, encoded=True), loop=self._loop)
            if len(self._sites) > _MAX_SITES:
                del self._sites[next(iter(self._sites))]
        return found

    def dial(self, site: "Site") -> "Awaitable[Connection]":
        """Return a connection to a site from the pool, or a new one."""
        return self.connect(site, [], _NO_TIMEOUT)

    # Where aiohttp names a parameter `timeout`, so must we.
    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    ) -> ResponseHandler:
        if (progress := running.get()) is not None:
            progress.enter(Stage.CONNECT)
        return await super()._create_connection(req, traces, timeout)


class Site(aiohttp.ClientRequest):
    """Where a connection leads, in the shape in which a connector asks for it."""

    @cached_property
    def connection_key(self) -> ConnectionKey:
        """What tells one site from another; aiohttp makes it anew for each look."""
        return super().connection_key

    @cached_property
    def host_field(self) -> str:
        """What Host says."""
        return self.headers["Host"]

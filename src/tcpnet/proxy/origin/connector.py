"""aiohttp's pool of connections, which tells each request how far it has come."""

from collections import defaultdict
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from yarl import URL

from tcpnet.proxy.failures import Stage
from tcpnet.proxy.origin.excess import UNASKED, AnswerAlone
from tcpnet.proxy.origin.patience import Patience, Progress, Watch, running
from tcpnet.proxy.origin.wire import MAX_FIELDS, MAX_LINE

if TYPE_CHECKING:
    import asyncio
    import ssl

    from aiohttp.tracing import Trace

_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None)

# Seconds for which a connection is at hand; those after which it is closed are aiohttp's.
_AT_HAND: Final = 1.0

# Bytes of a body that are read ahead, twice: more, and one site's holds everybody up.
_PIECE: Final = 64 * 1024

# Sites whose way is remembered: less than 2 KiB each.
_MAX_SITES: Final = 512


class Wire(ResponseHandler):
    """A connection that knows its other end, and leaves nobody waiting for a body when it ends.

    Seen with aiohttp 3.14.5.
    """

    peer: str = ""
    tls: "ssl.SSLObject | None" = None
    _for_bodies: AnswerAlone | None = None
    _parser: Any

    def connection_made(self, transport: "asyncio.BaseTransport") -> None:
        """Note who it is."""
        super().connection_made(transport)
        self.tls = transport.get_extra_info("ssl_object")
        self.peer = (transport.get_extra_info("peername") or ("",))[0]

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the body that is read: after a bad chunk aiohttp leaves its reader waiting."""
        body = self._payload
        super().connection_lost(exc)
        self._for_bodies = None  # it knows this wire: without a cycle, both go at once
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("the connection was given up"))

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read on where it was paused; a body asks for that with every piece that is taken."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def expect(self, *, body: bool) -> None:
        """Get ready for an answer, with a body unless the request forbids it.

        One parser takes all answers with bodies that it can: it is made for many on a connection.
        """
        if body and self._for_bodies is not None and self._for_bodies.is_reusable:
            self._for_bodies.begin()
            self._parser = self._for_bodies
            return
        self.set_response_params(
            skip_payload=not body,
            read_until_eof=True,
            auto_decompress=False,
            read_bufsize=_PIECE,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            max_headers=MAX_FIELDS,
        )
        self._parser = alone = AnswerAlone(self)
        self._for_bodies = alone if body else None

    def rest(self) -> None:
        """Expect nothing: what comes is no answer to the next request, and ends the connection."""
        self._parser = UNASKED

    @property
    def is_usable(self) -> bool:
        """Whether it may be asked: it has not ended, and nothing came that nobody asked for."""
        return self.is_connected() and not self.should_close


class Lease:
    """A connection for one request after the other, until it goes back to the pool."""

    def __init__(self, connection: Connection, pool: "Connector", site: "Site") -> None:
        wire = connection.protocol
        assert isinstance(wire, Wire), "the pool makes its own connections"
        self.wire = wire
        self._connection = connection
        self._pool = pool
        self._site = site

    def release(self) -> None:
        """Leave the connection to the next request."""
        self.wire.rest()
        if self.wire.should_close or not self._pool.keeps(self._site, self):
            self.give_back()

    def give_back(self) -> None:
        """Leave the connection to aiohttp."""
        self._connection.release()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


class Connector(aiohttp.TCPConnector):
    """Notes the stages of the running request, and has at hand what was used a moment ago.

    aiohttp's own traces tell the stages and more, for a quarter of what its client takes for a
    page. Its pool takes another tenth: it counts, and looks who waits. What is at hand counts as
    used there, so all of it goes back before the pool is asked for a connection. Seen with
    aiohttp 3.14.5.
    """

    def __init__(self, patience: Patience, **settings: Any) -> None:
        super().__init__(**settings)
        self.watch = Watch(patience)
        self._factory: Any = partial(Wire, loop=self._loop)
        self._sites: dict[str, Site] = {}
        self._at_hand: defaultdict[Site, list[Lease]] = defaultdict(list)
        self._giving_back: asyncio.TimerHandle | None = None
        self._dialling = 0

    def site(self, site: str) -> "Site":
        """Return what leads to a site: scheme, host and port, as in a URL."""
        found = self._sites.get(site)
        if found is None:
            found = self._sites[site] = Site("GET", URL(site, encoded=True), loop=self._loop)
            if len(self._sites) > _MAX_SITES:
                del self._sites[next(iter(self._sites))]
        return found

    def at_hand(self, site: "Site") -> Lease | None:
        """Return a connection to a site that can be used at once, if there is one."""
        leases = self._at_hand[site]
        while leases:
            lease = leases.pop()
            if lease.wire.is_usable:
                return lease
            lease.close()
        return None

    def forget(self, site: "Site") -> None:
        """Close the idle connections to a site, which may all have ended without a word."""
        for lease in self._at_hand.pop(site, ()):
            lease.close()
        for protocol, _ in self._conns.pop(site.connection_key, ()):
            protocol.close()

    async def dial(self, site: "Site", progress: Progress) -> Lease:
        """Return a connection to a site from aiohttp's pool, or a new one. Raises what it does."""
        progress.enter(Stage.QUEUE)
        running.set(progress)
        self._dialling += 1
        try:
            self._give_back()
            lease = Lease(await self.connect(site, [], _NO_TIMEOUT), self, site)
        finally:
            self._dialling -= 1
        if not lease.wire.is_usable:
            lease.close()
            raise aiohttp.ServerDisconnectedError
        return lease

    def keeps(self, site: "Site", lease: Lease) -> bool:
        """Tell whether a connection is kept at hand: aiohttp alone knows who waits for one."""
        if self._dialling or self._closed:
            return False
        self._at_hand[site].append(lease)
        if self._giving_back is None:
            self._giving_back = self._loop.call_later(_AT_HAND, self._give_back)
        return True

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close all connections."""
        self.watch.close()
        self._give_back()
        await super().close(abort_ssl=abort_ssl)

    def _give_back(self) -> None:
        if self._giving_back is not None:
            self._giving_back.cancel()
            self._giving_back = None
        given, self._at_hand = self._at_hand, defaultdict(list)
        for leases in given.values():
            for lease in leases:
                lease.give_back()

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

"""A request to an origin: its bytes, written straight to one of aiohttp's connections.

aiohttp's session knows cookies, redirects, log-ins and traces, none of which a proxy may use, and
they are two thirds of what its client does for a page. Its pool, its connections and its parser of
answers are what is left of it here (seen with 3.14.5).
"""

from collections.abc import AsyncIterable
from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from tcpnet.proxy.entry import OnInterim
from tcpnet.proxy.failures import Stage
from tcpnet.proxy.origin import diagnosis
from tcpnet.proxy.origin.connector import Connector, Site, Wire
from tcpnet.proxy.origin.patience import Progress
from tcpnet.proxy.origin.responses import Response
from tcpnet.proxy.origin.upload import Upload

Body = bytes | AsyncIterable[bytes] | None

_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods that may be sent again where nobody knows whether they came in (RFC 9110 §9.2.2)."""


class Request:
    """One request, sent once more if its connection turns out to have ended while it was idle."""

    def __init__(self, method: str, head: bytes, body: Body, on_interim: OnInterim | None) -> None:
        self._method = method
        self._head = head
        self._body = body
        self._on_interim = on_interim

    async def answered(self, pool: Connector, site: Site, progress: Progress) -> Response:
        """Return the answer, of which only the head was read. Raises FetchError."""
        repeated = False
        while True:
            try:
                with progress:
                    return await self._answered_once(pool, site, progress)
            except (aiohttp.ClientError, OSError, HttpProcessingError) as error:
                if repeated or not (self._is_repeatable and _lost_its_connection(error)):
                    raise diagnosis.of_head(error, progress.host) from error
                repeated = True
                pool.forget(site)

    @property
    def _is_repeatable(self) -> bool:
        return self._method in _REPEATABLE and isinstance(self._body, bytes | None)

    async def _answered_once(self, pool: Connector, site: Site, progress: Progress) -> Response:
        response = Response(pool.at_hand(site) or await pool.dial(site, progress))
        try:
            response.wire.expect(body=self._method != "HEAD")
            progress.enter(Stage.ANSWER)
            response.upload = self._write(response.wire, progress)
            await response.read_head(self._on_interim)
        except BaseException:
            response.close()
            raise
        return response

    def _write(self, connected: Wire, progress: Progress) -> Upload | None:
        assert connected.transport is not None, "it is connected"
        if self._body is None:
            connected.transport.write(self._head)
        elif isinstance(self._body, bytes):
            connected.transport.write(self._head + self._body)
        else:
            connected.transport.write(self._head)
            chunked = b"\r\nTransfer-Encoding: chunked\r\n" in self._head
            return Upload(connected, progress.watched(self._body), chunked=chunked)
        return None


def _lost_its_connection(error: Exception) -> bool:
    """Tell whether a connection ended that there had been."""
    lost = isinstance(error, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError)
    return lost and not isinstance(error, aiohttp.ClientConnectorError)

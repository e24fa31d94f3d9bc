"""One request and its answer, where it takes more than a look into memory."""

import logging
from typing import Final, Protocol

from tcpnet.errors import UserError
from tcpnet.proxy.answers import Answer
from tcpnet.proxy.entry import Fields, PageRequest
from tcpnet.proxy.failures import FetchError
from tcpnet.proxy.fields import without
from tcpnet.proxy.port import refusals, responses, targets
from tcpnet.proxy.port.asker import Asker
from tcpnet.proxy.port.cachestatus import cache_status
from tcpnet.proxy.port.heads import RequestHead
from tcpnet.proxy.port.refusals import Refused
from tcpnet.proxy.port.responses import Framed
from tcpnet.proxy.port.service import OwnPage, Service
from tcpnet.proxy.port.targets import OwnTarget, PageTarget, TunnelTarget
from tcpnet.proxy.port.upload import Upload

log = logging.getLogger(__name__)

_HERE: Final = frozenset({"expect", "host", "max-forwards", "proxy-authorization"})
"""Request fields that are meant for this hub, or made anew by whoever sends the request on."""


class Client(Protocol):
    """The connection that a request came on."""

    address: str

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    async def drained(self) -> None:
        """Wait until the client has taken most of what was sent."""
        ...

    async def tunnel(self, target: TunnelTarget) -> None:
        """Turn the connection into a tunnel. Raises FetchError."""
        ...


class Exchange:
    """Answers one request. `keeps_alive` tells, when it is over, whether the next may follow."""

    def __init__(
        self, service: Service, client: Client, head: RequestHead, upload: Upload | None
    ) -> None:
        self._service = service
        self._client = client
        self._head = head
        self._upload = upload
        self._framed: Framed | None = None
        self.keeps_alive = False
        self.broke_off = False
        self.is_tunnel = False

    async def run(self) -> None:
        """Answer, whatever comes of it."""
        self._service.counters.requests += 1
        try:
            await self._answer()
        except Refused as error:
            await self._refuse(error)
        except (FetchError, UserError) as error:
            await self._refuse(refusals.of(error))

    async def _answer(self) -> None:
        head = self._head
        if head.method == "TRACE":
            raise Refused(405, "TRACE is not answered here.", fields=(("Allow", _ALLOWED),))
        if "expect" in head.asked and head.asked["expect"].lower() != "100-continue":
            raise Refused(417, "Only 100-continue can be expected here.")
        match targets.read(head):
            case OwnTarget():
                await self._own_page()
            case PageTarget() as target:
                await self._page(target)
            case TunnelTarget() as target:
                await self._asker()
                self._check_port(target)
                await self._client.tunnel(target)
                self.is_tunnel = True

    @property
    def ends_with_connection(self) -> bool:
        """Whether only the end of the connection ends the body."""
        return self._framed is not None and self._framed.ends_with_connection

    def fail(self) -> None:
        """Note that a defect of this hub ended it."""
        self.broke_off = True

    async def _asker(self) -> Asker:
        credentials = self._head.asked.get("proxy-authorization")
        known = self._service.door.known(credentials)
        return known or await self._service.door.asker(credentials, self._client.address)

    def _check_port(self, target: TunnelTarget) -> None:
        ports = self._service.connect_ports
        if target.port not in ports:
            open_ones = ", ".join(map(str, sorted(ports))) or "none"
            words = f"Tunnels to port {target.port} are refused; open are {open_ones}"
            raise Refused(403, f"{words} (the operator can allow it: proxy.connect_ports).")

    async def _own_page(self) -> None:
        if self._head.method not in ("GET", "HEAD", "OPTIONS"):
            raise Refused(405, "This hub's own pages can only be read.")
        if self._head.method == "OPTIONS":
            page: OwnPage | None = OwnPage(200, (("Allow", _ALLOWED),), b"")
        else:
            page = self._service.own_pages(self._head)
        if page is None:
            raise Refused(404, "There is no such page at this hub; / says what there is.")
        self._begin(page.status, "", page.fields, len(page.body), responses.CACHE)
        await self._send(page.body)
        self._end()

    async def _page(self, target: PageTarget) -> None:
        asker = await self._asker()
        request = PageRequest(
            method=self._head.method,
            url=target.url,
            fields=without(self._head.fields, _HERE),
            body=self._upload,
            client=None if asker.private else self._client.address,
            caching=asker.caching,
        )
        async with self._service.web.fetch(request) as answer:
            await self._pass_on(answer)

    async def _pass_on(self, answer: Answer) -> None:
        is_head = self._head.method == "HEAD"
        fields = answer.fields if is_head else responses.unframed(answer.fields)
        length = None if is_head else answer.length
        self._begin(answer.status, answer.reason, fields, length, cache_status(answer))
        if not is_head:
            last = b""
            async for chunk in answer:
                if answer.received == answer.length:
                    # Kept back until the page is stored: the client's next request is to find it.
                    last = chunk
                else:
                    await self._send(chunk)
            await self._send(last)
        self._end()

    def _begin(
        self, status: int, reason: str, fields: Fields, length: int | None, cached: str
    ) -> None:
        marks = (("Cache-Status", cached), ("Via", self._service.web.via))
        self._framed = Framed(
            self._head,
            status,
            reason,
            (*fields, *marks),
            length,
            keeps_alive=self._head.keeps_alive,
        )
        self._client.write(self._framed.head)

    async def _send(self, chunk: bytes) -> None:
        assert self._framed is not None, "a body follows its head"
        self._client.write(self._framed.piece(chunk))
        await self._client.drained()

    def _end(self) -> None:
        assert self._framed is not None, "a body follows its head"
        self._client.write(self._framed.end)
        self.keeps_alive = self._framed.keeps_alive

    async def _refuse(self, refused: Refused) -> None:
        """Say why there is no answer; one that has begun is broken off."""
        self._service.counters.refused += 1
        if self._framed is not None:
            self.broke_off = True
            return
        self._framed = responses.refusal(
            self._head,
            refused,
            self._service.web.via,
            self._service.clock(),
            keeps_alive=self._head.keeps_alive and not refused.final,
        )
        self._client.write(self._framed.head)
        await self._send(responses.sentence(refused))
        self._end()


_ALLOWED: Final = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, CONNECT"

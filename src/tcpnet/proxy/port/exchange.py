"""One request and its answer, where it takes more than a look into memory."""

from typing import Final, Protocol

from tcpnet.errors import UserError
from tcpnet.proxy import codings, urls
from tcpnet.proxy.answers import Answer
from tcpnet.proxy.entry import HTTP_1_0, HTTP_1_1, Fields, PageRequest, Version
from tcpnet.proxy.failures import FetchError
from tcpnet.proxy.fields import end_to_end
from tcpnet.proxy.port import mapping, records, refusals, responses, targets
from tcpnet.proxy.port.asker import Asker, Caller, Stranger
from tcpnet.proxy.port.cachestatus import cache_status
from tcpnet.proxy.port.heads import RequestHead
from tcpnet.proxy.port.refusals import Refused
from tcpnet.proxy.port.responses import Framed
from tcpnet.proxy.port.service import OwnPage, Service
from tcpnet.proxy.port.targets import OwnTarget, PageTarget, Target, TunnelTarget
from tcpnet.proxy.port.upload import Upload
from tcpnet.proxy.rules.dates import http_date_text

PROBE: Final = "http://tcpnet.invalid"
"""A site that is this hub itself, to whoever asks through it: so a page can tell."""

_JOINED: Final = 64 * 1024
"""Bytes of a body that is short enough for its head to wait for it: one write, one packet."""

_HERE: Final = frozenset({"expect", "host", "proxy-authorization"})
"""Request fields that are meant for this hub, or made anew by whoever sends the request on."""


class Client(Protocol):
    """The connection that a request came on.

    `own_site` is this hub as a URL, by the numeric address that the client called.
    """

    caller: Caller
    own_site: str

    def write(self, data: bytes) -> bool:
        """Send bytes; False where more are to wait until the client has `drained`."""
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
        self._began_at = service.clock()
        self.keeps_alive = False
        self.broke_off = False
        self._cached = "refused"
        self._unsent = b""
        self._is_over = False

    async def run(self) -> None:
        """Answer, whatever comes of it."""
        self._service.counters.requests += 1
        try:
            match self._target():
                case PageTarget() as target:
                    await self._page(target)
                case OwnTarget() as target:
                    self._own_page(target)
                case TunnelTarget() as target:
                    await self._tunnel(target)
        except Refused as error:
            self._refuse(error)
        except (FetchError, UserError) as error:
            # What broke the request off shows up as a connection to the site that broke.
            mine = self._upload.failure if self._upload else None
            self._refuse(mine or refusals.of(error))
        finally:
            self._is_over = True
            if records.wanted():
                self._record()

    def _target(self) -> Target:
        """Return what is asked for; a request that may go no further is for this hub itself."""
        head = self._head
        if head.method == "TRACE":
            raise Refused(405, "TRACE is not answered here.", fields=(("Allow", _ALLOWED),))
        if head.method != head.method.upper():
            # A PageRequest has capitals, and get is another method than GET (RFC 9110 §9.1).
            raise Refused(501, "Methods are written in capital letters here.")
        if "expect" in head.fields.index and head.fields.index["expect"].lower() != "100-continue":
            raise Refused(417, "Only 100-continue can be expected here.")
        target = targets.read(head)
        if isinstance(target, PageTarget) and not target.mapped:
            own = (PROBE, self._client.own_site)
            # The whole site is found out only where it may be one of them.
            if target.url.startswith(own) and (site := urls.origin(target.url)) in own:
                # A browser that has this hub for its proxy asks it so for what is behind /+/, too.
                return targets.here(target.url[len(site) :])
            if head.method == "OPTIONS" and head.fields.index.get("max-forwards") == "0":
                return OwnTarget("*")
        return target

    @property
    def ends_with_connection(self) -> bool:
        """Whether only the end of the connection ends the body."""
        return self._framed is not None and self._framed.ends_with_connection

    def fail(self) -> None:
        """Say that a defect of this hub ended it."""
        self._refuse(Refused(500, "The hub failed at this; it has been noted.", final=True))

    async def _asker(self, credentials: str | None, *, mapped: bool = False) -> Asker:
        door = self._service.door
        try:
            return door.known(credentials) or await door.asker(credentials, self._client.caller)
        except Stranger as error:
            status, challenge = (401, "WWW-Authenticate") if mapped else (407, "Proxy-Authenticate")
            raise Refused(status, str(error), fields=((challenge, _CHALLENGE),)) from error

    async def _tunnel(self, target: TunnelTarget) -> None:
        await self._asker(self._head.fields.index.get(_LOGIN))
        ports = self._service.connect_ports
        if target.port not in ports:
            open_ones = ", ".join(map(str, sorted(ports))) or "none"
            words = f"Tunnels to port {target.port} are refused; open: {open_ones}"
            raise Refused(403, f"{words} (the operator can allow it: proxy.connect_ports).")
        await self._client.tunnel(target)

    def _own_page(self, target: OwnTarget) -> None:
        allowed = (("Allow", "GET, HEAD, OPTIONS"),)
        if self._head.method == "OPTIONS":
            page: OwnPage | None = OwnPage(200, (("Allow", _ALLOWED),), b"")
        elif self._head.method in ("GET", "HEAD"):
            page = self._service.own_pages(target.path, self._called())
        else:
            raise Refused(405, "This hub's own pages can only be read.", fields=allowed)
        if page is None:
            raise Refused(404, "There is no such page at this hub; / says what there is.")
        self._cached = responses.CACHE
        fields = Fields((("Date", http_date_text(self._service.clock())), *page.fields))
        self._begin(page.status, "", fields, len(page.body))
        self._end(page.body)

    def _called(self) -> str:
        """How the client calls this hub."""
        host = self._head.fields.index.get("host") if self._head.target.startswith("/") else None
        return mapping.base(host, self._client.own_site)

    async def _page(self, target: PageTarget) -> None:
        head = self._head
        # Programs that know nothing of proxies can log in at a site only, so the hub acts as one.
        mapped = target.mapped and head.target.startswith("/")
        credentials = head.fields.index.get("authorization" if mapped else _LOGIN)
        asker = await self._asker(credentials, mapped=mapped)
        request = PageRequest(
            method=head.method,
            url=target.url,
            fields=self._fields(target),
            body=self._upload,
            client=None if asker.private else self._client.caller.address,
            caching=asker.caching,
            on_interim=self._interim if head.is_1_1 else None,
            version=HTTP_1_1 if head.is_1_1 else HTTP_1_0,
        )
        async with self._service.web.fetch(request) as answer:
            if target.mapped:
                await self._pass_mapped(target.url, answer)
            else:
                await self._pass_on(answer, answer.fields)

    def _fields(self, target: PageTarget) -> Fields:
        """Return the fields that go on."""
        fields = self._head.fields.without(_HERE)
        if self._head.method == "OPTIONS" and "max-forwards" in self._head.fields.index:
            fields = _one_hop_less(fields, self._head.fields.index["max-forwards"])
        if not target.mapped:
            return fields
        if self._service.door.asks_for_names:
            fields = fields.without({"authorization"})
        return mapping.request_fields(fields)

    def _interim(self, status: int, reason: str, fields: Fields) -> None:
        """Pass on what comes before the answer (RFC 9110 §15.2)."""
        if self._framed is None and not self._is_over:
            marked = (*end_to_end(fields).lines, ("Via", self._service.web.via()))
            self._client.write(responses.encoded_head(status, reason, marked))

    async def _pass_mapped(self, url: str, answer: Answer) -> None:
        """Pass a page on whose links are to lead through this hub."""
        fields = mapping.response_fields(url, answer.fields)
        if not mapping.is_list(answer.status, answer.fields):
            await self._pass_on(answer, fields)
            return
        mapped = mapping.mapped_fields(fields)
        self._begin_with(answer, mapped, None)
        if self._head.method != "HEAD":
            coding = answer.fields.index.get("content-encoding")
            body = codings.decoded(answer, coding, mapping.MAX_UNPACKED)
            async for piece in mapping.mapped_body(body, answer.fields, url, self._called()):
                await self._send(piece)
        self._end()

    async def _pass_on(self, answer: Answer, fields: Fields) -> None:
        is_head = self._head.method == "HEAD"
        self._begin_with(answer, fields, None if is_head else answer.length)
        last = b"" if is_head else answer.at_once()
        if last is None:
            last = b""
            async for chunk in answer:
                if answer.received == answer.length:
                    # Kept back until the page is stored: the client's next request is to find it.
                    last = chunk
                else:
                    await self._send(chunk)
        self._end(last)

    def _begin_with(self, answer: Answer, fields: Fields, length: int | None) -> None:
        """Begin with the head of an answer under these fields."""
        self._cached = cache_status(answer)
        self._begin(answer.status, answer.reason, fields, length, answer.version)

    def _begin(
        self,
        status: int,
        reason: str,
        fields: Fields,
        length: int | None,
        version: Version = HTTP_1_1,
    ) -> None:
        head = self._head
        marks = f"Cache-Status: {self._cached}\r\nVia: {self._service.web.via(version)}\r\n"
        if "age" not in fields.index:
            # Made when it was asked for, as far as this hub can tell (RFC 9111 §4.2.3).
            age = max(0, int(self._service.clock() - self._began_at))
            marks = f"Age: {age}\r\n{marks}"
        self._framed = Framed(
            head, status, reason, fields, length, keeps_alive=head.keeps_alive, marks=marks
        )
        if length is None or length > _JOINED:
            self._client.write(self._framed.head)
        else:
            self._unsent = self._framed.head

    async def _send(self, chunk: bytes) -> None:
        assert self._framed is not None, "a body follows its head"
        head, self._unsent = self._unsent, b""
        if not self._client.write(head + self._framed.piece(chunk)):
            await self._client.drained()

    def _end(self, last: bytes = b"") -> None:
        """Send what is left of the body."""
        framed = self._framed
        assert framed is not None, "a body follows its head"
        head, self._unsent = self._unsent, b""
        self._client.write(head + framed.last(last))
        self.keeps_alive = framed.keeps_alive

    def _record(self) -> None:
        if self._framed is not None:
            head = self._head
            records.note(head.method, head.target, self._framed.status, self._cached)

    def _refuse(self, refused: Refused) -> None:
        """Say why there is no answer; one that has begun is broken off."""
        self._service.counters.refused += 1
        if self._framed is not None and not self._unsent:
            self.broke_off = True
            return
        self._framed = responses.refusal(
            self._head,
            refused,
            self._service.web.via(),
            self._service.clock(),
            keeps_alive=self._head.keeps_alive and not refused.final,
        )
        self._unsent = self._framed.head
        self._end(responses.sentence(refused))


def _one_hop_less(fields: Fields, left: str) -> Fields:
    """Count one hop (RFC 9110 §7.6.2). Raises Refused."""
    if not (left.isascii() and left.isdigit() and len(left) < 10):
        raise Refused(400, "Max-Forwards is a number.")
    return fields.replaced("Max-Forwards", str(int(left) - 1))


_LOGIN: Final = "proxy-authorization"
_CHALLENGE: Final = 'Basic realm="tcpnet", charset="UTF-8"'
_ALLOWED: Final = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, CONNECT"

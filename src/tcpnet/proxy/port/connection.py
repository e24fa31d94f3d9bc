"""One client of the port: requests in, answers out, in order and one at a time."""

import asyncio
import logging
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final, cast

from tcpnet.proxy import urls
from tcpnet.proxy.port import framing, heads, responses
from tcpnet.proxy.port.asker import Caller
from tcpnet.proxy.port.exchange import Exchange
from tcpnet.proxy.port.heads import RequestHead
from tcpnet.proxy.port.hits import Hits
from tcpnet.proxy.port.refusals import Malformed, Refused
from tcpnet.proxy.port.service import Service
from tcpnet.proxy.port.targets import TunnelTarget
from tcpnet.proxy.port.tunnel import Tunnel
from tcpnet.proxy.port.upload import Upload

log = logging.getLogger(__name__)

MAX_WAITING: Final = heads.MAX_HEAD + 1
"""Bytes of requests that may wait for the one before them: one head can always be read."""

_HIGH_WATER: Final = 256 * 1024
"""Bytes of answers that may wait for the client before the origin is made to wait."""

_COPIED: Final = 16 * 1024
"""Bytes of answers that are put together; uvloop sends more than that apart, without a copy."""

_RESET: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class PortConnection(asyncio.Protocol):
    """Owns the connection's one running exchange; `check` ends what takes too long.

    `on_lost` is told when the connection and the `task` of its last exchange are over.
    """

    def __init__(self, service: Service, hits: Hits, on_lost: "OnLost") -> None:
        self.caller = Caller("")
        self.own_site = ""
        self._service = service
        self._hits = hits
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = asyncio.Transport()
        self._inbox = b""
        self._has_skipped = False
        self._upload: Upload | None = None
        self.task: asyncio.Task[None] | None = None
        self._heard_at = self._loop.time()
        self._began_at = 0.0
        self._stalled_at = 0.0
        self._closing_at = 0.0
        self._is_made = False
        self._is_inside = False
        self._is_over = False
        self._is_tunnel = False
        self._is_paused = False
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in, or say why not."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._is_made = True
        if self._is_over:  # the port was closed between its call and now
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)
        (address, _), (own, port) = self._numeric("peername"), self._numeric("sockname")
        self.caller = Caller(address, own)
        self.own_site = urls.site(own, port)
        self._service.counters.connections += 1
        if refused := self._service.door.admit(self.caller):
            log.debug("not let in", extra={"address": self.caller.address, "reason": str(refused)})
            self._refuse(refused)
        else:
            self._is_inside = True

    def data_received(self, data: bytes | bytearray) -> None:
        """Take what came."""
        self._heard_at = self._loop.time()
        if self._closing_at:
            return  # read and thrown away: unread bytes would reset the connection
        if not self._inbox:
            self._began_at = self._heard_at
            self._inbox = bytes(data)  # asyncio's loop on Windows may hand over a bytearray
        else:
            self._inbox += data
        self._work()

    def eof_received(self) -> bool:
        """Go on with the request that is being answered; there will be no other."""
        if self._upload is not None:
            self._upload.fail(Malformed("The body of the request ended early."))
        self._is_over = True
        return self.task is not None and not self._closing_at

    def connection_lost(self, _: Exception | None) -> None:
        """End what was done for this client."""
        self._is_over = True
        self._inbox = b""
        self._writable.set()
        if self._upload is not None:
            self._upload.fail(Malformed("The connection was lost."))
        if self.task is None:
            self._leave()
        else:
            # A callback, since a task that is cancelled before its first step never runs.
            self.task.add_done_callback(lambda _: self._leave())
            self.task.cancel()

    def pause_writing(self) -> None:
        """Note that the client takes less than is sent."""
        self._stalled_at = self._loop.time()
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on with what waited for the client, whose time begins anew."""
        self._stalled_at = 0.0
        self._heard_at = self._began_at = self._loop.time()
        self._writable.set()
        if self.task is None:
            self._work()

    def check(self, now: float) -> None:
        """End the connection if the client is too slow; `now` is the loop's time."""
        patience = self._service.patience
        silent = now - self._heard_at
        if self._closing_at:
            if now - self._closing_at > patience.linger:
                self._transport.abort()
        elif self._stalled_at:
            if now - self._stalled_at > patience.stall:
                self._transport.abort()
        elif self.task is not None:
            if self._awaits_body and silent > patience.body:
                late = Refused(408, "The rest of the request took too long.", final=True)
                assert self._upload is not None, "only a body can be awaited"
                self._upload.fail(late)
        elif self._inbox and now - self._began_at > patience.head:
            self._refuse(Refused(408, "The head of the request took too long.", final=True))
        elif not self._inbox and silent > patience.idle:
            self._transport.close()

    def finish(self) -> None:
        """Take no more requests: end at once, or behind the one that is being answered."""
        self._is_over = True
        if self._is_tunnel and self.task is not None:
            self.task.cancel()  # it has no end that one could wait for
        elif self._is_made and self.task is None and not self._closing_at:
            self._transport.close()

    def abort(self) -> None:
        """End at once."""
        if self._is_made:
            self._transport.abort()

    # What an exchange does with its client.

    def write(self, data: bytes) -> bool:
        """Send bytes; False where more are to wait until the client has `drained`."""
        if self._transport.is_closing():
            return False
        if data:
            self._transport.write(data)
        return not self._stalled_at

    async def drained(self) -> None:
        """Wait until the client has taken most of what was sent."""
        await self._writable.wait()
        if self._transport.is_closing():
            raise ConnectionError("the client is gone")

    async def tunnel(self, target: TunnelTarget) -> None:
        """Turn the connection into a tunnel until either end has enough. Raises FetchError."""
        sock = await self._service.dial(target.host, target.port)
        tunnel = Tunnel(self._service, self._transport)
        early, self._inbox = self._inbox, b""
        self._is_tunnel = True
        try:
            await tunnel.run(sock, early)
        finally:
            self._leave()  # the tunnel was told of the end of the connection, not this

    def _numeric(self, end: str) -> tuple[str, int]:
        """The address at one end of the connection, without its zone, and the port."""
        name = self._transport.get_extra_info(end)
        return (str(name[0]).partition("%")[0], int(name[1])) if name else ("", 0)

    @property
    def _awaits_body(self) -> bool:
        return self._upload is not None and not (self._upload.ended or self._upload.is_full)

    def _work(self) -> None:
        """Answer what is in memory, begin what is not, until there is no more or it must wait."""
        try:
            if self.task is not None:
                self._feed()
            else:
                self._read_requests()
        except Malformed as error:
            if self.task is None:
                self._refuse(error)
            # Else the exchange says so, as far as it still can.

    def _feed(self) -> None:
        """Hand on what belongs to the request that is being answered."""
        if self._upload is not None and not self._upload.ended:
            self._inbox = self._upload.feed(self._inbox)
            self._pause(self._upload.is_full)
        else:
            self._pause(len(self._inbox) > MAX_WAITING)

    def _read_requests(self) -> None:
        start, data, size = 0, self._inbox, 0
        answers: list[bytes] = []
        begun: RequestHead | None = None
        try:
            # Not for one who takes nothing: his answers would pile up here.
            while start < len(data) and begun is None and not self._stalled_at:
                if data.startswith(b"\r\n", start) and not self._has_skipped:
                    start += 2  # some programs end a body so (RFC 9112 §2.2), but only once
                    self._has_skipped = True
                    continue
                end = data.find(b"\r\n\r\n", start) + 4
                raw = data[start:end]
                answer = self._hits.again(raw)
                if answer is None:
                    found = heads.parse(data, start)
                    if found is None:
                        break
                    head, end = found
                    answer = self._hits.answer(head, raw)
                start, self._has_skipped = end, False
                if answer is None:
                    begun = head
                    continue
                answers += answer
                size += len(answer[0]) + len(answer[1])
                if size > _HIGH_WATER:
                    self._flush(answers, size)
                    size = 0
        finally:
            if answers:
                self._flush(answers, size)
            self._keep(data[start:])
        if begun is not None:
            self._begin(begun)

    def _keep(self, rest: bytes) -> None:
        """Keep what was not used."""
        if rest and len(rest) != len(self._inbox):
            self._began_at = self._heard_at
        self._inbox = rest
        self._pause(len(rest) > MAX_WAITING)

    def _flush(self, answers: list[bytes], size: int) -> None:
        if answers and size > _COPIED:
            self._transport.writelines(answers)
        elif answers:
            self._transport.write(b"".join(answers))
        answers.clear()

    def _begin(self, head: RequestHead) -> None:
        framed = framing.of(head)
        self._upload = Upload(framed, self._invite(head), self._resume) if framed else None
        exchange = Exchange(self._service, self, head, self._upload)
        self.task = self._loop.create_task(self._run(exchange))
        if self._inbox:
            self._feed()

    def _invite(self, head: RequestHead) -> Callable[[], None]:
        def invite() -> None:
            # Not if the body is coming already (RFC 9110 §10.1.1).
            waits = self._upload is not None and not self._upload.has_begun
            if waits and head.is_1_1 and "expect" in head.fields.index:
                self.write(responses.CONTINUE)

        return invite

    async def _run(self, exchange: Exchange) -> None:
        try:
            await exchange.run()
            if self._stalled_at and not self._is_tunnel:
                # Or the next answer would come on top, or the end before the client took all.
                await self._writable.wait()
        except ConnectionError:
            exchange.keeps_alive = False  # the client left while it was answered
        except Exception:
            log.exception("request failed")
            exchange.fail()
        finally:
            self.task = None
        self._heard_at = self._loop.time()
        upload, self._upload = self._upload, None
        if self._is_tunnel:
            return
        if exchange.broke_off:
            self._break_off(hard=exchange.ends_with_connection)
        elif exchange.keeps_alive and not self._is_over and (upload is None or upload.ended):
            self._began_at = self._heard_at
            self._resume()
        else:
            self._close()

    def _resume(self) -> None:
        """Take up reading again."""
        self._pause(False)
        if self._inbox:
            self._work()

    def _pause(self, yes: bool) -> None:
        if yes != self._is_paused and not self._transport.is_closing():
            self._is_paused = yes
            if yes:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _refuse(self, refused: Refused) -> None:
        """Answer what is no request, and end."""
        self._service.counters.refused += 1
        via, now = self._service.web.via(), self._service.clock()
        framed = responses.refusal(None, refused, via, now, keeps_alive=False)
        self.write(framed.head + responses.sentence(refused))
        self._close()

    def _close(self) -> None:
        """End in order: what was sent is taken, and what still comes is read, before it is over."""
        self._inbox = b""
        if self._transport.is_closing():
            return
        self._closing_at = self._loop.time()
        self._pause(False)
        if self._is_over:
            self._transport.close()
        else:
            self._transport.write_eof()

    def _break_off(self, *, hard: bool) -> None:
        """End in a way that shows that an answer is not whole."""
        if hard and (sock := self._transport.get_extra_info("socket")) is not None:
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
        else:
            self._transport.close()

    def _leave(self) -> None:
        if self._is_inside:
            self._is_inside = False
            self._service.door.leave(self.caller)
        self._on_lost(self)


OnLost = Callable[[PortConnection], None]

"""One peer: items in, frames out, over any asyncio transport."""

import asyncio
import os
import ssl
from typing import Any, Final, Generic, Protocol, TypeVar, cast

from tcpnet.errors import ConnectionLost, ProtocolError, SlowConsumer, TcpnetError
from tcpnet.net.audience import Audience
from tcpnet.net.limits import household
from tcpnet.net.pulse import Pulse
from tcpnet.net.tls import TlsTransport
from tcpnet.protocol.codec import MAX_FRAME, Decoder, Lines, encode
from tcpnet.protocol.items import Item, Ping, Secure

MAX_OUTBOX: Final = 256 * 1024
"""Bytes that may wait for one peer."""

FAREWELL: Final = 1.0
"""Seconds a peer has to take its last bytes before the connection is cut."""

_SHARE: Final = 0.25
"""Of the outbox, for one's own dialogue: the rest is kept free for what others say meanwhile."""

_NOTED: Final = 4096  # bytes of lines without an end, which are rarely longer than a few hundred

_NOTHING_BEHIND: Final = "nothing follows secure until TLS has begun"

Incoming = TypeVar("Incoming", bound=Item)
Heard_contra = TypeVar("Heard_contra", contravariant=True)


class Receiver(Protocol[Heard_contra]):
    """Who takes what a peer says."""

    def received(self, item: Heard_contra) -> None:
        """Take one item; may raise ProtocolError."""

    def lost(self, error: TcpnetError) -> None:
        """Learn, once, that nothing more will come, and why."""


class Connection(asyncio.Protocol, Generic[Incoming]):
    """Sends without waiting; all that is sent in a tick leaves in one write.

    Items are handed to the receiver as they arrive, in the event loop, without a task.
    """

    def __init__(
        self,
        decoder: Decoder[Incoming],
        pulse: Pulse,
        receiver: Receiver[Incoming] | None = None,
        *,
        max_outbox: int = MAX_OUTBOX,
        max_stall: float | None = None,
        max_frame: int = MAX_FRAME,
    ) -> None:
        self.max_outbox = max_outbox
        self.max_stall = max_stall
        self._receiver = receiver
        self.bytes_in = self.frames_in = 0
        self.direct = -1  # the descriptor, while bytes written to it overtake nothing
        self._descriptor = -1
        self._bytes_out = self._frames_out = 0
        self._audience: Audience | None = None
        self.streams: asyncio.Protocol | None = None  # what must live as long as the connection
        self._decoder = decoder
        self._pulse = pulse
        self._lines = Lines(max_frame)
        self._peer = self._household = ""
        self._transport: asyncio.Transport | None = None
        self._outbox: list[bytes] = []
        self._outbox_size = 0
        self._full = False  # the kernel takes no more for now
        self._paused = False  # we take no more for now
        self._over = False  # nothing more is taken from the peer
        self._cause: TcpnetError | None = None  # why, where it was not us who wanted it
        self._awaits_tls = False  # `secure` was said: in clear, nothing more is taken from the peer
        self._room: asyncio.Future[None] | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._ended: asyncio.Future[None] | None = None

    @property
    def receiver(self) -> Receiver[Incoming] | None:
        """Who takes what the peer says; what came before there was anybody comes then."""
        return self._receiver

    @receiver.setter
    def receiver(self, receiver: Receiver[Incoming] | None) -> None:
        self._receiver = receiver
        if len(self._lines) and not self._paused:
            self._parse()

    def send(self, *items: Item) -> None:
        """Queue one frame. Never waits."""
        self.send_encoded(encode(*items))

    def send_encoded(self, line: bytes) -> None:
        """Queue encoded frames of one's own dialogue. Never waits.

        Twice the outbox ends the connection: a dialogue waits for `drained` long before.
        """
        self._queue(line, 1)
        if self.unsent > 2 * self.max_outbox and not self._over:
            self._end(SlowConsumer(self.unsent, "limits.outbox_bytes twice"))

    def push(self, lines: bytes, frames: int) -> bool:
        """Queue what others say, unless the peer has too much to read already."""
        if self._transport is None or self.unsent > self.max_outbox:
            return False
        self._queue(lines, frames)
        return True

    def push_now(self, lines: bytes, frames: int) -> bool:
        """Push what is a whole batch: where nothing waits it leaves at once, past the outbox."""
        if self._outbox or self._full or self._transport is None:
            return self.push(lines, frames)
        self._frames_out += frames
        self._bytes_out += len(lines)
        self._transport.write(lines)
        return True

    def pass_on(self, lines: bytes, frames: int) -> bool:
        """Push what is a whole batch, and counted by the audience."""
        # Counted as other pushes are: it may be refused, or lost before it leaves.
        self._frames_out -= frames
        self._bytes_out -= len(lines)
        return self.push_now(lines, frames)

    def pass_rest(self, rest: bytes) -> None:
        """Send what the kernel did not take from its descriptor."""
        assert self._transport is not None, "without a transport nothing is direct"
        self._transport.write(rest)

    @property
    def audience(self) -> Audience | None:
        """With whom the peer hears the same, counted there once for all of them."""
        return self._audience

    @audience.setter
    def audience(self, audience: Audience | None) -> None:
        self._frames_out, self._bytes_out = self.frames_out, self.bytes_out
        self._audience = audience
        if audience is not None:
            self._frames_out -= audience.frames
            self._bytes_out -= audience.bytes

    @property
    def frames_out(self) -> int:
        """Frames that were handed over for the peer."""
        return self._frames_out + (self._audience.frames if self._audience is not None else 0)

    @property
    def bytes_out(self) -> int:
        """Bytes that were handed to the transport or the kernel."""
        return self._bytes_out + (self._audience.bytes if self._audience is not None else 0)

    @property
    def takes_more(self) -> bool:
        """Whether so little waits for the peer that its own dialogue may go on."""
        return not (self._outbox or self._full) or self.unsent <= self.max_outbox * _SHARE

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet."""
        if self._transport is None:
            return 0
        # What the kernel did not take is there only while it is full: see `connection_made`.
        waiting = self._transport.get_write_buffer_size() if self._full else 0
        return self._outbox_size + waiting

    @property
    def peer(self) -> str:
        """The address of the other side, without its port; also once the connection has ended."""
        return self._peer

    @property
    def household(self) -> str:
        """Whom limits count it to: the other side's address, or its network where it roams one."""
        return self._household

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS protects what is said."""
        return self._extra("ssl_object") is not None

    @property
    def certificate(self) -> bytes | None:
        """The certificate that the other side showed, as DER."""
        tls: ssl.SSLObject | None = self._extra("ssl_object")
        return tls.getpeercert(binary_form=True) if tls else None

    async def secured(self, context: ssl.SSLContext, *, server_side: bool) -> None:
        """Go on under TLS, both sides having said `secure`: a server's is sent from here.

        Afterwards the peer is held back until `resume`, so that its key can be looked at first.
        What has not been sent yet goes out encrypted. The caller bounds the time and closes what
        has failed. Raises ProtocolError where anything came in clear behind `secure`, or no TLS
        that we take; ConnectionLost where the peer hangs up.
        """
        transport = self._transport
        if transport is None:
            raise ConnectionLost("closed")
        if self._cause is not None:
            raise self._cause
        if len(self._lines):
            raise ProtocolError(_NOTHING_BEHIND)
        if server_side:
            transport.write(encode(Secure()))
        self._full = True
        self.direct = self._descriptor = -1
        tls = TlsTransport(transport, self, context, server_side=server_side)
        self._transport = tls
        try:
            await tls.begin()
        except BaseException:
            self._over = True  # whoever waits here learns why, and closes
            tls.close()
            raise
        self._awaits_tls = False
        self._full = tls.get_write_buffer_size() > 0
        self.flush_now()

    async def drained(self, share: float = _SHARE) -> None:
        """Wait until at most `share` of the outbox is in use.

        A connection that has ended has nothing that waits.
        """
        while self.unsent > self.max_outbox * share:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._room)

    def pause(self) -> None:
        """Take nothing more from the peer until `resume`; what it sends stays with the kernel."""
        if self._paused:
            return
        self._paused = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Take again what the peer sends, first what had arrived before."""
        if not self._paused or self._awaits_tls:
            return
        self._paused = False
        self._parse()
        if not self._paused and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    @property
    def paused(self) -> bool:
        """Whether the peer is being held back."""
        return self._paused

    async def close(self, *farewell: Item) -> None:
        """Say the last items and end; bounded by `FAREWELL` seconds."""
        self._over = True
        self._pulse.forget(self)  # who leaves is not told that he was silent
        if self._transport is None:
            return
        if farewell:
            self._transport.resume_reading()  # a reset of the peer is noticed only while reading
            self.send(*farewell)
        self.flush_now()
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        try:
            async with asyncio.timeout(FAREWELL):
                await self.drained(0)
                if self._transport is not None:
                    self._transport.close()
                await asyncio.shield(self._ended)
        except TimeoutError:
            pass  # a peer that does not read gets no more time: the abort below ends it
        finally:
            if self._transport is not None:
                self._transport.abort()

    def abort(self) -> None:
        """End without a word."""
        if self._transport is not None:
            self._transport.abort()

    def flush_now(self) -> None:
        """Hand everything queued to the transport in one write."""
        transport = self._transport
        if transport is None or self._full or not self._outbox:
            return
        # Take before the write: what is sent from its callbacks belongs to the next one.
        chunks, self._outbox, size = self._outbox, [], self._outbox_size
        self._outbox_size = 0
        self._bytes_out += size
        transport.write(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        self._look_for_direct()
        self._make_room()

    def ask_for_life(self) -> None:
        """Ping a peer that said nothing for a while."""
        if self._transport is not None and not self._awaits_tls:
            self.send(Ping(t=asyncio.get_running_loop().time()))

    @property
    def held(self) -> int:
        """Bytes that are kept for this peer: unsent ones, and those whose line has no end yet."""
        return self.unsent + len(self._lines)

    @property
    def is_stuck(self) -> bool:
        """Whether more may come to what is held."""
        return self._full or len(self._lines) > _NOTED

    def shed(self) -> None:
        """End a peer for whom much is held: the hub needs the memory."""
        if not self._over:
            words = f"the hub is short of memory, and held {self.held} bytes for you"
            self._end(ConnectionLost(words, bound="limits.memory_bytes"))

    def silent(self, seconds: float) -> None:
        """End a peer that gave no sign of life, unless it is us who hold it back."""
        if self._paused:
            self._pulse.heard(self)
        else:
            self._end(ConnectionLost(f"nothing was heard for {seconds:.0f} s"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)
        self._peer, self._household = whence(self._transport)
        # The moment the kernel refuses a byte, what follows stays with us, where it is bounded.
        self._transport.set_write_buffer_limits(high=0)
        self.direct = self._descriptor = _plain_descriptor(transport)
        self._pulse.heard(self)

    def data_received(self, data: bytes) -> None:
        """Take what arrived; called by asyncio."""
        if self._over:
            return
        self._pulse.heard(self)
        self.bytes_in += len(data)
        if not self._paused and self._receiver is not None and self._lines.is_one(data):
            self._take(data, self._receiver)
            return
        self._lines.feed(data)
        if not self._paused:
            self._parse()
        if len(self._lines) > _NOTED:
            self._pulse.stuck(self)

    def pause_writing(self) -> None:
        """Keep what is sent; called by asyncio when the kernel is full."""
        self._full = True
        self.direct = -1
        self._pulse.stuck(self)
        if self.max_stall is not None and self._transport is not None:
            self._watch_stall(self._transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Go on sending; called by asyncio."""
        self._full = False
        self._stop_watching()
        self._look_for_direct()
        self.flush_now()
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything; called by asyncio."""
        self._transport = None
        self.direct = self._descriptor = -1  # soon somebody else's
        if self.streams is not None:  # they hold each other
            self.streams.connection_lost(None)
            self.streams = None
        self._stop_watching()
        self._outbox.clear()
        self._outbox_size = 0
        self._pulse.forget(self)
        self._pulse.unstuck(self)
        self._make_room()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        if not self._over:
            self._end(ConnectionLost(str(exc) if exc else "closed"))

    def _queue(self, lines: bytes, frames: int) -> None:
        if self._transport is None:
            return
        if not self._outbox and not self._full:
            self._pulse.due(self)
            self.direct = -1
        self._outbox.append(lines)
        self._outbox_size += len(lines)
        self._frames_out += frames

    def _look_for_direct(self) -> None:
        """Let bytes go past the transport as soon as neither it nor the outbox has any."""
        self.direct = -1 if self._outbox or self._full else self._descriptor

    def _watch_stall(self, waiting: int) -> None:
        """Look again after `max_stall` seconds whether the peer took anything.

        The timer runs only while the kernel is full.
        """

        def look() -> None:
            left = self._transport.get_write_buffer_size() if self._transport else 0
            if left < waiting:
                self._watch_stall(left)
            elif not self._over:
                self._end(SlowConsumer(self.unsent, "limits.stall_seconds"))

        assert self.max_stall is not None, "nobody is watched without a limit"
        self._stall = asyncio.get_running_loop().call_later(self.max_stall, look)

    def _stop_watching(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _parse(self) -> None:
        receiver = self._receiver
        if receiver is None:
            return  # some event loops read before the session has begun
        try:
            while not (self._paused or self._over):
                line = next(self._lines, None)
                if line is None:
                    return
                self._take(line, receiver)
        except ProtocolError as error:
            self._end(error)

    def _take(self, line: bytes, receiver: Receiver[Incoming]) -> None:
        """Hand the items of one line over; one that is wrong ends the connection."""
        self.frames_in += 1
        try:
            for item in self._decoder.decode(line):
                if self._over:  # an answer to an item before was too much for the peer
                    return
                if self._awaits_tls:
                    raise ProtocolError(_NOTHING_BEHIND)
                if isinstance(item, Secure):
                    self._hold_for_tls()
                receiver.received(item)
        except ProtocolError as error:
            self._end(error)

    def _hold_for_tls(self) -> None:
        if self.is_encrypted:
            raise ProtocolError("this connection is encrypted already")
        self._awaits_tls = True
        self.pause()

    def _extra(self, name: str) -> Any:
        return self._transport.get_extra_info(name) if self._transport else None

    def _end(self, error: TcpnetError) -> None:
        self._over = True
        self._cause = error
        self._pulse.forget(self)
        if self._receiver is not None:
            self._receiver.lost(error)

    def _make_room(self) -> None:
        if self._room is not None and (self._transport is None or not self._outbox):
            room, self._room = self._room, None
            room.set_result(None)


def whence(transport: asyncio.BaseTransport) -> tuple[str, str]:
    """The address at the other end, without its port, and the household that limits count it to."""
    name = transport.get_extra_info("peername")
    peer = str(name[0]) if isinstance(name, tuple) else ""
    own = transport.get_extra_info("sockname")
    return peer, household(peer, str(own[0]) if own else "")


def _plain_descriptor(transport: asyncio.BaseTransport) -> int:
    """The descriptor of a socket to which its transport writes at once and as it is, else -1.

    Only asyncio's own selector loop does so. Others queue writes of their own, where bytes written
    past them would come too early; on Windows a socket is no descriptor; and TLS seals.
    """
    own = isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop) and os.name == "posix"
    sock = transport.get_extra_info("socket")
    if not own or sock is None or transport.get_extra_info("sslcontext") is not None:
        return -1
    return int(sock.fileno())

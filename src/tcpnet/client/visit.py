"""One connection to the hub, from the greeting to its end."""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final, Protocol

from msgspec import Struct

from tcpnet import __version__
from tcpnet.client.address import Address
from tcpnet.client.resolve import resolve
from tcpnet.client.screen import State
from tcpnet.client.trust import Dismissed, Request, Trust, Unsafe
from tcpnet.errors import ProtocolError, TcpnetError
from tcpnet.net import tcp
from tcpnet.net.connection import Connection, Receiver
from tcpnet.protocol.items import (
    Bye,
    FromClient,
    FromServer,
    Hello,
    Ping,
    Pong,
    Secure,
    Status,
    Welcome,
)
from tcpnet.text import clean

AGENT: Final = f"tcpnet-client/{__version__}"

LEFT: Final = 0
UNREACHABLE: Final = 3
LOST: Final = 4
REFUSED: Final = 5
BROKEN: Final = 6
"""Exit statuses of the client."""

NOT_LET_IN: Final = "the input ended before the hub let anybody in"
"""Why whoever has no more to say leaves, as REFUSED."""

# Kinds of `bye` after which the hub takes the same person again.
_PASSING: Final = frozenset({"closing", "slow", "silent", "error"})


class End(Struct, frozen=True):
    """How a visit ended; without a status the person may come again, after `retry` seconds."""

    reason: str
    status: int | None = None
    retry: float = 0.0
    farewell: bool = False
    """The hub is still there, and should be told the reason."""


class Liveness(Struct, frozen=True):
    """Seconds without a byte: until we ask for a sign of life, and until we give up."""

    ping_after: float = 20.0
    max_silence: float = 60.0


class Tap(Protocol):
    """Who is told all that goes over the wire, in its order, before anybody acts on it."""

    def heard(self, item: FromServer, /) -> None:
        """Take what the hub said."""

    def sent(self, item: FromClient, /) -> None:
        """Take what was said to the hub."""

    def on_state(self, state: State, now: float, /) -> None:
        """Take how the link stands; `now` in seconds since 1970."""


class Visit:
    """Speaks for the person on one connection; what is no business of the link goes to `hear`."""

    def __init__(
        self,
        name: str,
        *,
        trust: Trust,
        greeting: Callable[[str | None], Hello],
        hear: Callable[[FromServer], None],
        on_greeted: Callable[[str], None],
        liveness: Liveness,
        tap: Tap | None = None,
    ) -> None:
        self.name = name
        self.welcomed = False
        self.rtt: float | None = None
        self.key: str | None = None
        """The fingerprint of the hub's key; None in clear."""
        self._trust = trust
        self._greeting = greeting
        self._hear = hear
        self._on_greeted = on_greeted
        self._liveness = liveness
        self._tap = tap
        self._connection: Connection[FromServer] | None = None
        self._greets = False
        self._end: asyncio.Future[End] = asyncio.get_running_loop().create_future()

    async def last(self, address: Address, within: float) -> End:
        """Dial, greet and stay until it ends, which it does with `bye` where that makes sense.

        `within`: seconds for the dial, again for TLS, and again for the hub's first word.
        """
        end = End("interrupted", farewell=True)
        try:
            async with asyncio.TaskGroup() as group:
                living = group.create_task(self._live(address, within))
                end = await asyncio.shield(self._end)
                living.cancel()
        finally:
            if self._connection is not None:
                farewell = [Bye(reason=end.reason)] if end.farewell else []
                self._note_sent(*farewell)
                await self._connection.close(*farewell)
        return end

    def send(self, *items: FromClient) -> bool:
        """Send one frame, if there is a connection that may be spoken over. Never waits."""
        if self._connection is None or not self._greets or self._end.done():
            return False
        self._connection.send(*items)
        self._note_sent(*items)
        return True

    def leave(self, end: End) -> None:
        """End the visit from this side."""
        if not self._end.done():
            self._end.set_result(end)

    def received(self, item: FromServer) -> None:
        """Take an item from the connection."""
        self._note_heard(item)
        match item:
            case Ping(t=sent):
                self.send(Pong(t=sent))
            case Pong(t=sent):
                self.rtt = asyncio.get_running_loop().time() - sent
            case Bye():
                self.leave(self._dismissed(item))
            case Welcome(name=name):
                self.name, self.welcomed = name, True
                self.send(Status(ok=True))
                self._pass_on(item)
            case _:
                self._pass_on(item)

    def lost(self, error: TcpnetError) -> None:
        """Learn that the connection is gone."""
        reason = clean(str(error))
        broken = isinstance(error, ProtocolError)
        if broken and not self.welcomed:
            reason = f"this does not look like a tcpnet hub: {reason}"
        self.leave(End(reason, BROKEN, farewell=True) if broken else End(reason))

    def _note_sent(self, *items: FromClient) -> None:
        if self._tap:
            for item in items:
                self._tap.sent(item)

    def _note_heard(self, item: FromServer) -> None:
        if self._tap:
            self._tap.heard(item)

    def _pass_on(self, item: FromServer) -> None:
        try:
            self._hear(item)
        except ProtocolError:
            raise
        except Exception as error:
            # asyncio would log it and drop the line as if the hub had: it is ours, so it ends us.
            if not self._end.done():
                self._end.set_exception(error)

    def _dismissed(self, bye: Bye) -> End:
        reason = clean(bye.reason)
        if bye.kind == "quit":
            return End(reason, LEFT)
        if bye.kind == "protocol":
            return End(reason, BROKEN)
        if bye.kind in _PASSING or bye.retry is not None:
            return End(reason, retry=bye.retry or 0.0)
        return End(reason, REFUSED)

    async def _live(self, address: Address, within: float) -> None:
        try:
            connection, note = await self._reached(address, within)
        except TimeoutError:
            self.leave(End(f"no answer within {within:g} s", UNREACHABLE))
        except OSError as error:
            self.leave(End(_why(error), UNREACHABLE))
        except Unsafe as error:
            self.leave(End(str(error), REFUSED))
        except Dismissed as error:
            self.leave(self._dismissed(error.bye))
        except TcpnetError as error:
            self.lost(error)
        else:
            self._on_greeted(note)
            self._greets = True
            self.send(self._greeting(self.key))
            await self._watch(connection, within)

    async def _reached(self, address: Address, within: float) -> tuple[Connection[FromServer], str]:
        """Dial, and go on under TLS, or in clear where that may be; what to tell the person."""
        request = Request(self._note_heard)
        connection = await self._dialled(address, within, request)
        number = connection.peer
        self._note_sent(Secure())
        async with asyncio.timeout(within):
            self.key = await request.made(connection)
        if self.key is None:
            note = self._trust.judge_clear(address, number)
            await connection.close()  # a hub without TLS has said bye
            return await self._dialled(address, within, self), note
        note = self._trust.judge(address, number, self.key)
        self._pass_on(Secure())
        connection.receiver = self
        connection.resume()
        return connection, note

    async def _dialled(
        self, address: Address, within: float, receiver: Receiver[FromServer]
    ) -> Connection[FromServer]:
        failure: OSError = OSError(f"{address.host} has no address")
        async with asyncio.timeout(within):
            numbers = await resolve(address)
            for number in numbers:
                # A share each: one that never answers must not use up the time of the others.
                share = within / len(numbers)
                try:
                    dialled = await tcp.dial(number, address.port, receiver, within=share)
                except OSError as error:
                    failure = error
                else:
                    self._connection = dialled
                    return dialled
        raise failure

    async def _watch(self, connection: Connection[FromServer], within: float) -> None:
        """Ask for a sign of life when there was none, and give up in the end.

        Silence is counted in short steps, so that a suspended process or a sleeping machine does
        not take its own sleep for the hub's.
        """
        loop = asyncio.get_running_loop()
        step = min(self._liveness.ping_after, within) / 4
        before_hello = heard = connection.bytes_in
        silence, pinged = 0.0, False
        while True:
            before = loop.time()
            await asyncio.sleep(step)
            if connection.bytes_in != heard:
                heard, silence, pinged = connection.bytes_in, 0.0, False
                continue
            silence += min(loop.time() - before, 2 * step)
            answered = heard != before_hello
            if silence >= (self._liveness.max_silence if answered else within):
                self.leave(End(f"nothing was heard for {silence:.0f} s"))
            elif answered and not pinged and silence >= self._liveness.ping_after:
                pinged = self.send(Ping(t=loop.time()))


def _why(error: OSError) -> str:
    # asyncio puts its own words and the address into the text of what the system said.
    if error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return error.strerror or str(error)

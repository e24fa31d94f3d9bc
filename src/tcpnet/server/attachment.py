"""The connection that a session has now, or the wait for its next one."""

import asyncio
from collections.abc import Callable
from typing import Final

from tcpnet.errors import ConnectionLost, ProtocolError, TcpnetError
from tcpnet.net.connection import Connection
from tcpnet.protocol import codec
from tcpnet.protocol.items import FromClient, FromServer, Print

MAX_KEPT: Final = 64 * 1024
"""Bytes told to somebody who is away that are kept for his return."""

Gone = Callable[[TcpnetError], None]

_LEFT_OUT: Final = Print(
    message="More was said to you while you were away than could be kept: the rest is left out.",
    kind="notice",
)


class Attachment:
    """Says to the person what is to be said, or keeps it while he is away.

    A session outlives its connection by `grace` seconds where its client can come back; then
    `gone` is called with what ended the connection.
    """

    def __init__(self, connection: Connection[FromClient], grace: float) -> None:
        self.connection = connection
        self.resumable = False
        self.away = False
        self._grace = grace
        self._kept: list[bytes] = []
        self._kept_size = 0
        self._overflowed = False
        self._returned: asyncio.Future[None] | None = None
        self._waiting: asyncio.TimerHandle | None = None

    def send(self, *frame: FromServer) -> None:
        """Say one frame of the person's own dialogue. Never waits."""
        self.send_encoded(codec.encode(*frame))

    def send_encoded(self, line: bytes) -> None:
        """Say one encoded frame. Never waits."""
        if not self.away:
            self.connection.send_encoded(line)
            return
        # Nothing behind the first that did not fit: a text has no hole in its middle.
        self._overflowed |= self._kept_size + len(line) > MAX_KEPT
        if not self._overflowed:
            self._kept.append(line)
            self._kept_size += len(line)

    @property
    def takes_more(self) -> bool:
        """Whether the person has read most of what was sent, and is there."""
        return not self.away and self.connection.takes_more

    async def drained(self) -> None:
        """Wait until the person has read most of what was sent; long texts wait for his return."""
        while self.away and self._kept_size > MAX_KEPT // 4:
            if self._returned is None:
                self._returned = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._returned)
        await self.connection.drained()

    def lost(self, error: TcpnetError, gone: Gone) -> bool:
        """Take note that the connection ended; whether its person may still come back."""
        if not (self.resumable and self._grace and isinstance(error, ConnectionLost)):
            return False
        self.away = True
        self.connection.abort()  # also where it was us who gave it up
        self._wait(self._grace, error, gone)
        return True

    def replace(
        self, connection: Connection[FromClient], within: float, gone: Gone
    ) -> Connection[FromClient]:
        """Go on with another connection, silent until `returned`; gives the old one.

        `within`: the seconds that its client has to acknowledge.
        """
        old, self.connection = self.connection, connection
        self.away = True
        self._wait(within, ProtocolError("coming back took too long"), gone)
        return old

    def returned(self) -> None:
        """Say what was kept, and from now on everything."""
        self.forget()
        self.away = False
        kept, self._kept, self._kept_size = self._kept, [], 0
        for line in kept:
            self.connection.send_encoded(line)
        if self._overflowed:
            self._overflowed = False
            self.connection.send(_LEFT_OUT)
        if self._returned is not None:
            self._returned.set_result(None)
            self._returned = None

    def forget(self) -> None:
        """Wait for nobody any more."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _wait(self, seconds: float, error: TcpnetError, gone: Gone) -> None:
        self.forget()
        loop = asyncio.get_running_loop()
        self._waiting = loop.call_later(seconds, gone, error)

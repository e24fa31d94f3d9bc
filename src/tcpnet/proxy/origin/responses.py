"""The head of an answer and the way to its body, less what aiohttp takes for an answer and is none.

Seen with aiohttp 3.14.5.
"""

import ssl
from typing import Any

import aiohttp

from tcpnet.proxy.entry import Fields, OnInterim
from tcpnet.proxy.origin.connector import Lease
from tcpnet.proxy.origin.upload import Upload
from tcpnet.proxy.origin.wire import incoming, phrase


class Response:
    """An answer on the connection it came on, which it gives back when its body has ended.

    `message`, its head in aiohttp's shape, its `fields` and `content` are there after `read_head`.
    An `upload` that still goes on is ended with it.
    """

    message: Any
    fields: Fields
    content: aiohttp.StreamReader

    def __init__(self, lease: Lease) -> None:
        self.upload: Upload | None = None
        self.wire = lease.wire
        self._lease: Lease | None = lease

    async def read_head(self, on_interim: OnInterim | None) -> None:
        """Read the head; `on_interim` is told of answers before it. Raises what aiohttp does."""
        wire: Any = self.wire
        message, content = await wire.read()
        while 100 <= message.code < 200 and message.code != 101:
            if on_interim is not None and message.code > 101:
                reason = phrase(message.reason or "")
                on_interim(message.code, reason, incoming(message.raw_headers))
            message, content = await wire.read()
        self.message = message
        self.fields = incoming(message.raw_headers)
        self.content = content
        content.on_eof(self._ended)

    def close(self) -> None:
        """Let go of the connection, unless it was given back already."""
        if self.upload is not None:
            self.upload.cancel()
        if self._lease is not None:
            self._lease.close()

    @property
    def broke_off(self) -> bool:
        """Whether a body that only the end of its connection ends had no proper end.

        That is a reset, or under TLS a close without a word: anybody on the way can send that,
        so what came is not known to be whole (RFC 9112 §9.8).
        """
        fields = self.message.headers
        if "Content-Length" in fields or "Transfer-Encoding" in fields:
            return False
        if self.content is aiohttp.EMPTY_PAYLOAD:
            return False
        wire = self.wire
        return isinstance(wire.exception(), aiohttp.ClientOSError) or (
            wire.tls is not None and not _said_goodbye(wire.tls)
        )

    def _ended(self) -> None:
        """Give the connection back, unless more is to be sent on it or was switched."""
        if self.wire.upgraded or self._lease is None:
            return
        if self.upload is not None and not self.upload.is_over:
            self.close()
        else:
            self._lease.release()
            self._lease = None


def _said_goodbye(tls: ssl.SSLObject) -> bool:
    """Tell whether close_notify came on a connection that is over."""
    try:
        return tls.read(1) == b""
    except ssl.SSLZeroReturnError:
        return True  # it came, and was answered
    except ssl.SSLError:
        return False  # OpenSSL still waits for more

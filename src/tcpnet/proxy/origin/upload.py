"""The body of a request on its way to an origin, on one of aiohttp's connections."""

import asyncio
from collections.abc import AsyncIterable
from typing import Any

import aiohttp

from tcpnet.proxy.origin.connector import Wire


class Upload:
    """A body that is sent while the answer may already come; `cancel` it if that came first."""

    def __init__(self, wire: Wire, body: AsyncIterable[bytes], *, chunked: bool) -> None:
        self._wire: Any = wire
        self._body = body
        self._chunked = chunked
        self._task = asyncio.get_running_loop().create_task(self._send())

    @property
    def is_over(self) -> bool:
        """Whether nothing more is sent."""
        return self._task.done()

    def cancel(self) -> None:
        """Send no more. What was sent is no whole request: close the connection too."""
        self._task.cancel()

    async def _send(self) -> None:
        try:
            async for piece in self._body:
                await self._write(piece)
            if self._chunked:
                self._wire.transport.write(b"0\r\n\r\n")
        except Exception as error:  # whoever waits for the answer is told
            failure = aiohttp.ClientConnectionError("the body was not sent to its end")
            self._wire.set_exception(failure, error)

    async def _write(self, piece: bytes) -> None:
        if piece:
            await self._wire._drain_helper()  # raises where there is no transport any more
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece
            self._wire.transport.write(framed)

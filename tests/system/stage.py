"""A server of our own that says what a test likes, to try a client with."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.hub import PATIENCE
from tests.wire import frame


class Stage:
    """Takes one client, and speaks raw frames with it."""

    def __init__(self) -> None:
        self.port = 0
        self._client: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.get_running_loop().create_future()
        )

    async def entered(self) -> None:
        """Wait for the client."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.shield(self._client)

    def says(self, *items: tuple[str, dict[str, Any]]) -> None:
        """Send items as one frame."""
        self.says_raw(frame(*items))

    def says_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._client.result()[1].write(data)

    async def hears(self, kind: str) -> dict[str, Any]:
        """Wait for an item of this type; its body."""
        async with asyncio.timeout(PATIENCE):
            while line := await self._client.result()[0].readline():
                for item in json.loads(line)["headers"]:
                    if item["type"] == kind:
                        body: dict[str, Any] = item.get("body", {})
                        return body
        raise AssertionError(f"it hung up before {kind}")

    def welcomes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the client; called by asyncio."""
        self._client.set_result((reader, writer))

    def ends(self) -> None:
        """Hang up."""
        if self._client.done():
            self._client.result()[1].transport.abort()


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """A server on a free port for the length of the block."""
    made = Stage()
    listening = await asyncio.start_server(made.welcomes, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listening.close()
        made.ends()

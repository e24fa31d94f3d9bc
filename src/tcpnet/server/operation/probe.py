"""The port at which monitoring programs ask how a hub is."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from tcpnet.server.listening import telling

_log = logging.getLogger(__name__)

Text = Callable[[], bytes]
"""The figures, as they are now."""
Flaws = Callable[[], Awaitable[list[str]]]
"""Why the hub is not ready; nothing where it is."""


@asynccontextmanager
async def answering(
    host: str, port: int, text: Text, content_type: str, flaws: Flaws
) -> AsyncIterator[tuple[str, int]]:
    """Answer at this address for the length of the block; gives it. Raises ConfigError."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        match request.path:
            case "/metrics":
                return web.Response(body=text(), headers={"Content-Type": content_type})
            case "/healthz":
                found = await flaws()
                words = "".join(f"{flaw}\n" for flaw in found) or "ready\n"
                return web.Response(status=503 if found else 200, text=words)
        return web.Response(status=404, text="There are /metrics and /healthz.\n")

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    try:
        with telling(host, port):
            await web.TCPSite(runner, host, port).start()
        name = runner.addresses[0]
        yield str(name[0]), int(name[1])
    finally:
        await runner.cleanup()

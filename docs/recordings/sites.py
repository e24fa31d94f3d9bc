"""Stand-ins on loopback for the sites that the recordings visit, TLS included."""

import logging
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import trustme
from aiohttp import web
from werkzeug.serving import make_server

from tcpnet.proxy.origin.fetcher import Fetcher
from tcpnet.proxy.origin.guard import Guard
from tcpnet.proxy.origin.routes import AddrInfo

EXAMPLE: Final = """<!doctype html>
<html>
<head>
    <title>Example Domain</title>
</head>
<body>
<div>
    <h1>Example Domain</h1>
    <p>This domain is for use in illustrative examples in documents.</p>
    <p><a href="https://www.iana.org/domains/example">More information...</a></p>
</div>
</body>
</html>
"""
LOGIN: Final = "Basic " + b64encode(b"jose@example.com:hunter2").decode()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _example(request: web.Request) -> web.StreamResponse:
    fields = {"Cache-Control": "max-age=604800", "ETag": '"3147526947"', "Server": "ECS"}
    query = "".join(f"{name}: {value}\n" for name, value in request.query.items())
    return web.Response(text=query or EXAMPLE, content_type="text/html", headers=fields)


async def _github(request: web.Request) -> web.StreamResponse:
    if request.headers.get("Authorization") != LOGIN:
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="GitHub"'})
    return web.json_response({"login": "joseortizcostadev", "id": 11967132})


async def _google(request: web.Request) -> web.StreamResponse:
    if request.host == "google.com":
        return web.Response(status=301, headers={"Location": "https://www.google.com/"})
    return web.Response(text="<!doctype html><html><title>Google</title></html>")


SITES: Final[dict[str, Handler]] = {
    "example.com": _example,
    "www.example.com": _example,
    "api.github.com": _github,
    "google.com": _google,
    "www.google.com": _google,
}


@asynccontextmanager
async def standing() -> AsyncIterator[Callable[[Guard], Fetcher]]:
    """Start the stand-ins; gives what makes a fetcher that finds them under their names."""
    authority = trustme.CA()
    with _httpbin() as plain_port:
        async with _secure(authority) as secure_port:
            ports = {443: secure_port, 80: plain_port}

            def look_up(_: str, port: int, __: socket.AddressFamily) -> Sequence[AddrInfo]:
                here = ("127.0.0.1", ports.get(port, port))
                return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", here)]

            tls = ssl.create_default_context()
            authority.configure_trust(tls)
            yield lambda guard: Fetcher(guard, tls=tls, lookup=look_up)


@asynccontextmanager
async def _secure(authority: trustme.CA) -> AsyncIterator[int]:
    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request, web.Request)
        return await SITES[request.host](request)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", serve)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*SITES).configure_cert(context)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@contextmanager
def _httpbin() -> Iterator[int]:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    logging.getLogger("httpbin").setLevel(logging.ERROR)  # lacks a part that is not used here
    import httpbin

    server = make_server("127.0.0.1", 0, httpbin.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

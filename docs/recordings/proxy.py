"""One person does all that the web proxy's menu offers, at stand-ins for the sites."""

from contextlib import AsyncExitStack
from typing import Any, Final

from docs.recordings.screens import Screen, settled
from docs.recordings.sites import standing
from tcpnet.config import Source, merge
from tcpnet.server.app import running

SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "server": {"port": 0, "ephemeral": True},
    "proxy": {"allow": ["127.0.0.0/8"]},
}
MENU = "5. Turn web proxy server off"


async def record() -> str:
    """Let Jose browse; gives his screen."""
    async with AsyncExitStack() as stack:
        fetcher = await stack.enter_async_context(standing())
        settings, _ = merge([Source("recording", SETTINGS)])
        hub = await stack.enter_async_context(running(settings, fetcher=fetcher))
        host, port = hub.addresses[0]
        jose = await stack.enter_async_context(Screen.open(f"{host}:{port}", "--name", "Jose"))
        jose.types("6")
        await jose.sees(MENU)
        await _browse(jose)
        jose.types("5", "maybe", "y")
        await jose.sees("9. Account")
        jose.types("7")
        await jose.ends()
        return settled(jose.shown)


async def _browse(jose: Screen) -> None:
    for lines, answer in (
        (["4", "GET https://api.github.com/user"], "401 Unauthorized. Activate"),
        (["2"], "Web authentication is on"),
        (["4", "GET https://api.github.com/user", "jose@example.com", "hunter2"], '"login"'),
        (["2"], "Web authentication is off"),
        (["1"], "Web caching is on"),
        (["4", "GET https://example.com"], "Success 200 OK"),
        (["3"], "Private browsing is off"),
        (["4", "GET https://example.com"], "Success 200 OK (cache)"),
        (["4", "GET www.example.com?name=Jose&lastname=Ortiz"], "lastname: Ortiz"),
        (["4", "HEAD https://example.com"], "Success! 200 OK"),
        (["4", "POST http://httpbin.org/post", "name,lastname", "Jose"], "keys 2, values 1"),
        (["name,lastname", "Jose,Ortiz"], '"lastname": "Ortiz"'),
        (["4", "HEAD https://google.com"], "Request failed with status code 301"),
        (["4", "GET https://google.com"], "<title>Google</title>"),
        (["4", "GET http://httpbin.org/status/404"], "Request failed with status code 404"),
        (["4", "GET http://httpbin.org/image/png"], "Not shown: image/png"),
        (["4", "GET http://192.168.1.1/"], "is inside the local network"),
        (["4", "GET"], "as in: GET https://example.com"),
        (["1"], "Web caching is off"),
    ):
        jose.types(*lines)
        await jose.sees(answer)
        if "values" not in answer:
            await jose.sees(MENU)

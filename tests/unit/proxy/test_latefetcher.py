"""A hub whose people open no page does not load what opens pages."""

import asyncio
import subprocess
import sys
import threading
from typing import Any

from tcpnet.proxy.origin.fetcher import Fetcher
from tcpnet.proxy.origin.guard import Guard, network
from tcpnet.proxy.origin.latefetcher import LateFetcher
from tests.origins import origin

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


async def test_a_fetcher_is_made_once_by_the_first_request_on_a_thread() -> None:
    """Also where several are the first."""
    threads: list[threading.Thread] = []

    def made(guard: Guard) -> Fetcher:
        threads.append(threading.current_thread())
        return Fetcher(guard)

    async with origin(PAGE) as site, LateFetcher(Guard([network("127.0.0.0/8")]), made) as late:
        assert late.uplink.requests == 0
        assert threads == []
        pages = await asyncio.gather(*(_page(late, site.url(f"/{n}")) for n in range(3)))
        asked = late.uplink.requests

    assert pages == [b"hello"] * 3
    assert asked == 3
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def test_a_hub_does_not_load_it_at_its_start() -> None:
    """It is a fifth of a start, and of an idle hub's memory."""
    code = "import sys, tcpnet.cli.server, tcpnet.server.app; print('aiohttp' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


async def _page(fetcher: LateFetcher, url: str) -> Any:
    async with fetcher.send("GET", url) as reply:
        return b"".join([chunk async for chunk in reply])

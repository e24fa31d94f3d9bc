"""A hub on Python's own event loop, and on the fast one."""

import asyncio
import sys
from pathlib import Path

import pytest

from tcpnet.server import loops
from tests.hub import PATIENCE, Person
from tests.origins import origin
from tests.processes import server
from tests.unit.proxy.ports import said

PAGE = said("200 OK", "Cache-Control: max-age=600", "Connection: close", body=b"a page\n")


def test_a_system_without_the_fast_loop_runs_on_pythons_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is optional, and may be declined where it is installed."""
    assert loops.choose(fast=False).name == "asyncio"
    monkeypatch.setitem(sys.modules, loops.FAST, None)

    assert loops.choose(fast=True).name == "asyncio"


@pytest.mark.parametrize("fast", [True, False])
async def test_people_talk_in_clear_and_under_tls_on_either_loop(
    tmp_path: Path, fast: bool
) -> None:
    """Large lines cross in both directions, and the log says what it ran on."""
    async with server(tmp_path, "--set", f"server.fast_loop={str(fast).lower()}") as running:
        ann, bob = [await Person.dial(name, running.port) for name in ("ann", "bob")]
        await ann.whispers()
        for person in (ann, bob):
            await person.logs_in()
            await person.enters_room("den", new=person is ann)
        for number in range(20):
            ann.types(f"a{number} " + "x" * 4000)
            bob.types(f"b{number} " + "x" * 4000)
        for person in (ann, bob):
            while len(person.messages("chat")) < 40:
                await person.sees("> ")

        assert ann.messages("chat") == bob.messages("chat")
        for person in (ann, bob):
            assert person.connection is not None
            await person.connection.close()
        running.process.terminate()
        name = loops.FAST if fast else "asyncio"
        assert f'started loop="{name}"' in await running.logged()


@pytest.mark.parametrize("fast", [True, False])
async def test_programs_have_pages_and_tunnels_on_either_loop(tmp_path: Path, fast: bool) -> None:
    """The proxy port fetches, answers from the cache, and passes through."""
    async with (
        origin(PAGE) as site,
        server(
            tmp_path,
            *("--proxy-port", "0", "--proxy-allow", "127.0.0.0/8"),
            *("--set", f"proxy.connect_ports={site.port}"),
            *("--set", f"server.fast_loop={str(fast).lower()}"),
        ) as running,
    ):
        assert running.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            port = int((await running.process.stdout.readline()).rpartition(b"/")[2])

        fetched = await _answer(port, _get(f"http://127.0.0.1:{site.port}/"))
        kept = await _answer(port, _get(f"/+/http://127.0.0.1:{site.port}/"))
        connect = f"CONNECT 127.0.0.1:{site.port} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n\r\n"
        passed = await _answer(port, connect.encode() + _get("/"))

        assert b"tcpnet; fwd=uri-miss; stored" in fetched
        assert fetched.endswith(b"a page\n")
        assert b"tcpnet; hit" in kept
        assert kept.endswith(b"a page\n")
        assert passed.startswith(b"HTTP/1.1 200 ")
        assert passed.endswith(PAGE)


def _get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()


async def _answer(port: int, request: bytes) -> bytes:
    """All that is said on a connection of its own."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

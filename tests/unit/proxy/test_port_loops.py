"""The proxy port on every loop that a hub may run on."""

import asyncio
import hashlib
import random
from pathlib import Path

import pytest

from tcpnet.server import loops
from tests.origins import origin
from tests.unit.proxy.ports import said, standing
from tests.unit.proxy.test_port_tunnel import echo, far_end, tunnelled

BLOCK = random.Random(1).randbytes(1_000_003)


async def scenario(folder: Path) -> None:
    """Pages, a refusal, and a tunnel that carries more than any buffer holds."""
    body = BLOCK[:300_000]
    async with standing(folder) as stand, origin(said("200 OK", body=body)) as site:
        client = await stand.client()
        assert (await client.get(site.url())).body == body
        assert (await client.get("http://127.0.0.1:25/")).status == 403
        async with far_end(echo) as port:
            through = await tunnelled(stand, port)
            sending = asyncio.create_task(through.say(BLOCK * 8))
            came = hashlib.sha256(await through.reader.readexactly(len(BLOCK) * 8))
            await sending
            through.half_close()
            assert await through.gone() == b""
        assert came.digest() == hashlib.sha256(BLOCK * 8).digest()
        waiting = await stand.client()
        await waiting.say("GET http://exa")
    assert stand.door.inside == 0


@pytest.mark.parametrize("name", ["asyncio", loops.FAST])
def test_the_port_runs_on_the_loop(tmp_path: Path, name: str) -> None:
    """The system's own and the faster one behave alike, at the end too."""
    factory = pytest.importorskip(name).new_event_loop

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(scenario(tmp_path / "pages"))

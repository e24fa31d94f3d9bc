"""The commands of the page about the proxy are run as they stand."""

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tcpnet.server.porch import PROGRAMS
from tests.hub import town
from tests.origins import Exchange, origin
from tests.unit.proxy.ports import said

PAGE = (Path(__file__).parents[2] / "docs" / "proxy.md").read_text("utf-8")
EXAMPLES = re.findall(r"```sh\n(curl .*?\$HUB.*?)\n```", PAGE)
LIMIT = 50
"""Seconds for one program."""


async def test_the_examples_fetch_pages() -> None:
    """With a site of this machine in the place of example.com; one fetch for all of them."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")

    async def answer(exchange: Exchange) -> None:
        await exchange.say(said("200 OK", "Cache-Control: max-age=600", body=b"Example Domain"))

    outputs = []
    async with (
        origin(answer) as site,
        town(proxy={"port": 0, "allow": ("127.0.0.0/8",)}) as made,
    ):
        hub = f"http://127.0.0.1:{made.hub.proxy_addresses[0][1]}"
        for example in EXAMPLES:
            command = re.sub(r"https?://example\.com/", site.url(), example.replace("$HUB", hub))
            outputs.append(await output(*command.split()))

    assert len(EXAMPLES) == 3
    assert outputs[:2] == ["Example Domain"] * 2
    assert "tcpnet; hit; ttl=" in outputs[2]
    assert "\nAge: " in outputs[2].replace("\r", "")
    assert len(site.heads) == 1


async def output(*command: str) -> str:
    """What a program printed that reads no proxy settings of whoever runs the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, "--silent", "--show-error"],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
        env=kept,
    )
    return done.stdout


def test_the_page_and_the_set_up_page_name_the_same_programs() -> None:
    """Whatever the hub offers is explained, with the same line."""
    for program in PROGRAMS:
        line = program.lines.rpartition("\n")[2]
        line = line.format(base="$HUB", hub="$HUB", host="192.168.1.20", near="")
        told = line in PAGE or program.name in (
            "apt",
            "everything that reads http_proxy",
            "browsers",
        )
        assert told, program.name
        assert program.name.partition(" ")[0] in PAGE or "anything that reads it" in PAGE


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 407, 408, 414, 417, 429, 431, 501])
def test_every_refusal_is_in_the_table(status: int) -> None:
    """With its reason."""
    table = PAGE.partition("| status | because |")[2].partition("\n\n")[0]

    assert re.search(rf"\b{status}\b", table)

"""The page about the proxy says what is so."""

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tcpnet.config import Settings, render
from tcpnet.proxy.rules.storing import NotStored
from tests.hub import town

PAGE = (Path(__file__).parents[2] / "docs" / "proxy.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+\.\w+)` \| `(.*?)` \|", re.MULTILINE)


async def answer(request: web.Request) -> web.Response:
    """A page that wants to be confirmed each time."""
    fields = {"Cache-Control": "max-age=0", "ETag": '"1"'}
    if "If-None-Match" in request.headers:
        return web.Response(status=304, headers=fields | {"X-Confirmed": "yes"})
    return web.Response(body=b"a page\n" * 50_000, content_type="text/plain", headers=fields)


async def cached(folder: Path, fetches: int) -> str:
    """Let somebody fetch a page by the menu into a cache folder; its address."""
    app = web.Application()
    app.router.add_get("/page", answer)
    hub = {"allow": ["127.0.0.0/8"]}
    async with TestServer(app) as site, town(server={"cache_dir": str(folder)}, proxy=hub) as made:
        url = f"http://127.0.0.1:{site.port}/page"
        ann = await made.person("ann")
        await ann.chooses(6)
        await ann.chooses(1)
        for _ in range(fetches):
            await ann.chooses(4)
            await ann.answers("request> ", f"GET {url}")
            await ann.sees("Success 200 OK")
        await ann.asked("Your option")
    return url


def the_only(folder: Path) -> Path:
    """The one page in a cache folder."""
    (file,) = folder.glob("*.pickle")
    return file


@pytest.mark.parametrize("fetches", [1, 3])
async def test_five_lines_read_a_cached_page(tmp_path: Path, fetches: int) -> None:
    """As they stand on the page; the newest head counts."""
    (lines,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    url = await cached(tmp_path, fetches)
    found: dict[str, Any] = {"path": the_only(tmp_path)}

    exec(lines, found)

    head = found["head"]
    assert lines.count("\n") == 5
    assert found["body"] == b"a page\n" * 50_000
    assert (head["url"], head["status"], head["length"]) == (url, 200, len(found["body"]))
    assert dict(head["fields"])["ETag"] == '"1"'
    assert ("X-Confirmed" in dict(head["fields"])) is (fetches > 1)
    named = set(
        re.findall(r"`(\w+)`", PAGE.partition("`head` is a dict:")[2].partition("Do so")[0])
    )
    assert named == set(head)


@pytest.mark.parametrize("reason", NotStored)
def test_every_reason_for_not_keeping_a_page_is_explained(reason: NotStored) -> None:
    """In the words that people are shown."""
    assert f"| {reason} |" in PAGE or f"`{reason}`" in PAGE.replace("\n", " ")


def test_every_setting_of_the_proxy_is_there_with_its_default() -> None:
    """None is left out, and none is invented."""
    lines = render(Settings(), {})
    section, defaults = "", {}
    for line in lines:
        if line.startswith("["):
            section = line.strip("[]")
        elif section in ("cache", "proxy") and line:
            key, _, value = line.partition(" = ")
            defaults[f"{section}.{key}"] = value.removesuffix("  # default")

    shown = dict(ROW.findall(PAGE))

    assert shown.pop("server.cache_dir") == f'"{Settings().server.cache_dir}"'
    assert shown == defaults

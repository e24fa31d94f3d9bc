"""The store of pages: a hub that is killed leaves nothing wrong behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from tcpnet.proxy.entry import Entry
from tcpnet.proxy.store.pages import PageStore
from tests.unit.proxy.pages import SECRET, a_body, an_entry, files, names, read

# A hub in small: stores pages of all sizes and confirms others, and says so, until it is killed.
CHILD = """
import asyncio, sys
from pathlib import Path
from tests.unit.proxy.pages import SECRET, a_body, an_entry, store
from tcpnet.proxy.store.pages import PageStore

SIZES = 100, 60_000, 65_536, 150_000, 700_000

async def put(pages, first):
    for number in range(first, first + 10_000, 4):
        size = SIZES[number % len(SIZES)]
        page = await store(pages, an_entry(f"http://a.example/{size}/{number}"), a_body(size))
        await pages.freshen(page, an_entry(page.url, received_at=1_800_000_000.0))
        print(page.url, flush=True)

async def main():
    async with PageStore(Path(sys.argv[1]), SECRET) as pages:
        await asyncio.gather(*(put(pages, first) for first in range(4)))

asyncio.run(main())
"""


def expected(url: str) -> tuple[list[Entry], bytes]:
    """Return the heads that a page of the child may have, and its body."""
    heads = [an_entry(url), an_entry(url, received_at=1_800_000_000.0)]
    return heads, a_body(int(url.split("/")[3]))


def kill_while_storing(folder: Path, pages: int) -> list[str]:
    """Let a child store pages and kill it after some; return the URLs that it had stored."""
    command = [sys.executable, "-c", CHILD, str(folder)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as child:
        assert child.stdout is not None
        stored = [child.stdout.readline().strip() for _ in range(pages)]
        child.kill()
        # What it said before it died.
        stored += [line.strip() for line in child.stdout if line.endswith("\n")]
    return stored


@pytest.mark.parametrize("count", [1, 8, 31, 60])
async def test_a_killed_hub_leaves_no_page_that_is_wrong(tmp_path: Path, count: int) -> None:
    """All that it said was stored is there and right; what was half written is gone."""
    stored = kill_while_storing(tmp_path, count)

    async with PageStore(tmp_path, SECRET) as pages:
        await pages.loaded()
        for page in pages:
            found = await read(pages, page)
            assert found is not None
            entries, body = expected(page.url)
            assert found[0] in entries
            assert found[1] == body

        assert {page.url for page in pages} >= set(stored)
        assert pages.stats.damaged == 0
        assert len(files(tmp_path)) == len(pages)
    assert not [name for name in names(tmp_path) if name.endswith(".part")]

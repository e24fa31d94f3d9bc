"""The store of pages: those that have come whole before anything of them is written."""

import errno
from pathlib import Path

import pytest

from tcpnet.proxy.store import files as page_files
from tcpnet.proxy.store.folder import AT_ONCE
from tcpnet.proxy.store.pages import PageStore
from tests.unit.proxy.pages import SECRET, a_body, an_entry, files, names, read

SIZES = (0, 1, 1000, AT_ONCE - 1, AT_ONCE, 65_536, 130_000)


@pytest.mark.parametrize("size", SIZES)
async def test_a_page_that_is_there_at_once_is_kept_like_any_other(
    tmp_path: Path, size: int
) -> None:
    """Under its name and whole, in this run and the next."""
    entry, body = an_entry(), a_body(size)
    async with PageStore(tmp_path, SECRET) as pages:
        await pages.loaded()
        stored = await pages.put(entry, body)
        found = await read(pages, stored)
    async with PageStore(tmp_path, SECRET) as pages:
        await pages.loaded()
        (page,) = pages
        again = await read(pages, page)
        damaged = pages.stats.damaged

    assert found == again == (entry, body)
    assert stored.size == page.size == files(tmp_path)[0].stat().st_size
    assert damaged == 0
    assert not [name for name in names(tmp_path) if name.endswith(".part")]


@pytest.mark.parametrize("size", SIZES)
async def test_it_takes_the_place_of_an_older_one(tmp_path: Path, size: int) -> None:
    """One file a page, whichever came last."""
    async with PageStore(tmp_path, SECRET) as pages:
        await pages.loaded()
        await pages.put(an_entry(), b"older")
        page = await pages.put(an_entry(), a_body(size))
        found = await read(pages, page)

        assert list(pages) == [page]

    assert found is not None
    assert found[1] == a_body(size)
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("size", SIZES)
async def test_a_disk_that_refuses_it_keeps_nothing_of_it(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever wanted it stored is told, and no file stays."""

    def full(file: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "no space left", file, len(data))

    monkeypatch.setattr(page_files, "write_all", full)
    async with PageStore(tmp_path, SECRET) as pages:
        await pages.loaded()
        with pytest.raises(OSError, match="no space left"):
            await pages.put(an_entry(), a_body(size))

        assert len(pages) == 0
        await pages.settled()
        assert files(tmp_path) == []
    assert not [name for name in names(tmp_path) if name.endswith(".part")]


async def test_what_a_killed_hub_had_only_named_is_no_damage(tmp_path: Path) -> None:
    """An empty file is one that was not written yet: it goes without a word."""
    async with PageStore(tmp_path, SECRET) as pages:
        await pages.put(an_entry(), b"a page")
    (tmp_path / f"{'0' * 32}.pickle").touch()

    async with PageStore(tmp_path, SECRET) as pages:
        await pages.loaded()

        assert (len(pages), pages.stats.damaged) == (1, 0)
    assert len(files(tmp_path)) == 1

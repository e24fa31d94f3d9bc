"""The store of pages: what goes first, and what an open file holds up."""

import asyncio
import os
from pathlib import Path

import pytest

from tcpnet.proxy.store.folder import MARKER_NAME
from tcpnet.proxy.store.pages import Limits, PageStore
from tcpnet.proxy.store.pickles import CHUNK
from tests.unit.proxy.pages import SECRET, a_body, an_entry, files, joined, names, read, store

DISK_ONLY = Limits(memory=0)
BIG = 5 * CHUNK + 123


async def test_the_least_used_pages_make_room(tmp_path: Path) -> None:
    """Beyond the number of files, one batch goes, down to nine tenths; the used ones stay."""
    async with PageStore(tmp_path, SECRET, Limits(pages=20)) as pages:
        stored = [
            await store(pages, an_entry(f"http://a.example/{number}"), b"x") for number in range(20)
        ]
        await read(pages, stored[0])

        stored.append(await store(pages, an_entry("http://a.example/20"), b"x"))
        await pages.settled()

        assert list(pages) == [*stored[4:20], stored[0], stored[20]]
        assert pages.stats.evicted == 3
        assert {path.stem for path in files(tmp_path)} == {page.identifier for page in pages}


async def test_large_evictions_take_turns_with_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch goes at once and the next one at the next turn, down to nine tenths."""
    monkeypatch.setattr("tcpnet.proxy.store.shelf.BATCH", 2)
    async with PageStore(tmp_path, SECRET, Limits(pages=50)) as pages:
        left = []
        for number in range(51):
            await store(pages, an_entry(f"http://a.example/{number}"), b"x")
        left.append(len(pages))
        for _ in range(3):
            await asyncio.sleep(0)
            left.append(len(pages))
        await pages.settled()

    assert left == [49, 47, 45, 45]
    assert len(files(tmp_path)) == 45


async def test_the_bytes_on_disk_keep_to_their_budget(tmp_path: Path) -> None:
    """The sum of the files' sizes never stays above the budget."""
    async with PageStore(tmp_path, SECRET, Limits(disk=500_000)) as pages:
        for number in range(30):
            await store(pages, an_entry(f"http://a.example/{number}"), a_body(40_000))
            await pages.settled()
            on_disk = sum(path.stat().st_size for path in files(tmp_path))
            assert on_disk == pages.stats.disk_bytes <= 500_000


async def test_a_smaller_budget_holds_after_a_restart(tmp_path: Path) -> None:
    """Pages of an earlier run count; the ones used last stay."""
    async with PageStore(tmp_path, SECRET) as pages:
        for number in range(10):
            page = await store(pages, an_entry(f"http://a.example/{number}"), b"x")
            os.utime(tmp_path / f"{page.identifier}.pickle", (number, number))
    async with PageStore(tmp_path, SECRET, Limits(pages=5)) as pages:
        await pages.loaded()

        kept = [page.url for page in pages]

    assert kept == [f"http://a.example/{number}" for number in (6, 7, 8, 9)]


async def test_a_use_counts_after_a_restart(tmp_path: Path) -> None:
    """The disk knows when a page was last used, to the hour."""
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), b"x")
    os.utime(files(tmp_path)[0], (1_000.0, 1_000.0))
    async with PageStore(tmp_path, SECRET) as pages:
        await pages.loaded()
        [page] = pages
        before = page.used_at

        await read(pages, page)
        await pages.settled()

        assert before == 1_000.0
        assert files(tmp_path)[0].stat().st_mtime == pytest.approx(page.used_at)


async def test_eviction_does_not_pull_a_page_from_its_reader(tmp_path: Path) -> None:
    """Who began to read a page reads it to its end."""
    body = a_body(BIG)
    async with PageStore(tmp_path, SECRET, Limits(pages=1)) as pages:
        reader = await pages.open(await store(pages, an_entry(), body))
        assert reader is not None
        await store(pages, an_entry("http://a.example/other"), b"x")
        await pages.settled()

        assert pages.variants(an_entry().url) == ()
        with reader:
            assert await joined(reader.chunks()) == body


async def test_a_file_that_may_not_be_removed_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an open file cannot be unlinked, it goes when its reader is gone."""
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".pickle":
            raise PermissionError(13, "The process cannot access the file")
        unlink(path, missing_ok)

    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), b"x")
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refuse)
            pages.remove(page)
            await pages.settled()
            assert len(files(tmp_path)) == 1

        other = await store(pages, an_entry("http://a.example/other"), b"x")
        pages.remove(other)
        await pages.settled()

        assert files(tmp_path) == []


async def test_a_file_that_was_protected_goes_when_the_store_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then all readers are gone."""

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "The process cannot access the file")

    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), b"x")
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refuse)
            pages.remove(page)
            await pages.settled()
        before = files(tmp_path)

    assert (len(before), files(tmp_path)) == (1, [])


async def test_a_page_stored_anew_is_not_taken_for_its_stuck_namesake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was to be removed later is not removed once it is another page."""

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "The process cannot access the file")

    async with PageStore(tmp_path, SECRET, DISK_ONLY) as pages:
        page = await store(pages, an_entry(), b"old")
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refuse)
            pages.remove(page)
            await pages.settled()

        page = await store(pages, an_entry(), b"new")
        pages.remove(await store(pages, an_entry("http://a.example/other"), b"x"))
        await pages.settled()

        assert await read(pages, page) == (an_entry(), b"new")


async def test_a_page_waits_for_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an open file cannot be replaced, the newer page takes its name a little later."""
    replace, refusals = os.replace, [PermissionError(13, "in use")] * 2

    def refuse(path: str, target: str) -> None:
        if refusals:
            raise refusals.pop()
        replace(path, target)

    monkeypatch.setattr("tcpnet.proxy.store.pages._RENAME_WAITS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(os, "replace", refuse)
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), b"x")

        assert not refusals
        assert [path.stem for path in files(tmp_path)] == [page.identifier]


async def test_a_page_that_never_gets_its_name_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older page stays, and no part file does."""

    def refuse(path: str, target: str) -> None:
        raise PermissionError(13, "in use")

    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), b"old")
        monkeypatch.setattr("tcpnet.proxy.store.pages._RENAME_WAITS", (0.0,))
        monkeypatch.setattr(os, "replace", refuse)
        with pages.write(an_entry()) as writer:
            await writer.write(b"new")
            kept = await writer.commit()

        assert kept is None
        assert "another program has the file open" in writer.not_kept
        assert await read(pages, page) == (an_entry(), b"old")
    assert names(tmp_path) == {MARKER_NAME, "hub.lock", f"{page.identifier}.pickle"}

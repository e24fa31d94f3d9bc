"""The store of pages: what it keeps, finds again and forgets when told."""

import asyncio
import os
import sys
import threading
from pathlib import Path

import pytest

from tcpnet.proxy.entry import Entry, Fields
from tcpnet.proxy.store.files import ChunkFile, PartFile
from tcpnet.proxy.store.folder import MARKER_NAME, Folder
from tcpnet.proxy.store.index import MAX_VARIANTS
from tcpnet.proxy.store.pages import Limits, Page, PageStore
from tcpnet.proxy.store.pickles import CHUNK
from tests.unit.proxy.pages import (
    SECRET,
    a_body,
    an_entry,
    files,
    joined,
    names,
    read,
    received,
    store,
)

DISK_ONLY = Limits(memory=0)
BIG = 5 * CHUNK + 123
OPEN = pytest.param(
    BIG,
    marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows replaces no open file"),
)


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, BIG])
@pytest.mark.parametrize("limits", [Limits(), DISK_ONLY])
async def test_a_page_outlives_the_store(tmp_path: Path, size: int, limits: Limits) -> None:
    """What was committed is there at once, and after a restart, byte for byte."""
    entry, body = an_entry(), a_body(size)
    async with PageStore(tmp_path, SECRET, limits) as pages:
        page = await store(pages, entry, body)
        assert await read(pages, page) == (entry, body)

    async with PageStore(tmp_path, SECRET, limits) as pages:
        await pages.loaded()
        [again] = pages.variants(entry.url)

        assert await read(pages, again) == (entry, body)
        assert (again.length, again.received_at) == (size, entry.received_at)
        assert (again.site, again.last_modified) == ("a.example", "Sat, 01 Jan 2022 00:00:00 GMT")


async def test_a_file_is_a_page_and_nothing_else_stays(tmp_path: Path) -> None:
    """One flat `<32 hex>.pickle` a response, readable by its owner only; no part files."""
    async with PageStore(tmp_path, SECRET) as pages:
        small = await store(pages, an_entry("http://a.example/1"), b"small")
        large = await store(pages, an_entry("http://a.example/2"), a_body(BIG))
        await pages.settled()

        found = names(tmp_path) - {MARKER_NAME, "hub.lock"}

    assert found == {f"{page.identifier}.pickle" for page in (small, large)}
    if os.name == "posix":
        assert {path.stat().st_mode & 0o777 for path in files(tmp_path)} == {0o600}


@pytest.mark.parametrize("limits", [Limits(), DISK_ONLY, Limits(memory_page=1 << 20)])
@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, None), (0, 1), (5, CHUNK), (CHUNK - 1, CHUNK + 1), (3 * CHUNK, 99 * CHUNK), (BIG, None)],
)
async def test_any_range_of_a_page_can_be_read(
    tmp_path: Path, limits: Limits, start: int, stop: int | None
) -> None:
    """A range costs no more than the chunks it touches."""
    body = a_body(BIG)
    async with PageStore(tmp_path, SECRET, limits) as pages:
        reader = await pages.open(await store(pages, an_entry(), body))
        assert reader is not None
        with reader:
            assert await joined(reader.chunks(start, stop)) == body[start:stop]


async def test_many_read_one_page_at_once(tmp_path: Path) -> None:
    """Readers do not disturb each other, each at its own place."""
    body = a_body(BIG)
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), body)

        found = await asyncio.gather(*(read(pages, page) for _ in range(50)))

    assert found == [(an_entry(), body)] * 50


async def test_one_reader_serves_several_ranges_at_once(tmp_path: Path) -> None:
    """Ranges of one open page may be read side by side."""
    body = a_body(BIG)
    async with PageStore(tmp_path, SECRET) as pages:
        reader = await pages.open(await store(pages, an_entry(), body))
        assert reader is not None
        with reader:
            found = await asyncio.gather(*(joined(reader.chunks(at)) for at in range(20)))

    assert found == [body[at:] for at in range(20)]


async def test_a_page_in_memory_needs_no_file(tmp_path: Path) -> None:
    """Small pages last used are given at once, without a file and without waiting."""
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), b"body")
        await pages.settled()
        files(tmp_path)[0].unlink()

        held = pages.held(page)

        assert held is not None
        assert (held.entry, held.body) == (an_entry(), b"body")
        assert await read(pages, page) == (an_entry(), b"body")
        assert (pages.stats.memory_hits, pages.stats.disk_hits) == (2, 0)


async def test_a_page_is_read_in_a_thread_where_the_system_cannot_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only Linux says which reads would wait; elsewhere every small page is read off the loop."""
    monkeypatch.setattr("tcpnet.proxy.store.files.read_now", _cannot_tell)
    async with PageStore(tmp_path, SECRET, DISK_ONLY) as pages:
        page = await store(pages, an_entry(), b"body")

        assert await read(pages, page) == (an_entry(), b"body")
        files(tmp_path)[0].write_bytes(b"spoiled")
        assert await read(pages, page) is None


def _cannot_tell(path: str, size: int) -> None:
    pass


async def test_an_asker_may_leave_while_its_page_is_opened(tmp_path: Path) -> None:
    """Whatever was opened for him is closed; the page stays."""
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), a_body(BIG))
        for turns in range(20):
            opening = asyncio.create_task(pages.open(page))
            for _ in range(turns % 5):
                await asyncio.sleep(0)
            opening.cancel()
            await asyncio.wait([opening])
            if not opening.cancelled() and (reader := opening.result()):
                reader.close()

        assert await read(pages, page) == (an_entry(), a_body(BIG))


async def test_a_closed_reader_gives_nothing_more(tmp_path: Path) -> None:
    """Reading on is an error that says so, and does not cost the page."""
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), a_body(BIG))
        reader = await pages.open(page)
        assert reader is not None
        reader.close()

        got, error = await received(reader.chunks())

        assert (got, str(error)) == (b"", "it was closed")
        assert await read(pages, page) is not None


async def test_a_reader_closed_while_the_disk_reads_does_not_cost_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was closed, not damaged."""
    started, go_on = threading.Event(), threading.Event()
    chunk = ChunkFile.chunk

    def read_slowly(file: ChunkFile, offset: int, size: int, digest: bytes) -> bytes:
        started.set()
        go_on.wait(10)
        return chunk(file, offset, size, digest)

    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), a_body(BIG))
        reader = await pages.open(page)
        assert reader is not None
        with monkeypatch.context() as patch:
            patch.setattr(ChunkFile, "chunk", read_slowly)
            reading = asyncio.create_task(received(reader.chunks()))
            await asyncio.to_thread(started.wait, 10)
            reader.close()
            go_on.set()
            got, error = await reading

        assert got == b""
        assert error is not None
        assert await read(pages, page) == (an_entry(), a_body(BIG))


async def test_a_page_read_from_disk_is_held(tmp_path: Path) -> None:
    """The second person's page comes from memory."""
    async with PageStore(tmp_path, SECRET) as pages:
        await store(pages, an_entry(), b"body")
    async with PageStore(tmp_path, SECRET) as pages:
        await pages.loaded()
        [page] = pages

        first = pages.held(page)
        await read(pages, page)

        assert first is None
        assert pages.held(page) is not None


async def test_what_surrounds_a_page_in_memory_is_counted(tmp_path: Path) -> None:
    """A thousand empty pages take memory, too."""
    async with PageStore(tmp_path, SECRET, Limits(memory=20_000)) as pages:
        for number in range(20):
            await store(pages, an_entry(f"http://a.example/{number}"), b"")

        assert 0 < pages.stats.memory_pages < 7


async def test_memory_keeps_to_its_budget(tmp_path: Path) -> None:
    """The pages used last stay; what does not fit is read from disk."""
    async with PageStore(tmp_path, SECRET, Limits(memory=100_000, memory_page=10_000)) as pages:
        stored = [
            await store(pages, an_entry(f"http://a.example/{number}"), a_body(9_000, number))
            for number in range(20)
        ]
        large = await store(pages, an_entry("http://a.example/large"), a_body(10_001))

        stats = pages.stats
        held = [page for page in stored if pages.held(page)]

        assert stats.memory_bytes <= 100_000
        assert held == stored[-stats.memory_pages :]
        assert pages.held(large) is None
        assert await read(pages, stored[0]) == (an_entry(stored[0].url), a_body(9_000, 0))


async def test_variants_come_newest_first(tmp_path: Path) -> None:
    """Whoever selects among variants of a URL meets the newest first, also after a restart."""
    times = {"de": 200.0, "en": 300.0, "fr": 100.0}
    async with PageStore(tmp_path, SECRET) as pages:
        for language, received_at in times.items():
            entry = an_entry(vary=(("accept-language", language),), received_at=received_at)
            await store(pages, entry, language.encode())
        now = [page.vary[0][1] for page in pages.variants(entry.url)]
    async with PageStore(tmp_path, SECRET) as pages:
        await pages.loaded()
        later = [page.vary[0][1] for page in pages.variants(entry.url)]

    assert now == later == ["en", "de", "fr"]


async def test_the_oldest_variants_make_room(tmp_path: Path) -> None:
    """An origin that varies on everything fills neither the index nor the folder."""
    async with PageStore(tmp_path, SECRET) as pages:
        for number in range(MAX_VARIANTS + 3):
            entry = an_entry(vary=(("cookie", str(number)),), received_at=float(number))
            await store(pages, entry, b"body")
        await pages.settled()

        oldest = pages.variants(entry.url)[-1]

        assert len(pages) == len(pages.variants(entry.url)) == MAX_VARIANTS
        assert oldest.vary == (("cookie", "3"),)
    assert len(files(tmp_path)) == MAX_VARIANTS


@pytest.mark.parametrize("old_size", [10, OPEN])
@pytest.mark.parametrize("new_size", [10, BIG])
async def test_a_newer_page_takes_the_older_ones_place(
    tmp_path: Path, old_size: int, new_size: int
) -> None:
    """The same URL and variant is one page; who reads the older one reads it to its end."""
    old, new = a_body(old_size, 1), a_body(new_size, 2)
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), old)
        reader = await pages.open(page)
        assert reader is not None

        replacement = await store(pages, an_entry(received_at=1_800_000_000.0), new)

        with reader:
            assert await joined(reader.chunks()) == old
        assert await read(pages, page) is None
        assert await read(pages, replacement) == (an_entry(received_at=1_800_000_000.0), new)
        assert pages.variants(page.url) == (replacement,)
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("size", [10, BIG])
async def test_a_confirmed_page_has_its_newer_head(tmp_path: Path, size: int) -> None:
    """A 304 changes the head, in memory, on disk and after a restart; the body stays."""
    body, fields = a_body(size), Fields((("ETag", '"2"'),))
    newer = an_entry(fields=fields, received_at=1_800_000_000.0)
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), body)
        await pages.freshen(page, newer)
        assert await read(pages, page) == (newer, body)
        assert (page.received_at, page.last_modified) == (newer.received_at, "")
        assert page.size == files(tmp_path)[0].stat().st_size == pages.stats.disk_bytes
    async with PageStore(tmp_path, SECRET) as pages:
        await pages.loaded()
        [page] = pages
        assert await read(pages, page) == (newer, body)


async def test_a_confirmed_variant_comes_first(tmp_path: Path) -> None:
    """The order of variants follows what the origin said last."""
    async with PageStore(tmp_path, SECRET) as pages:
        first = await store(pages, an_entry(vary=(("a", "1"),), received_at=1.0), b"1")
        second = await store(pages, an_entry(vary=(("a", "2"),), received_at=2.0), b"2")

        await pages.freshen(first, an_entry(vary=(("a", "1"),), received_at=3.0))

        assert pages.variants(first.url) == (first, second)


async def test_pages_are_read_while_they_are_confirmed(tmp_path: Path) -> None:
    """A head being appended or folded is never taken for damage."""
    body = a_body(BIG)
    async with PageStore(tmp_path, SECRET, DISK_ONLY) as pages:
        page = await store(pages, an_entry(), body)

        async def confirm() -> None:
            for second in range(150):
                await pages.freshen(page, an_entry(received_at=float(second)))

        async def reading() -> None:
            while not confirming.done():
                found = await read(pages, page)
                assert found is not None
                assert found[1] == body

        confirming = asyncio.ensure_future(confirm())
        await asyncio.gather(confirming, reading(), reading())

        assert pages.stats.damaged == 0
        assert await read(pages, page) == (an_entry(received_at=149.0), body)


async def test_a_page_being_rewritten_is_not_taken_for_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who meets a file in the moment of its renaming looks again."""
    renamed, looked = threading.Event(), threading.Event()
    move, settled = PartFile.move, PageStore.settled

    def move_slowly(part: PartFile, path: str) -> None:
        move(part, path)
        renamed.set()
        looked.wait(10)

    async def note_look(pages: PageStore) -> None:
        looked.set()
        await settled(pages)

    newer = an_entry(received_at=9.0)
    async with PageStore(tmp_path, SECRET, DISK_ONLY) as pages:
        page = await store(pages, an_entry(), b"body")
        # Larger than the file will be, as if many heads had been appended.
        await pages.freshen(page, an_entry(fields=Fields((("X", "x" * 9_000),))))
        monkeypatch.setattr("tcpnet.proxy.store.folder._MAX_HEADS", 0)
        monkeypatch.setattr(PartFile, "move", move_slowly)
        monkeypatch.setattr(PageStore, "settled", note_look)
        confirming = asyncio.create_task(pages.freshen(page, newer))
        await asyncio.to_thread(renamed.wait, 10)

        found = await read(pages, page)
        await confirming

        assert found == (newer, b"body")
        assert pages.stats.damaged == 0


async def test_a_head_read_while_it_was_renewed_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older head neither reaches the asker nor stays in memory."""
    started, go_on = threading.Event(), threading.Event()
    take = Folder.read

    def read_slowly(folder: Folder, identifier: str, size: int) -> tuple[Entry, bytes]:
        found = take(folder, identifier, size)
        started.set()
        go_on.wait(10)
        return found

    newer = an_entry(received_at=1_800_000_000.0)
    async with PageStore(tmp_path, SECRET) as pages:
        await store(pages, an_entry(), b"body")
    async with PageStore(tmp_path, SECRET) as pages:
        await pages.loaded()
        [page] = pages
        monkeypatch.setattr("tcpnet.proxy.store.files.read_now", _cannot_tell)
        monkeypatch.setattr(Folder, "read", read_slowly)
        reading = asyncio.create_task(read(pages, page))
        await asyncio.to_thread(started.wait, 10)
        await pages.freshen(page, newer)
        go_on.set()

        assert await reading == (newer, b"body")
        held = pages.held(page)
        assert held is not None
        assert held.entry == newer


async def test_a_head_of_another_url_is_refused(tmp_path: Path) -> None:
    """A page keeps its URL and its variant."""
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), b"body")

        with pytest.raises(ValueError, match="keeps its URL"):
            await pages.freshen(page, an_entry("http://b.example/"))


async def test_a_removed_page_is_not_confirmed(tmp_path: Path) -> None:
    """A 304 that comes after the removal brings nothing back."""
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), b"body")
        pages.remove(page)

        await pages.freshen(page, an_entry(received_at=9.0))
        await pages.settled()

        assert len(pages) == 0
        assert files(tmp_path) == []


async def test_removing_a_url_removes_all_its_variants(tmp_path: Path) -> None:
    """Invalidation leaves nothing of a URL, in memory, in the index or on disk."""
    async with PageStore(tmp_path, SECRET) as pages:
        for language in ("de", "en"):
            last = await store(pages, an_entry(vary=(("accept-language", language),)), b"body")
        other = await store(pages, an_entry("http://a.example/other"), b"other")

        removed = pages.remove_url(last.url)
        await pages.settled()

        assert (removed, pages.stats.removed) == (2, 2)
        assert pages.variants(last.url) == ()
        assert pages.held(last) is None
        assert await read(pages, last) is None
        assert list(pages) == [other]
        assert [path.stem for path in files(tmp_path)] == [other.identifier]


async def test_a_url_is_removed_before_the_index_has_met_it(tmp_path: Path) -> None:
    """An invalidation right after the start also holds for pages not indexed yet."""
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), b"body")
    async with PageStore(tmp_path, SECRET) as pages:
        known = pages.remove_url(page.url)
        await pages.loaded()
        await pages.settled()

        assert (known, len(pages)) == (0, 0)
        assert files(tmp_path) == []


async def test_a_page_stored_before_the_index_has_met_its_namesake_stays(tmp_path: Path) -> None:
    """What this run stored is newer than anything found on disk."""
    async with PageStore(tmp_path, SECRET) as pages:
        await store(pages, an_entry(), b"old")
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(received_at=1_800_000_000.0), b"new")
        await pages.loaded()

        assert pages.variants(page.url) == (page,)
        assert await read(pages, page) == (an_entry(received_at=1_800_000_000.0), b"new")


async def test_listing_shows_every_page(tmp_path: Path) -> None:
    """An operator sees URL, site, size and times of all pages, without a file being opened."""
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry("http://b.example:8080/x?y"), b"12345")

        [listed] = pages

        assert isinstance(listed, Page)
        assert (listed.url, listed.site) == ("http://b.example:8080/x?y", "b.example")
        assert (listed.status, listed.length, listed.size) == (200, 5, page.size)

"""The store of pages: what is damaged is a miss."""

import asyncio
import logging
import sys
from pathlib import Path

import pytest

from tcpnet.proxy.store import files as page_files
from tcpnet.proxy.store import folder as page_folder
from tcpnet.proxy.store.files import Version
from tcpnet.proxy.store.pages import Limits, PageStore
from tcpnet.proxy.store.pickles import CHUNK
from tests.unit.proxy.pages import (
    SECRET,
    a_body,
    an_entry,
    files,
    read,
    received,
    store,
)

DISK_ONLY = Limits(memory=0)
BIG = 5 * CHUNK + 123


def flip(path: Path, at: int) -> None:
    """Change one byte of a file, in place."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("at", [0, 500, 1030, 1200, -1])
async def test_a_damaged_small_page_is_a_miss(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, at: int
) -> None:
    """Body, digests, head or seal: all is checked before a byte is given; one line says so."""
    async with PageStore(tmp_path, SECRET, DISK_ONLY) as pages:
        page = await store(pages, an_entry(), a_body(1000))
        flip(files(tmp_path)[0], at)
        with caplog.at_level(logging.WARNING):
            found = await asyncio.gather(*(read(pages, page) for _ in range(5)))
        await pages.settled()

        assert found == [None] * 5
        assert [record.message for record in caplog.records] == ["stored page dropped"]
        assert (pages.stats.damaged, len(pages)) == (1, 0)
        assert files(tmp_path) == []


async def test_a_large_page_is_given_up_to_its_damage_and_no_further(tmp_path: Path) -> None:
    """Each chunk is checked before it is given: what a reader got is right, and the page goes."""
    body = a_body(12 * CHUNK)
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), body)
        flip(files(tmp_path)[0], 9 * CHUNK)
        reader = await pages.open(page)
        assert reader is not None

        got, error = await received(reader.chunks())
        reader.close()
        await pages.settled()

        assert got == body[: 8 * CHUNK]
        assert error is not None
        assert await read(pages, page) is None
        assert pages.stats.damaged == 1
        assert files(tmp_path) == []


async def test_a_page_whose_file_is_gone_is_a_miss(tmp_path: Path) -> None:
    """Somebody emptied the folder: every page is fetched anew."""
    async with PageStore(tmp_path, SECRET, DISK_ONLY) as pages:
        small = await store(pages, an_entry("http://a.example/1"), b"x")
        large = await store(pages, an_entry("http://a.example/2"), a_body(BIG))
        for path in files(tmp_path):
            path.unlink()

        assert await read(pages, small) is None
        assert await read(pages, large) is None
        assert len(pages) == 0


async def test_a_page_that_cannot_be_read_just_now_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many open files is no damage: a miss now, a hit later."""
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, an_entry(), a_body(BIG))
        with monkeypatch.context() as patch:
            patch.setattr("tcpnet.proxy.store.files.open_to_read", _too_many_files)
            missed = await read(pages, page)

        assert missed is None
        assert await read(pages, page) == (an_entry(), a_body(BIG))


def _too_many_files(path: str) -> None:
    raise OSError(24, "Too many open files")


async def test_damage_of_an_earlier_run_is_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another secret, a broken disk: all pages go, and the log says how many."""
    async with PageStore(tmp_path, SECRET) as pages:
        for number in range(5):
            await store(pages, an_entry(f"http://a.example/{number}"), b"x")
    with caplog.at_level(logging.WARNING):
        async with PageStore(tmp_path, bytes(32)) as pages:
            await pages.loaded()
            assert (len(pages), pages.stats.damaged) == (0, 5)

    assert [record.message for record in caplog.records] == ["damaged pages dropped"]
    assert files(tmp_path) == []


async def test_what_a_crash_left_half_written_is_removed(tmp_path: Path) -> None:
    """Part files are never read."""
    async with PageStore(tmp_path, SECRET):
        part = tmp_path / f"{'0' * 32}.4711-3.part"
        part.write_bytes(b"half")
        theirs = tmp_path / "notes.part"
        theirs.write_bytes(b"somebody else's")
    async with PageStore(tmp_path, SECRET):
        assert not part.exists()
        assert theirs.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says which reads would wait")
@pytest.mark.parametrize("at", [0, 500, 1030, 1200, -1])
async def test_a_page_that_was_right_before_is_checked_again(tmp_path: Path, at: int) -> None:
    """What was written to since then is not taken for what it was."""
    body = a_body(1000)
    async with PageStore(tmp_path, SECRET, DISK_ONLY) as pages:
        page = await store(pages, an_entry(), body)
        before = [pages.at_hand(page) for _ in range(3)]
        flip(files(tmp_path)[0], at)

        after = pages.at_hand(page)

    assert [found.body for found in before if found] == [body] * 3
    assert after is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says which reads would wait")
async def test_a_disk_that_gives_other_bytes_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though nobody wrote to the file: inode, size and times are as they were.

    It shows when the file is summed up again, every few seconds.
    """
    monkeypatch.setattr(page_folder, "TRUSTED", 0.0)
    versions: list[Version | None] = []

    def same(path: str, room: memoryview) -> Version | None:
        versions.append(read_now(path, room))
        return versions[0]

    read_now = page_files.read_now
    monkeypatch.setattr(page_files, "read_now", same)
    async with PageStore(tmp_path, SECRET, DISK_ONLY) as pages:
        page = await store(pages, an_entry(), a_body(1000))
        assert pages.at_hand(page) is not None
        flip(files(tmp_path)[0], 500)

        assert pages.at_hand(page) is None
    assert len(versions) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says which reads would wait")
async def test_a_page_of_two_chunks_is_at_hand_too(tmp_path: Path) -> None:
    """Read the first time and again, it is the same."""
    body = a_body(CHUNK + 100)
    async with PageStore(tmp_path, SECRET, DISK_ONLY) as pages:
        page = await store(pages, an_entry(), body)
        found = [pages.at_hand(page) for _ in range(2)]

    assert [one.body for one in found if one] == [body] * 2

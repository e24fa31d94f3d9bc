"""The store of pages: bodies on their way, and those who follow them."""

import asyncio
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tcpnet.proxy.entry import Fields
from tcpnet.proxy.store import files
from tcpnet.proxy.store.pages import Limits, PageStore, Writer
from tcpnet.proxy.store.pickles import CHUNK, FULL_RECORD
from tcpnet.proxy.store.spool import WINDOW, Follower, PageLost
from tests.unit.proxy.pages import SECRET, a_body, an_entry, joined, names, read, received, store
from tests.unit.proxy.pages import files as stored_files

OURS = {"CACHEDIR.TAG", "hub.lock"}
# More than memory holds behind the newest byte: followers at the start need the disk.
LONG = (WINDOW + 8) * CHUNK + 99


async def follow(writer: Writer, start: int = 0, stop: int | None = None) -> bytes:
    """Follow a body to its end."""
    with writer.follow(start, stop) as follower:
        return await joined(follower)


async def feed(writer: Writer, body: bytes, piece: int = 10_000) -> None:
    """Write a body in pieces as a network would."""
    for at in range(0, len(body), piece):
        await writer.write(body[at : at + piece])


async def turn() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_first_byte_passes_at_once(tmp_path: Path) -> None:
    """A follower has what came before the chunk is full, or the disk was asked."""
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(an_entry()) as writer, writer.follow() as follower:
            await writer.write(b"first")
            assert await anext(follower) == b"first"
            await writer.write(b"second")
            assert await anext(follower) == b"second"
            await writer.commit()
            with pytest.raises(StopAsyncIteration):
                await anext(follower)


@pytest.mark.parametrize("size", [0, 1, CHUNK, LONG])
async def test_all_askers_get_every_byte_from_the_first(tmp_path: Path, size: int) -> None:
    """Whenever they come: before, during and after the fetch."""
    body = a_body(size)
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(an_entry()) as writer:
            early = [asyncio.create_task(follow(writer)) for _ in range(20)]
            await feed(writer, body[: size // 2])
            midway = [asyncio.create_task(follow(writer)) for _ in range(20)]
            await turn()
            await feed(writer, body[size // 2 :])
            late = [asyncio.create_task(follow(writer)) for _ in range(20)]
            await turn()
            page = await writer.commit()
            after = await follow(writer)

        assert page is not None
        assert set(await asyncio.gather(*early, *midway, *late)) == {after} == {body}
        assert await read(pages, page) == (an_entry(), body)


@pytest.mark.parametrize(("start", "stop"), [(5, 9), (CHUNK, None), (LONG - 1, None), (LONG, 9)])
async def test_a_range_of_a_body_on_its_way_can_be_followed(
    tmp_path: Path, start: int, stop: int | None
) -> None:
    """It ends with its last byte, however much is still to come."""
    body = a_body(LONG)
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(an_entry()) as writer:
            follower = asyncio.create_task(follow(writer, start, stop))
            await feed(writer, body)
            await writer.commit()

        assert await follower == body[start:stop]


async def test_a_slow_reader_holds_nobody_up(tmp_path: Path) -> None:
    """While the disk takes the body, the slowest reader finds it there, even as a page."""
    body = a_body(LONG)
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(an_entry()) as writer, writer.follow() as slow:
            first = asyncio.create_task(joined(writer.follow()))
            await feed(writer, body)
            assert await writer.commit() is not None
            assert await first == body

            assert await joined(slow) == body


async def test_a_page_is_replaced_under_a_slow_reader(tmp_path: Path) -> None:
    """A reader of a body on its way keeps its own body, whatever takes the name."""
    body = a_body(LONG)
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(an_entry()) as writer, writer.follow() as slow:
            await feed(writer, body)
            got = [await anext(slow)]
            await writer.commit()
            await store(pages, an_entry(), b"newer")

            assert b"".join(got) + await joined(slow) == body


async def test_an_abort_tells_the_readers_why(tmp_path: Path) -> None:
    """They keep what came; nothing is stored, and no part file stays."""
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(an_entry()) as writer:
            follower = writer.follow()
            await feed(writer, a_body(LONG))
            writer.abort("the origin hung up")
            got, error = await received(follower)
            follower.close()

        assert got == a_body(LONG)
        assert str(error) == "the origin hung up"
        assert not writer.can_follow()
        with pytest.raises(PageLost, match="hung up"):
            writer.follow()
        assert len(pages) == 0
    assert names(tmp_path) == OURS


async def test_what_is_not_committed_is_aborted(tmp_path: Path) -> None:
    """An exception in the fetch is the reason that its followers read."""
    async with PageStore(tmp_path, SECRET) as pages:
        with suppress(ConnectionError), pages.write(an_entry()) as writer:
            following = asyncio.create_task(received(writer.follow()))
            await feed(writer, a_body(2 * CHUNK))
            raise ConnectionError("no route")
        got, error = await following

    assert (got, str(error)) == (a_body(2 * CHUNK), "no route")
    assert names(tmp_path) == OURS


async def test_a_fetch_cancelled_while_the_disk_writes_leaves_nothing(tmp_path: Path) -> None:
    """Whatever a thread was doing meanwhile, no part file stays and no allowance is lost."""
    async with PageStore(tmp_path, SECRET) as pages:

        async def fetch() -> None:
            with pages.write(an_entry()) as writer:
                while True:
                    await writer.write(a_body(CHUNK))

        for turns in range(12):
            fetching = asyncio.create_task(fetch())
            for _ in range(turns):
                await asyncio.sleep(0)
            fetching.cancel()
            with pytest.raises(asyncio.CancelledError):
                await fetching
        allowance = pages._allowance.left
        arriving = pages.limits.arriving

    assert names(tmp_path) == OURS
    assert allowance == arriving


async def test_a_commit_cancelled_midway_leaves_no_part(tmp_path: Path) -> None:
    """Either the page is there or it is not: never half of it."""
    async with PageStore(tmp_path, SECRET) as pages:
        for turns in range(6):
            with pages.write(an_entry(f"http://a.example/{turns}")) as writer:
                await feed(writer, a_body(CHUNK + 1))
                committing = asyncio.create_task(writer.commit())
                for _ in range(turns):
                    await asyncio.sleep(0)
                committing.cancel()
                await asyncio.wait([committing])
        await pages.settled()
        for page in pages:
            assert await read(pages, page) is not None
    assert not [name for name in names(tmp_path) if name.endswith(".part")]


# What is not kept is passed on.


async def test_a_page_too_large_to_keep_is_passed_on(tmp_path: Path) -> None:
    """Readers get all of it, those who come during the fetch too; the store says why it is gone."""
    body = a_body(LONG)
    async with PageStore(tmp_path, SECRET, Limits(page=LONG - 1)) as pages:
        with pages.write(an_entry()) as writer:
            early = asyncio.create_task(follow(writer))
            await feed(writer, body[:-1])
            kept_so_far = not writer.not_kept
            late = asyncio.create_task(follow(writer))
            await turn()
            await feed(writer, body[-1:])
            page = await writer.commit()

        assert (kept_so_far, page) == (True, None)
        assert not writer.can_follow()
        assert writer.not_kept == f"it is larger than {LONG - 1} bytes"
        assert await early == await late == body
        assert len(pages) == 0
    assert names(tmp_path) == OURS


async def test_bodies_on_their_way_keep_to_their_allowance(tmp_path: Path) -> None:
    """Together they take no more of the disk; the next one finds the allowance given back."""
    async with PageStore(tmp_path, SECRET, Limits(arriving=4 * CHUNK)) as pages:
        with (
            pages.write(an_entry("http://a.example/1")) as first,
            pages.write(an_entry("http://a.example/2")) as second,
        ):
            await feed(first, a_body(3 * CHUNK))
            await feed(second, a_body(2 * CHUNK))
            reasons = first.not_kept, second.not_kept
            assert await first.commit() is not None
            assert await second.commit() is None
        await pages.settled()
        await store(pages, an_entry("http://a.example/3"), a_body(3 * CHUNK))

    assert reasons == ("", "too much else was on its way")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes two chunks of a file and no more."""
    write_all = files.write_all

    def refuse(file: int, data: bytes) -> None:
        if os.fstat(file).st_size + len(data) > 2 * FULL_RECORD:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_all(file, data)

    monkeypatch.setattr(files, "write_all", refuse)


@pytest.mark.usefixtures("full_disk")
async def test_a_full_disk_ends_the_keeping_and_not_the_fetch(tmp_path: Path) -> None:
    """Those who follow get every byte; a newcomer is told that the beginning is gone."""
    body = a_body(LONG)
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(an_entry()) as writer:
            following = [asyncio.create_task(follow(writer)) for _ in range(3)]
            await turn()
            await feed(writer, body)
            can_follow = writer.can_follow(), writer.can_follow(LONG - 1)
            page = await writer.commit()

        assert (page, can_follow) == (None, (False, True))
        assert writer.not_kept == "the disk of the cache refused it (No space left on device)"
        assert await asyncio.gather(*following) == [body] * 3
        assert len(pages) == 0
    assert names(tmp_path) == OURS


@pytest.mark.usefixtures("full_disk")
async def test_without_the_disk_the_body_goes_at_its_slowest_readers_pace(tmp_path: Path) -> None:
    """Memory holds no more than the window: the origin waits for whoever reads."""
    body = a_body(4 * LONG)
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(an_entry()) as writer, writer.follow() as follower:
            feeding = asyncio.create_task(feed(writer, body))
            got = b""
            async for chunk in follower:
                got += chunk
                assert writer.received - len(got) <= (WINDOW + 1) * CHUNK
                if len(got) == len(body):
                    break
            await feeding

    assert got == body


@pytest.mark.usefixtures("full_disk")
async def test_a_reader_who_stands_still_is_cut_off_when_others_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who sleeps cannot stop the others."""
    monkeypatch.setattr("tcpnet.proxy.store.spool.PATIENCE", 0.01)
    body = a_body(LONG)
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(an_entry()) as writer, writer.follow() as asleep:
            awake = asyncio.create_task(follow(writer))
            await feed(writer, body)
            await writer.commit()

            assert await awake == body
            with pytest.raises(PageLost, match="too slowly"):
                await anext(asleep)


@pytest.mark.usefixtures("full_disk")
async def test_a_body_that_nobody_wants_says_so(tmp_path: Path) -> None:
    """Neither kept nor followed: the fetch may end."""
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(an_entry()) as writer:
            kept = writer.wanted
            with writer.follow():
                await feed(writer, a_body(3 * CHUNK))
                followed = writer.wanted
            await feed(writer, a_body(LONG))
            alone = writer.wanted

    assert (kept, followed, alone) == (True, True, False)


@pytest.fixture
def small_files() -> Iterator[None]:
    """The system's own limit of a file's size, at 100,000 bytes."""
    if sys.platform == "win32":
        pytest.skip("no such limit on this system")
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
async def test_a_disk_that_takes_half_a_chunk_refuses_the_page(tmp_path: Path) -> None:
    """A real refusal of the system in the middle of a write ends the keeping, and no more."""
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(an_entry()) as writer:
            following = asyncio.create_task(follow(writer))
            await feed(writer, a_body(3 * CHUNK))
            page = await writer.commit()

        assert page is None
        assert writer.not_kept == "the disk of the cache refused it (File too large)"
        assert await following == a_body(3 * CHUNK)
    assert names(tmp_path) == OURS


@pytest.mark.usefixtures("small_files")
async def test_a_disk_that_refuses_a_newer_head_keeps_the_page(tmp_path: Path) -> None:
    """The head is newer in memory; on disk the page stays as it was."""
    old, newer = an_entry(), an_entry(fields=Fields((("X", "x" * 40_000),)), received_at=9.0)
    body = a_body(CHUNK)
    async with PageStore(tmp_path, SECRET) as pages:
        page = await store(pages, old, body)
        await pages.freshen(page, newer)
        assert await read(pages, page) == (newer, body)
        assert stored_files(tmp_path)[0].stat().st_size == page.size
    async with PageStore(tmp_path, SECRET) as pages:
        await pages.loaded()
        [page] = pages
        assert await read(pages, page) == (old, body)


async def test_a_head_too_large_to_read_back_is_not_kept(tmp_path: Path) -> None:
    """It is refused when written, not dropped as damage later."""
    entry = an_entry(fields=Fields((("X", "x" * 200_000),)))
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(entry) as writer:
            await writer.write(b"body")
            page = await writer.commit()

    assert page is None
    assert "too large" in writer.not_kept
    assert names(tmp_path) == OURS


async def test_a_follower_that_leaves_early_disturbs_nobody(tmp_path: Path) -> None:
    """Also one that leaves while the disk reads for it."""
    body = a_body(LONG)
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(an_entry()) as writer:
            staying = asyncio.create_task(follow(writer))
            leaving = [asyncio.create_task(follow(writer)) for _ in range(10)]
            await feed(writer, body)
            late = [asyncio.create_task(follow(writer)) for _ in range(10)]
            for turns, task in enumerate((*leaving, *late)):
                for _ in range(turns % 5):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.wait((*leaving, *late))
            await writer.commit()

        assert await staying == body


async def test_followers_are_as_many_as_you_like(tmp_path: Path) -> None:
    """A thousand ask for one cold page."""
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(an_entry()) as writer:
            asking = [asyncio.create_task(follow(writer)) for _ in range(1000)]
            await turn()
            await feed(writer, a_body(50_000))
            await writer.commit()

        assert set(await asyncio.gather(*asking)) == {a_body(50_000)}


async def test_a_part_that_was_tampered_with_is_not_passed_on(tmp_path: Path) -> None:
    """What comes back from the disk is checked while it is on its way, too."""
    async with PageStore(tmp_path, SECRET) as pages:
        with pages.write(an_entry()) as writer, writer.follow() as slow:
            await feed(writer, a_body(LONG))
            [part] = [name for name in names(tmp_path) if name.endswith(".part")]
            with (tmp_path / part).open("r+b") as file:
                file.seek(CHUNK + 100)
                file.write(b"planted")

            got, error = await received(slow)

    assert got == a_body(LONG)[:CHUNK]
    assert isinstance(error, PageLost)
    assert isinstance(slow, Follower)


async def test_a_part_that_cannot_be_removed_is_left_for_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said in the log, and nobody is disturbed."""

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "in use")

    async with PageStore(tmp_path, SECRET) as pages:
        monkeypatch.setattr(Path, "unlink", refuse)
        with pages.write(an_entry()) as writer:
            await feed(writer, a_body(2 * CHUNK))
        await pages.settled()
    monkeypatch.undo()
    left = names(tmp_path) - OURS
    async with PageStore(tmp_path, SECRET):
        cleaned = names(tmp_path)

    assert [record.message for record in caplog.records] == ["unfinished page not removed"]
    assert len(left) == 1
    assert cleaned == OURS

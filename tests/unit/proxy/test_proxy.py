"""The proxy over a real store and scripted origins: one fetch for all, and the cache's rules."""

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tcpnet.proxy.answers import Answer, Source
from tcpnet.proxy.entry import PageRequest
from tcpnet.proxy.failures import (
    ConnectionFailed,
    EndedEarly,
    FetchError,
    ForbiddenAddress,
    Unsendable,
)
from tcpnet.proxy.proxy import BrokenOff, Looped, NotInCache, WebProxy
from tcpnet.proxy.rules.storing import NotStored
from tcpnet.proxy.store.pages import Limits, PageStore
from tcpnet.proxy.store.writer import Writer
from tests.unit.proxy.messages import JOSE, URL, ask, date
from tests.unit.proxy.origin import Clock, Origin

FRESH = "Cache-Control: max-age=60"
PART = 64 * 1024
UNREACHED = ConnectionFailed("example.com", "refused the connection")


@dataclass(frozen=True, slots=True)
class Hub:
    """A proxy, its store, what it fetches from, and its clock."""

    proxy: WebProxy
    pages: PageStore
    origin: Origin
    clock: Clock

    async def get(self, *lines: str, **rest: object) -> tuple[Answer, bytes]:
        """Ask, and read to the end."""
        async with self.proxy.fetch(ask(*lines, **rest)) as answer:  # type: ignore[arg-type]
            return answer, await read(answer)


async def read(answer: Answer) -> bytes:
    """Read a body to its end."""
    return b"".join([chunk async for chunk in answer])


def damage(folder: Path) -> None:
    """Change one bit in the middle of the only page."""
    (file,) = folder.glob("*.pickle")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@asynccontextmanager
async def running(
    folder: Path, largest: int = 1 << 20, patience: float = 5.0
) -> AsyncGenerator[Hub, None]:
    """Run a hub whose cache takes pages of up to `largest` bytes."""
    clock = Clock()
    origin = Origin(clock)
    async with (
        PageStore(folder, b"s" * 32, Limits(page=largest, memory_page=PART)) as pages,
        WebProxy(pages, origin, clock=clock, patience=patience) as proxy,
    ):
        await pages.loaded()
        yield Hub(proxy, pages, origin, clock)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncGenerator[Hub, None]:
    async with running(tmp_path) as hub:
        yield hub


async def test_a_page_crosses_the_link_once(hub: Hub) -> None:
    """The second request is answered from the cache, with its age."""
    hub.origin.answers(FRESH, "Content-Length: 5")

    first, body = await hub.get()
    hub.clock.now += 7
    second, again = await hub.get()

    assert (first.source, first.from_cache, first.peer) == (Source.ORIGIN, False, "192.0.2.1")
    assert (second.source, second.from_cache, second.peer) == (Source.CACHE, True, "")
    assert (first.not_stored, second.not_stored) == (None, None)
    assert second.age == 7
    assert second.fields.index.get("age") == "7"
    assert body == again == b"hello"
    assert (first.length, first.received, second.length) == (5, 5, 5)
    assert len(hub.origin.requests) == 1


@pytest.mark.parametrize(
    ("request_", "lines", "why"),
    [
        (ask(), ("Cache-Control: private",), NotStored.PRIVATE),
        (ask(), ("Cache-Control: no-store",), NotStored.NO_STORE),
        (ask(credentials=JOSE), (FRESH,), NotStored.CREDENTIALS),
        (ask(caching=False), (FRESH,), NotStored.OFF),
        (ask(), (FRESH, f"Content-Length: {2 << 20}"), NotStored.TOO_LARGE),
    ],
)
async def test_what_is_not_kept_says_why_and_is_fetched_again(
    hub: Hub, request_: PageRequest, lines: tuple[str, ...], why: NotStored
) -> None:
    """The body passes by the store."""
    for _ in range(2):
        hub.origin.answers(*lines)
        async with hub.proxy.fetch(request_) as answer:
            assert await read(answer) == b"hello"
            assert answer.not_stored is why

    assert len(hub.origin.requests) == 2
    assert len(hub.pages) == 0


async def test_a_page_without_a_length_may_turn_out_too_large(hub: Hub) -> None:
    """It is passed on whole, and the reason is known at its end."""
    hub.origin.answers(FRESH, body=bytes(2 << 20))

    answer, body = await hub.get()

    assert len(body) == 2 << 20
    assert answer.not_stored == f"it is larger than {1 << 20} bytes"
    assert len(hub.pages) == 0


async def test_a_large_page_is_shared_though_it_is_not_kept(hub: Hub) -> None:
    """Whoever waits already follows the one fetch."""
    hub.origin.answers(FRESH, f"Content-Length: {2 << 20}", body=bytes(2 << 20))

    answers = await asyncio.gather(*(hub.get() for _ in range(5)))

    assert {len(body) for _, body in answers} == {2 << 20}
    assert len(hub.origin.requests) == 1


async def test_a_damaged_page_breaks_off_and_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    """No byte that was not sent by the origin is passed on."""
    page = bytes(range(256)) * 4 * 256
    for _ in range(2):
        hub.origin.answers(FRESH, body=page)
    await hub.get()

    damage(tmp_path)
    with pytest.raises(BrokenOff):
        await hub.get()
    answer, body = await hub.get()

    assert (answer.source, body) == (Source.ORIGIN, page)


async def test_caching_off_neither_reads_nor_writes(hub: Hub) -> None:
    """A stored page stays as it was, and is not used."""
    hub.origin.answers(FRESH)
    hub.origin.answers(FRESH, body=b"newer")
    await hub.get()

    unstored, newer = await hub.get(caching=False)
    kept, older = await hub.get()

    assert (unstored.source, newer) == (Source.ORIGIN, b"newer")
    assert (kept.source, older) == (Source.CACHE, b"hello")


async def test_simultaneous_askers_share_one_fetch(hub: Hub) -> None:
    """Whoever asks while it is under way follows from the first byte, however late."""
    script = hub.origin.answers(FRESH, body=None)
    asking = [asyncio.create_task(hub.get()) for _ in range(50)]
    await hub.origin.was_asked(1)
    script.say(b"one ")
    async with hub.proxy.fetch(ask()) as late:
        assert await anext(late) == b"one "
        script.say(b"two")
        script.finish()
        assert await read(late) == b"two"

    answers = await asyncio.gather(*asking)

    assert {body for _, body in answers} == {b"one two"}
    sources = [answer.source for answer, _ in answers]
    assert (sources.count(Source.ORIGIN), sources.count(Source.SHARED)) == (1, 49)
    assert late.source is Source.SHARED
    assert len(hub.origin.requests) == 1


async def test_a_page_that_was_passed_on_is_held_by_nothing_but_the_store(hub: Hub) -> None:
    """Objects in a circle stay until Python looks for them, which is seldom in a hub."""
    hub.origin.answers(FRESH, body=b"x")
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await hub.get()
        await hub.proxy.settled()
        gc.collect()
        circles = [type(thing) for thing in gc.garbage if isinstance(thing, Answer | Writer)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()

    assert not circles


async def test_a_shared_fetch_goes_on_without_the_one_who_began_it(hub: Hub) -> None:
    """Its followers get all of it, and so does the store."""
    script = hub.origin.answers(FRESH, body=None)
    first = asyncio.create_task(hub.get())
    await hub.origin.was_asked(1)
    follower = asyncio.create_task(hub.get())
    script.say(b"one ")
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.wait([first])
    script.say(b"two")
    script.finish()

    assert (await follower)[1] == b"one two"
    assert (await hub.get())[0].source is Source.CACHE


@pytest.mark.parametrize(
    ("length", "sent", "goes_on"),
    [
        (400, 100, True),
        (3 << 20, PART, False),
        (3 << 20, (3 << 20) - PART, True),
        (1000 * PART, 500 * PART, True),
        (1000 * PART, 499 * PART, False),
        (None, PART, False),
    ],
)
async def test_what_nobody_waits_for_is_finished_if_little_is_missing(
    tmp_path: Path, length: int | None, sent: int, goes_on: bool
) -> None:
    """Half of it, or all but a MiB: the rest is cheaper than another fetch."""
    async with running(tmp_path, largest=100 << 20) as hub:
        sized = () if length is None else (f"Content-Length: {length}",)
        script = hub.origin.answers(FRESH, *sized, body=None)
        script.say(bytes(sent))
        async with hub.proxy.fetch(ask()) as answer:
            while answer.received < sent:
                await anext(answer)
        if goes_on:
            script.say(bytes((length or 0) - sent))
            script.finish()
        await hub.proxy.settled()

        assert script.ended.is_set()
        assert len(hub.pages) == goes_on


async def test_a_person_who_leaves_before_the_head_ends_the_fetch(hub: Hub) -> None:
    """Nobody else waits for it."""
    script = hub.origin.answers(FRESH, body=None)
    asking = asyncio.create_task(hub.get())
    await hub.origin.was_asked(1)

    asking.cancel()
    await script.ended.wait()
    await hub.proxy.settled()

    assert asking.cancelled()


async def test_whoever_comes_after_a_fetch_was_given_up_gets_his_own(hub: Hub) -> None:
    """A request that is being ended takes nobody on board."""
    hub.origin.answers(FRESH, body=None)
    hub.origin.answers(FRESH, body=b"mine")
    asking = asyncio.create_task(hub.get())
    await hub.origin.was_asked(1)
    asking.cancel()
    await asyncio.wait([asking])

    assert (await hub.get())[1] == b"mine"


@pytest.mark.parametrize(
    "control", ["private", "no-store", "no-cache, x", "max-age=0", "no-cache, max-age=60"]
)
async def test_what_may_not_be_shared_is_fetched_by_each_at_once(hub: Hub, control: str) -> None:
    """The others wait for one head alone, not one after the other."""
    scripts = [
        hub.origin.answers(f"Cache-Control: {control}", "ETag: x", body=None) for _ in range(5)
    ]
    asking = [asyncio.create_task(hub.get()) for _ in range(5)]
    await hub.origin.was_asked(1)
    scripts[0].say(b"first")
    await hub.origin.was_asked(5)
    for number, script in enumerate(scripts[1:]):
        script.say(b"own %d" % number)
    for script in scripts:
        script.finish()

    bodies = {body for _, body in await asyncio.gather(*asking)}

    assert bodies == {b"first", b"own 0", b"own 1", b"own 2", b"own 3"}


async def test_one_fetch_for_each_variant(hub: Hub) -> None:
    """Who turns out to want another variant shares it with his like."""
    german = hub.origin.answers(FRESH, "Vary: Accept-Language", body=None)
    english = hub.origin.answers(FRESH, "Vary: Accept-Language", body=None)
    wanting = {
        language: [asyncio.create_task(hub.get(f"Accept-Language: {language}")) for _ in range(10)]
        for language in ("de", "en")
    }
    await hub.origin.was_asked(1)
    german.say(b"Hallo")
    german.finish()
    await hub.origin.was_asked(2)
    english.say(b"Hello")
    english.finish()

    assert {(await task)[1] for task in wanting["de"]} == {b"Hallo"}
    assert {(await task)[1] for task in wanting["en"]} == {b"Hello"}
    assert len(hub.origin.requests) == 2
    assert (await hub.get("Accept-Language: DE"))[0].source is Source.CACHE


async def test_a_follower_does_not_wait_for_ever(tmp_path: Path) -> None:
    """After a bounded time each asks by himself."""
    async with running(tmp_path, patience=0.01) as hub:
        stuck = hub.origin.answers(FRESH, body=None)
        hub.origin.answers(FRESH, body=b"mine")
        first = asyncio.create_task(hub.get())
        await hub.origin.was_asked(1)

        assert (await hub.get())[1] == b"mine"

        stuck.say(b"at last")
        stuck.finish()
        assert (await first)[1] == b"at last"


async def test_a_failure_is_everybodys(hub: Hub) -> None:
    """One attempt for all who wait."""
    hub.origin.fails(UNREACHED)
    asking = [asyncio.create_task(hub.get()) for _ in range(5)]

    outcomes = await asyncio.gather(*asking, return_exceptions=True)

    assert outcomes == [UNREACHED] * 5
    assert len(hub.origin.requests) == 1


async def test_a_request_that_cannot_be_sent_is_its_own_senders_alone(hub: Hub) -> None:
    """A bad field of the first does not fail those who wait with him."""
    hub.origin.fails(Unsendable("The header cannot be sent."))
    hub.origin.answers(FRESH)
    hub.origin.answers(FRESH)
    asking = [asyncio.create_task(hub.get()) for _ in range(2)]

    first, second = await asyncio.gather(*asking, return_exceptions=True)

    assert isinstance(first, Unsendable)
    assert isinstance(second, tuple)
    assert second[1] == b"hello"


async def test_a_body_that_ends_early_is_never_stored(hub: Hub) -> None:
    """All who read it are told, in the fetcher's words."""
    script = hub.origin.answers(FRESH, "Content-Length: 100", body=None)
    asking = [asyncio.create_task(hub.get()) for _ in range(3)]
    await hub.origin.was_asked(1)
    script.say(b"half")
    script.break_off(EndedEarly("example.com", 4, 100))

    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    await hub.proxy.settled()

    assert [str(outcome) for outcome in outcomes] == [
        "The page from example.com ended early: 4 of 100 bytes came."
    ] * 3
    assert len(hub.pages) == 0


async def test_an_unexpected_error_is_raised_by_its_asker_and_ends_nothing_else(hub: Hub) -> None:
    """A fault in one fetch does not end the others."""
    script = hub.origin.answers(FRESH, url=URL + "/other", body=None)
    other = asyncio.create_task(hub.get(url=URL + "/other"))
    await hub.origin.was_asked(1)

    with pytest.raises(KeyError):  # no script for this address
        await hub.get()

    script.say(b"fine")
    script.finish()
    assert (await other)[1] == b"fine"


async def test_a_304_confirms_the_stored_page_and_updates_its_fields(hub: Hub) -> None:
    """The validators go out, the new fields come in, on disk as well."""
    hub.origin.answers(FRESH, 'ETag: "a"', "X-Old: 1", "X-New: 1", "Content-Length: 5")
    hub.origin.answers(FRESH, 'ETag: "a"', "X-New: 2", "Content-Length: 0", status=304, body=b"")
    await hub.get()
    hub.clock.now += 61

    confirmed, body = await hub.get()
    hub.clock.now += 9
    cached, _ = await hub.get()

    assert hub.origin.requests[1].fields.values("if-none-match") == ('"a"',)
    assert (confirmed.status, confirmed.source, body) == (200, Source.VALIDATED, b"hello")
    assert "age" not in confirmed.fields.index
    for answer in (confirmed, cached):
        assert answer.fields.index.get("x-new") == "2"
        assert answer.fields.index.get("x-old") == "1"
        assert answer.fields.index.get("content-length") == "5"
    assert (cached.source, cached.age) == (Source.CACHE, 9)


async def test_simultaneous_validations_are_one(hub: Hub) -> None:
    """Everybody gets the confirmed page."""
    hub.origin.answers(FRESH, 'ETag: "a"')
    hub.origin.answers(FRESH, status=304, body=b"")
    await hub.get()
    hub.clock.now += 61

    answers = await asyncio.gather(*(hub.get() for _ in range(20)))

    assert {answer.source for answer, _ in answers} == {Source.VALIDATED}
    assert {body for _, body in answers} == {b"hello"}
    assert len(hub.origin.requests) == 2


async def test_a_large_page_is_confirmed_for_followers_too(hub: Hub) -> None:
    """They open the file again, rather than hold it open while they wait."""
    hub.origin.answers(FRESH, 'ETag: "a"', body=bytes(5 * PART))
    hub.origin.answers(FRESH, status=304, body=b"")
    await hub.get()
    hub.clock.now += 61

    answers = await asyncio.gather(*(hub.get() for _ in range(5)))

    assert {len(body) for _, body in answers} == {5 * PART}
    assert len(hub.origin.requests) == 2


async def test_a_cookie_in_a_304_is_for_the_one_who_asked(hub: Hub) -> None:
    """It reaches him and not the store."""
    hub.origin.answers(FRESH, 'ETag: "a"')
    hub.origin.answers(FRESH, "Set-Cookie: a=1", status=304, body=b"")
    await hub.get()
    hub.clock.now += 61

    confirmed, _ = await hub.get()
    cached, _ = await hub.get()

    assert "set-cookie" in confirmed.fields.index
    assert "set-cookie" not in cached.fields.index


async def test_a_304_for_another_page_is_followed_by_a_full_request(hub: Hub) -> None:
    """A stored response is not updated with what is not its own (RFC 9111 §4.3.4)."""
    hub.origin.answers(FRESH, 'ETag: "a"')
    hub.origin.answers(FRESH, 'ETag: "b"', status=304, body=b"")
    hub.origin.answers(FRESH, 'ETag: "b"', body=b"newer")
    await hub.get()
    hub.clock.now += 61

    answer, body = await hub.get()

    assert (answer.source, body) == (Source.ORIGIN, b"newer")
    assert "if-none-match" not in (hub.origin.requests[2].fields).index


async def test_a_304_that_forbids_keeping_answers_once(hub: Hub) -> None:
    """The page goes out a last time and is gone."""
    hub.origin.answers(FRESH, 'ETag: "a"')
    hub.origin.answers("Cache-Control: no-store", status=304, body=b"")
    await hub.get()
    hub.clock.now += 61

    answer, body = await hub.get()

    assert (answer.source, body) == (Source.VALIDATED, b"hello")
    assert len(hub.pages) == 0


async def test_a_304_to_a_request_that_forbids_storing_updates_nothing(hub: Hub) -> None:
    """The page is confirmed for that request alone (RFC 9111 §5.2.1.5)."""
    hub.origin.answers(FRESH, 'ETag: "a"')
    for _ in range(2):
        hub.origin.answers(FRESH, status=304, body=b"")
    await hub.get()
    hub.clock.now += 61

    answer, _ = await hub.get("Cache-Control: no-store")
    later, _ = await hub.get()

    assert (answer.source, later.source) == (Source.VALIDATED, Source.VALIDATED)


async def test_a_full_answer_replaces_the_stored_page(hub: Hub) -> None:
    """Not modified it was not."""
    hub.origin.answers(FRESH, 'ETag: "a"')
    hub.origin.answers(FRESH, 'ETag: "b"', body=b"newer")
    await hub.get()
    hub.clock.now += 61

    answer, body = await hub.get()

    assert (answer.source, body) == (Source.ORIGIN, b"newer")
    assert (await hub.get())[1] == b"newer"
    assert len(hub.pages) == 1


@pytest.mark.parametrize(("status", "left"), [(200, 0), (404, 0), (500, 1), (403, 1)])
async def test_an_answer_that_is_not_kept_may_outdate_the_kept_one(
    hub: Hub, status: int, left: int
) -> None:
    """What is gone or no longer to be kept goes; an error says nothing of the page."""
    hub.origin.answers(FRESH, 'ETag: "a"')
    hub.origin.answers("Cache-Control: no-store", status=status)
    await hub.get()
    hub.clock.now += 61

    await hub.get()

    assert len(hub.pages) == left


async def test_a_stale_page_stands_in_for_an_origin_out_of_reach(hub: Hub) -> None:
    """It comes with its age."""
    hub.origin.answers(FRESH)
    hub.origin.fails(UNREACHED)
    await hub.get()
    hub.clock.now += 3600

    answer, body = await hub.get()

    assert (answer.source, answer.from_cache) == (Source.STALE, True)
    assert (answer.age, body) == (3600, b"hello")


async def test_all_who_wait_for_a_lost_origin_get_the_stale_page(hub: Hub) -> None:
    """One attempt, and everybody reads."""
    hub.origin.answers(FRESH)
    hub.origin.fails(UNREACHED)
    await hub.get()
    hub.clock.now += 3600

    answers = await asyncio.gather(*(hub.get() for _ in range(5)))

    assert {answer.source for answer, _ in answers} == {Source.STALE}
    assert len(hub.origin.requests) == 2


@pytest.mark.parametrize(
    ("control", "error"),
    [
        ("max-age=60, must-revalidate", UNREACHED),
        ("s-maxage=60", UNREACHED),
        ("max-age=60", ForbiddenAddress("example.com", "127.0.0.1", 80, "is this machine itself")),
    ],
)
async def test_no_stale_page_where_the_origin_or_the_operator_forbids(
    hub: Hub, control: str, error: FetchError
) -> None:
    """The reason is raised instead."""
    hub.origin.answers(f"Cache-Control: {control}")
    hub.origin.fails(error)
    await hub.get()
    hub.clock.now += 61

    with pytest.raises(type(error)):
        await hub.get()


@pytest.mark.parametrize("status", [500, 503])
async def test_a_server_error_is_excused_where_stale_if_error_says_so(
    hub: Hub, status: int
) -> None:
    """For as long as it says (RFC 5861 §4), for all who wait."""
    hub.origin.answers(f"{FRESH}, stale-if-error=100")
    hub.origin.answers(status=status)
    hub.origin.answers(status=status, body=b"sorry")
    await hub.get()
    hub.clock.now += 100

    excused = await asyncio.gather(*(hub.get() for _ in range(3)))
    hub.clock.now += 100
    failed, body = await hub.get()

    assert {(answer.status, answer.source) for answer, _ in excused} == {(200, Source.STALE)}
    assert (failed.status, body) == (status, b"sorry")


async def test_a_page_is_renewed_while_its_stale_copy_is_served(hub: Hub) -> None:
    """At most one renewal at a time, and it needs no asker (RFC 5861 §3)."""
    hub.origin.answers(f"{FRESH}, stale-while-revalidate=100", 'ETag: "a"')
    renewal = hub.origin.answers(FRESH, 'ETag: "b"', body=None)
    await hub.get()
    hub.clock.now += 100

    answers = [await hub.get("Range: bytes=0-1", "If-None-Match: x") for _ in range(5)]
    await hub.origin.was_asked(2)
    renewal.say(b"newer")
    renewal.finish()
    await hub.proxy.settled()

    assert {answer.source for answer, _ in answers} == {Source.STALE}
    assert "range" not in hub.origin.requests[1].fields.index
    assert hub.origin.requests[1].fields.values("if-none-match") == ('"a"',)
    assert (await hub.get())[1] == b"newer"
    assert len(hub.origin.requests) == 2


async def test_a_renewal_may_end_the_stay_of_a_page(hub: Hub) -> None:
    """What is no longer to be kept goes, though nobody asked for it."""
    hub.origin.answers(f"{FRESH}, stale-while-revalidate=100")
    hub.origin.answers("Cache-Control: private")
    await hub.get()
    hub.clock.now += 100

    assert (await hub.get())[0].source is Source.STALE
    await hub.proxy.settled()

    assert len(hub.pages) == 0


async def test_a_renewal_that_fails_is_nobodys_error(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    """It is noted in the log, and the stale page stays."""
    caplog.set_level("INFO")
    hub.origin.answers(f"{FRESH}, stale-while-revalidate=100")
    hub.origin.fails(UNREACHED)
    await hub.get()
    hub.clock.now += 100

    answer, _ = await hub.get()
    await hub.proxy.settled()

    assert answer.source is Source.STALE
    assert "page not fetched" in caplog.messages


async def test_a_fault_that_nobody_waits_for_is_in_the_log(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    """With its traceback."""
    hub.origin.answers(f"{FRESH}, stale-while-revalidate=100")
    await hub.get()
    hub.clock.now += 100

    await hub.get()
    await hub.proxy.settled()  # no script for the renewal

    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert record.message == "fetch failed"
    assert record.exc_info


@pytest.mark.parametrize(("status", "left"), [(200, 1), (204, 1), (303, 1), (404, 3), (500, 3)])
async def test_an_unsafe_request_drops_what_it_changed(hub: Hub, status: int, left: int) -> None:
    """The target, and what Location and Content-Location name on the same origin (§4.4)."""
    for url in (URL, URL + "/new", "https://other.example/x"):
        hub.origin.answers(FRESH, url=url)
        await hub.get(url=url)
    hub.origin.answers(
        "Location: /page/new", "Content-Location: https://other.example/x", status=status
    )

    await hub.get(method="POST", body=b"a=1")

    assert len(hub.pages) == left


async def test_a_page_on_its_way_while_it_is_changed_is_not_kept(hub: Hub) -> None:
    """What was fetched before the change must not be served after it."""
    script = hub.origin.answers(FRESH, body=None)
    hub.origin.answers(status=204, body=b"")
    hub.origin.answers(FRESH, body=b"after")
    reading = asyncio.create_task(hub.get())
    await hub.origin.was_asked(1)
    script.say(b"before")

    await hub.get(method="PUT", body=b"x")
    later, body = await hub.get()
    script.finish()
    earlier, old = await reading

    assert (later.source, body) == (Source.ORIGIN, b"after")
    assert (old, earlier.not_stored) == (b"before", NotStored.CHANGED)


async def test_a_post_with_lifetime_and_address_serves_later_gets(hub: Hub) -> None:
    """And is itself never answered from the cache (RFC 9110 §9.3.3)."""
    for _ in range(2):
        hub.origin.answers(FRESH, f"Content-Location: {URL}", body=b"result")

    posted, _ = await hub.get(method="POST", body=b"a=1")
    got, body = await hub.get()
    again, _ = await hub.get(method="POST", body=b"a=1")

    assert (posted.source, again.source) == (Source.ORIGIN, Source.ORIGIN)
    assert (got.source, body) == (Source.CACHE, b"result")


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (('ETag: "a"', "Content-Length: 5"), 1),
        ((), 1),
        (('ETag: "b"',), 0),
        (("Content-Length: 6",), 0),
        (("Last-Modified: " + date(),), 0),
    ],
)
async def test_a_head_freshens_or_outdates_the_stored_page(
    hub: Hub, lines: tuple[str, ...], left: int
) -> None:
    """By its validators and its length (§4.3.5)."""
    hub.origin.answers(FRESH, 'ETag: "a"', "X: 1")
    hub.origin.answers(FRESH, "X: 2", *lines, body=b"")
    await hub.get()
    hub.clock.now += 61

    answer, body = await hub.get(method="HEAD")

    assert (answer.source, body, answer.length) == (Source.ORIGIN, b"", 0)
    assert len(hub.pages) == left
    if left:
        cached, whole = await hub.get()
        assert (cached.source, whole) == (Source.CACHE, b"hello")
        assert cached.fields.index.get("x") == "2"


async def test_a_head_that_fails_or_was_for_another_variant_changes_nothing(hub: Hub) -> None:
    """Only a 200 speaks of the page, and only of the variant it was asked for."""
    hub.origin.answers(FRESH, 'ETag: "a"', "Vary: Foo")
    hub.origin.answers('ETag: "b"', status=404, body=b"")
    hub.origin.answers('ETag: "b"', "Vary: Foo", body=b"")
    await hub.get("Foo: 1")
    hub.clock.now += 61

    await hub.get("Foo: 1", method="HEAD")
    await hub.get("Foo: 2", method="HEAD")

    assert len(hub.pages) == 1


async def test_a_head_is_answered_from_a_fresh_page_unless_it_asks_for_the_origin(hub: Hub) -> None:
    """`no-cache` leads it past the cache, which the menu uses."""
    hub.origin.answers(FRESH, "Content-Length: 5")
    hub.origin.answers(FRESH, body=b"")
    await hub.get()

    cached, body = await hub.get(method="HEAD")
    asked, _ = await hub.get("Cache-Control: no-cache", method="HEAD")

    assert (cached.source, body) == (Source.CACHE, b"")
    assert cached.fields.index.get("content-length") == "5"
    assert asked.source is Source.ORIGIN


async def test_ranges_and_conditions_are_answered_from_the_store(hub: Hub) -> None:
    """Of small pages in memory as of large ones on disk."""
    body = bytes(range(256)) * 1024
    hub.origin.answers(FRESH, 'ETag: "a"', body=body)
    await hub.get()

    part, some = await hub.get("Range: bytes=70000-139999")
    same, nothing = await hub.get('If-None-Match: "a"')

    assert (part.status, some, part.length) == (206, body[70000:140000], 70000)
    assert part.fields.index.get("content-range") == f"bytes 70000-139999/{len(body)}"
    assert (same.status, nothing) == (304, b"")
    assert len(hub.origin.requests) == 1


async def test_the_clients_condition_is_judged_after_a_validation(hub: Hub) -> None:
    """The origin sees the stored validators, the client gets its own answer (§4.3.2)."""
    hub.origin.answers(FRESH, 'ETag: "a"')
    hub.origin.answers(FRESH, 'ETag: "a"', status=304, body=b"")
    await hub.get()
    hub.clock.now += 61

    answer, _ = await hub.get('If-None-Match: "x", "a"')

    assert hub.origin.requests[1].fields.values("if-none-match") == ('"a"',)
    assert (answer.status, answer.source) == (304, Source.VALIDATED)


async def test_a_clients_own_condition_passes_through_when_nothing_is_stored(hub: Hub) -> None:
    """Its 304 is the origin's."""
    hub.origin.answers('ETag: "a"', status=304, body=b"")

    answer, body = await hub.get('If-None-Match: "a"')

    assert (hub.origin.requests[0].fields).values("if-none-match") == ('"a"',)
    assert (answer.status, answer.source, body) == (304, Source.ORIGIN, b"")


async def test_only_if_cached_fetches_nothing(hub: Hub) -> None:
    """It is an error if nothing fits."""
    with pytest.raises(NotInCache):
        await hub.get("Cache-Control: only-if-cached")

    assert hub.origin.requests == []


async def test_a_request_that_comes_round_again_is_refused(hub: Hub) -> None:
    """By this hub's name in Via, which is new at every start (RFC 9110 §7.6.3)."""
    hub.origin.answers(FRESH)
    await hub.get()
    via = (hub.origin.requests[0].fields).values("via")

    with pytest.raises(Looped):
        await hub.get(f"Via: 1.0 elsewhere, {via[0]}")


async def test_leaving_the_proxy_ends_what_is_under_way(tmp_path: Path) -> None:
    """Whoever still waits is told."""
    clock = Clock()
    origin = Origin(clock)
    async with AsyncExitStack() as stack:
        pages = await stack.enter_async_context(PageStore(tmp_path, b"s" * 32))
        async with WebProxy(pages, origin, clock=clock) as proxy:
            script = origin.answers(FRESH, body=None)
            asking = asyncio.create_task(Hub(proxy, pages, origin, clock).get())
            await origin.was_asked(1)
        with pytest.raises(FetchError, match="given up"):
            await asking

    assert script.ended.is_set()


async def test_an_error_leaves_the_proxy_as_it_is(tmp_path: Path) -> None:
    """It is not wrapped, and what is under way ends all the same."""
    asking: list[asyncio.Task[tuple[Answer, bytes]]] = []

    async def failing() -> None:
        async with running(tmp_path) as hub:
            hub.origin.answers(FRESH, body=None)
            asking.append(asyncio.create_task(hub.get()))
            await hub.origin.was_asked(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing()
    with pytest.raises(FetchError):
        await asking[0]

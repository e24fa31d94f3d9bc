"""Sessions that end while something is under way: a fetch, a password, a room that is entered."""

import asyncio
import gc
import socket
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.hub import Person, Town, town
from tests.soak import open_files
from tests.unit.server.test_attack import ENDS, QUICK, Step, comes_to_the_menu, ended, sessions

Stage = Callable[[Town, Person, str], Awaitable[None]]


@pytest.fixture
async def silent_site() -> AsyncIterator[str]:
    """The address of a site that takes a request and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


async def fetches(hub: Town, person: Person, url: str) -> None:
    """Wait for a page."""
    await comes_to_the_menu(hub, person)
    await person.chooses(6)
    await person.chooses(4)
    await person.answers("request> ", f"GET {url}")
    await person.settled()


async def is_asked_for_a_password(hub: Town, person: Person, _: str) -> None:
    """Have a name that somebody proved by a password."""
    accounts = hub.hub.community.accounts
    taken = await accounts.take(person.name)
    await accounts.set_password(taken.account, await hub.hub.community.passwords.hashed("x" * 8))
    person.send_raw(
        b'{"headers":[{"type":"hello","body":{"protocol":1,"agent":"t","id-key":"%s"}}]}\n'
        % person.name.encode()
    )
    await person.asked("Password: ")


async def has_a_password_checked(hub: Town, person: Person, url: str) -> None:
    """Be in the thread that hashes."""
    await is_asked_for_a_password(hub, person, url)
    person.types("not the password")


async def enters_a_room(hub: Town, person: Person, _: str) -> None:
    """Be on the way into a room of one's own."""
    await comes_to_the_menu(hub, person)
    await person.chooses(4)
    await person.answers("Enter new chat room id: ", person.name)


STAGES: list[Stage] = [fetches, is_asked_for_a_password, has_a_password_checked, enters_a_room]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_nothing_is_left_of_a_session_that_ended_in_the_middle(
    end: Step, silent_site: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No task, descriptor, session, presence or seat."""
    async with town(limits=QUICK, proxy={"allow": ["127.0.0.0/8"]}) as hub:
        community = hub.hub.community
        await community.origins.own_address(silent_site)  # what the first fetch loads stays
        before, files = asyncio.all_tasks(), open_files()
        for stage in STAGES:
            ann = await hub.dials(f"ann-{stage.__name__}")
            await stage(hub, ann, silent_site)
            await end(hub, ann)
            await hub.close()

            await ended(before)
            gc.collect()
            assert not sessions(), stage.__name__
            assert not len(community.presence), stage.__name__
            assert not any(room.seats for room in community.rooms), stage.__name__
            assert open_files() <= files, stage.__name__

    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_the_collector_finds_nothing_of_a_session_that_ended(end: Step) -> None:
    """With thousands who come and go it would hold everybody up for a second."""
    async with town(limits=QUICK) as hub:
        before = asyncio.all_tasks()
        ann = await hub.dials("ann")
        await comes_to_the_menu(hub, ann)
        left = [weakref.ref(session) for session in hub.hub.community.sessions.values()]
        gc.collect()
        gc.disable()
        try:
            await end(hub, ann)
            await hub.close()
            await ended(before)

            assert [session() for session in left] == [None]
        finally:
            gc.enable()

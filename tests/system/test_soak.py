"""A hub after rounds of people who came, did everything once and went in every way."""

from pathlib import Path

from tests.soak import soak


async def test_nothing_of_people_who_left_remains(tmp_path: Path) -> None:
    """No task, descriptor, session, presence or room; what the first rounds make once is made."""
    async with soak(tmp_path) as hub:
        for _ in range(2):
            await hub.round()
        before = hub.rest()

        for _ in range(3):
            await hub.round()
        after = hub.rest()

    assert after == before
    assert (after.sessions, after.people, after.rooms) == (0, 0, 0)

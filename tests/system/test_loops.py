"""A hub on Python's own event loop, and on the fast one."""

import sys
from pathlib import Path

import pytest

from tcpnet.server import loops
from tests.hub import Person
from tests.processes import server


def test_a_system_without_the_fast_loop_runs_on_pythons_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is optional, and may be declined where it is installed."""
    assert loops.choose(fast=False).name == "asyncio"
    monkeypatch.setitem(sys.modules, loops.FAST, None)

    assert loops.choose(fast=True).name == "asyncio"


@pytest.mark.parametrize("fast", [True, False])
async def test_people_talk_in_clear_and_under_tls_on_either_loop(
    tmp_path: Path, fast: bool
) -> None:
    """Large lines cross in both directions, and the log says what it ran on."""
    async with server(tmp_path, "--set", f"server.fast_loop={str(fast).lower()}") as running:
        ann, bob = [await Person.dial(name, running.port) for name in ("ann", "bob")]
        await ann.whispers()
        for person in (ann, bob):
            await person.logs_in()
            await person.enters_room("den", new=person is ann)
        for number in range(20):
            ann.types(f"a{number} " + "x" * 4000)
            bob.types(f"b{number} " + "x" * 4000)
        for person in (ann, bob):
            while len(person.messages("chat")) < 40:
                await person.sees("> ")

        assert ann.messages("chat") == bob.messages("chat")
        for person in (ann, bob):
            assert person.connection is not None
            await person.connection.close()
        running.process.terminate()
        name = loops.FAST if fast else "asyncio"
        assert f'started loop="{name}"' in await running.logged()

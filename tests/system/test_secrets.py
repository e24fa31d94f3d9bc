"""A session with marked secrets: nothing that hub and client wrote has them."""

import asyncio
from pathlib import Path

from tcpnet.protocol.items import PROTOCOL, Hello, Status, Welcome
from tests.hub import Person
from tests.processes import server

PASSWORD = "MARKED-correct-horse"
WRONG = "MARKED-wrong-horse"


async def test_a_secret_is_written_nowhere(tmp_path: Path) -> None:
    """Not in the log, at its most talkative, not in the store, a page or what others are told."""
    async with server(tmp_path, "--log-level", "debug") as running:
        ann, bob = await _at_menu("Ann", running.port), await _at_menu("Bob", running.port)
        await ann.chooses(9)
        await ann.answers("Your option", 1)
        await ann.answers("New password: ", PASSWORD)
        await ann.answers("The same again: ", PASSWORD)
        await ann.asked("Your option")
        again = await Person.dial("Ann", running.port)
        again.send_raw(
            b'{"headers":[{"type":"hello","body":{"protocol":1,"agent":"t","id-key":"Ann"}}]}\n'
        )
        await again.answers("Password: ", WRONG)
        await again.sees("This is not the password of Ann.")
        await bob.enters_room("den", new=True)
        await bob.settled()
        everything = [repr(item) for person in (ann, bob, again) for item in person.seen]
        token = next(item.token for item in ann.seen if isinstance(item, Welcome))
        await asyncio.gather(*(p.connection.close() for p in (ann, bob, again) if p.connection))
        running.process.terminate()
        await running.ended()
        log = await running.logged()

    assert "session ended" in log
    assert token is not None
    assert "hub.sqlite3" in _holding(tmp_path, b"den")
    assert not any(secret in shown for shown in everything for secret in (PASSWORD, WRONG))
    for secret in (PASSWORD, WRONG, token):
        assert secret not in log
        assert not _holding(tmp_path, secret.encode())


def _holding(folder: Path, words: bytes) -> list[str]:
    """The files in which these words stand."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path.name for path in files if words in path.read_bytes()]


async def _at_menu(name: str, port: int) -> Person:
    person = await Person.dial(name, port)
    person.send(Hello(protocol=PROTOCOL, agent="test", id_key=name, keeps_token=True))
    await person.gets(Welcome)
    person.send(Status(ok=True))
    await person.asked("Your option")
    return person

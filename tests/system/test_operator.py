"""The operator's commands on real hubs: running, stopped, killed, and moved elsewhere."""

import asyncio
import json
import re
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tcpnet.cli.server import _parser
from tcpnet.protocol.items import PROTOCOL, Bye, Hello, Status, Welcome
from tests.hub import Person
from tests.origins import Exchange, origin
from tests.processes import Server, outcome, server

SERVER = "tcpnet.cli.server"


async def told(folder: Path, *argv: str) -> str:
    """What a command that is carried out prints."""
    status, out, err = await outcome(SERVER, *argv, "--data-dir", str(folder / "data"))
    assert (status, err) == (0, "")
    return out


async def refused(folder: Path, *argv: str, status: int = 1) -> str:
    """The one sentence of a command that is not."""
    code, out, err = await outcome(SERVER, *argv, "--data-dir", str(folder / "data"))
    assert (code, out) == (status, "")
    assert err.startswith("tcpnet-server: ")
    assert err.count("\n") == 1
    return err.removeprefix("tcpnet-server: ").strip()


@asynccontextmanager
async def people(running: Server, *names: str) -> AsyncIterator[list[Person]]:
    """Some people at the menu."""
    came = [await Person.dial(name, running.port) for name in names]
    try:
        for person in came:
            await person.logs_in()
        yield came
    finally:
        for person in came:
            assert person.connection is not None
            await person.connection.close()


def identity(person: Person) -> tuple[str, int, str]:
    """Somebody's name and id, and the key of the hub."""
    welcome = next(item for item in person.seen if isinstance(item, Welcome))
    return welcome.name, welcome.client_id, welcome.hub


async def test_users_are_shown_as_a_table_or_as_json(tmp_path: Path) -> None:
    """One row a place; the folder may be named before or after the command."""
    async with server(tmp_path) as running, people(running, "Nina", "Jose") as (nina, _):
        table = await told(tmp_path, "users")
        rows = await told(tmp_path, "users", "--json")
        before = await outcome(SERVER, "--data-dir", str(tmp_path / "data"), "users")

    head, jose, nina_row, total = table.splitlines()
    assert head.split() == ["NAME", "ID", "ADDRESS", "LINK", "PROGRAM"]
    assert nina_row.split() == ["Nina", str(identity(nina)[1]), "127.0.0.1", "clear", "test"]
    assert jose.startswith("Jose ")
    assert total == "2 people are there."
    assert [json.loads(row)["name"] for row in rows.splitlines()] == ["Jose", "Nina"]
    assert before == (0, table, "")


async def test_a_kicked_person_is_told_and_may_come_back(tmp_path: Path) -> None:
    """Somebody who is not there cannot be kicked."""
    async with server(tmp_path) as running:
        async with people(running, "Nina") as (nina,):
            assert await told(tmp_path, "kick", "nina") == "Nina was disconnected (1 place).\n"
            bye: Bye = await nina.gets(Bye)
            await nina.gone()
        assert bye.reason == "an operator ended your session"
        assert await refused(tmp_path, "kick", "Nina") == "Nina is not connected."
        assert await refused(tmp_path, "kick", "Eve") == "There is no user called Eve."
        async with people(running, "Nina"):
            pass


async def test_a_banned_name_stays_out_until_it_is_unbanned(tmp_path: Path) -> None:
    """Also after a restart, with the reason; another name may come in."""
    async with server(tmp_path) as running, people(running, "Eve") as (eve,):
        words = await told(tmp_path, "ban", "Eve", "--reason", "shouts", "--for", "7d")
        assert words.startswith("Eve is banned from this hub until ")
        await eve.gone()

    async with server(tmp_path) as running:
        eve = await Person.dial("eve", running.port)
        eve.send(Hello(protocol=PROTOCOL, agent="test", id_key="eve"))
        await eve.sees("Eve is banned from this hub until ")
        await eve.answers("Your id key", "Adam")
        await eve.gets(Welcome)
        assert (await told(tmp_path, "bans")).splitlines()[1].split()[0] == "Eve"
        assert await told(tmp_path, "unban", "EVE") == "Eve is no longer banned.\n"
        assert await told(tmp_path, "bans") == "0 bans.\n"
        async with people(running, "Eve"):
            pass
        assert eve.connection is not None
        await eve.connection.close()


async def test_a_network_is_banned_but_not_the_hubs_own_machine(tmp_path: Path) -> None:
    """A wrong word or time is said before anything is done."""
    async with server(tmp_path):
        await told(tmp_path, "ban", "192.0.2.0/24")
        assert await refused(tmp_path, "ban", "127.0.0.1") == (
            "The hub's own machine cannot be banned."
        )
        assert "neither a name nor an address" in await refused(tmp_path, "ban", "10.0.0.300")
        status, _, err = await outcome(SERVER, "ban", "Eve", "--for", "3y")
        assert (status, "the form is 90m, 12h or 7d" in err) == (2, True)
        assert await told(tmp_path, "unban", "192.0.2.0/24") == (
            "192.0.2.0/24 is no longer banned.\n"
        )


async def test_names_are_released_and_operators_made(tmp_path: Path) -> None:
    """A token that was lost no longer keeps the name from its owner."""
    async with server(tmp_path) as running:
        nina = await Person.dial("Nina", running.port)
        nina.send(Hello(protocol=PROTOCOL, agent="test", id_key="Nina", keeps_token=True))
        await nina.gets(Welcome)
        nina.send(Status(ok=True))
        await nina.asked("Your option")

        assert await told(tmp_path, "op", "Nina") == "Nina is now an operator.\n"
        assert await told(tmp_path, "deop", "Nina") == "Nina is no longer an operator.\n"
        assert (await told(tmp_path, "release", "Nina")).startswith("Nina is free: ")
        await nina.gone()
        async with people(running, "Nina") as (again,):
            assert identity(again) == identity(nina)
        assert nina.connection is not None
        await nina.connection.close()


async def test_an_invitation_lets_somebody_into_a_closed_hub(tmp_path: Path) -> None:
    """The code alone is enough for a script."""
    async with server(tmp_path, "--set", "accounts.require_password=true") as running:
        code = json.loads(await told(tmp_path, "invite", "--json"))["code"]
        nina = await Person.dial("Nina", running.port)
        nina.send(Hello(protocol=PROTOCOL, agent="test", id_key="Nina"))
        await nina.answers("Password or invitation code: ", code)
        await nina.answers("Choose a password: ", "correct horse battery")
        await nina.answers("The same again: ", "correct horse battery")
        await nina.gets(Welcome)
        assert nina.connection is not None
        await nina.connection.close()


async def test_a_page_is_listed_and_forgotten(tmp_path: Path) -> None:
    """By its address; the next request goes to the site again."""
    asked = 0

    async def page(exchange: Exchange) -> None:
        nonlocal asked
        asked += 1
        await exchange.say(
            b"HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nContent-Length: 5\r\n\r\nHello"
        )

    async with (
        origin(page) as site,
        server(tmp_path, "--proxy-allow", "127.0.0.0/8") as running,
        people(running, "Nina") as (nina,),
    ):
        await nina.chooses(6)
        await nina.chooses(1)
        for _ in range(2):
            await nina.chooses(4)
            await nina.answers("request> ", f"GET {site.url('/page')}")
            await nina.sees("Success 200 OK")
        assert asked == 1
        listed = await told(tmp_path, "cache", "list")
        assert listed.splitlines()[0].split() == ["BYTES", "STATUS", "FETCHED", "USED", "URL"]
        assert listed.splitlines()[1].endswith(site.url("/page"))
        assert listed.splitlines()[2].startswith("1 page, ")
        forgotten = await told(tmp_path, "cache", "purge", site.url("/page"))
        assert forgotten == f"{site.url('/page')} is forgotten (1 variant).\n"
        assert await refused(tmp_path, "cache", "purge", site.url("/page")) == (
            f"{site.url('/page')} is not kept."
        )
        await nina.chooses(4)
        await nina.answers("request> ", f"GET {site.url('/page')}")
        await nina.sees("Success 200 OK")
        assert asked == 2


@pytest.mark.parametrize("order", [("users",), ("kick", "Nina"), ("cache", "list"), ("invite",)])
async def test_a_hub_that_does_not_run_is_one_sentence_and_status_3(
    tmp_path: Path, order: tuple[str, ...]
) -> None:
    """Nothing is made in its place."""
    folder = tmp_path / "data"

    assert await refused(tmp_path, *order, status=3) == (
        f'no hub is running on the data directory "{folder}" (another one: --data-dir)'
    )
    assert not folder.exists()


async def test_a_hub_that_was_killed_does_not_run(tmp_path: Path) -> None:
    """Though its file is still there; the next hub takes orders again."""
    async with server(tmp_path) as running:
        running.process.kill()
        await running.ended()
    assert (tmp_path / "data" / "control.json").exists()
    assert "no hub is running" in await refused(tmp_path, "users", status=3)

    async with server(tmp_path):
        assert await told(tmp_path, "users") == "0 people are there.\n"


@pytest.mark.parametrize("says", [b"", b"220 mail ready\r\n", b"{}\n", b"x" * 200_000])
async def test_another_program_at_the_port_of_a_killed_hub_is_no_hub(
    tmp_path: Path, says: bytes
) -> None:
    """Whatever it says."""

    def called(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        writer.close()

    other = await asyncio.start_server(called, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "control.json").write_text(f'{{"port": {port}, "key": "00"}}')

    assert "no hub is running" in await refused(tmp_path, "users", status=3)
    other.close()


async def test_nobody_without_the_file_gives_orders(tmp_path: Path) -> None:
    """Another key than the hub's is refused."""
    async with server(tmp_path):
        file = tmp_path / "data" / "control.json"
        door = json.loads(file.read_text())
        file.write_text(json.dumps({**door, "key": "0" * 64}))

        assert await refused(tmp_path, "users") == "this is not the key of this hub"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send this signal")
async def test_a_hub_that_ends_takes_its_file_along(tmp_path: Path) -> None:
    """Neither it nor an ephemeral one leaves a key behind."""
    async with server(tmp_path) as running:
        assert (tmp_path / "data" / "control.json").exists()
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0
        assert not (tmp_path / "data" / "control.json").exists()
    async with server(tmp_path, "--ephemeral"):
        assert "no hub is running" in await refused(tmp_path, "users", status=3)


async def lives(running: Server) -> tuple[Person, Person]:
    """Mail for Jose and a room with a line, as a hub has them."""
    nina, jose = await Person.dial("Nina", running.port), await Person.dial("Jose", running.port)
    for person in (nina, jose):
        await person.logs_in()
    await nina.chooses(2)
    await nina.answers("Enter your message: ", "Are you there Jose?")
    await nina.answers("Enter recipent id: ", "Jose")
    await nina.sees("Message sent!")
    await nina.enters_room("3456", new=True)
    nina.types("the first line", mid="m1")
    await nina.sees("the first line")
    return nina, jose


async def goes_on(running: Server, *before: Person) -> None:
    """Nina and Jose are who they were, and find what they left."""
    async with people(running, "Nina", "Jose") as (nina, jose):
        assert [identity(nina), identity(jose)] == [identity(person) for person in before]
        await jose.sees("You have 1 unread message.")
        await jose.chooses(3)
        await jose.sees("Are you there Jose? (from: Nina)")
        await jose.enters_room("3456")
        await jose.sees("(earlier) Nina> the first line")


async def hang_up(*gone: Person) -> None:
    """Close the connections of these people."""
    for person in gone:
        assert person.connection is not None
        await person.connection.close()


MANUAL = (Path(__file__).parents[2] / "docs" / "operating.md").read_text("utf-8")


@pytest.mark.parametrize("line", sorted(set(re.findall(r"^\$ tcpnet-server (.+)$", MANUAL, re.M))))
def test_every_command_of_the_manual_is_one(line: str) -> None:
    """What it shows can be typed."""
    _parser().parse_args(shlex.split(line))


def test_every_command_is_in_the_manual() -> None:
    """Nothing has to be found out from --help."""
    usage = _parser().format_help()

    commands = set(re.findall(r"^    ([a-z]+) ", usage, re.M))
    shown = set(re.findall(r"`(?:tcpnet-server )?([a-z]+)[ `]", MANUAL))
    assert commands >= {"users", "backup"}
    assert commands <= shown


async def test_a_hub_goes_on_from_its_backup_after_all_was_lost(tmp_path: Path) -> None:
    """Backup while it runs, kill, restore on another disk: mail, rooms, ids and key are there."""
    async with server(tmp_path) as running:
        before = await lives(running)
        words = await told(tmp_path, "backup", str(tmp_path / "hub.backup"))
        assert words.startswith(f'"{tmp_path / "hub.backup"}" holds the hub: ')
        before[0].types("a line after the backup")
        await before[0].sees("a line after the backup")
        running.process.kill()
        await running.ended()
        await hang_up(*before)
    elsewhere = tmp_path / "elsewhere"

    words = await told(elsewhere, "restore", str(tmp_path / "hub.backup"))

    assert (
        words == f'The hub in "{elsewhere / "data"}" is the one of "{tmp_path / "hub.backup"}".\n'
    )
    async with server(elsewhere) as running:
        await goes_on(running, *before)


async def test_what_a_restore_replaces_is_kept(tmp_path: Path) -> None:
    """A hub can be started on it; a running hub is never restored."""
    async with server(tmp_path) as running:
        await told(tmp_path, "backup", str(tmp_path / "empty.backup"))
        before = await lives(running)
        refusal = await refused(tmp_path, "restore", str(tmp_path / "empty.backup"))
        assert "another hub already uses the data directory" in refusal
        assert refusal.endswith("stop it first")
        running.process.kill()
        await running.ended()
        await hang_up(*before)

    words = (await told(tmp_path, "restore", str(tmp_path / "empty.backup"))).splitlines()

    (aside,) = (tmp_path / "data").glob("before-restore-*")
    assert words[1] == f'What was there before is in "{aside}".'
    async with server(tmp_path) as running, people(running, "Jose") as (jose,):
        assert jose.messages("notice") == []
    async with server(tmp_path, "--data-dir", str(aside)) as running:
        await goes_on(running, *before)


@pytest.mark.parametrize("how", ["killed", "moved"])
async def test_a_stopped_hub_is_backed_up_or_moved_as_it_is(tmp_path: Path, how: str) -> None:
    """Its folder is all there is to it, and a backup needs no running hub."""
    async with server(tmp_path) as running:
        before = await lives(running)
        running.process.kill()
        await running.ended()
        await hang_up(*before)
    new = tmp_path / "new"

    if how == "moved":
        new.mkdir()
        shutil.move(tmp_path / "data", new / "data")
    else:
        words = await told(tmp_path, "backup", str(tmp_path / "hub.backup"))
        assert "which is not running" in words
        await told(new, "restore", str(tmp_path / "hub.backup"))

    async with server(new) as running:
        await goes_on(running, *before)


async def test_a_backup_never_replaces_a_file(tmp_path: Path) -> None:
    """Neither of a running hub nor of a stopped one; a folder without a hub has none."""
    file = tmp_path / "hub.backup"
    file.write_text("mine")
    async with server(tmp_path):
        assert await refused(tmp_path, "backup", str(file)) == f'"{file}" exists already'
    assert await refused(tmp_path, "backup", str(file)) == f'"{file}" exists already'
    assert file.read_text() == "mine"
    assert "no hub is running" in await refused(
        tmp_path / "none", "backup", str(tmp_path / "copy"), status=3
    )

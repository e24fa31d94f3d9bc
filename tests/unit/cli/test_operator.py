"""The operator's commands against a hub that says what a test tells it to."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import pytest

from tcpnet.cli import operator
from tcpnet.cli.server import main
from tcpnet.config import Settings, Source, merge
from tcpnet.errors import ConfigError, UserError
from tcpnet.server.operation.control import listening
from tcpnet.server.operation.orders import (
    AddBan,
    BackUp,
    Invite,
    Kick,
    LiftBan,
    ListBans,
    ListPages,
    Order,
    Outcome,
    Promote,
    PurgePage,
    Release,
    Row,
    Say,
    Users,
)


class Hub:
    """Takes every order, and says what it was told to say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.orders: list[Order] = []
        self.outcome = Outcome("It is done.")
        self.refusal = ""
        self.silent = False

    async def perform(self, order: Order) -> Outcome:
        self.orders.append(order)
        if self.silent:
            await asyncio.Event().wait()
        if self.refusal:
            raise UserError(self.refusal)
        return self.outcome

    async def runs(self, *argv: str) -> int:
        """Run a command on this hub; its exit status."""
        return await asyncio.to_thread(main, [*argv, "--data-dir", str(self.folder)])


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    made = Hub(tmp_path)
    async with listening(tmp_path, made.perform):
        yield made


@pytest.mark.parametrize(
    ("argv", "order"),
    [
        (["users"], Users()),
        (["kick", "Nina"], Kick("Nina")),
        (["ban", "192.0.2.0/24"], AddBan("192.0.2.0/24")),
        (
            ["ban", "Eve", "--reason", "no, really", "--for", "90m"],
            AddBan("Eve", "no, really", 5400),
        ),
        (["ban", "Eve", "--for", "12h"], AddBan("Eve", "", 43_200)),
        (["ban", "Eve", "--for", "7d"], AddBan("Eve", "", 604_800)),
        (["unban", "Eve"], LiftBan("Eve")),
        (["bans"], ListBans()),
        (["release", "Nina"], Release("Nina")),
        (["op", "Nina"], Promote("Nina")),
        (["deop", "Nina"], Promote("Nina", operator=False)),
        (["invite"], Invite()),
        (["say", "back", "at 8"], Say("back at 8")),
        (["cache", "list"], ListPages()),
        (["cache", "purge", "http://a.example/"], PurgePage("http://a.example/")),
    ],
)
async def test_a_command_is_one_order(hub: Hub, argv: list[str], order: Order) -> None:
    """Carried out: exit status 0."""
    assert await hub.runs(*argv) == operator.DONE
    assert hub.orders == [order]


async def test_a_backup_goes_to_the_callers_folder(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not to that of the hub."""
    monkeypatch.chdir(tmp_path)

    assert await hub.runs("backup", "monday") == operator.DONE

    assert hub.orders == [BackUp(str(tmp_path / "monday"))]


async def test_rows_stand_under_their_headings(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers to the right, what is missing is blank, and nothing reaches the terminal raw."""
    rows = (("Nina", 50851, None), ("Jo\x1b[2J", 7, "x"))
    hub.outcome = Outcome(
        "2 people\x1b[0m", [Row({"name": a, "id": b, "note": c}) for a, b, c in rows]
    )

    await hub.runs("users")

    head, nina, jo, total = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "ID", "NOTE"]
    assert nina.split() == ["Nina", "50851"]
    assert nina.index("50851") + 5 == jo.index("7") + 1 == head.index("ID") + 2
    assert "\x1b" not in jo + total


async def test_rows_are_json_for_programs(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    """ASCII, one object a line, and no sentence."""
    hub.outcome = Outcome("1 person", [Row({"name": "Zoë", "id": 1, "note": None})])

    await hub.runs("users", "--json")

    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"name": "Zoë", "id": 1, "note": None}


async def test_a_refusal_is_one_harmless_sentence(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with exit status 1."""
    hub.refusal = "Nobody is called \x1b[2JX."

    assert await hub.runs("kick", "X") == operator.REFUSED

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tcpnet-server: Nobody is called ")
    assert "\x1b" not in err


async def test_a_hub_that_does_not_answer_is_not_waited_for(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs, so it is not said that it does not."""
    monkeypatch.setattr(operator, "ANSWERING", 0.05)
    hub.silent = True

    assert await hub.runs("users") == operator.REFUSED
    assert capsys.readouterr().err == "tcpnet-server: the hub does not answer\n"


@pytest.mark.parametrize("typed", ["", "7", "d", "0d", "-1d", "1.5h", "7 d", "9999999d"])
def test_a_time_that_is_none_is_refused(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is asked of a hub."""
    with pytest.raises(SystemExit) as ended:
        main(["ban", "Eve", f"--for={typed}"])

    assert ended.value.code == 2
    assert "the form is 90m, 12h or 7d" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["doctor", "systemd"])
def test_settings_stand_before_or_behind_a_command_about_a_hub(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is given twice is added up, or else the later word holds."""
    read: list[Settings] = []

    def note(sources: Iterable[Source]) -> tuple[Settings, dict[str, str]]:
        read.append(merge(sources)[0])
        raise ConfigError("for the test")

    monkeypatch.setattr("tcpnet.config.merge", note)
    before = ["--port", "1", "--host", "192.0.2.1", "--set", "rooms.max_rooms=5"]
    behind = ["--port", "2", "--data-dir", str(tmp_path), "--set", "rooms.keep_days=6"]

    status = main([*before, command, *behind])

    [settings] = read
    assert status == 2
    assert (settings.server.port, settings.server.host) == (2, "192.0.2.1")
    assert settings.server.data_dir == str(tmp_path)
    assert (settings.rooms.max_rooms, settings.rooms.keep_days) == (5, 6)


@pytest.mark.parametrize("folder", ["data", "far/away/data", "."])
def test_a_restore_that_fails_leaves_nothing_behind(
    tmp_path: Path, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No folder that was not there before, and everything that was."""
    house = tmp_path / "house"
    house.mkdir()
    (house / "letter").write_text("mine", "ascii")

    status = main(["restore", str(tmp_path / "missing"), "--data-dir", str(house / folder)])

    assert status == operator.REFUSED
    assert "missing" in capsys.readouterr().err
    assert {path.name for path in house.iterdir()} - {"hub.lock"} == {"letter"}
    assert folder == "." or not (house / "hub.lock").exists()


@pytest.mark.parametrize("spoil", [Path.mkdir, lambda path: path.write_bytes(b"\xff"), Path.exists])
def test_without_a_file_that_tells_where_there_is_no_hub(
    tmp_path: Path, spoil: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    """Or one that cannot be asked; in one sentence each."""
    spoil(tmp_path / "control.json")

    status = main(["users", "--data-dir", str(tmp_path)])

    assert status in (operator.REFUSED, operator.NOT_RUNNING)
    assert str(tmp_path) in capsys.readouterr().err

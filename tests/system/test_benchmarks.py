"""The benchmarks run, count right and judge right; no time is asserted."""

import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("the loads need Linux: epoll and /proc", allow_module_level=True)

from benchmarks import disk, machine, peers, report, targets
from benchmarks.chat import CALM, CASES, Bench, Case, Results
from benchmarks.crowd import CompiledPump, PythonPump
from benchmarks.peers import KINDS, SYNCING, TCPNET, Absent, Kind
from benchmarks.port import Figure
from tests.hub import PATIENCE

ROOT = Path(__file__).parents[2]
UNDER_TLS = ("memory-tls", "logins-tls")
ONE_OF_EACH_SHAPE = ("one-room", "latency", "memory", "logins", "doors", "stuck", *UNDER_TLS)


def test_a_quick_run_measures_our_server_in_every_shape(tmp_path: Path) -> None:
    """`bench --quick` ends by itself, skips nothing and writes its figures down."""
    command = [sys.executable, "-m", "benchmarks", *ONE_OF_EACH_SHAPE, "--quick"]
    where = ["--server", TCPNET, "--out", str(tmp_path)]

    done = subprocess.run(
        [*command, *where], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE * 2.5
    )

    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "bench.json").read_bytes())["results"]
    assert results["skipped"] == {}
    assert sorted(results["rounds"]) == sorted(ONE_OF_EACH_SHAPE)
    costs = [results["rounds"][case][TCPNET][0]["cost"] for case in ("one-room", "logins", "doors")]
    assert all(cost > 0 for cost in costs)
    assert "| tcpnet |" in (tmp_path / "bench.md").read_text("utf-8")


def test_a_server_that_is_not_here_is_skipped_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Peers are optional: the rest is measured without them."""
    monkeypatch.setitem(KINDS, "redis", Kind("redis", "redis", "no-such-program", _no_command))
    bench = Bench(tmp_path, quick=True, rounds=2, seconds=60)

    bench.run(CASES[:1], ["redis"])

    assert bench.results.skipped == {"one-room": {"redis": "not installed"}}
    assert capsys.readouterr().out.count("redis") == 1, "it is tried once"


def test_no_load_begins_when_the_time_is_up(tmp_path: Path) -> None:
    """A whole run is bounded, whatever the machine does."""
    bench = Bench(tmp_path, quick=True, rounds=1, seconds=-1)

    bench.run(CASES[:1], [TCPNET])

    assert bench.results.skipped == {"one-room": {TCPNET: "out of time"}}


def test_both_pumps_count_the_same_line_feeds(tmp_path: Path) -> None:
    """The loop in C and the one in Python are the same loop."""
    library = machine.compiled(
        ROOT / "benchmarks" / "pump.c", tmp_path / "pump.so", "-shared", "-fPIC"
    )
    if library is None:
        pytest.skip("no compiler")
    server, member = socket.socketpair()
    with server, member, select.epoll() as epoll:
        epoll.register(member.fileno(), select.EPOLLIN)
        pumps = CompiledPump(str(library), epoll), PythonPump(epoll, {member.fileno(): member})
        counts = []
        for pump in pumps:
            server.sendall(b"one\ntwo\n\nhalf")
            counts.append((pump(1), pump(0)))

    assert counts == [(3, 0), (3, 0)]


def test_a_goal_is_met_missed_or_not_measured() -> None:
    """Ratios are judged within one run; what a run left out is said so."""
    beside = targets.GOALS[0]
    assert (beside.number, beside.bound) == ("P1", 1.1)

    def found(ours: float) -> targets.Judged:
        return beside.judged({"one-room": {TCPNET: {"cost": ours}, "redis": {"cost": 2.0}}})

    assert (found(2.0).met, found(2.0).found) == (True, "1.00x")
    assert (found(3.0).met, found(3.0).found) == (False, "1.50x")
    assert beside.judged({}).met is None


def test_rounds_that_the_host_disturbed_count_only_where_there_are_no_others() -> None:
    """Whose processors were taken away shows how slow the host is, not the server."""
    calm, disturbed = {"cost": 1.0, "stolen_share": CALM}, {"cost": 9.0, "stolen_share": 0.3}

    results = Results({"one-room": {TCPNET: [disturbed, calm, disturbed], "redis": [disturbed]}})

    medians = results.medians("one-room")
    assert (medians[TCPNET]["cost"], medians["redis"]["cost"]) == (1.0, 9.0)
    assert results.disturbed("one-room"), "in the round of ours that was calm redis was not there"
    assert not results.disturbed("many-rooms"), "it was not measured at all"


def test_a_case_that_the_host_disturbed_in_all_rounds_is_measured_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All whom the targets name, side by side; the time of others is for who comes after them."""

    def load(bench: Bench, case: Case, kind: Kind) -> None:
        figures = {"cost": 1.0, "stolen_share": 0.3 if kind.name == "redis" else 0.0}
        bench.results.rounds.setdefault(case.name, {}).setdefault(kind.name, []).append(figures)

    monkeypatch.setattr(Bench, "_load", load)
    bench = Bench(tmp_path, quick=False, rounds=2, seconds=60)

    bench.run(CASES[:1], [TCPNET, "redis", "mosquitto"])

    measured = {server: len(rounds) for server, rounds in bench.results.rounds["one-room"].items()}
    assert measured == {TCPNET: 3, "redis": 3, "mosquitto": 2}


def test_beside_a_ratio_stands_what_single_rounds_gave() -> None:
    """A round of which one side is missing gives none."""
    ours = [{"cost": cost} for cost in (2.0, 3.0, 4.0)]
    redis = [{"cost": cost} for cost in (2.0, 1.0)]
    results = Results({"one-room": {TCPNET: ours, "redis": redis}})

    found = report.judged(results)[0]

    assert (found.found, found.between) == ("2.00x", "1.00x to 3.00x")


def test_a_ratio_is_that_of_rounds_in_which_nobody_was_disturbed() -> None:
    """A calm round of one server beside another's disturbed one says nothing."""
    ours = [{"cost": cost, "stolen_share": 0.0} for cost in (2.0, 3.0)]
    redis = [{"cost": 1.0, "stolen_share": 0.3}, {"cost": 1.0, "stolen_share": 0.0}]
    results = Results({"one-room": {TCPNET: ours, "redis": redis}})

    found = report.judged(results)[0]

    assert (found.found, found.between) == ("3.00x", "")


def test_the_growth_of_a_delivery_is_told_for_all_who_were_in_both_cases() -> None:
    """The table of the larger case ends with it."""
    few, many = [{"cost": 2.0, "rate": 1.0}], [{"cost": 3.0, "rate": 1.0}]
    rounds = {"ten-rooms": {TCPNET: few}, "thousand-rooms": {TCPNET: many, "redis": many}}
    run = report.Run("", 0.0, "", machine.describe(), 0.0, 1, False, Results(rounds), [])

    assert f"CPU beside 10 rooms: {TCPNET} 1.50x.\n" in report.markdown(run)


def test_the_floor_that_syncs_has_a_line_on_the_disk_before_it_shows_it(tmp_path: Path) -> None:
    """Else it would not be the floor under whoever promises that."""
    if machine.compiler() is None:
        pytest.skip("no compiler")
    kind = KINDS[SYNCING]

    with (
        peers.running(kind, kind.found(tmp_path), tmp_path) as floor,
        socket.create_connection(("127.0.0.1", floor.port), PATIENCE) as member,
        member.makefile("rb") as heard,
    ):
        member.sendall(b"den\n")
        assert heard.readline() == b"ok\n"
        member.sendall(b"words\n")
        assert heard.readline() == b"words\n"

    assert (tmp_path / "lines").read_bytes().startswith(b"words\n\0")


def test_files_that_tell_what_one_costs_stay(tmp_path: Path) -> None:
    """What is deleted makes the next files dear on some disks."""
    assert disk.cost(tmp_path, 1024) > 0

    made = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(made) == disk.FILES
    assert {path.stat().st_size for path in made} == {1024}


@pytest.mark.parametrize(
    ("costs", "taken", "tried"),
    [
        ([1.0], 1.0, 1),
        ([90.0, 12.0], 12.0, 2),
        ([90.0, 70.0, 50.0, 60.0, 80.0], 50.0, disk.TRIES),
    ],
)
def test_a_place_is_the_first_where_files_are_cheap_else_the_cheapest(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    costs: list[float],
    taken: float,
    tried: int,
) -> None:
    """A few tries, in microseconds here; whoever deleted many files did so in one part."""
    found = {disk.SLOW / 30 * cost: cost for cost in costs}
    seen = iter(found)
    monkeypatch.setattr(disk, "cost", lambda _folder, _size: next(seen))

    place = disk.place(tmp_path, 1024)

    assert found[place.cost] == taken
    assert place.folder in list(tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == tried


def test_what_has_no_room_on_the_disk_is_told_in_bytes(tmp_path: Path) -> None:
    """A file takes whole blocks."""
    assert disk.lack(tmp_path, 1, 1) is None
    assert "GiB of disk are needed" in str(disk.lack(tmp_path, 1 << 50, 1))


@pytest.mark.parametrize(
    ("stolen", "file", "is_calm"),
    [(CALM, disk.SLOW, True), (0.3, 0.0, False), (0.0, 2 * disk.SLOW, False)],
)
def test_a_run_is_calm_if_neither_host_nor_disk_was_in_its_way(
    stolen: float, file: float, is_calm: bool
) -> None:
    """Dear files show what was deleted beside a cache's folder, not the cache."""
    assert Figure(cpu=1, p99=1, rate=1, stolen=stolen, file=file).is_calm is is_calm


def test_a_program_that_is_nowhere_is_absent(tmp_path: Path) -> None:
    """Looked for on the path and among the unpacked ones."""
    kind = Kind("none", "bare", "no-such-program", _no_command)

    with pytest.raises(Absent, match="not installed"):
        kind.found(tmp_path)


def test_the_processor_time_of_another_process_is_read() -> None:
    """The kernel's clock of a process, by its id, also counts what it does from now on."""
    before = machine.cpu_seconds(os.getpid())
    for _ in range(200_000):
        pass

    assert machine.cpu_seconds(os.getpid()) > before


def _no_command(_program: str, _folder: Path, _port: int) -> list[str]:
    raise AssertionError("it is not started")

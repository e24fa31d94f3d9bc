"""What the doctor sees, and what he advises."""

import json
import os
import shutil
import socket
import sqlite3
import stat
import sys
from collections import namedtuple
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from tcpnet.broker.connection import connect
from tcpnet.broker.embedded import FILE
from tcpnet.broker.schema import open_store
from tcpnet.cli.server import main
from tcpnet.config import Settings
from tcpnet.lock import FolderLock
from tcpnet.net import keys
from tcpnet.server.operation import descriptors, doctor
from tcpnet.server.operation.doctor import Finding, Level
from tests.hub import settings

NOW = datetime(2026, 11, 22, tzinfo=UTC).timestamp()
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def place(tmp_path: Path) -> Callable[..., Settings]:
    """Settings of a hub that was started once, at NOW, with what is given on top."""
    data, cache = tmp_path / "data", tmp_path / "cache"
    for folder in (data, cache):
        folder.mkdir(mode=0o700)
    open_store(connect, data / FILE).close()
    os.utime(data / FILE, (NOW, NOW))
    keys.own(data)
    made = {"data_dir": str(data), "cache_dir": str(cache), "ephemeral": False}

    def with_these(**sections: dict[str, Any]) -> Settings:
        server = made | sections.pop("server", {})
        return settings(server=server, **sections)

    return with_these


def found(where: Settings, *, now: float = NOW, uplink: str = "") -> list[Finding]:
    """What is not well."""
    findings = list(doctor.examine(where, now=now, uplink=uplink))
    assert all(bool(f.advice) == (f.level != Level.OK) for f in findings), "advice where it is due"
    return [finding for finding in findings if finding.level != Level.OK]


def only(findings: list[Finding]) -> Finding:
    """The one that there is."""
    [finding] = findings
    return finding


def test_a_hub_that_is_well_is_called_so(place: Callable[..., Settings]) -> None:
    """Nothing to do."""
    assert found(place()) == []


def test_a_hub_that_was_never_started_is_well(tmp_path: Path) -> None:
    """And is not made by looking."""
    fresh = settings(
        server={
            "data_dir": str(tmp_path / "data"),
            "cache_dir": str(tmp_path / "cache"),
            "ephemeral": False,
        }
    )

    assert found(fresh) == []
    assert list(tmp_path.iterdir()) == []


def test_a_port_of_another_program_is_a_failure(place: Callable[..., Settings]) -> None:
    """Unless it is the hub's own."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = place(server={"port": taken.getsockname()[1]})
        alone = only(found(where))
        with FolderLock(Path(where.server.data_dir), "data directory"):
            running = found(where)

    assert (alone.about, alone.level) == ("port", Level.FAILURE)
    assert "in use by another program" in alone.words
    assert running == []


def test_a_hub_that_listens_elsewhere_is_noticed(place: Callable[..., Settings]) -> None:
    """The doctor was given other settings."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    where = place(server={"port": port})

    with FolderLock(Path(where.server.data_dir), "data directory"):
        finding = only(found(where))

    assert "is free, though a hub is running here" in finding.words


def test_an_address_of_another_machine_is_a_failure(place: Callable[..., Settings]) -> None:
    """192.0.2.0/24 is nobody's (RFC 5737)."""
    finding = only(found(place(server={"host": "192.0.2.1"})))

    assert (finding.about, finding.level) == ("port", Level.FAILURE)


def test_a_folder_that_cannot_be_written_is_a_failure(
    place: Callable[..., Settings], tmp_path: Path
) -> None:
    """A file in its place, say."""
    (tmp_path / "file").write_text("")

    finding = only(found(place(server={"cache_dir": str(tmp_path / "file")})))

    assert (finding.about, finding.level) == ("cache", Level.FAILURE)
    assert "--cache-dir" in finding.advice


@pytest.mark.parametrize(("free", "level"), [(100 << 20, Level.WARNING), (1 << 20, Level.FAILURE)])
def test_a_disk_that_is_nearly_full_is_noticed(
    place: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    """Before nothing can be saved any more."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, free))

    assert [(f.about, f.level) for f in found(place())] == [("data", level), ("cache", level)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps permissions elsewhere")
def test_what_others_can_read_is_a_warning(place: Callable[..., Settings]) -> None:
    """Messages and the hub's key."""
    where = place()
    folder = Path(where.server.data_dir)
    folder.chmod(0o755)
    (folder / keys.NAME).chmod(0o644)

    findings = found(where)

    assert [(f.about, f.level) for f in findings] == [
        ("data", Level.WARNING),
        ("key", Level.WARNING),
    ]


def test_a_cache_folder_with_other_files_is_a_failure(
    place: Callable[..., Settings], tmp_path: Path
) -> None:
    """The hub would refuse it at its start."""
    (tmp_path / "cache" / "thesis.txt").write_text("")

    assert "not tcpnet's" in only(found(place())).words


@pytest.mark.parametrize("year", [1970, 2150])
def test_a_clock_that_is_off_is_a_warning(place: Callable[..., Settings], year: int) -> None:
    """Machines without a clock chip wake in any year."""
    findings = found(place(), now=datetime(year, 1, 2, tzinfo=UTC).timestamp())

    assert {finding.about for finding in findings} == {"clock"}


def test_a_clock_behind_the_store_is_a_warning(place: Callable[..., Settings]) -> None:
    """It was ahead, or is behind."""
    where = place()
    later = NOW + 40 * 86_400
    os.utime(Path(where.server.data_dir) / FILE, (later, later))

    assert "yet to come" in only(found(where)).words


def test_a_look_is_not_a_change(place: Callable[..., Settings]) -> None:
    """It leaves an empty journal beside the store."""
    where = place()

    assert found(where) == found(where) == []


def damage(path: Path) -> None:
    """Write over the middle of a page."""
    contents = bytearray(path.read_bytes())
    contents[100:2000] = b"\xa5" * 1900
    path.write_bytes(contents)


def leave_to_the_future(path: Path) -> None:
    """As a newer version would have left it."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (damage, "damaged"),
        (leave_to_the_future, "newer tcpnet"),
        (lambda path: path.write_bytes(b""), "belongs to another program"),
    ],
)
def test_a_store_that_is_not_sound_is_a_failure(
    place: Callable[..., Settings], change: Callable[[Path], object], words: str
) -> None:
    """With the way out; not a byte of it is changed."""
    where = place()
    path = Path(where.server.data_dir) / FILE
    change(path)
    before = path.read_bytes()
    os.utime(path, (NOW, NOW))

    finding = only(found(where))

    assert (finding.about, finding.level) == ("store", Level.FAILURE)
    assert words in finding.words
    assert path.read_bytes() == before


def test_too_few_descriptors_are_a_warning(
    place: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """MacOS has 256 to begin with; Windows counts none."""
    monkeypatch.setattr(descriptors, "allowed", lambda: 1024)

    finding = only(found(place()))

    assert "enough for 512 people" in finding.words
    monkeypatch.setattr(descriptors, "allowed", lambda: None)
    assert found(place()) == []


def certificate(folder: Path, *, days: int) -> tuple[Path, Path]:
    """A certificate that ends so many days from now, and its key."""
    authority = trustme.CA()
    ends = datetime.fromtimestamp(NOW, UTC) + timedelta(days=days)
    leaf = authority.issue_cert("hub.example", not_after=ends)
    cert, key = folder / "cert.pem", folder / "key.pem"
    leaf.cert_chain_pems[0].write_to_path(cert)
    leaf.private_key_pem.write_to_path(key)
    key.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return cert, key


@pytest.mark.parametrize(("days", "words"), [(-1, "was valid until"), (10, "is valid until")])
def test_a_certificate_that_ends_is_a_warning(
    place: Callable[..., Settings], tmp_path: Path, days: int, words: str
) -> None:
    """The key goes on; the date matters to programs that are not ours."""
    cert, key = certificate(tmp_path, days=days)

    finding = only(found(place(server={"tls_cert": str(cert), "tls_key": str(key)})))

    assert words in finding.words


def test_a_key_of_another_certificate_is_a_failure(
    place: Callable[..., Settings], tmp_path: Path
) -> None:
    """The hub would not start."""
    cert, _ = certificate(tmp_path, days=100)
    (tmp_path / "other").mkdir()
    _, other = certificate(tmp_path / "other", days=100)

    finding = only(found(place(server={"tls_cert": str(cert), "tls_key": str(other)})))

    assert (finding.about, finding.level) == ("key", Level.FAILURE)


def test_a_site_that_answers_and_one_that_does_not(place: Callable[..., Settings]) -> None:
    """The only connection that is made, and only where one is asked for."""
    with socket.create_server(("127.0.0.1", 0)) as site:
        port = site.getsockname()[1]
        reached = found(place(), uplink=f"127.0.0.1:{port}")
    missed = only(found(place(), uplink=f"127.0.0.1:{port}"))
    unknown = [only(found(place(), uplink=target)) for target in ("127.0.0.1:none", "[::1")]

    assert reached == []
    assert (missed.about, missed.level) == ("uplink", Level.WARNING)
    assert {(one.about, one.level) for one in unknown} == {("names", Level.WARNING)}


def test_the_command_says_the_worst_by_its_status(
    place: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    """0, 1, 2; for people and for programs."""
    where = place()
    words = ["--port", "0", "--data-dir", where.server.data_dir]
    words += ["--cache-dir", where.server.cache_dir, "doctor"]
    Path(where.server.data_dir, FILE).touch()

    fine = main([*words, "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    warned = main([*words, "--uplink", "127.0.0.1:none"])
    shown = capsys.readouterr().out
    wrong = main(["--set", "rooms.x=1", "doctor"])

    assert (fine, warned, wrong) == (0, 1, 2)
    assert {line["level"] for line in lines} == {"ok"}
    assert "\nwarning  names " in shown
    assert "there is no setting rooms.x" in capsys.readouterr().out

"""What a hub is deployed with: the unit for systemd, the container's recipe."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tcpnet.cli import systemd
from tcpnet.cli.server import main
from tcpnet.config import Settings, from_environment, from_flags, merge

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
ANALYZE = shutil.which("systemd-analyze")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """A unit that runs a program that is there."""
    path = tmp_path / "tcpnet.service"
    path.write_text(
        systemd.unit([sys.executable, "-m", "tcpnet.cli.server"], "ReadWritePaths=/tmp"), "utf-8"
    )
    return path


@pytest.mark.skipif(ANALYZE is None, reason="needs systemd-analyze")
def test_systemd_understands_the_unit_and_calls_it_well_confined(unit: Path) -> None:
    """Without a word of complaint; 10 is the most exposed, 0 the least."""
    assert ANALYZE is not None
    verify = subprocess.run([ANALYZE, "verify", unit], capture_output=True, text=True)
    security = [ANALYZE, "security", "--offline=true", "--threshold=20", "--no-pager", str(unit)]
    confined = subprocess.run(security, capture_output=True, text=True)

    assert (verify.returncode, verify.stdout + verify.stderr) == (0, "")
    assert confined.returncode == 0, confined.stdout


def test_the_command_prints_the_unit_with_its_own_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ready to be written to a file; what systemd would expand is kept from it."""
    (tmp_path / "50% $off.toml").touch()

    status = main(["systemd", "--config", str(tmp_path / "50% $off.toml")])

    printed = capsys.readouterr().out
    [command] = re.findall(r"^ExecStart=(.+)$", printed, re.MULTILINE)
    assert status == 0
    assert command.endswith(" --config '" + str(tmp_path / "50%% $$off.toml") + "'")
    assert "Environment=TCPNET_SERVER_DATA_DIR=/var/lib/tcpnet\n" in printed
    assert not re.search(r"[{}]", printed)


def test_a_folder_that_the_settings_name_is_the_hubs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Variables win over the file, and would lead the hub away from it."""
    settings = tmp_path / "hub.toml"
    settings.write_text('[server]\ndata_dir = "/mnt/big/tcpnet"\ncache_dir = "/var/cache/tcpnet"\n')

    main(["systemd", "--config", str(settings)])

    printed = capsys.readouterr().out
    assert re.findall("^ReadWritePaths=(.*)$", printed, re.MULTILINE) == ["/mnt/big/tcpnet"]
    assert "Environment=" not in printed


def test_a_copy_of_the_example_leaves_the_hub_as_confined_as_no_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folders that it names are the defaults, which are no folders for a service."""
    example = tmp_path / "hub.toml"
    shutil.copy(ROOT / "docs" / "tcpnet.example.toml", example)

    main(["systemd", "--config", str(example)])

    printed = capsys.readouterr().out
    assert "Environment=TCPNET_SERVER_DATA_DIR=/var/lib/tcpnet\n" in printed
    assert "Environment=TCPNET_SERVER_CACHE_DIR=/var/cache/tcpnet\n" in printed
    assert "ReadWritePaths" not in printed


@pytest.mark.parametrize("named", ['data_dir = "data"', 'cache_dir = ""'])
def test_a_folder_that_depends_on_where_one_is_is_refused(
    named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For systemd that is `/`: the hub could write to all of it, or start nowhere."""
    settings = tmp_path / "hub.toml"
    settings.write_text(f"[server]\n{named}\n")

    assert main(["systemd", "--config", str(settings)]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert f"{named.split()[0]}: a service needs the whole path" in said.err


def test_what_was_typed_is_written_into_the_unit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the hub that systemd starts would be another one than was asked for."""
    monkeypatch.chdir(tmp_path)
    typed = ["--host", "0.0.0.0", "--data-dir", "my data", "--set", "menu.hidden=4,6"]

    status = main([*typed, "systemd"])

    printed = capsys.readouterr().out
    [command] = re.findall(r"^ExecStart=(.+)$", printed, re.MULTILINE)
    words = shlex.split(command)[1:]
    settings, _ = merge([from_flags(words[1::2])])
    assert (status, set(words[::2])) == (0, {"--set"})
    assert (settings.server.host, settings.menu.hidden) == ("0.0.0.0", (4, 6))
    assert settings.server.data_dir == str(tmp_path / "my data")
    assert f"ReadWritePaths='{tmp_path / 'my data'}'\n" in printed
    assert "Environment=TCPNET_SERVER_CACHE_DIR=/var/cache/tcpnet\n" in printed


def test_what_a_unit_cannot_hold_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """In a sentence that says where it can stand."""
    assert main(["--set", "server.motd=one\ntwo", "systemd"]) == 2

    assert "server.motd has line breaks" in capsys.readouterr().err


def test_every_variable_of_the_container_is_a_setting() -> None:
    """A misspelt one would end the container at its start."""
    variables = dict(re.findall(r"(TCPNET_\w+)=(\S+)", DOCKERFILE))

    settings, _ = merge([from_environment(variables)])

    assert settings.server.host == "0.0.0.0"
    assert settings.metrics.port == 9105
    assert settings != Settings()


def test_the_container_is_built_from_what_the_wheel_needs() -> None:
    """Nothing of a checkout besides gets in, least of all its data."""
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    let_in = {line.removeprefix("!") for line in ignored if line.startswith("!")}

    assert ignored[0] == "*"
    assert let_in == {"LICENSE", "README.md", "pyproject.toml", "src"}
    assert all((ROOT / name).exists() for name in let_in)
    assert "USER tcpnet" in DOCKERFILE

"""The checkout's command: when it sets up, one at a time, and with whose exit status it ends."""

import ast
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

import dev

ROOT = Path(__file__).resolve().parents[2]
POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="POSIX hands over otherwise")


class Steps:
    """Stands where commands are called: writes them down; each succeeds or ends as told."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.ends: dict[str, int | type[BaseException]] = {}

    def __call__(self, command: Sequence[str], _lock: int) -> int:
        name = next(word for word in ("venv", "-r", "-e") if word in command)
        self.taken.append(name)
        end = self.ends.get(name, 0)
        if not isinstance(end, int):
            raise end
        if name == "venv":
            put_python_in(dev.Environment(Path(command[-1]).parent))
        return end


def put_python_in(env: dev.Environment) -> None:
    python = Path(env.python)
    python.parent.mkdir(parents=True, exist_ok=True)
    python.touch()


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    taken = Steps()
    monkeypatch.setattr(dev, "call", taken)
    return taken


@pytest.fixture
def env(tmp_path: Path) -> dev.Environment:
    root = tmp_path / "checkout"
    (root / "requirements").mkdir(parents=True)
    (root / "requirements" / "dev.lock").write_text("aiohttp==1\n")
    (root / "pyproject.toml").write_text("[project]\n")
    return dev.Environment(root)


def test_a_new_checkout_gets_an_environment_the_pins_and_the_project(
    env: dev.Environment, steps: Steps
) -> None:
    env.prepare()

    assert steps.taken == ["venv", "-r", "-e"]


def test_nothing_is_done_or_locked_when_nothing_changed(env: dev.Environment, steps: Steps) -> None:
    env.prepare()
    (env.root / ".venv.lock").unlink()
    steps.taken.clear()

    env.prepare()

    assert steps.taken == []
    assert not (env.root / ".venv.lock").exists()


@pytest.mark.parametrize("name", ["requirements/dev.lock", "pyproject.toml"])
def test_a_changed_file_is_installed_into_the_environment_there_is(
    env: dev.Environment, steps: Steps, name: str
) -> None:
    env.prepare()
    steps.taken.clear()
    (env.root / name).write_text("# changed\n")

    env.prepare()

    assert steps.taken == ["-r", "-e"]


def test_a_moved_checkout_is_set_up_from_nothing(env: dev.Environment, steps: Steps) -> None:
    """Programs inside an environment name its path."""
    env.prepare()
    steps.taken.clear()
    moved = dev.Environment(env.root.rename(env.root.with_name("moved")))

    moved.prepare()

    assert steps.taken == ["venv", "-r", "-e"]


def test_an_environment_that_lost_its_python_is_set_up_from_nothing(
    env: dev.Environment, steps: Steps
) -> None:
    env.prepare()
    steps.taken.clear()
    Path(env.python).unlink()

    env.prepare()

    assert steps.taken == ["venv", "-r", "-e"]


def test_what_was_interrupted_is_set_up_from_nothing(env: dev.Environment, steps: Steps) -> None:
    """Half an update may have left anything."""
    env.prepare()
    env.pins.write_text("aiohttp==2\n")
    steps.ends["-r"] = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        env.prepare()
    steps.ends.clear()
    steps.taken.clear()

    env.prepare()

    assert steps.taken == ["venv", "-r", "-e"]


def test_a_step_that_fails_ends_the_set_up_and_leaves_no_stamp(
    env: dev.Environment, steps: Steps, capsys: pytest.CaptureFixture[str]
) -> None:
    steps.ends["-r"] = 3

    with pytest.raises(SystemExit) as end:
        env.prepare()

    assert end.value.code == 2
    assert "setting up failed with status 3" in capsys.readouterr().err
    assert steps.taken == ["venv", "-r"]
    assert env.made() == ""


def test_a_python_without_venv_gets_one_sentence(
    env: dev.Environment,
    steps: Steps,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(SystemExit) as end:
        env.prepare()

    assert end.value.code == 2
    assert "apt install python3-venv" in capsys.readouterr().err
    assert steps.taken == []


def test_whoever_waited_for_another_set_up_finds_it_done(
    env: dev.Environment, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = threading.Event()
    monkeypatch.setattr(dev, "say", lambda _text: waits.set())
    second = threading.Thread(target=env.prepare)

    with dev.locked(env.root / ".venv.lock"):
        second.start()
        assert waits.wait(10)
        put_python_in(env)
        env.stamp.write_text(env.wanted())
    second.join(10)

    assert not second.is_alive()
    assert steps.taken == []


def test_the_lock_is_held_by_one(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as other:
        with dev.locked(tmp_path / "lock"):
            held_meanwhile = dev.try_lock(other.fileno())

        held_afterwards = dev.try_lock(other.fileno())

    assert (held_meanwhile, held_afterwards) == (False, True)


def python(code: str, folder: Path) -> subprocess.Popen[str]:
    """Start Python on this code, which may import dev."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@POSIX_ONLY
def test_a_child_that_outlives_a_killed_set_up_keeps_the_lock(tmp_path: Path) -> None:
    """Otherwise the next set-up would clear the folder that the child still writes to."""
    child = "import os, signal, sys; os.kill(os.getppid(), signal.SIGKILL); sys.stdin.read()"
    set_up = python(
        "import dev, pathlib, sys\n"
        "with dev.locked(pathlib.Path('lock')) as lock:\n"
        f"    dev.call([sys.executable, '-c', {child!r}], lock)\n",
        tmp_path,
    )

    with set_up, (tmp_path / "lock").open("a") as ours:
        assert set_up.wait() == -signal.SIGKILL
        held_meanwhile = dev.try_lock(ours.fileno())
        assert set_up.stdin
        set_up.stdin.close()
        with dev.locked(tmp_path / "lock"):
            pass  # it ended with the child

    assert not held_meanwhile


def test_the_exit_status_is_the_command_s(tmp_path: Path) -> None:
    command = "[sys.executable, '-c', 'raise SystemExit(7)']"

    with python(f"import dev, sys; dev.become({command})", tmp_path) as process:
        assert process.wait() == 7


@POSIX_ONLY
def test_ctrl_c_reaches_the_command(tmp_path: Path) -> None:
    polite = (
        "import sys\n"
        "try:\n"
        "    print('ready', flush=True); input()\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(9)\n"
    )

    with python(
        f"import dev, sys; dev.become([sys.executable, '-c', {polite!r}])", tmp_path
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.wait() == 9


@pytest.mark.parametrize(("second_ends", "status"), [(0, 0), (1, 1)])
def test_every_check_runs_and_one_failure_is_enough(
    env: dev.Environment, monkeypatch: pytest.MonkeyPatch, second_ends: int, status: int
) -> None:
    ends = {"ruff": 0, "mypy": second_ends, "lint-imports": 0}
    called = []

    def call(command: Sequence[str]) -> int:
        called.append(Path(command[0]).stem)
        return ends[called[-1]]

    monkeypatch.setattr(dev, "call", call)

    with pytest.raises(SystemExit) as end:
        dev.every(env, *([name] for name in ends))

    assert end.value.code == status
    assert called == list(ends)


@pytest.mark.parametrize("arguments", [[], ["dance"]])
def test_anything_but_a_command_shows_them_all(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        dev.main(arguments)

    assert end.value.code == 2
    listed = re.findall(r"^  (\w+) ", capsys.readouterr().err, re.MULTILINE)
    assert listed == list(dev.COMMANDS)


def test_help_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks gets it on standard output, with exit status 0."""
    dev.main(["--help"])

    shown = capsys.readouterr()
    assert re.findall(r"^  (\w+) ", shown.out, re.MULTILINE) == list(dev.COMMANDS)
    assert not shown.err


def test_the_makefile_only_calls_the_same_commands() -> None:
    makefile = (ROOT / "Makefile").read_text()

    rules = re.findall(r"^([a-z ]+):\n\t@(.*)$", makefile, re.MULTILINE)

    assert rules == [(" ".join(dev.COMMANDS), "$(PYTHON) dev.py $@ $(ARGS)")]


def test_parts_of_a_digest_keep_their_bounds() -> None:
    assert dev.digest("ab", "c") != dev.digest("a", "bc")
    assert dev.digest("ab", b"c") == dev.digest(b"ab", "c")


def test_old_pythons_can_read_it_far_enough_to_say_that_they_are_old() -> None:
    ast.parse((ROOT / "dev.py").read_text(), feature_version=(3, 7))

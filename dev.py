"""The checkout's one command: set `.venv` up, then run, test or check inside it, on every system.

Standard library only, since it runs before anything is installed; it parses on older Pythons too.
"""

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn


def say(text: str) -> None:
    """Tell the person; standard output belongs to the command that runs."""
    sys.stderr.write(text + "\n")


def stop(sentence: str) -> NoReturn:
    """End with one sentence and exit status 2."""
    say(sentence)
    sys.exit(2)


if sys.version_info < (3, 11):  # noqa: UP036 - the sentence is for those who have an older one
    stop("tcpnet needs Python 3.11 or newer; this is {}.{}".format(*sys.version_info[:2]))

if sys.platform == "win32":
    import msvcrt

    def try_lock(handle: int) -> bool:
        """Take the lock on an open file; whether it was to be had."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def try_lock(handle: int) -> bool:
        """Take the lock on an open file; whether it was to be had."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock on `path`, waiting for whoever has it; yield the handle to hand to children."""
    with path.open("a") as file:
        if not try_lock(file.fileno()):
            say("waiting for another set-up to end")
            while not try_lock(file.fileno()):
                time.sleep(0.1)
        yield file.fileno()


def call(command: Sequence[str], lock: int | None = None) -> int:
    """Run a command to its end and return its exit status.

    A child that is given the lock holds it as well, so that one whose parent was killed is waited
    for before anybody starts anew (POSIX; elsewhere its open files make the new set-up fail).
    """
    import subprocess  # not above: most calls set nothing up and do not need it

    if lock is None:
        return subprocess.call(command)
    keep = () if sys.platform == "win32" else (lock,)
    return subprocess.call(command, stdout=sys.stderr, pass_fds=keep)


def become(command: list[str]) -> NoReturn:
    """Go on as this command: its Ctrl-C, its signals, its exit status."""
    if sys.platform != "win32":
        os.execv(command[0], command)
    else:
        import subprocess

        with subprocess.Popen(command) as child:
            while True:
                # The console tells the child of Ctrl-C as well; how it ends is its own affair.
                with contextlib.suppress(KeyboardInterrupt):
                    sys.exit(child.wait())


class Environment:
    """The virtual environment of one checkout, and the stamp that says what it was made from."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.stamp = self.folder / "made-from"
        self.pins = root / "requirements" / "dev.lock"

    def program(self, name: str) -> str:
        """Path of a program inside."""
        if sys.platform == "win32":
            return str(self.folder / "Scripts" / f"{name}.exe")
        return str(self.folder / "bin" / name)

    @property
    def python(self) -> str:
        """Path of the Python inside."""
        return self.program("python")

    def origin(self) -> str:
        """Digest of what no update can change: where it is and whose Python it has."""
        return digest(str(self.root), sys.base_prefix, sys.version)

    def wanted(self) -> str:
        """Text of the stamp that fits the checkout as it is now."""
        project = self.root / "pyproject.toml"
        return f"{self.origin()}\n{digest(self.pins.read_bytes(), project.read_bytes())}\n"

    def made(self) -> str:
        """Text of the stamp, empty when there is none: never made, or interrupted while making."""
        try:
            return self.stamp.read_text(encoding="ascii") if Path(self.python).exists() else ""
        except FileNotFoundError:
            return ""

    def prepare(self) -> None:
        """Make the environment fit the checkout; at once when it does already."""
        if self.made() == self.wanted():
            return
        with locked(self.root / ".venv.lock") as lock:
            # Another terminal may have made it while this one waited.
            if self.made() != self.wanted():
                self._make(lock)

    def _make(self, lock: int) -> None:
        wanted, made = self.wanted(), self.made()
        # Without its stamp it is made from nothing, whatever was left in it.
        self.stamp.unlink(missing_ok=True)
        if made.partition("\n")[0] != self.origin():
            say("setting up .venv: about a minute, once")
            self._create(lock)
        pip = [self.python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        self._step([*pip, "--require-hashes", "-r", str(self.pins)], lock)
        project = ["--no-deps", "--no-index", "--no-build-isolation", "-e", str(self.root)]
        self._step([*pip, *project], lock)
        self.stamp.write_text(wanted, encoding="ascii")

    def _create(self, lock: int) -> None:
        # Debian and Ubuntu ship Python without these two.
        from importlib.util import find_spec

        if not (find_spec("venv") and find_spec("ensurepip")):
            stop("this Python lacks venv and pip (on Debian and Ubuntu: apt install python3-venv)")
        # Not sys.executable: that may be the very environment that is about to be cleared.
        base = getattr(sys, "_base_executable", sys.executable)
        self._step([base, "-m", "venv", "--clear", str(self.folder)], lock)

    def _step(self, command: Sequence[str], lock: int) -> None:
        status = call(command, lock)
        if status:
            stop(f"setting up failed with status {status}: {' '.join(command)}")


def digest(*parts: str | bytes) -> str:
    """Digest of the parts, each with its bounds."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(b"%d:%b" % (len(data), data))
    return whole.hexdigest()


def every(env: Environment, *commands: Sequence[str]) -> NoReturn:
    """Run all of the commands, whatever becomes of each; the exit status is 1 if any failed."""
    failed = []
    for name, *arguments in commands:
        say(f"$ {name} {' '.join(arguments)}")
        if call([env.program(name), *arguments]):
            failed.append(name)
    if failed:
        say(f"failed: {', '.join(failed)}")
    sys.exit(bool(failed))


def run(env: Environment, arguments: Sequence[str]) -> None:
    """Start tcpnet-server on all addresses of this machine, unless `--host` says otherwise."""
    become([env.python, "-m", "tcpnet.cli.server", "--host", "0.0.0.0", *arguments])


def client(env: Environment, arguments: Sequence[str]) -> None:
    """Start tcpnet-client."""
    become([env.python, "-m", "tcpnet.cli.client", *arguments])


def test(env: Environment, arguments: Sequence[str]) -> None:
    """Run all tests, with coverage; or, given pytest's arguments, a part."""
    os.chdir(env.root)
    become([env.python, "-m", "pytest", "-n", "auto", *(arguments or ["--cov"])])


def lint(env: Environment, arguments: Sequence[str]) -> None:
    """Check format, style, types (as on POSIX and as on Windows) and imports."""
    os.chdir(env.root)
    # What follows an early return on Windows is reached elsewhere.
    windows = ["--platform", "win32", "--no-warn-unreachable", "--cache-dir", ".mypy_cache/win32"]
    every(
        env,
        ["ruff", "format", "--check", *arguments],
        ["ruff", "check", *arguments],
        ["mypy"],
        ["mypy", *windows, "src", "dev.py"],
        ["lint-imports", "--no-logo"],
    )


def fix(env: Environment, arguments: Sequence[str]) -> None:
    """Repair what a tool can repair."""
    os.chdir(env.root)
    every(env, ["ruff", "check", "--fix", *arguments], ["ruff", "format", *arguments])


def bench(env: Environment, arguments: Sequence[str]) -> None:
    """Run the benchmarks."""
    os.chdir(env.root)
    become([env.python, "-m", "benchmarks", *arguments])


def record(env: Environment, arguments: Sequence[str]) -> None:
    """Make the recordings in docs/recordings anew, from real runs."""
    os.chdir(env.root)
    become([env.python, "-m", "docs.recordings", *arguments])


def bundle(env: Environment, arguments: Sequence[str]) -> None:
    """Make a folder from which tcpnet is installed without Internet (dist/bundle)."""
    become([env.python, str(env.root / "deploy" / "bundle.py"), *arguments])


def setup(_env: Environment, _arguments: Sequence[str]) -> None:
    """Only make or update .venv, which every command does first."""


def lock(env: Environment, arguments: Sequence[str]) -> None:
    """Pin requirements/dev.lock anew; `--upgrade` takes the newest of everything."""
    os.chdir(env.root)
    # Every file's hash, no index's address: the file fits every system and every mirror.
    form = ["--universal", "--python-version", "3.11", "--generate-hashes"]
    bare = ["--quiet", "--no-header", "--no-annotate"]
    where = ["--group", "dev", "pyproject.toml", "--output-file", "requirements/dev.lock"]
    become([env.program("uv"), "pip", "compile", *form, *bare, *where, *arguments])


COMMANDS: dict[str, Callable[[Environment, Sequence[str]], None]] = {
    command.__name__: command
    for command in (run, client, test, lint, fix, bench, record, bundle, setup, lock)
}


def usage() -> str:
    """All commands and what each does."""
    rows = (f"  {name:8}{command.__doc__}" for name, command in COMMANDS.items())
    return "\n".join(("usage: python3 dev.py COMMAND [ARGUMENTS]", "", *rows))


def main(arguments: list[str]) -> None:
    """Do the command that the first argument names."""
    if arguments[:1] in (["--help"], ["-h"]):
        sys.stdout.write(usage() + "\n")
        return
    if not arguments:
        stop(usage())
    if arguments[0] not in COMMANDS:
        stop(f"there is no command {arguments[0]}\n\n{usage()}")
    env = Environment(Path(__file__).resolve().parent)
    try:
        env.prepare()
        COMMANDS[arguments[0]](env, arguments[1:])
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main(sys.argv[1:])

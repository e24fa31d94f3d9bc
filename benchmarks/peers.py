"""The servers that are measured: how each is found, set up, started and ended."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks import machine

UNPACKED: Final = Path(__file__).parent / "peers-installed"
"""Where `bench peers` puts programs; those that the system has are taken before them."""

PYTHON: Final = UNPACKED / "python"
"""Where it puts those that are packages of Python."""

START: Final = 10.0
"""Seconds in which a server has to accept."""

END: Final = 5.0
"""Seconds in which a server has to end."""

LIFTED: Final = ("limits.replies_per_second=0", "limits.connections=20000")
"""The only settings of ours that differ from those shipped."""

_HERE: Final = Path(__file__).parent

Command = Callable[[str, Path, int], list[str]]
"""From the program, a folder of the server's own and a free port; may write a file there."""


class Absent(Exception):
    """This machine does not have a server, for a reason of a few words."""


class Refused(Exception):
    """A server did not start."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A server as it is measured."""

    name: str
    wire: str
    program: str
    command: Command
    version: tuple[str, ...] = ("--version",)
    package: str | None = None
    at_once: int = 32
    """Handshakes under way together: what the listener's queue takes."""
    module: str = ""
    """What Python has to have besides."""
    distribution: str = ""
    """What pip calls it, where it is a package of Python; `module` is what it brings."""

    def found(self, folder: Path) -> str:
        """The path of the program, compiled into `folder` where it is ours. Raises Absent."""
        if self.program.endswith(".c"):
            source = _HERE / self.program
            if (made := machine.compiled(source, folder / source.stem)) is None:
                raise Absent("no compiler")
            return str(made)
        if self.module and not self._has_module():
            raise Absent(f"{self.distribution or self.module} is not installed")
        if (path := shutil.which(self.program, path=os.pathsep.join(_places()))) is None:
            raise Absent("not installed")
        return path

    def _has_module(self) -> bool:
        if self.distribution and (PYTHON / self.module).is_dir():
            return True
        return find_spec(self.module) is not None

    def version_at(self, program: str) -> str:
        """What the program says of its version."""
        command = [program, *self.version]
        return machine.version_of(command, environment()) if self.version else "this checkout"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that accepts."""

    pid: int
    port: int
    command: tuple[str, ...]


@contextlib.contextmanager
def running(kind: Kind, program: str, folder: Path) -> Iterator[Running]:
    """A server for the length of the block. Raises Refused."""
    port = _free_port()
    command = kind.command(program, folder, port)
    output = folder / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment()
        )
    try:
        if not _accepts(process, port):
            raise Refused(f"{kind.name} did not start: {_tail(output)}")
        yield Running(process.pid, port, tuple(command))
    finally:
        _end(process)


def environment() -> dict[str, str]:
    """What servers are started with: unpacked libraries, and none of our own settings."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("TCPNET_")}
    libraries = [str(path) for path in UNPACKED.glob("usr/lib/*-linux-*")]
    if libraries:
        before = ours.get("LD_LIBRARY_PATH")
        ours["LD_LIBRARY_PATH"] = os.pathsep.join([*libraries, *([before] if before else [])])
    places = (_HERE.parent / "src", _HERE.parent, PYTHON)
    ours["PYTHONPATH"] = os.pathsep.join(map(str, places))
    return ours


def _places() -> list[str]:
    own = [UNPACKED / "usr/bin", UNPACKED / "usr/sbin"]
    return [os.environ.get("PATH", ""), "/usr/sbin", *map(str, own)]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _accepts(process: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + START
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.02)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(output: Path) -> str:
    lines = output.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"


def _tcpnet(*more: str) -> Command:
    def command(program: str, folder: Path, port: int) -> list[str]:
        where = ["--port", str(port), "--data-dir", str(folder / "data")]
        settings = [word for setting in LIFTED for word in ("--set", setting)]
        cache = ["--cache-dir", str(folder / "cache")]
        return [program, "-m", "tcpnet.cli.server", *where, *cache, *settings, *more]

    return command


def _floor(program: str, _: Path, port: int) -> list[str]:
    return [program, str(port)]


def _syncing_floor(program: str, folder: Path, port: int) -> list[str]:
    return [program, str(port), str(folder / "lines")]


def _python_floor(program: str, _: Path, port: int) -> list[str]:
    return [program, "-m", "benchmarks.floor", str(port)]


def _redis(program: str, folder: Path, port: int) -> list[str]:
    quiet = ["--save", "", "--appendonly", "no", "--dir", str(folder)]
    return [program, "--bind", "127.0.0.1", "--port", str(port), "--maxclients", "19000", *quiet]


def _ngircd(program: str, folder: Path, port: int) -> list[str]:
    config = folder / "ngircd.conf"
    config.write_text(
        f"""[Global]
Name = irc.bench.test
Info = bench
Listen = 127.0.0.1
Ports = {port}
ServerUID = {os.getuid()}
ServerGID = {os.getgid()}
MotdFile = {folder}/none
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxPenaltyTime = 0
PingTimeout = 3600
[Options]
DNS = no
Ident = no
PAM = no
""",
        "utf-8",
    )
    return [program, "-n", "-f", str(config)]


def _inspircd(program: str, folder: Path, port: int) -> list[str]:
    modules = UNPACKED / "usr/lib/inspircd/modules"
    paths = f'moduledir="{modules}"' if program.startswith(str(UNPACKED)) else ""
    config = folder / "inspircd.conf"
    config.write_text(
        f"""<server name="irc.bench.test" description="bench" network="bench" id="001">
<admin name="bench" nick="bench" email="bench@bench.test">
<bind address="127.0.0.1" port="{port}" type="clients">
<connect allow="*" timeout="60" pingfreq="3600" limit="20000" localmax="20000"
 globalmax="20000" maxconnwarn="no" resolvehostnames="no" useident="no" maxchans="100"
 threshold="1000000" commandrate="1000000000" fakelag="no" softsendq="1048576">
<class name="none"><path configdir="{folder}" datadir="{folder}" logdir="{folder}" {paths}>
<performance softlimit="20000" clonesonconnect="no">
<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="inspircd.log">
<pid file="{folder}/inspircd.pid">
""",
        "utf-8",
    )
    root = ["--runasroot"] if os.getuid() == 0 else []
    return [program, "--nofork", *root, "--config", str(config)]


def _nats(program: str, folder: Path, port: int) -> list[str]:
    config = folder / "nats.conf"
    config.write_text(
        f'host: "127.0.0.1"\nport: {port}\nmax_connections: 20000\nping_interval: "1h"\n', "utf-8"
    )
    return [program, "-c", str(config)]


def _mosquitto(program: str, folder: Path, port: int) -> list[str]:
    config = folder / "mosquitto.conf"
    user = "user root\n" if os.getuid() == 0 else ""
    config.write_text(
        f"{user}listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        "max_connections -1\n",
        "utf-8",
    )
    return [program, "-c", str(config)]


TCPNET: Final = "tcpnet"
EPHEMERAL: Final = "tcpnet --ephemeral"
FAST: Final = "tcpnet on uvloop"
SYNCING: Final = "C floor that syncs"

_PLAIN: Final = ("--set", "server.fast_loop=false")
"""As it is installed without the `speed` extra."""

_VERSION: Final = ("-m", "tcpnet.cli.server", "--version")

KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind(TCPNET, "tcpnet", sys.executable, _tcpnet(*_PLAIN), _VERSION),
        Kind(EPHEMERAL, "tcpnet", sys.executable, _tcpnet(*_PLAIN, "--ephemeral"), _VERSION),
        Kind(FAST, "tcpnet", sys.executable, _tcpnet(), _VERSION, module="uvloop"),
        Kind("C floor", "bare", "floor.c", _floor, ()),
        Kind(SYNCING, "bare", "floor.c", _syncing_floor, ()),
        Kind("Python floor", "bare", sys.executable, _python_floor, ()),
        Kind("redis", "redis", "redis-server", _redis, package="redis-server"),
        Kind("ngircd", "irc", "ngircd", _ngircd, package="ngircd", at_once=8),
        # It lets people in once a second, however few wait.
        Kind("inspircd", "irc", "inspircd", _inspircd, package="inspircd", at_once=1000),
        Kind("nats-server", "nats", "nats-server", _nats, package="nats-server"),
        Kind("mosquitto", "mqtt", "mosquitto", _mosquitto, ("-h",), package="mosquitto"),
    )
}

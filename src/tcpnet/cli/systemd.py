"""`tcpnet-server systemd`: the unit for a hub that this machine starts by itself."""

import shlex
import shutil
import sys
from argparse import Namespace
from importlib.resources import files
from pathlib import Path


def run(given: Namespace) -> int:
    """Print the unit, for this installation and these settings; the exit status."""
    command = [str(_program())]
    if given.config:
        command += ["--config", str(given.config.absolute())]
    print(unit(command), end="")
    return 0


def unit(command: list[str]) -> str:
    """The text of the unit that runs this command."""
    text = files("tcpnet.cli").joinpath("tcpnet.service").read_text("utf-8")
    # `%` and `$` mean something to systemd.
    quoted = shlex.join(command).replace("%", "%%").replace("$", "$$")
    return text.replace("{command}", quoted)


def _program() -> Path:
    """The program that is running, by a path that does not depend on where one is."""
    found = shutil.which(sys.argv[0]) or shutil.which("tcpnet-server") or sys.argv[0]
    return Path(found).absolute()

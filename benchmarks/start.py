"""`bench start`: how soon a command answers, and a hub lets the first person in."""

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

PATIENCE: Final = 20.0
"""Seconds after which a start has failed."""

_HELLO: Final = (
    b'{"headers":[{"type":"hello","body":{"protocol":1,"agent":"bench","id-key":"ann"}}]}\n'
)


def main() -> int:
    """Start each a few times, print medians and the best; the exit status."""
    parser = argparse.ArgumentParser(prog="bench start")
    parser.add_argument("--rounds", type=int, default=9, help="starts of each (9)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        measured: dict[str, Callable[[], float]] = {
            "python -c pass": lambda: _runs("-c", "pass"),
            "tcpnet-server --version": lambda: _runs("-m", "tcpnet.cli.server", "--version"),
            "tcpnet-client --version": lambda: _runs("-m", "tcpnet.cli.client", "--version"),
            "tcpnet-server, to the first welcome": lambda: _welcomes(Path(folder)),
        }
        for what, measure in measured.items():
            measure()  # warm: byte code, the disk's cache, the hub's own key
            found = [measure() for _ in range(rounds)]
            print(f"{what:38} median {median(found):4.0f} ms, best {min(found):4.0f} ms")
    return 0


def _runs(*arguments: str) -> float:
    """Milliseconds until a command has ended."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return (time.perf_counter() - began) * 1e3


def _welcomes(folder: Path) -> float:
    """Milliseconds from the start of a hub to its first word to somebody."""
    began = time.perf_counter()
    with _hub(folder) as port, socket.create_connection(("127.0.0.1", port), PATIENCE) as caller:
        caller.sendall(_HELLO)
        assert b'"welcome"' in caller.recv(1 << 16)
        return (time.perf_counter() - began) * 1e3


@contextmanager
def _hub(folder: Path) -> Iterator[int]:
    """The port of a hub as shipped, once it has named it."""
    where = ["--data-dir", str(folder / "data"), "--cache-dir", str(folder / "cache")]
    command = [sys.executable, "-m", "tcpnet.cli.server", "--port", "0", *where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as hub:
        try:
            assert hub.stdout is not None, "it was asked for"
            yield int(hub.stdout.readline().rpartition(b"/")[2])
        finally:
            hub.terminate()


if __name__ == "__main__":
    sys.exit(main())

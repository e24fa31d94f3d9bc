"""`bench start`: how soon a command answers, and a hub lets the first person in."""

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
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
            "tcpnet-server, to a call that is taken": lambda: _calls(Path(folder)),
            "tcpnet-server, to the first welcome": lambda: _calls(Path(folder), _HELLO),
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


def _calls(folder: Path, words: bytes = b"") -> float:
    """Milliseconds from the start of a hub until a call is taken, and any words are answered."""
    port = _free_port()
    where = ["--data-dir", str(folder / "data"), "--cache-dir", str(folder / "cache")]
    command = [sys.executable, "-m", "tcpnet.cli.server", "--port", str(port), *where]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as hub:
        try:
            with _caller(port) as caller:
                if words:
                    caller.sendall(words)
                    assert b'"welcome"' in caller.recv(1 << 16)
                return (time.perf_counter() - began) * 1e3
        finally:
            hub.terminate()


def _caller(port: int) -> socket.socket:
    """A connection, as soon as there can be one."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), PATIENCE)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.002)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())

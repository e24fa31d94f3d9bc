"""What a service manager is told."""

import socket
import sys
from pathlib import Path

import pytest

from tcpnet.server.operation import supervisor
from tcpnet.server.operation.supervisor import READY
from tests.processes import server

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, where systemd is")


@LINUX_ONLY
@pytest.mark.parametrize("name", ["{folder}/notify", "@tcpnet-test-{folder}"])
def test_a_state_is_said_to_the_socket_that_is_named(tmp_path: Path, name: str) -> None:
    """A file, or a name that is none (abstract)."""
    name = name.format(folder=tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))

        supervisor.tell(READY, {"NOTIFY_SOCKET": name})

        assert manager.recv(99) == b"READY=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/no/socket"}])
def test_where_nobody_listens_nothing_happens(environ: dict[str, str]) -> None:
    """Most hubs are started by hand."""
    supervisor.tell(READY, environ)


@LINUX_ONLY
async def test_a_hub_says_when_it_takes_people_and_when_it_ends(tmp_path: Path) -> None:
    """Systemd starts what depends on it then, and knows that it did not crash."""
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        manager.settimeout(20)
        async with server(tmp_path, environ={"NOTIFY_SOCKET": name}) as running:
            ready = manager.recv(99)
            running.process.terminate()
            status = await running.ended()
        stopping = manager.recv(99)

    assert (ready, stopping, status) == (b"READY=1", b"STOPPING=1", 0)

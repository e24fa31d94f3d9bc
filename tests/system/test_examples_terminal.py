"""The example clients on a terminal: what is typed is seen, and no secret is."""

import json
import shutil
import socket
from pathlib import Path

import pytest

from tests.hub import PATIENCE
from tests.wire import frame

pytest.importorskip("termios", reason="no pseudo-terminals there")
from tests.system.tty import Tty

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.mark.parametrize(
    ("program", "file"),
    [
        pytest.param(
            program,
            file,
            marks=pytest.mark.skipif(
                not shutil.which(program), reason=f"{program} is not installed"
            ),
        )
        for program, file in (("node", "client.mjs"), ("java", "Client.java"))
    ],
)
def test_an_example_keeps_what_is_typed_and_hides_secrets(program: str, file: str) -> None:
    """A line that arrives does not disturb the answer, and a password is never echoed."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)
        port = str(listening.getsockname()[1])
        with Tty([program, str(EXAMPLES / file), "127.0.0.1", port, "Nina"]) as terminal:
            hub, _ = listening.accept()
            with hub, hub.makefile("rb") as said:
                hub.settimeout(PATIENCE)
                said.readline()
                question = {"message": "Name: ", "res-key": "k", "res-type": "string", "id": 1}
                hub.sendall(frame(("input", question)))
                terminal.sees("Name:")
                terminal.press("hal")
                terminal.sees("hal")
                hub.sendall(frame(("print", {"message": "Jose> hi"})))
                terminal.sees("Jose> hi")
                terminal.press("f\r")
                assert json.loads(said.readline())["headers"][0]["body"]["value"] == "half"

                question = {"message": "Password: ", "res-key": "p", "res-type": "secret", "id": 2}
                hub.sendall(frame(("input", question)))
                terminal.sees("Password:")
                terminal.until(lambda: not terminal.restored, "end of the echo")
                terminal.press("s3cret\r")
                assert json.loads(said.readline())["headers"][0]["body"]["value"] == "s3cret"
                hub.sendall(frame(("bye", {"reason": "goodbye", "kind": "quit"})))

                assert terminal.ends() == 0
    assert b"cret" not in terminal.written

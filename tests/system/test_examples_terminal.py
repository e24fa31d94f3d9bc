"""The example clients on a terminal: what is typed is seen, and no secret is."""

import shutil
from pathlib import Path

import pytest

from tests.system.stage import stage

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
async def test_an_example_keeps_what_is_typed_and_hides_secrets(program: str, file: str) -> None:
    """A line that arrives does not disturb the answer, and a password is never echoed."""
    async with stage() as hub:
        command = [program, str(EXAMPLES / file), "127.0.0.1", str(hub.port), "Nina"]
        with Tty(command) as terminal:
            await hub.entered()
            hub.says(("input", question("Name: ", "string", 1)))
            await terminal.sees("Name:")
            terminal.press("hal")
            await terminal.sees("hal")
            hub.says(("print", {"message": "Jose> hi"}))
            await terminal.sees("Jose> hi")
            terminal.press("f\r")
            assert (await hub.hears("reply"))["value"] == "half"

            hub.says(("input", question("Password: ", "secret", 2)))
            await terminal.sees("Password:")
            await terminal.until(lambda: not terminal.restored, "end of the echo")
            terminal.press("s3cret\r")
            assert (await hub.hears("reply"))["value"] == "s3cret"
            hub.says(("bye", {"reason": "goodbye", "kind": "quit"}))

            assert await terminal.ends() == 0
    assert b"cret" not in terminal.written


def question(message: str, res_type: str, number: int) -> dict[str, object]:
    """The body of an `input`."""
    return {"message": message, "res-key": "k", "res-type": res_type, "id": number}

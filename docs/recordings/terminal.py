"""Alice at the full screen; `python -m docs.recordings.terminal` puts it into `docs/client.md`."""

import asyncio
import re
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from docs.recordings.screens import settled
from tests.processes import Server, server
from tests.system.tty import Tty, client

PAGE: Final = Path(__file__).parents[1] / "client.md"
BEGIN: Final = "<!-- screens -->\n"
END: Final = "<!-- end of screens -->\n"

MENU: Final = "Your option <enter a number>:"
CTRL_UP, CTRL_END, ESCAPE = "\x1b[1;5A", "\x1b[1;5F", "\x1b"

Shots = list[tuple[str, str]]


async def record() -> Shots:
    """Let Alice join, talk, look back, paste, lose the hub for a while; captions and screens."""
    shots: Shots = []
    with TemporaryDirectory() as folder, ExitStack() as people:
        async with server(Path(folder)) as first:
            alice, bob = (
                people.enter_context(
                    client(first.port, name, "--state-dir", str(Path(folder) / name), rows=20)
                )
                for name in ("Alice", "Bob")
            )
            await _join(shots, alice, bob)
            await _look_back(shots, alice, bob)
            await _paste(shots, alice)
            await _lose(shots, alice, bob, first)
        await _come_back(shots, alice, Path(folder), first.port)
    return shots


async def _join(shots: Shots, alice: Tty, bob: Tty) -> None:
    await alice.sees(MENU)
    shots.append(("Alice has arrived.", _shot(alice)))
    await _enter_room(bob, "4")
    await _enter_room(alice, "5")
    for who, words in (
        (bob, "Hello Alice"),
        (alice, "Hello Bob"),
        (bob, "alice: did the build pass?"),
    ):
        await who.enter(words)
        await _both(alice, bob, f"> {words}")
    alice.press("yes, an hou")
    await _typed(alice, "> yes, an hou")
    await bob.enter("fine, thank you!")
    await alice.sees("fine, thank you!")
    shots.append(
        (
            "In a room: a star stands where she was named, and Bob goes on while she types.",
            _shot(alice),
        )
    )


async def _look_back(shots: Shots, alice: Tty, bob: Tty) -> None:
    alice.press(CTRL_UP)
    await alice.sees("^End follow")
    below = int(re.findall(r"(\d+) below", alice.status_line)[0])
    for number, words in enumerate(("one more thing", "alice: lunch?"), below + 1):
        await bob.enter(words)
        await alice.sees(f" {number} below")
    shots.append(("She looks back; new lines do not move the view.", _shot(alice)))
    alice.press(CTRL_END)
    await alice.sees("alice: lunch?")
    shots.append(("Back at the end, a rule stands above what is unread.", _shot(alice)))


async def _paste(shots: Shots, alice: Tty) -> None:
    alice.press("\x03")
    await _typed(alice, ">")
    alice.press("\x1b[200~apples\npears\nplums\nbread\n\x1b[201~")
    await _typed(alice, "       bread")
    shots.append(("She pastes four lines: none is sent yet.", _shot(alice)))
    alice.press(ESCAPE)
    await _typed(alice, ">")


async def _lose(shots: Shots, alice: Tty, bob: Tty, hub: Server) -> None:
    alice.press("I bring the bre")
    await _typed(alice, "> I bring the bre")
    hub.process.kill()
    await alice.sees("NOT CONNECTED, retry")
    shots.append(("The hub is killed while she types.", _shot(alice)))
    await bob.sees("NOT CONNECTED, retry")
    bob.press("\x04")
    await bob.ends()


async def _come_back(shots: Shots, alice: Tty, folder: Path, port: int) -> None:
    async with server(folder, "--port", str(port)):
        # Without Enter, which would send the line where the client was back a moment before.
        await alice.sees("reconnected after")
        await alice.until(lambda: "room den (1) | ok" in alice.status_line, "the room")
        await _typed(alice, "> I bring the bre")
        shots.append(
            (
                "It is started again: she is back in the room, her line typed and not sent.",
                _shot(alice),
            )
        )
        alice.press("\x03\x04")
        status = await alice.ends()
        assert status == 0, f"the client ended with {status}"


async def _enter_room(tty: Tty, option: str) -> None:
    await tty.sees(MENU)
    await tty.enter(option)
    await tty.sees("Enter")
    await tty.enter("den")
    await tty.until(lambda: "room den" in tty.status_line, "the room")


async def _typed(tty: Tty, text: str) -> None:
    await tty.until(lambda: tty.typed == text, f"{text!r} as the line that is typed")


async def _both(one: Tty, other: Tty, text: str) -> None:
    await one.sees(text)
    await other.sees(text)


def _shot(tty: Tty) -> str:
    """The screen, without what differs from run to run."""
    text = settled("\n".join(line.rstrip() for line in tty.lines))
    text = re.sub(r"(?m)^\d\d:\d\d(?=[ *])", "17:45", text)
    text = re.sub(r"unread since \d\d:\d\d", "unread since 17:45", text)
    text = re.sub(r"retry \d in \d+s", "retry 1 in 1s", text)
    text = re.sub(r"reconnected after \d+ s", "reconnected after 2 s", text)
    return re.sub(r"(?m)( 127\.0\.0\.1/12005 \|.*?)( +)F1 help$", _aligned, text)


def _aligned(match: re.Match[str]) -> str:
    """A port may have been of another length."""
    return match[1].ljust(80 - 1 - len("F1 help")) + " F1 help" if match[2] else match[0]


def markdown(shots: Shots) -> str:
    """Captions and screens as they stand in the page."""
    return "".join(f"{caption}\n\n```text\n{screen}\n```\n\n" for caption, screen in shots)


def replaced(page: str, shots: Shots) -> str:
    """The page with these screens instead of those in it."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{markdown(shots)}{END}{after}"


def main() -> None:
    """Write the screens into the page."""
    shots = asyncio.run(record())
    PAGE.write_text(replaced(PAGE.read_text("utf-8"), shots), "utf-8")


if __name__ == "__main__":
    main()

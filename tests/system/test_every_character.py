"""Every character of Unicode that acts, on its way from a hostile hub to a real terminal."""

from __future__ import annotations

import asyncio
import re
import sys
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tcpnet.server.tasks import owned
from tests.wire import Line, frame

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals", allow_module_level=True)

from tests.system.tty import client

ACTING = "".join(
    chr(point)
    for point in range(sys.maxunicode + 1)
    if unicodedata.category(chr(point)) in ("Cc", "Cf", "Zl", "Zp")
)
"""Control, format and separator characters: bidi, zero-width, tags, C0 and C1 among them."""
OTHERS = "".join(
    chr(point)
    for point in range(0x100, sys.maxunicode, 97)
    if unicodedata.category(chr(point)) != "Cs"
)
"""One of a hundred of all the others."""
ATTACKS = "\x1b]0;owned\x07", "\x1b[2Jowned", "\x9b2Jowned", "\u202edenwo", "\x1bP1$rowned\x1b\\"
HOSTILE = re.compile(
    "[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
"""All but backspace, tab, newline, return and escape, which the client writes itself."""
OWN_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][0AB]|[78=>])")
"""What a view may write: plain sequences that move, colour and erase; no title, no string."""
END = "that was all"


def frames() -> list[bytes]:
    """What a hostile hub shows: in lines, names, rooms, places, prompts and pages."""
    texts = [ACTING[at : at + 40] for at in range(0, len(ACTING), 40)]
    texts += [OTHERS[at : at + 400] for at in range(0, len(OTHERS), 400)]
    texts += [f"x{attack}y" for attack in ATTACKS]
    prints: list[Line] = []
    for text in texts:
        prints.append({"message": text, "kind": "page"})
        prints.append({"message": f"{text}> {text}", "kind": "chat", "from": text, "text": text})
        prints.append({"message": text, "kind": "notice", "room": text, "place": text})
    asked = {"message": "".join(ATTACKS), "res-key": "x", "res-type": "string", "id": 1}
    shown = [frame(("print", body)) for body in prints]
    return [*shown, frame(("print", {"message": END})), frame(("input", asked | {"place": ACTING}))]


@asynccontextmanager
async def hostile_hub() -> AsyncIterator[int]:
    """A port where nobody is encrypted and everything is said at once."""
    async with owned() as spawn:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if b'"secure"' in await reader.readline():
                writer.write(frame(("bye", {"reason": ATTACKS[0], "kind": "protocol"})))
                writer.close()
                return
            limits = {"frame": 65536, "line": 4096, "message": 16384}
            greeting = {"protocol": 1, "hub": "h", "session": "s", "client-id": 10000}
            welcome = greeting | {"name": "Nina", "resumed": False, "limits": limits}
            writer.write(frame(("welcome", welcome)) + b"".join(frames()))
            await reader.read(-1)
            writer.close()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            spawn(serve(reader, writer)).add_done_callback(lambda _: writer.transport.abort())

        listening = await asyncio.start_server(accept, "127.0.0.1", 0)
        yield listening.sockets[0].getsockname()[1]
        listening.close()


@pytest.mark.parametrize("view", ["--plain", "--inline", "--full-screen"])
async def test_no_character_that_acts_reaches_the_terminal(view: str) -> None:
    """Whatever the hub says: what is written is text and the view's own few sequences."""
    flags = () if view == "--full-screen" else (view,)
    async with hostile_hub() as port:
        with client(port, "Nina", *flags) as terminal:
            await terminal.sees(END)
            written = terminal.written.decode()

    assert "owned" in written, "the attacks were shown, as text"
    assert not HOSTILE.findall(written)
    assert "\x1b" not in OWN_ESCAPES.sub("", written)
    assert "\x1b[2Jowned" not in written

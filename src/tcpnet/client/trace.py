"""A record of what went over the wire, as a transcript; secrets are left out."""

import json
from typing import Final, TextIO

from msgspec.structs import replace

from tcpnet.client.screen import State
from tcpnet.protocol import codec
from tcpnet.protocol.items import FromClient, FromServer, Hello, Input, Item, Print, Reply, Welcome

HIDDEN: Final = "(secret)"


class Trace:
    """Writes `C:` and `S:` lines, one an item, in ASCII; a change of the link as a comment."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._secrets: set[int] = set()

    def heard(self, item: FromServer) -> None:
        """Write what the hub said."""
        if isinstance(item, Input):
            self._secrets.discard(item.id)  # another connection may have used the number before
            if item.res_type == "secret":
                self._secrets.add(item.id)
        elif isinstance(item, Print) and item.secret:
            item = replace(item, message=HIDDEN, text=None)
        self._write("S", item)

    def on_state(self, state: State, now: float) -> None:
        """Write how the link stands."""
        self._comment(f"{state.phase} {state.reason}".strip(), now)

    def sent(self, item: FromClient) -> None:
        """Write what the person's side said."""
        if isinstance(item, Reply) and item.id in self._secrets:
            item = replace(item, value=HIDDEN)
        self._write("C", item)

    def _comment(self, text: str, now: float) -> None:
        self._out.write(f"# {now:.3f} {ascii(text)[1:-1]}\n")
        self._out.flush()

    def _write(self, who: str, item: Item) -> None:
        if isinstance(item, Hello | Welcome) and item.token:
            item = replace(item, token=HIDDEN)
        if isinstance(item, Hello) and item.resume and item.resume.session:
            item = replace(item, resume=replace(item.resume, session=HIDDEN))
        if isinstance(item, Welcome):
            item = replace(item, session=HIDDEN)  # whoever has it could come back in our place
        line = codec.encode(item).decode()
        self._out.write(f"{who}: {_escaped(line)}")
        self._out.flush()


def _escaped(line: str) -> str:
    """The same JSON in ASCII."""
    return line if line.isascii() else json.dumps(json.loads(line)) + "\n"

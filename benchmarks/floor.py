"""The floor under a chat server in Python: rooms, and one write a member and tick; nothing else.

Speaks as `floor.c` does: the first line names the room, every other one goes to all its members.
"""

import asyncio
import sys
from collections import defaultdict
from typing import cast


class Room:
    """Members, and what was said in this tick."""

    def __init__(self) -> None:
        self.members: dict[Peer, None] = {}
        self.said: list[bytes] = []

    def say(self, line: bytes) -> None:
        """Send a line to everybody at the end of the tick."""
        if not self.said:
            asyncio.get_running_loop().call_soon(self._flush)
        self.said.append(line)

    def _flush(self) -> None:
        batch = b"".join(self.said)
        self.said.clear()
        for member in self.members:
            member.transport.write(batch)


class Peer(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, rooms: dict[bytes, Room]) -> None:
        self._rooms = rooms
        self._room: Room | None = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; called by asyncio."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take lines; called by asyncio."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self._room is None:
                self._join(line)
            else:
                self._room.say(line + b"\n")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Leave; called by asyncio."""
        if self._room is not None:
            del self._room.members[self]

    def _join(self, name: bytes) -> None:
        self._room = self._rooms[name]
        self._room.members[self] = None
        self.transport.write(b"ok\n")


async def main(port: int) -> None:
    """Serve on loopback until killed."""
    rooms: dict[bytes, Room] = defaultdict(Room)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Peer(rooms), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

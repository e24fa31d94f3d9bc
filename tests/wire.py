"""A peer that speaks raw bytes: what a client in another language would send and see."""

import asyncio
import json
import socket
from collections import deque
from contextlib import suppress
from typing import Any, Self

from tests.hub import PATIENCE

Line = dict[str, Any]


def frame(*items: tuple[str, Line]) -> bytes:
    """One line of these items."""
    headers = [{"type": kind, "body": body} for kind, body in items]
    return json.dumps({"headers": headers}, ensure_ascii=False).encode() + b"\n"


def hello(name: str, protocol: int = 1) -> bytes:
    """The first line of a client."""
    return frame(("hello", {"protocol": protocol, "agent": "test/1", "id-key": name}))


STATUS = frame(("status", {"ok": True}))


class Wire:
    """One raw connection to a hub; keeps every line of both sides."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sent: list[bytes] = []
        self.heard: list[bytes] = []
        self._reader = reader
        self._writer = writer
        self._items: deque[Line] = deque()
        self._question: Line | None = None

    @classmethod
    async def dial(cls, port: int, *, receive_buffer: int | None = None) -> Self:
        """Connect; `receive_buffer` bytes is about what the kernel holds for a reader."""
        sock = socket.socket()
        sock.setblocking(False)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        # The least limit: what is not asked for stays with the kernel.
        return cls(*await asyncio.open_connection(sock=sock, limit=1024))

    def write(self, data: bytes) -> None:
        """Hand bytes to the kernel in one write."""
        self.sent.append(data)
        self._writer.write(data)

    async def drained(self) -> None:
        """Wait until the hub took what was written; one that refuses the rest is fine."""
        with suppress(ConnectionError):
            await self._writer.drain()

    async def item(self) -> Line:
        """The next item of the hub, whatever the frame it came in; {} at the end."""
        while not self._items:
            line = await self._line()
            if not line:
                return {}
            self.heard.append(line)
            self._items.extend(json.loads(line)["headers"])
        item = self._items.popleft()
        if item["type"] == "input":
            self._question = item["body"]
        return item

    async def until(self, item_type: str, /, **body: Any) -> Line:
        """The body of the next item of this type with at least these values."""
        while item := await self.item():
            found: Line = item.get("body", {})
            if item["type"] == item_type and body.items() <= found.items():
                return found
        raise AssertionError(f"the connection ended before {item_type} {body}: {self.heard[-3:]}")

    async def ended(self) -> Line:
        """The body of the last item, a bye, once the connection has ended behind it."""
        bye = await self.until("bye")
        assert await self.item() == {}, "bye is the last item"
        return bye

    async def logs_in(self, name: str) -> None:
        """Come to the menu."""
        self.write(hello(name))
        await self.until("welcome")
        self.write(STATUS)
        await self.until("input")

    async def answers(self, value: str | int, **more: Any) -> None:
        """Answer the question that is open, or the next one."""
        while self._question is None:
            await self.until("input")
        self.write(reply(self._question, value, **more))
        self._question = None

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _line(self) -> bytes:
        """The next whole line, empty at the end; `readline` would refuse one over the limit."""
        line = b""
        async with asyncio.timeout(PATIENCE):
            while not line.endswith(b"\n"):
                try:
                    line += await self._reader.readuntil(b"\n")
                except asyncio.LimitOverrunError as error:
                    line += await self._reader.readexactly(error.consumed)
                except (asyncio.IncompleteReadError, ConnectionError):
                    return b""
        return line


def reply(question: Line, value: str | int, **more: Any) -> bytes:
    """The line that answers a question."""
    body = {"res-key": question["res-key"], "value": value, "id": question["id"], **more}
    return frame(("reply", body))

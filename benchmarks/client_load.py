"""What a client is loaded with: `hub` is one of ours that only talks, `bot PORT` talks on IRC.

Both print one line when they are ready, then obey lines of standard input: `RATE SECONDS` says so
many lines a second for so long, and prints how many were said.
"""

import asyncio
import sys
import time
from collections.abc import Callable

from tcpnet.protocol import codec
from tcpnet.protocol.items import (
    Bye,
    Hello,
    Input,
    Limits,
    Print,
    Reply,
    Secure,
    Status,
    Welcome,
)

TICK = 0.005
"""Seconds between two handfuls of lines."""
WORDS = "the quick brown fox jumps over the lazy dog and goes home"


class Talker:
    """Says numbered lines at a rate."""

    def __init__(self, writer: asyncio.StreamWriter, line: Callable[[int], bytes]) -> None:
        self._writer, self._line = writer, line
        self._said = 0

    async def talk(self, rate: int, seconds: float) -> int:
        """Say them; how many they were. Whoever reads slowly is waited for."""
        began, first = time.perf_counter(), self._said
        while (passed := time.perf_counter() - began) < seconds:
            due = first + min(round(rate * passed), round(rate * seconds))
            self._writer.write(b"".join(map(self._line, range(self._said, due))))
            self._said = due
            await self._writer.drain()
            await asyncio.sleep(TICK)
        return self._said - first

    async def obey(self) -> None:
        """Talk as standard input says, until it ends."""
        while order := await asyncio.to_thread(sys.stdin.readline):
            rate, seconds = order.split()
            print(await self.talk(int(rate), float(seconds)), flush=True)


def ours(number: int) -> bytes:
    """A line of a room on our wire."""
    text = f"{number:07d} {WORDS}"
    return codec.encode(
        Print(
            message=f"Bob> {text}",
            kind="chat",
            from_="Bob",
            text=text,
            room="den",
            seq=number,
            at=time.time(),
        )
    )


def irc(number: int) -> bytes:
    """The same line on IRC."""
    return f"PRIVMSG #den :{number:07d} {WORDS}\r\n".encode()


async def hub() -> None:
    """Let people in, ask for an option, then keep them in a room; the last one is talked to."""
    talkers: list[Talker] = []

    async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = codec.from_client()
        talkers[:] = [Talker(writer, ours)]
        while line := await reader.readline():
            for item in decoder.decode(line):
                if frame := _answer(item):
                    writer.write(frame)
                if isinstance(item, Secure):
                    writer.close()
                    return
        writer.close()

    server = await asyncio.start_server(welcome, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while order := await asyncio.to_thread(sys.stdin.readline):
        rate, seconds = order.split()
        print(await talkers[0].talk(int(rate), float(seconds)), flush=True)


def _answer(item: object) -> bytes | None:
    match item:
        case Secure():  # whoever hears this dials again, in clear
            return codec.encode(Bye(reason="no TLS here", kind="protocol"))
        case Hello():
            return codec.encode(
                Welcome(
                    protocol=1,
                    hub="bench",
                    session="bench",
                    client_id=50922,
                    name=item.id_key,
                    resumed=False,
                    limits=Limits(frame=65_536, line=4096, message=16_384),
                )
            )
        case Status():
            prompt = "Your option <enter a number>: "
            return codec.encode(Input(message=prompt, res_key="option", res_type="int", id=1))
        case Reply(id=1):
            return codec.encode(
                Input(
                    message="",
                    res_key="message",
                    res_type="string",
                    id=2,
                    keep=True,
                    place="room den (2)",
                    local=True,
                )
            )
        case _:
            return None


async def bot(port: int) -> None:
    """Join a channel and talk in it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"NICK Bob\r\nUSER bob 0 * :Bob\r\nJOIN #den\r\n")
    while b" 366 " not in (line := await reader.readline()):
        if line.startswith(b"PING"):
            writer.write(line.replace(b"PING", b"PONG", 1))
    print("ready", flush=True)
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(_listen(reader, writer))
        await Talker(writer, irc).obey()
        listening.cancel()


async def _listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        if line.startswith(b"PING"):
            writer.write(line.replace(b"PING", b"PONG", 1))


if __name__ == "__main__":
    asyncio.run(hub() if sys.argv[1] == "hub" else bot(int(sys.argv[2])))

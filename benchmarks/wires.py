"""What a chat member says and hears on each server's wire, as bytes."""

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from typing import Final, NamedTuple


class Step(NamedTuple):
    """Say `data`, and go on when `until` was heard."""

    data: bytes
    until: bytes


class Seat(NamedTuple):
    """What stands before and behind the words of a member in his room."""

    head: bytes
    tail: bytes


Script = Generator[Step, bytes, Seat]
"""Steps of one person; is sent what was heard since the last one."""

NOWHERE: Final = Seat(b"", b"")


class Wire(ABC):
    """One server's language; words are `text_bytes` of ASCII without quotes and line ends."""

    echoes = True
    """Whether a member hears what he says."""

    newlines = 1
    """Line feeds in one delivery: deliveries are counted by them."""

    answers = 0
    """Line feeds the speaker hears besides."""

    asking: Step | None = None
    """What asks for TLS in clear, where a server is measured under it."""

    def __init__(self, text_bytes: int = 100) -> None:
        self.text_bytes = text_bytes

    def deliveries(self, members: int) -> int:
        """How often one line in a room of so many is delivered."""
        return members if self.echoes else members - 1

    def newlines_heard(self, members: int) -> int:
        """Line feeds that all members of a room hear for one line."""
        return self.deliveries(members) * self.newlines + self.answers

    def line(self, seat: Seat, words: bytes, serial: int) -> bytes:  # noqa: ARG002
        """The frame that says these words; `serial` is another one for each line."""
        return seat.head + words + seat.tail

    @abstractmethod
    def log_in(self, name: str) -> Script:
        """Connect a person and stay outside of rooms."""

    @abstractmethod
    def enter(self, name: str, room: str, *, first: bool) -> Script:
        """Connect a person and bring him to a room; `first` if nobody was there before."""

    def visit(self, name: str, room: str, on_return: Callable[[], None]) -> Script:
        """Log in, then enter a room and leave it for ever, each time with a word."""
        raise NotImplementedError(f"{type(self).__name__} announces nobody")


class Tcpnet(Wire):
    """Our own, with an id for each line as clients send it."""

    asking = Step(b'{"headers":[{"type":"secure"}]}\n', b"\n")

    _ID: Final = re.compile(rb'"id":(\d+)')

    def line(self, seat: Seat, words: bytes, serial: int) -> bytes:
        """Ids are a clock and chance, as those of clients are."""
        chance = serial * 0x9E3779B97F4A7C15 % 2**48
        mid = b"%012x%012x" % (time.time_ns() // 1_000_000, chance)
        return seat.head + words + b'","mid":"' + mid + seat.tail

    def log_in(self, name: str) -> Script:
        """To the menu."""
        yield self._greeting(name)
        return NOWHERE

    def enter(self, name: str, room: str, *, first: bool) -> Script:
        """From the menu into a room, a new one or one that is there."""
        heard = yield self._greeting(name)
        heard = yield self._reply(heard, b"option_selected", b"4" if first else b"5", b'"room_id"')
        heard = yield self._reply(heard, b"room_id", b'"%b"' % room.encode(), b'"keep":true')
        head = b'{"headers":[{"type":"reply","body":{"res-key":"message","id":%b,"value":"'
        return Seat(head % self._last_id(heard), b'"}}]}\n')

    def visit(self, name: str, room: str, on_return: Callable[[], None]) -> Script:
        """By the menu, and out with `bye`."""
        heard = yield self._greeting(name)
        quoted = b'"%b"' % room.encode()
        while True:
            heard = yield self._reply(heard, b"option_selected", b"5", b'"room_id"')
            heard = yield self._reply(heard, b"room_id", quoted, b'"keep":true')
            heard = yield self._reply(heard, b"message", b'"bye"', b'"option_selected"')
            on_return()

    def _greeting(self, name: str) -> Step:
        hello = b'{"type":"hello","body":{"protocol":1,"agent":"bench","id-key":"%b"}}'
        items = hello % name.encode() + b',{"type":"status","body":{"ok":true}}'
        return Step(b'{"headers":[' + items + b"]}\n", b'"option_selected"')

    def _reply(self, heard: bytes, key: bytes, value: bytes, until: bytes) -> Step:
        frame = b'{"headers":[{"type":"reply","body":{"res-key":"%b","value":%b,"id":%b}}]}\n'
        return Step(frame % (key, value, self._last_id(heard)), until)

    def _last_id(self, heard: bytes) -> bytes:
        return bytes(self._ID.findall(heard)[-1])


class Irc(Wire):
    """RFC 1459; nobody hears himself."""

    echoes = False

    def log_in(self, name: str) -> Script:
        """To the end of the greeting."""
        yield self._greeting(name)
        return NOWHERE

    def enter(self, name: str, room: str, *, first: bool) -> Script:  # noqa: ARG002
        """Into a channel, which the first one makes."""
        yield self._greeting(name)
        yield Step(b"JOIN #%b\r\n" % room.encode(), b" 366 ")
        return Seat(b"PRIVMSG #%b :" % room.encode(), b"\r\n")

    def visit(self, name: str, room: str, on_return: Callable[[], None]) -> Script:
        """By JOIN and PART."""
        yield self._greeting(name)
        channel = room.encode()
        while True:
            yield Step(b"JOIN #%b\r\n" % channel, b" 366 ")
            yield Step(b"PART #%b\r\n" % channel, b":%b!" % name.encode())
            on_return()

    def _greeting(self, name: str) -> Step:
        # 422: there is no message of the day, which ends every greeting here.
        return Step(b"NICK %b\r\nUSER bench 0 * :bench\r\n" % name.encode(), b" 422 ")


class Redis(Wire):
    """RESP3, which lets a subscriber publish on his own connection."""

    newlines = 7
    answers = 1

    def log_in(self, name: str) -> Script:  # noqa: ARG002
        """To the first answer."""
        yield Step(b"HELLO 3\r\nPING\r\n", b"PONG\r\n")
        return NOWHERE

    def enter(self, name: str, room: str, *, first: bool) -> Script:  # noqa: ARG002
        """To a subscription."""
        topic = room.encode()
        yield Step(b"HELLO 3\r\nSUBSCRIBE %b\r\n" % topic, b"subscribe\r\n")
        head = b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n"
        return Seat(head % (len(topic), topic, self.text_bytes), b"\r\n")


class Nats(Wire):
    """NATS' text protocol, with echo."""

    newlines = 2
    _CONNECT: Final = b'CONNECT {"verbose":false,"pedantic":false,"echo":true}\r\n'

    def log_in(self, name: str) -> Script:  # noqa: ARG002
        """To the first pong."""
        yield Step(self._CONNECT + b"PING\r\n", b"PONG\r\n")
        return NOWHERE

    def enter(self, name: str, room: str, *, first: bool) -> Script:  # noqa: ARG002
        """To a subscription."""
        topic = room.encode()
        yield Step(self._CONNECT + b"SUB %b 1\r\nPING\r\n" % topic, b"PONG\r\n")
        return Seat(b"PUB %b %d\r\n" % (topic, self.text_bytes), b"\r\n")


class Mqtt(Wire):
    """MQTT 3.1.1 at QoS 0; the words end with the line feed that is counted."""

    def line(self, seat: Seat, words: bytes, serial: int) -> bytes:  # noqa: ARG002
        """The words without their last letter, for the line feed."""
        return seat.head + words[:-1] + b"\n"

    def log_in(self, name: str) -> Script:
        """To the acknowledgement."""
        yield self._greeting(name)
        return NOWHERE

    def enter(self, name: str, room: str, *, first: bool) -> Script:  # noqa: ARG002
        """To a subscription."""
        yield self._greeting(name)
        topic = _counted(room.encode())
        yield Step(_packet(0x82, b"\0\1" + topic + b"\0"), b"\x90\x03\0\1\0")
        whole = _packet(0x30, topic + bytes(self.text_bytes))
        return Seat(whole[: -self.text_bytes], b"")

    def _greeting(self, name: str) -> Step:
        # Version 4, a clean session, no keep-alive.
        body = _counted(b"MQTT") + b"\x04\x02\0\0" + _counted(name.encode())
        return Step(_packet(0x10, body), b"\x20\x02\0\0")


class Bare(Wire):
    """The floors': the first line names the room, every other one is said there."""

    def log_in(self, name: str) -> Script:  # noqa: ARG002
        """To a room of his own, which costs a floor nothing."""
        yield Step(b"lobby\n", b"ok\n")
        return NOWHERE

    def enter(self, name: str, room: str, *, first: bool) -> Script:  # noqa: ARG002
        """To the room's answer."""
        yield Step(room.encode() + b"\n", b"ok\n")
        return Seat(b"", b"\n")


WIRES: Final[dict[str, type[Wire]]] = {
    "tcpnet": Tcpnet,
    "irc": Irc,
    "redis": Redis,
    "nats": Nats,
    "mqtt": Mqtt,
    "bare": Bare,
}


def _counted(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _packet(kind: int, body: bytes) -> bytes:
    length, size = b"", len(body)
    while size > 127:
        length += bytes([size % 128 | 128])
        size //= 128
    return bytes([kind]) + length + bytes([size]) + body

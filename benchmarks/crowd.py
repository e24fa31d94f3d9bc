"""Many members of a server as sockets of one process, cheap enough not to be what is measured."""

import ctypes
import select
import socket
import struct
import time
from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import Final, Protocol

from benchmarks.wires import NOWHERE, Seat, Step

PATIENCE: Final = 10.0
"""Seconds in which a server has to say something that is waited for."""

NAP: Final = 0.0001
"""Seconds between looks at the counted members: nobody who sends to them has to wake us."""

_RESET: Final = struct.pack("ii", 1, 0)

Talk = Generator[Step, bytes, Seat] | Generator[Step, bytes, None]


class Hung(Exception):
    """A server that was to say something did not."""


class Pump(Protocol):
    """Reads from the counted members."""

    def __call__(self, seconds: float) -> int:
        """Wait so long at most, in naps, for bytes; how many line feeds came."""
        ...


class CompiledPump:
    """The loop in C, see `pump.c`."""

    def __init__(self, library: str, epoll: select.epoll) -> None:
        self._pump = ctypes.CDLL(library).pump
        self._pump.restype = ctypes.c_long
        self._epoll = epoll.fileno()
        self._nap = ctypes.c_long(round(NAP * 1e9))
        self._ended = ctypes.c_long(0)

    def __call__(self, seconds: float) -> int:
        """Read once from whoever has something; raises Hung when a connection ended."""
        naps = ctypes.c_long(round(seconds / NAP))
        feeds = self._pump(self._epoll, naps, self._nap, ctypes.byref(self._ended))
        if self._ended.value:
            raise Hung(f"{self._ended.value} connections were ended by the server")
        return int(feeds)


class PythonPump:
    """The same in Python, some three times dearer."""

    def __init__(self, epoll: select.epoll, sockets: dict[int, socket.socket]) -> None:
        self._epoll = epoll
        self._sockets = sockets
        self._buffer = bytearray(1 << 18)

    def __call__(self, seconds: float) -> int:
        """Read once from whoever has something; raises Hung when a connection ended."""
        feeds, buffer, until = 0, self._buffer, time.monotonic() + seconds
        while not (events := self._epoll.poll(0)) and time.monotonic() < until:
            time.sleep(NAP)
        for fd, _ in events:
            if (size := self._sockets[fd].recv_into(buffer)) == 0:
                raise Hung("a connection was ended by the server")
            feeds += buffer.count(b"\n", 0, size)
        return feeds


class Member:
    """One connection, and where its owner sits."""

    __slots__ = ("_heard", "_talk", "_until", "seat", "socket")

    def __init__(self, sock: socket.socket, talk: Talk) -> None:
        self.socket = sock
        self.seat = NOWHERE
        self._talk = talk
        self._heard = b""
        self._say(next(talk))

    def hear(self, data: bytes) -> bool:
        """Take what arrived and answer it; whether the talk has ended."""
        if not data:
            raise Hung(f"hung up after {self._heard[-300:]!r}")
        self._heard += data
        if self._until not in self._heard:
            return False
        heard, self._heard = self._heard, b""
        try:
            self._say(self._talk.send(heard))
        except StopIteration as end:
            self.seat = end.value
            return True
        return False

    def _say(self, step: Step) -> None:
        self._until = step.until
        self.socket.sendall(step.data)

    def __str__(self) -> str:
        return f"waits for {self._until!r}, heard {self._heard[-300:]!r}"


class Crowd:
    """Members who talk step by step, and then are only counted; a context manager."""

    def __init__(self, port: int, library: str | None = None) -> None:
        self.members: list[Member] = []
        self._port = port
        self._counted = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self.pump: Pump = (
            CompiledPump(library, self._counted)
            if library
            else PythonPump(self._counted, self._sockets)
        )

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            member.socket.close()
        self._counted.close()

    def dial(self, talk: Talk, receive_buffer: int = 0) -> Member:
        """Connect somebody who begins to talk; `receive_buffer` in bytes, 0 for the usual one."""
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        # Hung up by a reset, so that thousands do not linger on their ports.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(PATIENCE)
        sock.connect(("127.0.0.1", self._port))
        sock.setblocking(False)
        return Member(sock, talk)

    def bring(self, talks: Iterable[Talk], at_once: int) -> None:
        """Have people talk to their end, in any order; then they are counted."""
        for member in self.talked(talks, at_once):
            self.count(member)

    def talked(self, talks: Iterable[Talk], at_once: int) -> Iterator[Member]:
        """Each one as his talk ends; the members keep the order of the talks."""
        waiting, talking = iter(talks), dict[int, Member]()
        with select.epoll() as epoll:
            epoll.register(self._counted.fileno(), select.EPOLLIN)
            while True:
                for talk in islice(waiting, at_once - len(talking)):
                    member = self.dial(talk)
                    self.members.append(member)
                    talking[member.socket.fileno()] = member
                    epoll.register(member.socket.fileno(), select.EPOLLIN)
                if not talking:
                    return
                for member in self._ended(epoll, talking):
                    epoll.unregister(member.socket.fileno())
                    del talking[member.socket.fileno()]
                    yield member

    def count(self, member: Member) -> None:
        """From now on count only what this member hears."""
        fd = member.socket.fileno()
        acknowledge_at_once(member.socket)
        self._sockets[fd] = member.socket
        self._counted.register(fd, select.EPOLLIN)

    def uncount(self, member: Member) -> None:
        """Leave what this member hears to somebody else."""
        fd = member.socket.fileno()
        del self._sockets[fd]
        self._counted.unregister(fd)

    def counted(self) -> int:
        """A descriptor that is readable when a counted member has something."""
        return self._counted.fileno()

    def settle(self, quiet: float = 0.2) -> None:
        """Read until nothing came for so many seconds."""
        while self._counted.poll(quiet, 1):
            self.pump(0)

    def _ended(self, epoll: select.epoll, talking: dict[int, Member]) -> list[Member]:
        events = epoll.poll(PATIENCE)
        if not events:
            raise Hung(f"one {next(iter(talking.values()))}")
        ended = []
        for fd, _ in events:
            if fd == self._counted.fileno():
                self.pump(0)
            elif talking[fd].hear(talking[fd].socket.recv(1 << 16)):
                ended.append(talking[fd])
        return ended


def acknowledge_at_once(sock: socket.socket) -> None:
    """Tell the kernel that no answer is about to carry the acknowledgement; until the next send.

    It takes whoever sends soon after he received for one side of a ping-pong, and then a server
    without TCP_NODELAY waits 40 ms before each line but the first.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

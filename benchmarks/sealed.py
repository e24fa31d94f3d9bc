"""A talk under TLS: what its steps say goes sealed, and what is heard is opened for them."""

import ssl
from typing import Final

from benchmarks.wires import Script, Seat, Step

RECORD: Final = 1 << 14
"""Bytes of plain text that one record can carry."""

_ANYTHING: Final = b""  # bytes that are sealed cannot be searched


def anybody() -> ssl.SSLContext:
    """What takes every certificate: a server on this machine need not prove who it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def sealed(talk: Script, asking: Step, context: ssl.SSLContext) -> Script:
    """The same talk under TLS, for which `asking` asks in clear."""
    yield asking
    seal = _Seal(context)
    while not seal.shaken():
        seal.take((yield Step(seal.to_send(), _ANYTHING)))
    step = next(talk)
    while True:
        seal.say(step.data)
        plain = b""
        while step.until not in plain:
            seal.take((yield Step(seal.to_send(), _ANYTHING)))
            plain += seal.heard()
        try:
            step = talk.send(plain)
        except StopIteration as end:
            seat: Seat = end.value
            return seat


class _Seal:
    """One side of TLS, by hand: bytes in, bytes out."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing)

    def shaken(self) -> bool:
        """Go on with the handshake; whether it is complete."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def say(self, plain: bytes) -> None:
        """Seal what is to be sent."""
        self._tls.write(plain)

    def to_send(self) -> bytes:
        """What is to be sent, sealed."""
        return self._outgoing.read()

    def take(self, data: bytes) -> None:
        """Take what arrived."""
        self._incoming.write(data)

    def heard(self) -> bytes:
        """What arrived, opened."""
        plain = b""
        try:
            while piece := self._tls.read(RECORD):
                plain += piece
        except ssl.SSLWantReadError:
            pass  # what follows has not arrived whole
        return plain

"""What the port says: heads of responses, and how their bodies are framed (RFC 9112 §6)."""

from http import HTTPStatus
from typing import Final

from tcpnet.proxy.entry import NO_FIELDS, Fields, Lines
from tcpnet.proxy.port.heads import RequestHead
from tcpnet.proxy.port.refusals import Refused
from tcpnet.proxy.rules.dates import http_date_text

CACHE: Final = "tcpnet"
"""How this cache calls itself in Cache-Status (RFC 9211)."""

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_PHRASES: Final = {int(status): status.phrase for status in HTTPStatus}
_BODILESS: Final = frozenset({204, 304})
_LENGTH: Final = frozenset({"content-length"})


def encoded_head(status: int, reason: str, lines: Lines, more: str = "") -> bytes:
    """Write a status line and field lines, which hold nothing that could end a line.

    `more` is of lines that are written and ended already.
    """
    first = f"HTTP/1.1 {status} {reason or _PHRASES.get(status, '')}"
    head = "\r\n".join((first, *map(": ".join, lines), f"{more}\r\n"))
    return head.encode("latin-1", "replace")


class Framed:
    """One response to one request: its head, then its body in the framing the client can read.

    `length` counts the body's bytes where they are known, and what `fields` say of it is put right;
    `marks` are this hub's own lines. `keeps_alive` tells whether the connection may go on behind
    it; where it `ends_with_connection`, nothing else ends the body.
    """

    def __init__(
        self,
        head: RequestHead,
        status: int,
        reason: str,
        fields: Fields,
        length: int | None,
        *,
        keeps_alive: bool,
        marks: str = "",
    ) -> None:
        has_body = head.method != "HEAD" and status not in _BODILESS
        is_endless = has_body and length is None
        self.status = status
        self.ends_with_connection = is_endless and not head.is_1_1
        self.keeps_alive = keeps_alive and not self.ends_with_connection
        self._has_body = has_body
        self._chunked = is_endless and head.is_1_1
        more = marks
        if head.method != "HEAD":
            said = (str(length),) if has_body and length is not None else ()
            if fields.values("content-length") != said:
                fields = fields.without(_LENGTH)
                more += f"Content-Length: {length}\r\n" if said else ""
        if self._chunked:
            more += "Transfer-Encoding: chunked\r\n"
        if not self.keeps_alive:
            more += "Connection: close\r\n"
        elif not head.is_1_1:
            more += "Connection: keep-alive\r\n"
        self.head = encoded_head(status, reason, fields.lines, more)

    def piece(self, data: bytes) -> bytes:
        """Return a piece of the body as it goes on the wire."""
        if not self._has_body or not data:
            return b""
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    def last(self, data: bytes) -> bytes:
        """Return the last piece of the body, and what ends it."""
        return self.piece(data) + b"0\r\n\r\n" if self._chunked else self.piece(data)


def refusal(
    head: RequestHead | None, refused: Refused, via: str, now: float, *, keeps_alive: bool
) -> Framed:
    """Return the response that says in one sentence why there is no other."""
    fields = (
        ("Date", http_date_text(now)),
        *refused.fields,
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("Age", "0"),
        ("Cache-Status", f"{CACHE}; detail=refused"),
        ("X-Content-Type-Options", "nosniff"),
        ("Via", via),
    )
    asked = head or RequestHead("GET", "/", True, NO_FIELDS)
    body_length = len(sentence(refused))
    return Framed(asked, refused.status, "", Fields(fields), body_length, keeps_alive=keeps_alive)


def sentence(refused: Refused) -> bytes:
    """Return the body that goes with a refusal."""
    return f"{refused}\n".encode(errors="replace")

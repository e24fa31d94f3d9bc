"""Heads of requests, read strictly: what two programs could read in two ways is refused."""

import re
from typing import Final

from msgspec import Struct

from tcpnet.proxy.entry import Fields
from tcpnet.proxy.port.refusals import Malformed

MAX_HEAD: Final = 32 * 1024
"""Bytes of a whole head."""

MAX_TARGET: Final = 8190
"""Bytes of a target: an address that origins commonly accept."""

MAX_FIELDS: Final = 100

_TOKEN: Final = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]++"
# Possessive throughout: whatever is sent, it is read once.
_HEAD: Final = re.compile(
    rb"(%b) ([!-~]++) HTTP/1\.([0-9])\r\n((?:%b:[\t -~\x80-\xff]*+\r\n)*+)\r\n" % (_TOKEN, _TOKEN)
)
# Of what `_HEAD` took: a name, and a value without the blanks around it.
_FIELD: Final = re.compile(r"([^:]++):[ \t]*+((?:[^\r]*[^\r \t])?)[ \t]*+\r\n")
_REQUEST_LINE: Final = re.compile(rb"%b ([^ ]++) HTTP/([0-9])\.[0-9]" % _TOKEN)
_FIELD_NAME: Final = re.compile(_TOKEN)


class RequestHead(Struct, frozen=True, eq=False):
    """One request without its body; `target` as it was written."""

    method: str
    target: str
    is_1_1: bool
    fields: Fields

    @property
    def keeps_alive(self) -> bool:
        """Whether the client wants to use the connection again."""
        asked = self.fields.index
        if "connection" not in asked and "proxy-connection" not in asked:
            return self.is_1_1
        # The second is no standard, but what programs from before HTTP/1.1 say to proxies.
        options = f"{asked.get('connection', '')},{asked.get('proxy-connection', '')}".lower()
        return "close" not in options if self.is_1_1 else "keep-alive" in options


def parse(data: bytes, start: int = 0) -> tuple[RequestHead, int] | None:
    """Read the head that begins at `start`, and where it ends; None while it is not all there.

    Raises Malformed (RFC 9112 §2.2, §3, §5).
    """
    found = _HEAD.match(data, start)
    if found is None:
        _judge(data[start:])
        return None
    method, target, minor, block = found.groups()
    if len(target) > MAX_TARGET:
        raise _long_target()
    if found.end() - start > MAX_HEAD:
        raise _large_head()
    fields = Fields(tuple(_FIELD.findall(block.decode("latin-1"))))
    if len(fields.lines) > MAX_FIELDS:
        raise Malformed(f"The request has more than {MAX_FIELDS} header fields.", 431)
    is_1_1, hosts = minor != b"0", len(fields.values("host"))
    if hosts > 1 or (is_1_1 and not hosts):
        raise Malformed("A request has exactly one Host field.")
    head = RequestHead(method.decode(), target.decode(), is_1_1, fields)
    return head, found.end()


def _judge(data: bytes) -> None:
    """Raise the reason why what does not match can never become a head, if there is one."""
    line, ended, rest = data.partition(b"\r\n")
    _judge_request_line(line, ended=bool(ended))
    end = rest.find(b"\r\n\r\n")
    if end < 0 and not rest.startswith(b"\r\n"):
        if len(data) > MAX_HEAD:
            raise _large_head()
        *whole, _ = rest.split(b"\r\n")
        _judge_fields(whole)
        return
    _judge_fields(rest[: max(end, 0)].split(b"\r\n"))
    raise Malformed("The request is not valid HTTP.")


def _judge_request_line(line: bytes, *, ended: bool) -> None:
    if not ended:
        if len(line) > MAX_TARGET + 64:
            raise _long_target()
        if b"\n" in line or b"\0" in line:
            raise Malformed("The first line of the request is not valid HTTP.")
        return
    found = _REQUEST_LINE.fullmatch(line)
    if found and found[2] != b"1":
        raise Malformed("Only HTTP/1.1 and HTTP/1.0 are spoken here.", 505)
    if found and len(found[1]) > MAX_TARGET:
        raise _long_target()
    if not found or not all(0x21 <= byte <= 0x7E for byte in found[1]):
        raise Malformed("The first line of the request is not valid HTTP.")


def _judge_fields(lines: list[bytes]) -> None:
    for line in lines:
        name, colon, _ = line.partition(b":")
        if line and not (colon and _FIELD_NAME.fullmatch(name)):
            shown = ascii(line[:40].decode("latin-1"))
            raise Malformed(f"The request has a header line that is not valid: {shown}.")


def _long_target() -> Malformed:
    return Malformed(f"The address is longer than {MAX_TARGET} bytes.", 414)


def _large_head() -> Malformed:
    return Malformed(f"The head of the request is larger than {MAX_HEAD} bytes.", 431)

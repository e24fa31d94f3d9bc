"""Heads on the wire: what may leave for an origin, and what may come in from one."""

import re
from collections.abc import Collection
from itertools import chain
from typing import Final

from yarl import URL

from tcpnet.proxy import fields as http
from tcpnet.proxy.entry import Fields
from tcpnet.proxy.failures import FetchError, HeadTooLarge, MalformedAnswer, Unsendable

# Bytes. Content-Security-Policy and cookies of large sites pass 8 KiB, aiohttp's own limit.
MAX_LINE: Final = 16 * 1024
MAX_HEAD: Final = 64 * 1024
MAX_FIELDS: Final = 128

_TOKEN: Final = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CONTROL_BYTE: Final = re.compile(_CONTROL.pattern.encode())
_TARGET: Final = re.compile(r"https?://[!-~]+")
_SITE: Final = re.compile(r"https?://[^/?#]+")


def target(method: str, url: str) -> URL:
    """Return where a request goes, byte for byte; raise Unsendable for what is no address.

    An OPTIONS without a path goes to `*` (RFC 9112 §3.2.4).
    """
    try:
        found = URL(url, encoded=True) if _TARGET.fullmatch(url) and "#" not in url else None
        if found is not None and found.raw_host:
            return _asterisk(found) if method == "OPTIONS" and _SITE.fullmatch(url) else found
    except ValueError:
        pass  # a host or a port that cannot be one
    raise Unsendable(f"A request for {url!a} cannot be sent.")


def outgoing(method: str, fields: Fields, *, streams: bool) -> list[tuple[str, str]]:
    """Return the fields to send; raise Unsendable for what could smuggle a second request.

    Fields of one connection and Host are left out, and Content-Length too unless the body
    `streams`: the sender of this message makes its own. Fields of one name get one spelling,
    since aiohttp keeps only the last of two whose names differ in case.
    """
    if not _TOKEN.fullmatch(method) or method.upper() == "CONNECT":
        raise Unsendable(f"A request with the method {method!a} cannot be sent.")
    framing = {"host"} if streams else {"host", "content-length"}
    spelling: dict[str, str] = {}
    sent = []
    for name, value in http.without(http.end_to_end(fields), framing):
        if not _TOKEN.fullmatch(name) or _CONTROL.search(value):
            raise Unsendable(f"A request with the header {name!a} as given cannot be sent.")
        sent.append((spelling.setdefault(name.lower(), name), _as_written(value)))
    return sent


def incoming(raw: Collection[tuple[bytes, bytes]]) -> Fields:
    """Return the fields as they came, in their case and order, duplicates included."""
    if _CONTROL_BYTE.search(b"".join(chain.from_iterable(raw))):
        return tuple((harmless(name), harmless(value)) for name, value in raw)
    return tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw])


def harmless(text: bytes) -> str:
    """Read bytes as latin-1 text; a control character becomes a space (RFC 9110 §5.5)."""
    return _CONTROL.sub(" ", text.decode("latin-1"))


def flaw(host: str, version: tuple[int, int], status: int, fields: Fields) -> FetchError | None:
    """Say what forbids passing this head on, though a lenient parser let it through."""
    if version not in ((1, 0), (1, 1)) or status < 200:
        return MalformedAnswer(host)
    if http.tokens(fields, "transfer-encoding") - {"chunked"}:
        return MalformedAnswer(host, "a page in a transfer coding that nobody asked for")
    size = sum(map(len, chain.from_iterable(fields))) + len(fields) * len(": \r\n")
    if size > MAX_HEAD:
        return HeadTooLarge(host)
    return None


def _asterisk(site: URL) -> URL:
    return URL.build(scheme=site.scheme, authority=site.raw_authority, path="*", encoded=True)


def _as_written(value: str) -> str:
    # aiohttp writes UTF-8: what came in as UTF-8 leaves byte for byte, other bytes as letters.
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value

"""Heads on the wire: what may leave for an origin, and what may come in from one."""

import re
from collections.abc import Iterable
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
_TARGET: Final = re.compile(r"https?://[!-~]+")
_SITE: Final = re.compile(r"https?://[^/?#]+")


def outgoing(method: str, url: str, fields: Fields, *, streams: bool) -> list[tuple[str, str]]:
    """Return the fields to send; raise Unsendable for what could smuggle a second request.

    Fields of one connection and Host are left out, and Content-Length too unless the body
    `streams`: the sender of this message makes its own. Fields of one name get one spelling,
    since aiohttp keeps only the last of two whose names differ in case.
    """
    if not _TOKEN.fullmatch(method) or method.upper() == "CONNECT":
        raise Unsendable(f"A request with the method {method!a} cannot be sent.")
    if not _is_target(url):
        raise Unsendable(f"A request for {url!a} cannot be sent.")
    framing = {"host"} if streams else {"host", "content-length"}
    spelling: dict[str, str] = {}
    sent = []
    for name, value in http.without(http.end_to_end(fields), framing):
        if not _TOKEN.fullmatch(name) or _CONTROL.search(value):
            raise Unsendable(f"A request with the header {name!a} as given cannot be sent.")
        sent.append((spelling.setdefault(name.lower(), name), _as_written(value)))
    return sent


def target(method: str, url: str) -> URL:
    """Return where a request goes: an OPTIONS without a path to `*` (RFC 9112 §3.2.4)."""
    found = URL(url, encoded=True)
    if method == "OPTIONS" and _SITE.fullmatch(url):
        return URL.build(scheme=found.scheme, authority=found.raw_authority, path="*", encoded=True)
    return found


def incoming(raw: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Return the fields as they came, in their case and order, duplicates included."""
    return tuple((harmless(name), harmless(value)) for name, value in raw)


def harmless(text: bytes) -> str:
    """Read bytes as latin-1 text; a control character becomes a space (RFC 9110 §5.5)."""
    return _CONTROL.sub(" ", text.decode("latin-1"))


def flaw(host: str, version: tuple[int, int], status: int, fields: Fields) -> FetchError | None:
    """Say what forbids passing this head on, though a lenient parser let it through."""
    if version not in ((1, 0), (1, 1)) or status < 200:
        return MalformedAnswer(host)
    if http.tokens(fields, "transfer-encoding") - {"chunked"}:
        return MalformedAnswer(host, "a page in a transfer coding that nobody asked for")
    if sum(len(name) + len(value) + len(": \r\n") for name, value in fields) > MAX_HEAD:
        return HeadTooLarge(host)
    return None


def _is_target(url: str) -> bool:
    try:
        return bool(_TARGET.fullmatch(url) and "#" not in url and URL(url, encoded=True).raw_host)
    except ValueError:
        return False


def _as_written(value: str) -> str:
    # aiohttp writes UTF-8: what came in as UTF-8 leaves byte for byte, other bytes as letters.
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value

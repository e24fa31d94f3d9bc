"""Heads on the wire: what may leave for an origin, and what may come in from one."""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final

from aiohttp.http_exceptions import LineTooLong
from yarl import URL

from tcpnet.proxy import fields as http
from tcpnet.proxy.entry import Fields
from tcpnet.proxy.failures import FetchError, MalformedAnswer, Unsendable

# Bytes. Content-Security-Policy and cookies of large sites pass 8 KiB, aiohttp's own limit.
MAX_LINE: Final = 16 * 1024
MAX_HEAD: Final = 64 * 1024
MAX_FIELDS: Final = 128

_TOKEN: Final = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_URL: Final = re.compile(r"""(https?://[!"$-.0->A-~]+)([/?][!"$-~]*)?""")

# Methods without a body unless they say so; the others are sent with one, if of no bytes.
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_HOST: Final = frozenset({"host"})
_HOST_AND_LENGTH: Final = frozenset({"host", "content-length"})


def target(method: str, url: str) -> tuple[str, str]:
    """Return where a request goes, byte for byte: the site, and what the first line says.

    The site is scheme, host and port. An OPTIONS without a path goes to `*` (RFC 9112 §3.2.4).
    Raises Unsendable for what is no address.
    """
    found = _URL.fullmatch(url)
    if found is None or not host(found[1]):
        raise Unsendable(f"A request for {url!a} cannot be sent.")
    site, path = found.groups()
    if path is None:
        return site, "*" if method == "OPTIONS" else "/"
    return site, path if path.startswith("/") else f"/{path}"


@lru_cache(maxsize=256)
def host(site: str) -> str:
    """Return the name or the address of a site; "" for what is no site."""
    try:
        return URL(site, encoded=True).raw_host or ""
    except ValueError:
        return ""  # a host or a port that cannot be one


def request(method: str, path: str, host: str, fields: Fields, *, length: int | None) -> bytes:
    """Return the head of a request; raise Unsendable for what could smuggle a second one.

    Fields of one connection and Host are left out. `length` counts the bytes of the body. None
    stands for a stream: by a Content-Length among the fields, or else in chunks.
    """
    if not _is_sendable(method):
        raise Unsendable(f"A request with the method {method!a} cannot be sent.")
    dropped = http.hop_by_hop(fields) | (_HOST if length is None else _HOST_AND_LENGTH)
    sent = [line for line in fields.lines if line[0].lower() not in dropped]
    if sent:
        names, said = zip(*sent, strict=True)
        tokens = all(names) and _TOKEN.fullmatch("".join(names))
        if not tokens or _has_control("".join(said)):
            raise Unsendable(f"A request with the header {_unsendable(sent)!a} cannot be sent.")
    lines = [f"{method} {path} HTTP/1.1\r\nHost: {host}"]
    lines += [f"{name}: {value}" for name, value in sent]
    if length is None:
        if "content-length" not in fields.index:
            lines.append("Transfer-Encoding: chunked")
    elif length or method not in _BODILESS:
        lines.append(f"Content-Length: {length}")
    lines.append("\r\n")
    return _encoded("\r\n".join(lines))


def incoming(raw: Collection[tuple[bytes, bytes]]) -> Fields:
    """Return the fields as they came, in their case and order, duplicates included.

    Raises LineTooLong for a head of more than MAX_HEAD bytes.
    """
    lines = tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw])
    text = "".join(map("".join, lines))
    if len(text) + len(lines) * len(": \r\n") > MAX_HEAD:
        raise LineTooLong("a head", MAX_HEAD)
    if _has_control(text):
        lines = tuple([(harmless(name), harmless(value)) for name, value in lines])
    return Fields(lines)


def harmless(text: str) -> str:
    """Put a space for each control character (RFC 9110 §5.5)."""
    return _CONTROL.sub(" ", text) if _has_control(text) else text


@lru_cache(maxsize=64)
def phrase(reason: str) -> str:
    """Return the words of a status as they came; aiohttp takes them for UTF-8."""
    if reason.isascii():
        return harmless(reason)
    return harmless(reason.encode(errors="surrogateescape").decode("latin-1"))


def flaw(host: str, version: tuple[int, int], status: int, fields: Fields) -> FetchError | None:
    """Say what forbids passing this head on, though a lenient parser let it through."""
    if version not in ((1, 0), (1, 1)) or status < 200:
        return MalformedAnswer(host)
    if http.tokens(fields, "transfer-encoding") - {"chunked"}:
        return MalformedAnswer(host, "a page in a transfer coding that nobody asked for")
    return None


@lru_cache(maxsize=256)
def _is_sendable(method: str) -> bool:
    """Tell whether this may be the method of a request."""
    return _TOKEN.fullmatch(method) is not None and method.upper() != "CONNECT"


def _has_control(text: str) -> bool:
    """Tell whether a character of control is in a text; most texts could be printed."""
    return not text.isprintable() and _CONTROL.search(text) is not None


def _unsendable(lines: Iterable[tuple[str, str]]) -> str:
    """Name the first of the fields that cannot go on the wire."""
    return next(
        (name for name, value in lines if not _TOKEN.fullmatch(name) or _CONTROL.search(value)), ""
    )


def _encoded(head: str) -> bytes:
    # Bytes beyond ASCII came in as latin-1, so they leave as they came.
    try:
        return head.encode("latin-1")
    except UnicodeEncodeError as error:
        raise Unsendable("A request with letters of no single byte cannot be sent.") from error

"""What a request is for: a page of some site, a tunnel, or this hub itself (RFC 9112 §3.2)."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from tcpnet.errors import UserError
from tcpnet.proxy import targets
from tcpnet.proxy.port.heads import RequestHead
from tcpnet.proxy.port.refusals import Malformed, Refused

MAPPED: Final = "/+/"
"""What comes before the address of a page for programs that know nothing of proxies."""

_SITE: Final = re.compile(r"[A-Za-z]+://[^/?]+")
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Programs that tidy paths make one slash of two, or %3A of a colon (pip does).
_PLUS: Final = re.compile(r"/(?:\+|%2B)/", re.IGNORECASE)
_MAPPED: Final = re.compile(r"(https?)(?::|%3A)/{1,2}([^/?#]+)", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
# Longer addresses are rare, and would fill the memory of those that are not.
_REMEMBERED: Final = 512


class PageTarget(Struct, frozen=True):
    """A page under its normalised address; `mapped` where it was asked for under `/+/`.

    For an OPTIONS about a whole site the address has no path.
    """

    url: str
    mapped: bool = False


class TunnelTarget(Struct, frozen=True):
    """The two ends of a tunnel: here, and there."""

    host: str
    port: int


class OwnTarget(Struct, frozen=True):
    """Something of this hub itself."""

    path: str


Target = PageTarget | TunnelTarget | OwnTarget


def read(head: RequestHead) -> Target:
    """Return what a request is for. Raises Refused."""
    target = head.target
    if head.method == "CONNECT":
        return _tunnel(target)
    if target.startswith("/"):
        return here(target)
    if target == "*" and head.method == "OPTIONS":
        return OwnTarget("*")
    url = page(target)
    if head.method == "OPTIONS" and _SITE.fullmatch(target):
        return PageTarget(url.removesuffix("/"))
    return PageTarget(url)


def page(target: str) -> str:
    """Return the normalised address of an absolute target. Raises Refused."""
    if len(target) <= _REMEMBERED:
        return _page(target)
    return _page.__wrapped__(target)


@lru_cache(maxsize=1024)
def _page(target: str) -> str:
    if not _ABSOLUTE.match(target) or "#" in target:
        raise Malformed("A proxy is asked for a whole address, as in GET http://example.com/.")
    if not target.lower().startswith(("http://", "https://")):
        raise Refused(400, "Only http:// and https:// can be fetched.")
    try:
        return targets.checked(target)
    except UserError as error:
        raise Refused(400, _sentence(error)) from error


def here(target: str) -> Target:
    """Return what a path at this hub is for (origin-form). Raises Refused."""
    plus = _PLUS.match(target)
    if plus is None:
        return OwnTarget(target.partition("?")[0])
    found = _MAPPED.match(target, plus.end())
    site = unquote(found[2], "latin-1") if found else ""
    if found is None or set(site) & set("/?#"):
        raise Refused(400, "Write a whole address behind /+/, as in /+/https://example.com/.")
    return PageTarget(page(f"{found[1]}://{site}{target[found.end() :]}"), mapped=True)


def _tunnel(target: str) -> TunnelTarget:
    if not _AUTHORITY.fullmatch(target):
        raise Malformed("A tunnel is asked for as host:port, as in CONNECT example.com:443.")
    try:
        # Under https a port of 443 is left out; what stays is what was asked for.
        found = urlsplit(targets.checked(f"https://{target}/"))
    except UserError as error:
        raise Refused(400, _sentence(error), final=True) from error
    return TunnelTarget((found.hostname or ""), found.port or 443)


def _sentence(error: UserError) -> str:
    words = str(error)
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."

"""Pages asked for under `/+/`: what is changed so that their links lead through this hub too.

Programs that know nothing of proxies (pip's index, npm's registry) are given an address of the
hub, and follow addresses that they find: in Location, and in the lists of packages they read.
Those are mapped; all else is passed on as it came. Since every site shows up under the one name of
the hub, nothing that a browser keeps by name, or runs, may pass.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from typing import Final

from tcpnet.proxy.entry import Fields
from tcpnet.proxy.fields import members
from tcpnet.proxy.port.refusals import Refused
from tcpnet.proxy.port.targets import MAPPED
from tcpnet.proxy.rules.directives import directives
from tcpnet.proxy.urls import origin, resolved

MAX_UNPACKED: Final = 256 * 1024 * 1024
"""Bytes of a packed list that are unpacked at the most to map what is in it."""

# What a browser would send for this hub's name, whichever site's page it is about.
_NOT_ASKED: Final = frozenset({"accept-encoding", "cookie", "origin", "referer"})
# What a browser would keep for this hub's name, or do to it.
_NOT_ANSWERED: Final = frozenset(
    {
        "alt-svc",
        "clear-site-data",
        "content-location",
        "location",
        "service-worker-allowed",
        "set-cookie",
        "strict-transport-security",
    }
)
# What no longer holds once links were mapped.
_OF_THE_BYTES: Final = frozenset(
    {
        "accept-ranges",
        "content-digest",
        "content-encoding",
        "content-length",
        "content-md5",
        "digest",
        "etag",
        "repr-digest",
    }
)
_JSON: Final = re.compile(rb'"(https?):\\?/\\?/')
_HTML: Final = re.compile(
    rb"""([ \t\r\n"'](?:href|src|action)[ \t\r\n]{0,4}=[ \t\r\n]{0,4}["'])"""
    rb"""(?:(https?:)?//(?!/)|/(?!/))""",
    re.IGNORECASE,
)
# Bytes in which no link is found twice or missed: longer than what either pattern matches.
_OVERLAP: Final = 40
_PATTERNS: Final = {
    "application/json": _JSON,
    "application/vnd.npm.install-v1+json": _JSON,
    "application/vnd.pypi.simple.v1+json": _JSON,
    "application/vnd.pypi.simple.v1+html": _HTML,
    "text/html": _HTML,
}
_AUTHORITY: Final = re.compile(
    r"[A-Za-z0-9._~-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?"
)


def request_fields(fields: Fields) -> Fields:
    """Return what goes on to the site. Raises Refused for a script that would stay."""
    if "service-worker" in fields.index:
        raise Refused(403, "No page may stay in a browser under the name of this hub.")
    accepted = fields.index.get("accept-encoding", "")
    words = {member.partition(";")[0].strip().lower() for member in members(accepted)}
    # What the hub can unpack itself, to map what is in it.
    coding = "gzip" if "gzip" in words else "identity"
    return fields.without(_NOT_ASKED).added(("Accept-Encoding", coding))


def response_fields(url: str, fields: Fields) -> Fields:
    """Return what goes back to the client: redirects lead through the hub, and nothing stays."""
    mapped = []
    for name in ("Location", "Content-Location"):
        for value in fields.values(name.lower()):
            if (target := resolved(url, value.strip())) is not None:
                mapped.append((name, MAPPED + target))
    # Pages of all sites would be one site to a browser: none may run anything there.
    mapped += [("Content-Security-Policy", "sandbox"), ("X-Content-Type-Options", "nosniff")]
    return fields.without(_NOT_ANSWERED).added(*mapped)


def is_list(status: int, fields: Fields) -> bool:
    """Tell whether links in the body of this response are mapped."""
    said = directives(fields.values("cache-control"))
    coding = (fields.index.get("content-encoding") or "identity").lower()
    known = coding in ("identity", "gzip", "x-gzip", "deflate")
    return (
        status not in (206, 204, 304)
        and known
        and "no-transform" not in said
        and (_pattern(fields) is not None)
    )


def mapped_fields(fields: Fields) -> Fields:
    """Return the fields less those that spoke of the bytes before links were mapped."""
    tags = fields.values("etag")
    weak = tuple(
        ("ETag", tag if tag.strip().startswith("W/") else f"W/{tag.strip()}") for tag in tags
    )
    return fields.without(_OF_THE_BYTES).added(*weak)


def base(host: str | None, own: str) -> str:
    """Return how the client calls this hub: by its Host, or else as `own`."""
    return f"http://{host}" if host and _AUTHORITY.fullmatch(host) else own


async def mapped_body(
    chunks: AsyncIterable[bytes], fields: Fields, url: str, base_url: str
) -> AsyncGenerator[bytes, None]:
    """Yield a body in which links lead through the hub at `base_url`."""
    pattern = _pattern(fields)
    assert pattern is not None, "only lists are mapped"
    replace = _in_json(base_url) if pattern is _JSON else _in_html(base_url, url)
    held = b""
    async for chunk in chunks:
        held += chunk
        done, cut = b"", max(0, len(held) - _OVERLAP)
        at = 0
        for found in pattern.finditer(held):
            if found.start() >= cut:
                break
            done += held[at : found.start()] + replace(found)
            at = found.end()
        cut = max(cut, at)
        yield done + held[at:cut]
        held = held[cut:]
    yield pattern.sub(replace, held)


def _in_json(base_url: str) -> Callable[[re.Match[bytes]], bytes]:
    before = f'"{base_url}{MAPPED}'.encode()
    return lambda found: b"%b%b://" % (before, found[1])


def _in_html(base_url: str, url: str) -> Callable[[re.Match[bytes]], bytes]:
    before, site = f"{base_url}{MAPPED}".encode(), origin(url).encode()
    scheme = site.partition(b"//")[0]

    def replace(found: re.Match[bytes]) -> bytes:
        if found[0].endswith(b"//"):
            return b"%b%b%b//" % (found[1], before, found[2] or scheme)
        return b"%b%b%b/" % (found[1], before, site)

    return replace


def _pattern(fields: Fields) -> re.Pattern[bytes] | None:
    kind = fields.index.get("content-type", "").partition(";")[0].strip().lower()
    return _PATTERNS.get(kind)

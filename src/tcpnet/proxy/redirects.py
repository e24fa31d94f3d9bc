"""Where a redirect leads: which request is to follow which answer."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from msgspec.structs import replace
from yarl import URL

from tcpnet.errors import UserError
from tcpnet.proxy import targets, urls
from tcpnet.proxy.entry import Fields, PageRequest
from tcpnet.proxy.failures import BadRedirect, TooManyRedirects

LIMIT: Final = 10

_REPEATED: Final = frozenset({307, 308})
_FOLLOWED: Final = frozenset({301, 302, 303}) | _REPEATED

_SECRET: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_OF_THE_BODY: Final = frozenset(
    {
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-type",
        "digest",
        "last-modified",
    }
)
_ABSOLUTE: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_VISIBLE: Final = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class Hop:
    """The request to send next, and what the person should know of it."""

    request: PageRequest
    notes: tuple[str, ...] = ()


def next_hop(request: PageRequest, status: int, fields: Fields, followed: int = 0) -> Hop | None:
    """Return the request that follows this answer; None where the answer is the last.

    GET is followed. After 301, 302 and 303 a POST goes on as GET; after 307 and 308 it is
    repeated, body and all, on the same site only. A HEAD is not followed. `followed` counts the
    redirects so far: one above the limit raises TooManyRedirects, a Location that cannot be
    fetched BadRedirect. (RFC 9110 §15.4)
    """
    locations = fields.values("location")
    if status not in _FOLLOWED or request.method not in ("GET", "POST") or not locations:
        return None
    url = _destination(request.url, locations[0])
    onward = _repeated(request, url) if status in _REPEATED else _as_get(request, url)
    if onward is None:
        return None
    if followed >= LIMIT:
        raise TooManyRedirects(LIMIT)
    return _with_notes(request, onward)


def _destination(base: str, location: str) -> str:
    # As browsers do: what a URL cannot hold is percent-encoded, and the fragment stays here.
    reference = quote(location.strip(" ").partition("#")[0], safe=_VISIBLE, encoding="latin-1")
    if reference.startswith("//"):
        reference = f"{base.partition('//')[0]}{reference}"
    try:
        if _ABSOLUTE.match(reference):
            return targets.checked(reference)
        # Not urljoin, which makes one slash of the two in `a//b` (RFC 3986 §5.2.4 keeps both).
        joined = URL(base, encoded=True).join(URL(reference, encoded=True))
        return targets.checked(str(joined))
    except (UserError, ValueError) as error:
        raise BadRedirect(location) from error


def _repeated(request: PageRequest, url: str) -> PageRequest | None:
    if request.method == "POST" and not (
        _same_site(request.url, url) and isinstance(request.body, bytes | None)
    ):
        return None
    return replace(request, url=url)


def _as_get(request: PageRequest, url: str) -> PageRequest:
    kept = request.fields.without(_OF_THE_BODY) if request.method == "POST" else request.fields
    return replace(request, method="GET", url=url, body=None, fields=kept)


def _with_notes(request: PageRequest, onward: PageRequest) -> Hop:
    notes = []
    if not _same_site(request.url, onward.url):
        if request.credentials is not None:
            notes.append(f"User name and password are not sent on to {urls.origin(onward.url)}.")
        onward = replace(onward, credentials=None, fields=onward.fields.without(_SECRET))
    if urlsplit(request.url).scheme == "https" and urlsplit(onward.url).scheme == "http":
        notes.append(f"The site sends the request on without encryption: {onward.url}")
    return Hop(onward, tuple(notes))


def _same_site(one: str, other: str) -> bool:
    return urls.origin(one) == urls.origin(other)

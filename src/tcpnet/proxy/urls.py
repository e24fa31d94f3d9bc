"""Addresses of pages: one spelling for each, so that one page is kept under one address."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from yarl import URL

from tcpnet.errors import UserError

MAX_URL: Final = 8190
"""Bytes in a normalised address; what origins commonly accept."""

_UNWRITABLE: Final = r"\x00-\x20\x7f-\xa0\ud800-\udfff"
_URL: Final = re.compile(
    rf"(?i:(https?))://([^/?#{_UNWRITABLE}]*)([^?#{_UNWRITABLE}]*)(\?[^#{_UNWRITABLE}]*)?"
    rf"(?:#[^{_UNWRITABLE}]*)?"
)
_AUTHORITY: Final = re.compile(
    r"(?P<host>[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{0,5}))?", re.IGNORECASE | re.ASCII
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_VISIBLE: Final = "".join(map(chr, range(0x21, 0x7F)))


def normalised(url: str) -> str:
    """Return the one spelling of an absolute http or https address.

    Scheme and host in lower case, no default port, no fragment, `/` for an empty path; letters
    beyond ASCII in path and query as percent-encoded UTF-8, all else byte for byte. Raises
    UserError for what is no such address, holds blanks or control characters, or a password.
    """
    return "".join(parts(url))


def parts(url: str) -> tuple[str, str]:
    """Return the two parts of an address as `normalised` spells it: `origin`, and what follows."""
    found = _URL.fullmatch(url)
    if not found:
        raise UserError("an address looks like https://host/path, without blanks")
    named, authority, path, query = found.groups("")
    scheme = named.lower()
    site = f"{scheme}://{_authority(scheme, authority)}"
    target = (path or "/") + query
    if not target.isascii():
        target = quote(target, safe=_VISIBLE)
    if len(site) + len(target) > MAX_URL:
        raise UserError(f"the address is longer than {MAX_URL} bytes")
    return site, target


def origin(url: str) -> str:
    """Return scheme, host and port of a normalised address (RFC 9110 §4.3.1)."""
    end = url.find("/", url.index("//") + 2)
    return url if end < 0 else url[:end]


def site(address: str, port: int) -> str:
    """Return the origin of what answers http at a numeric address and a port."""
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}" if port == _DEFAULT_PORTS["http"] else f"http://{host}:{port}"


def resolved(base: str, reference: str) -> str | None:
    """Return the normalised address that a reference in a response to `base` means, if any."""
    try:
        # Not urljoin, which makes one slash of the two in a//b.
        return normalised(str(URL(base, encoded=True).join(URL(reference, encoded=True))))
    except (UserError, ValueError):
        return None


# Only what passes is remembered: a few pages are asked of each site at least.
@lru_cache(maxsize=256)
def _authority(scheme: str, text: str) -> str:
    found = _AUTHORITY.fullmatch(text)
    if "@" in text:
        raise UserError("an address must not hold a name or a password")
    if not found:
        raise UserError(f'"{text}" is not a host name in ASCII letters (write xn--… for others)')
    port = int(found["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port < 65536:
        raise UserError(f"there is no port {port}")
    host = found["host"].lower()
    return host if port == _DEFAULT_PORTS[scheme] else f"{host}:{port}"

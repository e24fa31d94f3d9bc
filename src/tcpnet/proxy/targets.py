"""What people ask for: `METHOD URL` as it is typed, made into an address that may be sent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from yarl import URL

from tcpnet.errors import UserError
from tcpnet.proxy import urls

METHODS: Final = ("GET", "HEAD", "POST")

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_HALF_A_SCHEME: Final = re.compile(r"https?:(?![0-9])", re.IGNORECASE)
_NAME: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
_ENDS_IN_A_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")


@dataclass(frozen=True, slots=True)
class Target:
    """What a person asked for; `assumed` tells that `https://` was added to what was typed."""

    method: str
    url: str
    assumed: bool


def read(line: str, methods: Sequence[str] = METHODS) -> Target:
    """Read `METHOD URL`; raise UserError, with the right form or the reason, if it is not that."""
    method, _, address = line.strip().partition(" ")
    if method.upper() not in methods or not address.strip():
        names = f"{', '.join(methods[:-1])} or {methods[-1]}"
        raise UserError(f"Write {names} and an address, as in: GET https://example.com")
    url, assumed = typed(address.strip())
    return Target(method.upper(), url, assumed)


def typed(address: str) -> tuple[str, bool]:
    """Complete an address as a person types it; the flag tells that `https://` was assumed.

    The part after `#` never leaves a browser, so it is dropped; letters outside ASCII become
    what the wire has for them: IDNA in a name, UTF-8 and percent signs elsewhere.
    """
    if re.search(r"\s", address):
        raise UserError("An address has no spaces in it: write %20 for one.")
    scheme = _SCHEME.match(address)
    if scheme is None and _HALF_A_SCHEME.match(address):
        raise UserError("Write two slashes before the name of the site: https://example.com")
    if scheme is not None and scheme[1].lower() not in ("http", "https"):
        raise UserError(f"Only http:// and https:// can be fetched, not {scheme[0]}")
    address = address.partition("#")[0]
    return checked(_in_ascii(address if scheme else f"https://{address}")), scheme is None


def checked(url: str) -> str:
    """Return the one spelling of an absolute address whose host has only one reading.

    Raises UserError for an address that names no site, and for hosts that one program takes for
    a name and another for a number: 2130706433, 127.1 and 0x7f.1 all mean 127.0.0.1 to some.
    """
    site, target = urls.parts(url)
    _check_site(site)
    return site + target


# Only what passes is remembered: a few pages are asked of each site at least.
@lru_cache(maxsize=256)
def _check_site(site: str) -> None:
    authority = site.partition("://")[2]
    host = authority.partition(":")[0]
    if authority.startswith("["):
        _check(IPv6Address, authority[1 : authority.index("]")], f"{authority} is no IPv6 address.")
    elif _ENDS_IN_A_NUMBER.fullmatch(host):
        _check(IPv4Address, host, f"{host} is no site: a numeric address is four decimal numbers.")
    elif len(host) > 253 or not _NAME.fullmatch(host):
        raise UserError(f"{host} is not the name of a site.")


def _check(kind: type[IPv4Address] | type[IPv6Address], text: str, words: str) -> None:
    try:
        kind(text)
    except AddressValueError:
        raise UserError(words) from None


def _in_ascii(url: str) -> str:
    """Write the name of a site as IDNA has it; path and query are left alone."""
    scheme, slashes, rest = url.partition("://")
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    if authority.isascii():
        return url
    name, colon, port = authority.partition(":")
    try:
        site = URL.build(scheme="https", host=name).raw_host
    except ValueError:
        raise UserError(f"{name} is not the name of a site.") from None
    return f"{scheme}{slashes}{site}{colon}{port}{rest[len(authority) :]}"

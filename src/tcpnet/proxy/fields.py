"""Header fields: looking them up, splitting lists, and which of them belong to one hop alone."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Final

from tcpnet.proxy.entry import Fields

HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Fields of one connection: never forwarded, never stored (RFC 9110 §7.6.1, RFC 9111 §3.1)."""

# Naming one of these in Connection is a known way to make a proxy drop what guards a message.
_END_TO_END: Final = frozenset(
    {
        "age",
        "authorization",
        "cache-control",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "date",
        "etag",
        "expires",
        "host",
        "set-cookie",
        "vary",
        "via",
    }
)


# A head is asked for a dozen fields, one after the other, while it is passed on. Some 2 KiB each.
@lru_cache(maxsize=128)
def _lines(fields: Fields) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in fields:
        key = name.lower()
        found[key] = (*found[key], value) if key in found else (value,)
    return found


def values(fields: Fields, name: str) -> list[str]:
    """Return the value of each line called `name` (lower case), in order."""
    return list(_lines(fields).get(name, ()))


def combined(fields: Fields, name: str) -> str | None:
    """Join the lines called `name` (lower case) with commas; None without one (RFC 9110 §5.2)."""
    lines = _lines(fields).get(name)
    return ", ".join(lines) if lines else None


def has(fields: Fields, name: str) -> bool:
    """Tell whether a line is called `name` (lower case)."""
    return name in _lines(fields)


def without(fields: Fields, names: AbstractSet[str]) -> Fields:
    """Return the fields less those whose lower-case name is among `names`."""
    if _lines(fields).keys().isdisjoint(names):
        return fields
    return tuple([pair for pair in fields if pair[0].lower() not in names])


def replaced(fields: Fields, name: str, value: str) -> Fields:
    """Return the fields with exactly one line called `name`, at the end."""
    return (*without(fields, {name.lower()}), (name, value))


def index(fields: Fields) -> dict[str, str]:
    """Map each lower-case name to its combined value."""
    return {name: ", ".join(lines) for name, lines in _lines(fields).items()}


def members(value: str) -> Iterator[str]:
    """Yield the members of a comma-separated list; commas in quoted strings do not part them.

    A quote that is never closed quotes nothing, so that it cannot hide what follows it.
    """
    if '"' not in value:
        for member in value.split(","):
            yield from _stripped(member)
        return
    start, quote, position = 0, -1, 0
    while position < len(value):
        mark = value[position]
        if mark == '"':
            quote = -1 if quote >= 0 else position
        elif mark == "\\" and quote >= 0:
            position += 1
        elif mark == "," and quote < 0:
            yield from _stripped(value[start:position])
            start = position + 1
        position += 1
    for rest in value[start:].split(",") if quote >= 0 else (value[start:],):
        yield from _stripped(rest)


def tokens(fields: Fields, name: str) -> frozenset[str]:
    """Return the members of a list of tokens, in lower case."""
    lines = values(fields, name)
    if not lines:
        return frozenset()
    return frozenset(member.lower() for line in lines for member in members(line))


def end_to_end(fields: Fields) -> Fields:
    """Return what may pass to the next hop: neither hop-by-hop nor named in Connection."""
    named = tokens(fields, "connection") - _END_TO_END
    return without(fields, HOP_BY_HOP | named if named else HOP_BY_HOP)


def _stripped(member: str) -> tuple[str, ...]:
    bare = member.strip(" \t")
    return (bare,) if bare else ()

"""Header fields: lists in their values, and which of them belong to one hop alone."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
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
    if name not in fields.index:
        return frozenset()
    return frozenset(member.lower() for line in fields.values(name) for member in members(line))


def hop_by_hop(fields: Fields) -> AbstractSet[str]:
    """Return the lower-case names of what is for this hop alone, by itself or by Connection."""
    if "connection" not in fields.index:
        return HOP_BY_HOP
    return HOP_BY_HOP | (tokens(fields, "connection") - _END_TO_END)


def end_to_end(fields: Fields) -> Fields:
    """Return what may pass to the next hop."""
    return fields.without(hop_by_hop(fields))


def _stripped(member: str) -> tuple[str, ...]:
    bare = member.strip(" \t")
    return (bare,) if bare else ()

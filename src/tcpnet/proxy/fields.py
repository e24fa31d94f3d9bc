"""Header fields: looking them up, splitting lists, and which of them belong to one hop alone."""

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


_MAX_SPLIT: Final = 256
"""Heads that are remembered by what they say: some 2 KiB each."""

# A head is asked for a dozen fields, one after the other, while it is passed on. Found by which
# object it is: to compare it with an equal one would take longer than the question.
_split: dict[int, tuple[Fields, dict[str, tuple[str, ...]]]] = {}


def lines(fields: Fields) -> dict[str, tuple[str, ...]]:
    """Map each lower-case name to the values of its lines, in order; not to be changed."""
    found = _split.get(id(fields))
    if found is not None:
        return found[1]
    split: dict[str, tuple[str, ...]] = {}
    for name, value in fields:
        key = name.lower()
        split[key] = (*split[key], value) if key in split else (value,)
    if len(_split) >= _MAX_SPLIT:
        _split.clear()  # at once: threads ask too
    _split[id(fields)] = fields, split  # with the head itself, or another could get its number
    return split


def values(fields: Fields, name: str) -> tuple[str, ...]:
    """Return the value of each line called `name` (lower case), in order."""
    return lines(fields).get(name, ())


def combined(fields: Fields, name: str) -> str | None:
    """Join the lines called `name` (lower case) with commas; None without one (RFC 9110 §5.2)."""
    found = lines(fields).get(name)
    return ", ".join(found) if found else None


def has(fields: Fields, name: str) -> bool:
    """Tell whether a line is called `name` (lower case)."""
    return name in lines(fields)


def without(fields: Fields, names: AbstractSet[str]) -> Fields:
    """Return the fields less those whose lower-case name is among `names`."""
    if names.isdisjoint(lines(fields)):
        return fields
    return tuple([pair for pair in fields if pair[0].lower() not in names])


def replaced(fields: Fields, name: str, value: str) -> Fields:
    """Return the fields with exactly one line called `name`, at the end."""
    return (*without(fields, {name.lower()}), (name, value))


def index(fields: Fields) -> dict[str, str]:
    """Map each lower-case name to its combined value."""
    return {name: ", ".join(found) for name, found in lines(fields).items()}


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
    found = lines(fields).get(name)
    if not found:
        return frozenset()
    return frozenset(member.lower() for line in found for member in members(line))


def end_to_end(fields: Fields) -> Fields:
    """Return what may pass to the next hop: neither hop-by-hop nor named in Connection."""
    named = tokens(fields, "connection") - _END_TO_END
    return without(fields, HOP_BY_HOP | named if named else HOP_BY_HOP)


def _stripped(member: str) -> tuple[str, ...]:
    bare = member.strip(" \t")
    return (bare,) if bare else ()

"""Cache-Control, read strictly: directives, delta-seconds and lists of field names."""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from typing import Final

from tcpnet.proxy.fields import members

Directives = Mapping[str, str | None]
"""Lower-case names and arguments: None without one, "" for one that breaks the grammar."""

MAX_SECONDS: Final = 2**31
"""What a greater delta-seconds counts as: more than 68 years (RFC 9111 §1.2.2)."""

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAME: Final = re.compile(_TOKEN)
_DIRECTIVE: Final = re.compile(
    rf'{_TOKEN}(?:=(?:(?P<token>{_TOKEN})|"(?P<quoted>(?:[^"\\]|\\.)*)"))?'
)
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
# Longer ones are rare, and would fill the memory of those that are not.
_REMEMBERED: Final = 256
_LISTS: Final = frozenset({"no-cache", "private"})


def delta_seconds(text: str | None) -> int | None:
    """Read a count of seconds, at most 2³¹; None for anything but ASCII digits."""
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0") or "0"
    # Compared by length first, since int() refuses thousands of digits.
    return MAX_SECONDS if len(digits) > 10 else min(int(digits), MAX_SECONDS)


def directives(lines: tuple[str, ...]) -> Directives:
    """Split the lines of a Cache-Control field (RFC 9111 §5.2).

    Of a directive given twice the first counts (§4.2.1), except that lists of field names add up
    and one without a list covers all. What breaks the grammar keeps its name and gets an empty
    argument, so that it restricts and never frees.
    """
    if sum(map(len, lines)) <= _REMEMBERED:
        return _read(lines)
    return _read.__wrapped__(lines)


# A site says the same of most of its pages, and what other sites say too.
@lru_cache(maxsize=256)
def _read(lines: tuple[str, ...]) -> Directives:
    found: dict[str, str | None] = {}
    for member in chain.from_iterable(map(members, lines)):
        if not (start := _NAME.match(member)):
            continue
        name, argument = start[0].lower(), _argument(member)
        if name not in found:
            found[name] = argument
        elif name in _LISTS:
            earlier = found[name]
            found[name] = f"{earlier},{argument}" if earlier and argument else None
    return found


def field_names(argument: str | None) -> frozenset[str]:
    """Return the lower-case field names in the argument of `private` or `no-cache`."""
    if not argument:
        return frozenset()
    return frozenset(name.strip(" \t").lower() for name in argument.split(",")) - {""}


def _argument(member: str) -> str | None:
    found = _DIRECTIVE.fullmatch(member)
    if not found:
        return ""
    if found["quoted"] is not None:
        return _QUOTED_PAIR.sub(r"\1", found["quoted"])
    token: str | None = found["token"]
    return token

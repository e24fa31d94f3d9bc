"""Targeted cache control (RFC 9213): a field for one class of caches, a structured dictionary."""

import re
from typing import Final

from tcpnet.proxy.rules.directives import Directives

_KEY: Final = r"[a-z*][a-z0-9_.*-]*"
_BARE: Final = "|".join(
    (
        r"(?P<number>-?(?:[0-9]{1,12}\.[0-9]{1,3}|[0-9]{1,15}(?![0-9.])))",
        r'"(?P<string>(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"',
        r"(?P<token>[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*)",
        r":[A-Za-z0-9+/]*={0,2}:",
        r"\?(?P<truth>[01])",
    )
)
_UNNAMED: Final = re.sub(r"\(\?P<[a-z]+>", "(?:", _BARE)
_PARAMETERS: Final = rf"(?:; *{_KEY}(?:=(?:{_UNNAMED}))?)*"
_INNER_LIST: Final = rf"\((?: *(?:{_UNNAMED}){_PARAMETERS}(?= |\)))* *\)"
_MEMBER: Final = re.compile(rf"(?P<key>{_KEY})(?P<value>=(?:{_BARE}|{_INNER_LIST}))?{_PARAMETERS}")
_COMMA: Final = re.compile(r"[ \t]*,[ \t]*")
_ESCAPE: Final = re.compile(r'\\(["\\])')


def targeted_directives(value: str) -> Directives | None:
    """Read a targeted field; None when it is empty or not a dictionary (RFC 8941 §4.2.2).

    A value of the wrong type keeps its name and gets an empty argument; parameters are ignored.
    """
    found: dict[str, str | None] = {}
    text = value.strip(" ")
    position = 0
    while member := _MEMBER.match(text, position):
        _enter(found, member)
        position = member.end()
        if not text[position:].strip(" \t"):
            return found
        comma = _COMMA.match(text, position)
        if not comma:
            return None
        position = comma.end()
    return None


def _enter(found: dict[str, str | None], member: re.Match[str]) -> None:
    key = member["key"]
    if member["truth"] == "0":
        found.pop(key, None)
    elif member["value"] is None or member["truth"]:
        found[key] = None
    elif member["string"] is not None:
        text = _ESCAPE.sub(r"\1", member["string"])
        # A string is a list of names to `private`; to a count of seconds it is a mistake.
        found[key] = text if key in ("private", "no-cache") else ""
    else:
        found[key] = member["number"] or ""

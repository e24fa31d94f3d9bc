"""Changes of names and values that a broker makes together: all of them or none."""

from __future__ import annotations

from msgspec import Struct


class Put(Struct, frozen=True):
    """Store a value, only in the place of one revision where it is given; 0 is none."""

    kind: str
    key: str
    value: bytes
    expected: int | None = None


class Remove(Struct, frozen=True):
    """Forget a value, if there is one; only of one revision where it is given."""

    kind: str
    key: str
    expected: int | None = None


class Claim(Struct, frozen=True):
    """Take a name that is free, or the owner's already."""

    kind: str
    name: str
    owner: str


class Release(Struct, frozen=True):
    """Free a name, if this owner holds it."""

    kind: str
    name: str
    owner: str


Change = Put | Remove | Claim | Release

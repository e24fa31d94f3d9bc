"""How names and values are changed together: all is looked at first, and then done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import astuple

from tcpnet.broker.base import Conflict, text_size
from tcpnet.broker.changes import Change, Claim, Put, Release, Remove


class Table(Protocol):
    """Names and values that nobody else changes meanwhile."""

    def owner(self, kind: str, name: str) -> str | None:
        """Return who holds a name."""

    def revision(self, kind: str, key: str) -> int:
        """Return the revision of a value, 0 for none."""

    def claim(self, kind: str, name: str, owner: str) -> str:
        """Take a free name; return its owner."""

    def release(self, kind: str, name: str, owner: str) -> bool:
        """Free a name of this owner; return whether it was his."""

    def put(self, kind: str, key: str, value: bytes, expected: int | None) -> int:
        """Store a value; return its revision or raise `Conflict`."""

    def remove(self, kind: str, key: str) -> bool:
        """Remove a value; return whether there was one."""


def made(changes: Sequence[Change], table: Table) -> list[int]:
    """Make all changes and return the revisions of the puts, or raise `Conflict` before any."""
    for change in changes:
        _look(change, table)
    revisions: list[int] = []
    for change in changes:
        match change:
            case Put(kind, key, value):
                revisions.append(table.put(kind, key, value, None))
            case Remove(kind, key):
                table.remove(kind, key)
            case Claim(kind, name, owner):
                table.claim(kind, name, owner)
            case Release(kind, name, owner):
                table.release(kind, name, owner)
    return revisions


def size(changes: Sequence[Change]) -> int:
    """Return the bytes of what changes hold. Raises `BrokerError` as `text_size` does."""
    fields = [field for change in changes for field in astuple(change)]
    texts = (field for field in fields if isinstance(field, str))
    return text_size(*texts) + sum(len(field) for field in fields if isinstance(field, bytes))


def _look(change: Change, table: Table) -> None:
    """Raise `Conflict` where a change cannot be made as it is meant."""
    match change:
        case Put(kind, key, _, int(expected)) | Remove(kind, key, int(expected)):
            if (revision := table.revision(kind, key)) != expected:
                raise Conflict(kind, key, revision)
        case Claim(kind, name, owner):
            if table.owner(kind, name) not in (None, owner):
                raise Conflict(kind, name, 0)

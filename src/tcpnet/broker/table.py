"""Names and values of the broker without a disk."""

from __future__ import annotations

from tcpnet.broker.base import Conflict, Stored


class MemoryTable:
    """Who holds which name, and small values under their keys."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, str], str] = {}
        self._values: dict[str, dict[str, Stored]] = {}
        self._last = 0

    def owner(self, kind: str, name: str) -> str | None:
        """Return who holds a name."""
        return self._owners.get((kind, name))

    def claim(self, kind: str, name: str, owner: str) -> str:
        """Take a free name; return its owner."""
        return self._owners.setdefault((kind, name), owner)

    def release(self, kind: str, name: str, owner: str) -> bool:
        """Free a name of this owner; return whether it was his."""
        if self._owners.get((kind, name)) != owner:
            return False
        del self._owners[kind, name]
        return True

    def get(self, kind: str, key: str) -> Stored | None:
        """Return the value under a key."""
        return self._values.get(kind, {}).get(key)

    def revision(self, kind: str, key: str) -> int:
        """Return the revision of a value, 0 for none."""
        stored = self.get(kind, key)
        return 0 if stored is None else stored.revision

    def put(self, kind: str, key: str, value: bytes, expected: int | None) -> int:
        """Store a value; return its revision or raise `Conflict`."""
        if expected not in (None, revision := self.revision(kind, key)):
            raise Conflict(kind, key, revision)
        self._last += 1
        self._values.setdefault(kind, {})[key] = Stored(key, value, self._last)
        return self._last

    def remove(self, kind: str, key: str) -> bool:
        """Remove a value; return whether there was one."""
        return self._values.get(kind, {}).pop(key, None) is not None

    def entries(self, kind: str, beginning: str) -> list[Stored]:
        """Return the values whose keys begin so, ordered by key."""
        values = self._values.get(kind, {})
        return [values[key] for key in sorted(key for key in values if key.startswith(beginning))]

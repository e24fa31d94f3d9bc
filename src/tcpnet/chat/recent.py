"""What was read of the store lately and is still so."""

import asyncio
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from tcpnet.broker.base import Broker
from tcpnet.broker.changes import Change, Put, Remove

MAX_HELD: Final = 10_000
"""What is remembered at most: of as many as may be connected (`limits.connections`)."""

Key = TypeVar("Key")
Value = TypeVar("Value")


def make_room(held: dict[Key, Value]) -> None:
    """Forget the half that was put in first once there is too much."""
    if len(held) > MAX_HELD:
        # Many at once: a dict is slow to find its first entry where one after the other went.
        for key in list(islice(held, MAX_HELD // 2)):
            del held[key]


class Changes:
    """Tells whether what was read of a key a moment ago may be remembered."""

    def __init__(self) -> None:
        self.ended = 0
        """Changes of any key that are over."""
        self._under_way: Counter[Hashable] = Counter()

    @contextmanager
    def of(self, key: Hashable) -> Iterator[None]:
        """Change a key in this block.

        Where it is cancelled the change may still happen, nobody learns when: from then on nothing
        is remembered of the key.
        """
        self._under_way[key] += 1
        try:
            yield
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._over(key)
            raise
        self._over(key)

    def is_current(self, key: Hashable, ended: int) -> bool:
        """Whether nothing changes the key, and nothing has since so many changes were over."""
        return key not in self._under_way and ended == self.ended

    def _over(self, key: Hashable) -> None:
        self.ended += 1
        self._under_way[key] -= 1
        if not self._under_way[key]:
            del self._under_way[key]


class Held(NamedTuple, Generic[Value]):
    """A value and its revision in the store."""

    value: Value
    revision: int


class Recent(Generic[Value]):
    """Values of one kind; nobody else changes them. Those of late are had without the store."""

    def __init__(self, broker: Broker, kind: str, type_: type[Value]) -> None:
        self._broker = broker
        self._kind = kind
        self._type = type_
        self._changes = Changes()
        self._held: dict[str, Held[Value]] = {}  # most recently asked for last

    def remembered(self, key: str) -> Held[Value] | None:
        """The value under a key, where it is had without the store."""
        if (held := self._held.pop(key, None)) is not None:
            self._held[key] = held
        return held

    async def get(self, key: str) -> Held[Value] | None:
        """The value under a key. Raises BrokerError."""
        if (held := self.remembered(key)) is not None:
            return held
        ended = self._changes.ended
        stored = await self._broker.get(self._kind, key)
        if stored is None:
            return None
        found = Held(msgspec.json.decode(stored.value, type=self._type), stored.revision)
        self._hold(key, found, ended)
        return found

    async def put(self, key: str, value: Value, *also: Change, expected: int) -> None:
        """Store a value in the place of one revision, 0 for none, and make other changes with it.

        Raises Conflict, BrokerError.
        """
        self._held.pop(key, None)
        put = Put(self._kind, key, msgspec.json.encode(value), expected)
        with self._changes.of(key):
            revision, *_ = await self._broker.together(put, *also)
        self._hold(key, Held(value, revision), self._changes.ended)

    async def remove(self, key: str, *also: Change, expected: int) -> None:
        """Remove one revision of the value under a key, and make other changes with it.

        Raises Conflict, BrokerError.
        """
        self._held.pop(key, None)
        with self._changes.of(key):
            await self._broker.together(Remove(self._kind, key, expected), *also)

    async def all(self) -> list[Value]:
        """All values, from the store. Raises BrokerError."""
        stored = await self._broker.entries(self._kind)
        return [msgspec.json.decode(entry.value, type=self._type) for entry in stored]

    def _hold(self, key: str, found: Held[Value], ended: int) -> None:
        if not self._changes.is_current(key, ended):
            return
        self._held[key] = found
        make_room(self._held)

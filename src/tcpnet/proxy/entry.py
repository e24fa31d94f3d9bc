"""The nouns the parts of the web proxy hand each other: a request for a page, a stored response."""

from collections.abc import AsyncIterable, Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from sys import intern
from typing import Final

from msgspec import Struct

Lines = tuple[tuple[str, str], ...]
"""Field lines as they are written (latin-1 text): names and values, in order."""


# The names in use are few: those met first are in lower case already, once for all messages.
_KNOWN: Final[dict[str, str]] = {}
_MAX_KNOWN: Final = 1024
_LONGEST_KNOWN: Final = 64


class Fields:
    """The fields of a message as received: order, case and duplicates are kept.

    `lines` are what they were made of. `index` maps each name in lower case to its value, where
    several lines of one name are joined with commas (RFC 9110 §5.2). Neither is to be changed.
    """

    __slots__ = ("_repeated", "index", "lines")

    def __init__(self, lines: Lines = ()) -> None:
        self.lines: Final = lines
        self.index: Final[dict[str, str]] = {}
        self._repeated: Final[dict[str, tuple[str, ...]]] = {}
        index = self.index
        for name, value in lines:
            key = _KNOWN.get(name) or _lowered(name)
            if key in index:
                self._repeated[key] = (*self.values(key), value)
                index[key] = f"{index[key]}, {value}"
            else:
                index[key] = value

    def values(self, name: str) -> tuple[str, ...]:
        """Return the value of each line called `name` (lower case), in order."""
        if name in self._repeated:
            return self._repeated[name]
        return (self.index[name],) if name in self.index else ()

    def without(self, names: AbstractSet[str]) -> "Fields":
        """Return the fields less those whose lower-case name is among `names`."""
        if names.isdisjoint(self.index):
            return self
        return Fields(tuple([line for line in self.lines if line[0].lower() not in names]))

    def added(self, *lines: tuple[str, str]) -> "Fields":
        """Return the fields with these lines at the end."""
        return Fields(self.lines + lines) if lines else self

    def replaced(self, name: str, value: str) -> "Fields":
        """Return the fields with exactly one line called `name`, at the end."""
        return self.without({name.lower()}).added((name, value))

    def __eq__(self, other: object) -> bool:
        return self.lines == other.lines if isinstance(other, Fields) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.lines)

    def __repr__(self) -> str:
        return f"Fields({self.lines!r})"


def _lowered(name: str) -> str:
    key = name.lower()
    if len(_KNOWN) < _MAX_KNOWN and len(name) <= _LONGEST_KNOWN:
        _KNOWN[name] = key = intern(key)
    return key


NO_FIELDS: Final = Fields()

Version = tuple[int, int]
"""A version of HTTP: what came in another than these two is refused."""

HTTP_1_0: Final[Version] = (1, 0)
HTTP_1_1: Final[Version] = (1, 1)

OnInterim = Callable[[int, str, Fields], None]


class Entry(Struct, frozen=True):
    """A stored response without its body.

    `url` is normalised (`urls.normalised`). `vary` holds the request fields that selected the
    response, normalised and sorted; "" stands for a field that the request did not have. Times
    are UTC seconds: when the request left, and when the head of the response had come.
    """

    url: str
    vary: Lines
    status: int
    reason: str
    fields: Fields
    requested_at: float
    received_at: float


class Head(Struct, frozen=True):
    """What goes on of the head of a response (`storing.received`); times are UTC seconds."""

    status: int
    reason: str
    fields: Fields
    requested_at: float
    received_at: float


@dataclass(frozen=True, slots=True)
class Credentials:
    """Name and password for one request: Basic, or the answer to a Digest challenge."""

    username: str
    password: str = field(repr=False)


class PageRequest(Struct, frozen=True):
    """What one asker wants fetched: `method` in upper case, `url` as `urls.normalised` spells it.

    An OPTIONS about a whole site has not even the `/` of a path.
    `client` is the address that the origin may learn; None keeps it private. `default_lifetime`
    (seconds) is how long a 200 that says nothing of freshness may be used; 0 keeps to RFC 9111.
    Without `caching` the stored pages are neither read nor written. `on_interim` is told of the
    answers (1xx) that come before the one to this request: status, reason, fields. `version` is
    the one that the asker spoke.
    """

    method: str
    url: str
    fields: Fields = NO_FIELDS
    body: bytes | AsyncIterable[bytes] | None = None
    credentials: Credentials | None = None
    client: str | None = None
    caching: bool = True
    default_lifetime: float = 0.0
    on_interim: OnInterim | None = None
    version: Version = HTTP_1_1

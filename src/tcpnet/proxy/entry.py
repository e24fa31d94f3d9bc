"""The nouns the parts of the web proxy hand each other: a request for a page, a stored response."""

from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

Fields = tuple[tuple[str, str], ...]
"""Field names and values as received (latin-1 text): order, case and duplicates are kept."""

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
    vary: Fields
    status: int
    reason: str
    fields: Fields
    requested_at: float
    received_at: float


class Head(Struct, frozen=True):
    """Status line and fields of a response from an origin, with its times in UTC seconds."""

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
    fields: Fields = ()
    body: bytes | AsyncIterable[bytes] | None = None
    credentials: Credentials | None = None
    client: str | None = None
    caching: bool = True
    default_lifetime: float = 0.0
    on_interim: OnInterim | None = None
    version: Version = HTTP_1_1

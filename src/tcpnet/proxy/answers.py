"""What an asker of the proxy gets: a head, where it came from, and a body that streams."""

from collections.abc import AsyncIterator
from enum import Enum
from typing import Self

from msgspec import Struct

from tcpnet.proxy.entry import HTTP_1_1, Fields, Version


class Source(Enum):
    """Where an answer comes from."""

    ORIGIN = "the origin, asked for this request"
    SHARED = "the origin, asked for another request that came first"
    CACHE = "the cache"
    VALIDATED = "the cache, after the origin said that nothing changed"
    STALE = "the cache, past its lifetime"


class Answer(Struct, eq=False):
    """A response; iterate it for the chunks of its body. Raises FetchError while it does.

    `length` counts the bytes that the body will have, None if nobody knows; `received` those
    given out so far. `whole` is all of the body where it is in memory, without a `body` to iterate.
    `age` is how old a page from the cache is, in seconds; `peer` the numeric
    address of the origin, "" where it was not asked. `lifetime` goes with `age`; `forwarded` is
    why the origin was asked, in the words of RFC 9211 §2.2, and `is_kept` whether what it said
    goes into the cache. `not_stored` completes "Not cached: …" and
    is final when the body has ended; None for what is kept, or came from the cache. `version` is
    what the origin answered in, and for a stored page 1.1: that answer is made here, from a head
    to which confirmations in any version may have added.
    """

    status: int
    reason: str
    fields: Fields
    source: Source
    body: AsyncIterator[bytes] | None = None
    length: int | None = None
    age: float | None = None
    peer: str = ""
    not_stored: str | None = None
    received: int = 0
    lifetime: float | None = None
    forwarded: str = ""
    is_kept: bool = False
    whole: bytes = b""
    version: Version = HTTP_1_1

    @property
    def from_cache(self) -> bool:
        """Whether the page was in the cache when it was asked for."""
        return self.source in (Source.CACHE, Source.VALIDATED, Source.STALE)

    def at_once(self) -> bytes | None:
        """Give out all of the body, if it is in memory; None if it has to be iterated."""
        if self.body is not None:
            return None
        whole, self.whole = self.whole, b""
        self.received += len(whole)
        return whole

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self.body is not None:
            chunk = await anext(self.body)
            self.received += len(chunk)
            return chunk
        if chunk := self.at_once() or b"":
            return chunk
        raise StopAsyncIteration

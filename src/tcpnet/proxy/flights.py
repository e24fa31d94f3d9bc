"""Requests on their way to origins, each shared by all who wait for the same answer."""

import asyncio
from collections.abc import AsyncIterable
from typing import Final, Protocol

from msgspec import Struct, field

from tcpnet.proxy.entry import Entry, Fields, Head, PageRequest, Version
from tcpnet.proxy.failures import FetchError
from tcpnet.proxy.moment import Moment
from tcpnet.proxy.rules.policy import Forward
from tcpnet.proxy.store.index import Page
from tcpnet.proxy.store.writer import Writer

# Bytes: so little is fetched to its end although nobody waits for it any more.
_WORTH_FINISHING: Final = 1 << 20


class OriginReply(AsyncIterable[bytes], Protocol):
    """The answer of an origin, as a fetcher gives it."""

    status: int
    reason: str
    fields: Fields
    version: Version
    peer: str

    @property
    def length(self) -> int | None:
        """Bytes of the whole body, None where the origin names no number."""

    def whole(self) -> bytes | None:
        """Return all of the body if it is there already; else None, and nothing was read."""


class Landing(Struct, frozen=True, eq=False):
    """The head that has come, and how its body can be had.

    Either `writer` takes the body, and everybody may follow it; or `body` is all of it; or `page`
    was confirmed, and `entry` is its newer head; or the body is in `reply`, for the first asker
    alone.
    """

    head: Head
    reply: OriginReply
    entry: Entry | None = None
    writer: Writer | None = None
    body: bytes | None = None
    page: Page | None = None
    not_stored: str | None = None


class Flight(Struct, eq=False):
    """One request to an origin and its askers; it ends with the last of them, or soon after.

    `askers` counts those who wait for the answer or read it. `outdated` tells that the page was
    changed meanwhile, `needed` that it goes on without askers.
    """

    request: PageRequest
    plan: Forward
    page: Page | None = None
    landing: Landing | None = None
    failure: Exception | None = None
    not_kept: str | None = None
    landed: Moment = field(default_factory=Moment)
    left: Moment = field(default_factory=Moment)
    over: Moment = field(default_factory=Moment)
    outdated: bool = False
    needed: bool = False
    task: asyncio.Task[None] | None = None
    askers: int = 0
    _given_up: bool = False

    def open_to(self, page: Page | None) -> bool:
        """Tell whether one more may join, who would validate `page`, or has none."""
        if self._given_up or self.outdated:
            return False
        if self.landing is None:
            return self.failure is None and self.page is page
        return self.landing.writer is not None and self.landing.writer.can_follow()

    def join(self) -> None:
        """Count as one who waits or reads, until `leave`."""
        self.askers += 1

    def leave(self) -> None:
        """Count as one no more; the last to leave ends what is not worth finishing."""
        self.askers -= 1
        if not self.askers:
            self._all_left()

    def land(self, landing: Landing) -> None:
        """Show the head to the askers."""
        self.landing = landing
        self.landed.come()

    def fail(self, error: Exception) -> None:
        """Note why the answer did not come, or broke off."""
        self.failure = error
        self.landed.come()

    def end(self) -> None:
        """Note that nothing more happens."""
        if self.landing is None and self.failure is None:
            self.fail(Abandoned())
        self.over.come()

    def cancel(self) -> None:
        """End the request."""
        self._given_up = True
        if self.task is not None:
            self.task.cancel()

    def _all_left(self) -> None:
        self.left.come()
        if not (self.needed or self._worth_finishing()):
            self.cancel()

    def _worth_finishing(self) -> bool:
        """Tell whether little is missing: half of it is there, or at most a MiB is to come."""
        if self.landing is None:
            return False
        if self.landing.writer is None:
            return True  # nothing is fetched but for an asker: it ends by itself
        length, received = self.landing.reply.length, self.landing.writer.received
        if length is None:
            return False
        return received * 2 >= length or length - received <= _WORTH_FINISHING


class Abandoned(FetchError):
    """The request was ended from here, as when the hub stops."""

    def __init__(self) -> None:
        super().__init__("The page was given up on its way.")

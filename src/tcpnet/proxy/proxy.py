"""The web proxy: the cache's rules over the store and the origins, one fetch for all who ask."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from msgspec.structs import replace

from tcpnet.proxy.answers import Answer, Source
from tcpnet.proxy.departures import Departures, Origins
from tcpnet.proxy.entry import HTTP_1_1, Entry, Fields, PageRequest, Version
from tcpnet.proxy.failures import FetchError, ForbiddenAddress, Unsendable
from tcpnet.proxy.flights import Abandoned, Flight, Landing
from tcpnet.proxy.forwarding import mark, passed_here
from tcpnet.proxy.rules.freshness import RFC_9111, Rules, view
from tcpnet.proxy.rules.policy import (
    CONDITIONAL,
    Absent,
    Forward,
    Plan,
    Serve,
    decide,
    fits,
    serves_others,
    stale_answer,
    validators,
)
from tcpnet.proxy.rules.replies import aged, portion
from tcpnet.proxy.store.index import Page
from tcpnet.proxy.store.pages import PageStore
from tcpnet.proxy.store.reader import Reader
from tcpnet.proxy.store.spool import Follower, PageLost

PATIENCE: Final = 5.0
"""Seconds that one waits for the head of an answer to somebody else's request."""


# Refusals of this hub itself: the origin may well be there.
_OURS: Final = (ForbiddenAddress, Unsendable)


class NotInCache(FetchError):
    """The request wants a stored page, and none may be used: 504 (RFC 9111 §5.2.1.7)."""

    def __init__(self) -> None:
        super().__init__("This page is not in the cache.")


class Looped(FetchError):
    """The request was sent by this hub: 508."""

    def __init__(self) -> None:
        super().__init__("This request came from this hub: it would go in circles.")


class BrokenOff(FetchError):
    """A page cannot be read to its end, from the store or on its way through it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The page broke off: {reason}.")


@dataclass(frozen=True, slots=True)
class _Parts:
    """What every request is answered with."""

    pages: PageStore
    departures: Departures
    rules: Rules
    clock: Callable[[], float]
    patience: float


@dataclass(slots=True)
class Answered:
    """How many answers came from where, and the bytes of those that came from the cache."""

    answers: Counter[Source] = field(default_factory=Counter)
    cache_bytes: int = 0


class WebProxy:
    """Answers requests from the store or from origins, after RFC 9111; enter it to use it.

    `clock` gives UTC seconds. One waits `patience` seconds for the head of an answer to somebody
    else's request before one's own is sent.
    """

    def __init__(
        self,
        pages: PageStore,
        origins: Origins,
        *,
        rules: Rules = RFC_9111,
        clock: Callable[[], float] = time.time,
        patience: float = PATIENCE,
    ) -> None:
        departures = Departures(pages, origins, rules, clock)
        self.answered = Answered()
        self._parts = _Parts(pages, departures, rules, clock, patience)

    async def __aenter__(self) -> Self:
        await self._parts.departures.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._parts.departures.__aexit__(kind, error, trace)

    @property
    def fetching(self) -> int:
        """How many requests are on their way to origins."""
        return len(self._parts.departures)

    @property
    def rules(self) -> Rules:
        """The operator's choices that answers are judged by."""
        return self._parts.rules

    def via(self, version: Version = HTTP_1_1) -> str:
        """Return this hub's mark in Via, under a name that is new at each start (RFC 9110 §7.6.3).

        `version` is that of the message that goes on; what is made here has this hub's own.
        """
        return mark(version, self._parts.departures.pseudonym)

    async def settled(self) -> None:
        """Wait until nothing is on its way any more."""
        await self._parts.departures.settled()

    def fetch(self, request: PageRequest) -> AbstractAsyncContextManager[Answer]:
        """Answer one request, whose URL is normalised; a redirect is an answer like others.

        A HEAD is answered from the cache too, unless it says `Cache-Control: no-cache`.
        Leaving the context ends a fetch that nobody else waits for, unless little of it is
        missing. Raises FetchError, also while the answer is iterated.
        """
        return _Visit(self._parts, self.answered, request)


class _Visit(AbstractAsyncContextManager[Answer]):
    """One request, its answer, and what that answer needs until it is left."""

    def __init__(self, parts: _Parts, answered: Answered, request: PageRequest) -> None:
        self._parts = parts
        self._answered = answered
        self._request = request
        self._answer: Answer | None = None
        self._held: list[Callable[[], None]] = []
        self._stored_body: AsyncGenerator[bytes, None] | None = None
        self._asked = request.fields.index
        self._missed: set[Flight] = set()
        self._alone = False
        self._forwarded_for = "miss"

    async def __aenter__(self) -> Answer:
        if passed_here(self._request.fields, self._parts.departures.pseudonym):
            raise Looped
        try:
            self._answer = await self._answered_somehow()
        except BaseException:
            self._let_go()
            raise
        self._answered.answers[self._answer.source] += 1
        return self._answer

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        answer = self._answer
        if answer is not None and answer.from_cache:
            self._answered.cache_bytes += answer.received
        try:
            if self._stored_body is not None:
                await self._stored_body.aclose()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Close what was opened, the last first."""
        while self._held:
            self._held.pop()()

    async def _answered_somehow(self) -> Answer:
        """Return the answer, however many attempts it takes."""
        while True:
            reader, plan = await self._plan()
            if isinstance(plan, Forward):
                if answer := await self._forwarded(plan, reader):
                    return answer
            elif isinstance(plan, Absent):
                raise NotInCache
            elif reader is not None:
                if plan.refresh:
                    self._refresh(plan.entry, reader.page)
                return await self._from_cache(reader, plan)

    async def _plan(self) -> tuple[Reader | None, Plan]:
        request, parts = self._request, self._parts
        pages = parts.pages.variants(request.url)
        readers = await self._matching(pages) if pages else []
        entries = [reader.entry for reader in readers]
        plan = decide(request, entries, parts.clock(), parts.rules)
        if isinstance(plan, Absent):
            return None, plan
        if isinstance(plan, Forward):
            self._forwarded_for = self._cause(plan, pages)
        if plan.entry is None:
            return None, plan
        return next(reader for reader in readers if reader.entry is plan.entry), plan

    def _cause(self, plan: Forward, pages: Sequence[Page]) -> str:
        """Say why the origin is asked (RFC 9211 §2.2)."""
        request, parts = self._request, self._parts
        if request.method not in ("GET", "HEAD"):
            return "method"
        if not request.caching:
            return "bypass"
        if plan.entry is not None:
            seen = view(plan.entry, parts.rules)
            fresh = seen.lifetime_for(request.default_lifetime) > seen.age(parts.clock())
            return "request" if fresh and not seen.must_validate else "stale"
        if not pages:
            return "uri-miss"
        return "request" if any(fits(page.vary, self._asked) for page in pages) else "vary-miss"

    async def _matching(self, pages: Sequence[Page]) -> list[Reader]:
        """Open the stored responses that were selected by a request like this."""
        if not self._request.caching or self._request.method not in ("GET", "HEAD"):
            return []
        readers = [await self._opened(page) for page in pages if fits(page.vary, self._asked)]
        return [reader for reader in readers if reader is not None]

    async def _opened(self, page: Page) -> Reader | None:
        reader = await self._parts.pages.open(page)
        if reader is not None:
            self._held.append(reader.close)
        return reader

    async def _forwarded(self, plan: Forward, reader: Reader | None) -> Answer | None:
        """Ask the origin, or wait for its answer to somebody else; None if that is of no use."""
        page = reader.page if reader else None
        if plan.joinable and not self._alone:
            for flight in self._parts.departures.find(self._request.url, page):
                if flight not in self._missed:
                    return await self._follow(flight, reader)
        if self._alone:
            plan = plan._replace(joinable=False)
        return await self._lead(self._parts.departures.start(self._request, plan, page), reader)

    async def _lead(self, flight: Flight, reader: Reader | None) -> Answer:
        flight.join()
        self._held.append(flight.leave)
        await flight.landed.wait()
        landing = flight.landing
        if landing is None:
            return await self._instead(flight, reader)
        if reader and (answer := await self._excused(landing, reader)):
            return answer
        if landing.page and landing.entry and reader:
            answer = await self._stored(reader, landing.entry, Source.VALIDATED)
            cookies = landing.head.fields.values("set-cookie")
            answer.fields = answer.fields.added(*(("Set-Cookie", cookie) for cookie in cookies))
            return answer
        return self._passed_on(flight, landing, landing.head.fields, Source.ORIGIN)

    async def _follow(self, flight: Flight, reader: Reader | None) -> Answer | None:
        if reader:
            reader.close()  # or a thousand who wait would hold a thousand files open
        flight.join()
        self._held.append(flight.leave)
        answer = await self._shared(flight, reader.page if reader else None)
        if answer is None:
            self._held.remove(flight.leave)
            flight.leave()
            self._missed.add(flight)
        return answer

    async def _shared(self, flight: Flight, page: Page | None) -> Answer | None:
        try:
            async with asyncio.timeout(self._parts.patience):
                await flight.landed.wait()
        except TimeoutError:
            self._alone = True
            return None
        landing = flight.landing
        if landing is None and isinstance(flight.failure, Unsendable):
            self._alone = True
            return None
        if landing is None:
            return await self._instead(flight, await self._opened(page) if page else None)
        if landing.head.status >= 500 and page and (reader := await self._opened(page)):
            excused = await self._excused(landing, reader)
            return excused or await self._from_landing(flight, landing)
        return await self._from_landing(flight, landing)

    async def _from_landing(self, flight: Flight, landing: Landing) -> Answer | None:
        """Answer from what came for somebody else, if it may serve this request (§4)."""
        entry, now, rules = landing.entry, self._parts.clock(), self._parts.rules
        if entry is None or not serves_others(self._request, entry, now, rules):
            # Whoever else waits here will find the same: each asks by himself, all at once.
            self._alone = True
            return None
        if not fits(entry.vary, self._asked):
            return None
        if landing.page:
            reader = await self._opened(landing.page)
            return await self._stored(reader, entry, Source.VALIDATED) if reader else None
        writer = landing.writer
        has_all = landing.body is not None
        if not has_all and (writer is None or not (flight.failure or writer.can_follow())):
            return None
        age = view(entry, rules).age(now)
        return self._passed_on(flight, landing, aged(entry, age, rules), Source.SHARED)

    async def _instead(self, flight: Flight, reader: Reader | None) -> Answer:
        """Answer from the store for an origin that was not reached, or raise the reason."""
        failure = flight.failure or Abandoned()
        unreached = isinstance(failure, FetchError) and not isinstance(failure, _OURS)
        if reader and unreached:
            now = self._parts.clock()
            served = stale_answer(self._request, reader.entry, now, rules=self._parts.rules)
            if served:
                return await self._from_cache(reader, served)
        raise failure

    async def _excused(self, landing: Landing, reader: Reader) -> Answer | None:
        """Answer from the store for an origin that failed, where stale-if-error allows it."""
        status, now = landing.head.status, self._parts.clock()
        if status < 500:
            return None
        served = stale_answer(self._request, reader.entry, now, status, self._parts.rules)
        return await self._from_cache(reader, served) if served else None

    async def _from_cache(self, reader: Reader, plan: Serve) -> Answer:
        source = Source.STALE if plan.stale else Source.CACHE
        return await self._stored(reader, plan.entry, source, plan.age)

    async def _stored(
        self, reader: Reader, entry: Entry, source: Source, age: float | None = None
    ) -> Answer:
        """Answer with a stored body, under the client's own conditions and range."""
        part = portion(self._request, entry, reader.length, age, self._parts.rules)
        stop = part.start if self._request.method == "HEAD" else part.stop
        length = stop - part.start
        answer = Answer(part.status, part.reason, part.fields, source, None, length, age)
        if reader.body is not None:
            answer.whole = reader.body[part.start : stop]
        else:
            answer.body = self._stored_body = _whole(reader.chunks(part.start, stop))
        lifetime = view(entry, self._parts.rules).lifetime_for(self._request.default_lifetime)
        answer.lifetime, answer.forwarded = lifetime, self._forwarded_for
        return answer

    def _passed_on(
        self, flight: Flight, landing: Landing, fields: Fields, source: Source
    ) -> Answer:
        head, reply, writer = landing.head, landing.reply, landing.writer
        length = 0 if self._request.method == "HEAD" else reply.length
        answer = Answer(head.status, head.reason, fields, source, None, length)
        answer.peer, answer.not_stored = reply.peer, landing.not_stored or flight.not_kept
        answer.version = reply.version
        answer.forwarded = self._forwarded_for
        answer.is_kept = landing.entry is not None and flight.not_kept is None
        if landing.body is not None:
            answer.whole = landing.body
        elif writer is None:
            answer.body = aiter(reply)
        else:
            try:
                follower = writer.follow()
            except PageLost as error:
                raise flight.failure or BrokenOff(str(error)) from error
            answer.body = body = _Followed(flight, follower, answer)
            self._held.append(body.close)
        return answer

    def _refresh(self, entry: Entry, page: Page) -> None:
        """Validate a page that was just served stale, unless that is under way (RFC 5861 §3)."""
        request, departures = self._request, self._parts.departures
        if departures.find(request.url, page):
            return
        kept = request.fields.without(CONDITIONAL | {"authorization"})
        plain = replace(request, method="GET", fields=kept, credentials=None)
        flight = departures.start(plain, Forward(entry, validators(entry), joinable=True), page)
        flight.needed = True


class _Followed(AsyncIterator[bytes]):
    """A body that is on its way into the store."""

    def __init__(self, flight: Flight, follower: Follower, answer: Answer) -> None:
        self._flight = flight
        self._follower = follower
        self._answer: Answer | None = answer

    def close(self) -> None:
        """Stop reading, and let go of the answer: a circle would keep the page in memory."""
        self._follower.close()
        self._answer = None

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._follower)
        except PageLost as error:
            raise self._flight.failure or BrokenOff(str(error)) from error
        except StopAsyncIteration:
            # Not before the page is stored: the next request is to find it.
            await self._flight.over.wait()
            if self._answer is not None:
                self._answer.not_stored = self._flight.not_kept
            raise


async def _whole(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield a stored body."""
    try:
        async for chunk in chunks:
            yield chunk
    except PageLost as error:
        raise BrokenOff(str(error)) from error

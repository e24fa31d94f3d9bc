"""Everything on its way to an origin: who may join it, and what its answer does to the store."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol, Self

from tcpnet.proxy.entry import NO_FIELDS, Credentials, Entry, Fields, Head, OnInterim, PageRequest
from tcpnet.proxy.failures import FetchError
from tcpnet.proxy.flights import Flight, Landing, OriginReply
from tcpnet.proxy.forwarding import outbound
from tcpnet.proxy.rules.freshness import Rules
from tcpnet.proxy.rules.policy import Forward, fits, wishes
from tcpnet.proxy.rules.storing import (
    NotStored,
    freshened,
    freshened_by_head,
    invalidated,
    keepable,
    outdates,
    received,
    stored,
)
from tcpnet.proxy.store.heads import DamagedPage
from tcpnet.proxy.store.index import Page
from tcpnet.proxy.store.pages import PageStore
from tcpnet.proxy.store.writer import refused, too_large
from tcpnet.proxy.urls import origin

log = logging.getLogger(__name__)


class Origins(Protocol):
    """What the proxy needs of a fetcher."""

    def send(
        self,
        method: str,
        url: str,
        fields: Fields = NO_FIELDS,
        body: bytes | AsyncIterable[bytes] | None = None,
        *,
        credentials: Credentials | None = None,
        on_interim: OnInterim | None = None,
    ) -> AbstractAsyncContextManager[OriginReply]:
        """Send one request; leaving the context ends it. Raises FetchError."""
        ...


class Departures:
    """Owns the task of every request to an origin; leaving the context ends them all."""

    def __init__(
        self, pages: PageStore, origins: Origins, rules: Rules, clock: Callable[[], float]
    ) -> None:
        self.pseudonym = f"tcpnet-{secrets.token_hex(4)}"
        self._pages = pages
        self._origins = origins
        self._rules = rules
        self._clock = clock
        self._flights: dict[asyncio.Task[None], Flight] = {}
        self._joinable: dict[str, list[Flight]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for flight in tuple(self._flights.values()):
            flight.cancel()
        await self.settled()

    def __len__(self) -> int:
        return len(self._flights)

    async def settled(self) -> None:
        """Wait until nothing is on its way any more."""
        while self._flights:
            await asyncio.wait(tuple(self._flights))

    def find(self, url: str, page: Page | None) -> list[Flight]:
        """Return what one may join who asks for `url` and would validate `page`, or has none."""
        return [flight for flight in self._joinable.get(url, ()) if flight.open_to(page)]

    def start(self, request: PageRequest, plan: Forward, page: Page | None) -> Flight:
        """Send a request on its way."""
        flight = Flight(request, plan, page)
        if plan.joinable:
            self._joinable.setdefault(request.url, []).append(flight)
        flight.task = task = asyncio.create_task(self._fly(flight))
        self._flights[task] = flight
        task.add_done_callback(self._arrived)
        return flight

    def _arrived(self, task: asyncio.Task[None]) -> None:
        # A callback, since a task that is cancelled before its first step never runs.
        flight = self._flights.pop(task)
        self._unlist(flight)
        flight.end()

    async def _fly(self, flight: Flight) -> None:
        try:
            if not await self._attempt(flight, flight.plan):
                # The 304 spoke of another response than the stored one.
                await self._attempt(flight, flight.plan._replace(conditions=()))
        except Exception as error:
            # Raised by whoever asked. Let through, it would end everybody else's fetches.
            flight.fail(error)
            if not flight.askers:
                _report(flight, error)

    async def _attempt(self, flight: Flight, plan: Forward) -> bool:
        request, requested_at = flight.request, self._clock()
        sending = self._origins.send(
            request.method,
            request.url,
            outbound(request, plan, self.pseudonym),
            request.body,
            credentials=request.credentials,
            on_interim=request.on_interim,
        )
        async with sending as reply:
            head = received(reply.status, reply.reason, reply.fields, requested_at, self._clock())
            self._invalidate(flight, head)
            if plan.conditions and plan.entry is not None and head.status == 304:
                return await self._confirm(flight, plan.entry, head, reply)
            if request.method == "HEAD":
                await self._freshen_by_head(request, head)
            await self._receive(flight, head, reply)
        return True

    async def _confirm(self, flight: Flight, entry: Entry, head: Head, reply: OriginReply) -> bool:
        """Take a 304; False if it speaks of another response than the stored one."""
        updated, page = freshened(flight.request, entry, head, self._rules), flight.page
        if updated is None or page is None:
            return False
        if not wishes(flight.request.fields.index).no_store:
            await self._freshen(page, updated)
        flight.land(Landing(head, reply, entry=updated, page=page))
        return True

    async def _receive(self, flight: Flight, head: Head, reply: OriginReply) -> None:
        """Take any other answer: into the store, or past it to the one who asked."""
        verdict = stored(flight.request, head, self._rules)
        too_large = reply.length is not None and reply.length > self._pages.limits.page
        if isinstance(verdict, Entry) and too_large and flight.askers < 2:
            verdict = NotStored.TOO_LARGE
        if isinstance(verdict, Entry):
            await self._store(flight, verdict, head, reply)
            return
        if flight.page is not None and outdates(flight.request, head):
            self._pages.remove(flight.page)
        self._unlist(flight)
        flight.land(Landing(head, reply, not_stored=verdict))
        if flight.askers:
            await flight.left.wait()

    async def _store(self, flight: Flight, entry: Entry, head: Head, reply: OriginReply) -> None:
        if (body := reply.whole()) is not None:
            await self._put(flight, entry, body)
            flight.land(Landing(head, reply, entry=entry, body=body))
            return
        with self._pages.write(entry) as writer:
            flight.land(Landing(head, reply, entry=entry, writer=writer))
            try:
                async for chunk in reply:
                    await writer.write(chunk)
            except FetchError as error:
                flight.fail(error)  # before the writer tells its readers that it is over
                raise
            flight.needed = True
            page = await writer.commit()
        if page is None:
            flight.not_kept = writer.not_kept
        else:
            self._keep(flight, page)

    async def _put(self, flight: Flight, entry: Entry, body: bytes) -> None:
        """Store a page that is there as soon as its head: most are."""
        flight.needed = True
        if len(body) > self._pages.limits.page:
            flight.not_kept = too_large(self._pages.limits.page)
            return
        try:
            self._keep(flight, await self._pages.put(entry, body))
        except (DamagedPage, OSError) as error:
            flight.not_kept = refused(error)

    def _keep(self, flight: Flight, page: Page) -> None:
        if flight.outdated:
            self._pages.remove(page)
            flight.not_kept = NotStored.CHANGED

    async def _freshen_by_head(self, request: PageRequest, head: Head) -> None:
        if head.status != 200 or not request.caching:
            return
        asked = request.fields.index
        for page in self._pages.variants(request.url):
            if fits(page.vary, asked) and (reader := await self._pages.open(page)):
                with reader:
                    updated = freshened_by_head(
                        request, reader.entry, reader.length, head, self._rules
                    )
                await self._freshen(page, updated)

    async def _freshen(self, page: Page, updated: Entry | None) -> None:
        """Give a page its newer head, or let go of one that is outdated or may not stay."""
        if updated and updated.vary == page.vary and keepable(updated, self._rules):
            await self._pages.freshen(page, updated)
        else:
            self._pages.remove(page)

    def _invalidate(self, cause: Flight, head: Head) -> None:
        """Drop what an unsafe request changed, on disk and on its way (RFC 9111 §4.4)."""
        for url in invalidated(cause.request, head):
            self._pages.remove_url(url)
            for flight in self._flights.values():
                if flight is not cause and flight.request.url == url:
                    flight.outdated = True

    def _unlist(self, flight: Flight) -> None:
        listed = self._joinable.get(flight.request.url)
        if listed is not None and flight in listed:
            listed.remove(flight)
            if not listed:
                del self._joinable[flight.request.url]


def _report(flight: Flight, error: Exception) -> None:
    """Log what nobody is there to be told."""
    # Not the whole address: there may be a token in it.
    details = {"site": origin(flight.request.url), "error": str(error)}
    if isinstance(error, FetchError):
        log.info("page not fetched", extra=details)
    else:
        log.error("fetch failed", extra=details, exc_info=error)

"""Answers at once: a fresh page that is in memory needs no task, no wait and one write."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tcpnet.proxy.entry import Entry, Lines, PageRequest
from tcpnet.proxy.fields import HOP_BY_HOP
from tcpnet.proxy.port import records, responses, targets
from tcpnet.proxy.port.asker import Door
from tcpnet.proxy.port.heads import RequestHead
from tcpnet.proxy.port.refusals import Refused
from tcpnet.proxy.port.responses import CACHE
from tcpnet.proxy.port.service import Counters
from tcpnet.proxy.rules.freshness import RFC_9111, Rules, View, view
from tcpnet.proxy.rules.policy import CONDITIONAL, Serve, decide, fits
from tcpnet.proxy.rules.replies import portion
from tcpnet.proxy.store.index import Held, Page
from tcpnet.proxy.store.pages import PageStore

# With one of these a request is not answered here: it has a body, or more must be asked.
_NOT_PLAIN = frozenset({"content-length", "transfer-encoding", "expect", "via"})
# With one of these more than the lifetime of the page decides, or less than all of it is sent.
_DECIDING = CONDITIONAL | {"cache-control", "pragma"}
# What a head gets here, in place of what is stored.
_MADE_HERE = frozenset({"age", "content-length"})


Response = tuple[bytes, bytes]
"""Head and body, apart: the connection joins what is cheaper to send in one piece."""

MAX_READY: Final = 2048
"""Heads for which an answer is ready."""

_MAX_RAW: Final = 1024
"""Bytes of such a head: 2 MiB for all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """What was decided for a head, good while the stored pages of its address stay the same.

    The body is not held: it would stay in memory after its page has left it.
    """

    pages: tuple[Page, ...]
    page: Page
    entry: Entry
    seen: View
    lifetime: float
    credentials: str | None
    first: bytes
    is_head: bool


class Hits:
    """Finds the whole answer to a request in memory, if it is there.

    Thirty people with the same program send the same bytes, and so does one who comes again:
    for these the decision is remembered. `clock` gives UTC seconds; `via` is this hub's mark.
    """

    def __init__(
        self,
        pages: PageStore,
        door: Door,
        via: str,
        counters: Counters,
        clock: Callable[[], float],
        rules: Rules = RFC_9111,
    ) -> None:
        self._pages = pages
        self._door = door
        self._counters = counters
        self._clock = clock
        self._rules = rules
        self._marks = (
            f"Age: %d\r\nCache-Status: {CACHE}; hit; ttl=%d\r\nVia: {via}\r\n\r\n".encode()
        )
        self._ready: dict[bytes, _Ready] = {}

    def again(self, raw: bytes) -> Response | None:
        """Return the whole response to a head that was answered before, if it is still right."""
        ready = self._ready.get(raw)
        if ready is None:
            return None
        held, age = self._pages.at_hand(ready.page), ready.seen.age(self._clock())
        asker = self._door.known(ready.credentials)
        if (
            held is None
            or asker is None
            or not asker.caching
            or held.entry is not ready.entry
            or age >= ready.lifetime
            or self._pages.variants(ready.page.url) != ready.pages
        ):
            del self._ready[raw]
            return None
        if records.wanted():
            records.note("HEAD" if ready.is_head else "GET", ready.page.url, 200, "hit")
        start = ready.first + self._end(age, ready.lifetime)
        return self._counted((start, b"" if ready.is_head else held.body))

    def answer(self, head: RequestHead, raw: bytes = b"") -> Response | None:
        """Return the whole response, or None where it takes more than a look into memory.

        `raw` is the head as it came, for when it comes again.
        """
        if head.method not in ("GET", "HEAD") or not head.is_1_1 or head.target.startswith("/"):
            return None
        try:
            url = targets.page(head.target)
        except Refused:
            return None
        pages, asked = self._pages.variants(url), head.fields.index
        if not pages or not asked.keys().isdisjoint(_NOT_PLAIN) or not head.keeps_alive:
            return None
        asker = self._door.known(asked.get("proxy-authorization"))
        if asker is None or not asker.caching:
            return None
        found = self._found(pages, asked)
        if not found:
            return None
        request = PageRequest(head.method, url, head.fields)
        now = self._clock()
        plan = decide(request, [held.entry for _, held in found], now, self._rules)
        if not isinstance(plan, Serve) or plan.refresh:
            return None
        page, held = next(pair for pair in found if pair[1].entry is plan.entry)
        if raw and asked.keys().isdisjoint(_DECIDING) and not plan.stale:
            self._remember(raw, request, head, page, held)
        if records.wanted():
            records.note(head.method, url, plan.entry.status, "hit")
        return self._counted(self._written(request, head, held, plan))

    def _counted(self, response: Response) -> Response:
        counters = self._counters
        counters.requests += 1
        counters.at_once += 1
        counters.bytes_at_once += len(response[1])
        return response

    def _found(self, pages: tuple[Page, ...], asked: dict[str, str]) -> list[tuple[Page, Held]]:
        """Return the stored responses for such a request; none if one of them is not at hand."""
        found = []
        for page in pages:
            if fits(page.vary, asked):
                held = self._pages.at_hand(page)
                if held is None:
                    return []
                found.append((page, held))
        return found

    def _remember(
        self, raw: bytes, request: PageRequest, head: RequestHead, page: Page, held: Held
    ) -> None:
        """Keep what was decided: a plain request gets the page for as long as it is fresh."""
        if len(raw) > _MAX_RAW:
            return
        if len(self._ready) >= MAX_READY:
            self._ready.clear()
        entry = held.entry
        seen, pages = view(entry, self._rules), self._pages.variants(request.url)
        self._ready[raw] = _Ready(
            pages=pages,
            page=page,
            entry=entry,
            seen=seen,
            lifetime=seen.lifetime_for(request.default_lifetime),
            credentials=head.fields.index.get("proxy-authorization"),
            first=_first(entry, len(held.body), self._rules),
            is_head=head.method == "HEAD",
        )

    def _written(
        self, request: PageRequest, head: RequestHead, held: Held, plan: Serve
    ) -> Response:
        entry, body = plan.entry, held.body
        lifetime = view(entry, self._rules).lifetime_for(request.default_lifetime)
        end = self._end(plan.age, lifetime)
        if head.fields.index.keys().isdisjoint(CONDITIONAL):
            start = _first(entry, len(body), self._rules) + end
            return start, b"" if head.method == "HEAD" else body
        part = portion(request, entry, len(body), plan.age, self._rules)
        lines = part.fields.without(_MADE_HERE).lines
        if part.status != 304:
            lines = (*lines, ("Content-Length", str(part.stop - part.start)))
        start = responses.encoded_head(part.status, part.reason, lines)[:-2] + end
        return start, b"" if head.method == "HEAD" else body[part.start : part.stop]

    def _end(self, age: float, lifetime: float) -> bytes:
        """Return the end of a head, which alone differs from one answer to the next."""
        return self._marks % (age, lifetime - age)


@lru_cache(maxsize=1024)
def _first(entry: Entry, length: int, rules: Rules) -> bytes:
    """Return what is the same in every answer from a stored response."""
    fields = view(entry, rules).ageless.without(HOP_BY_HOP | {"content-length"})
    bodiless = entry.status in (204, 304)
    framing: Lines = () if bodiless else (("Content-Length", str(length)),)
    return responses.encoded_head(entry.status, entry.reason, fields.lines + framing)[:-2]

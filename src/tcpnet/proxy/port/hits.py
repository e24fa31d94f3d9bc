"""Answers at once: a fresh page that is in memory needs no task, no wait and one write."""

from collections.abc import Callable
from functools import lru_cache

from tcpnet.proxy.entry import Entry, Fields, PageRequest
from tcpnet.proxy.fields import HOP_BY_HOP, without
from tcpnet.proxy.freshness import RFC_9111, Rules, view
from tcpnet.proxy.index import Held
from tcpnet.proxy.pages import PageStore
from tcpnet.proxy.policy import CONDITIONAL, Serve, decide, fits
from tcpnet.proxy.port import responses, targets
from tcpnet.proxy.port.asker import Door
from tcpnet.proxy.port.heads import RequestHead
from tcpnet.proxy.port.refusals import Refused
from tcpnet.proxy.port.responses import CACHE
from tcpnet.proxy.port.service import Counters
from tcpnet.proxy.replies import portion

# With one of these a request is not answered here: it has a body, or more must be asked.
_NOT_PLAIN = frozenset({"content-length", "transfer-encoding", "expect", "via"})


class Hits:
    """Finds the whole answer to a request in memory, if it is there.

    `clock` gives UTC seconds; `via` is this hub's mark.
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
        self._mark = f"Via: {via}\r\n"

    def answer(self, head: RequestHead) -> bytes | None:
        """Return the whole response, or None where it takes more than a look into memory."""
        if head.method not in ("GET", "HEAD") or not head.is_1_1 or head.target.startswith("/"):
            return None
        if not head.asked.keys().isdisjoint(_NOT_PLAIN) or not head.keeps_alive:
            return None
        asker = self._door.known(head.asked.get("proxy-authorization"))
        if asker is None or not asker.caching:
            return None
        try:
            url = targets.page(head.target)
        except Refused:
            return None
        held = self._held(url, head.asked)
        if not held:
            return None
        request = PageRequest(head.method, url, head.fields)
        now = self._clock()
        plan = decide(request, [one.entry for one in held], now, self._rules)
        if not isinstance(plan, Serve) or plan.refresh:
            return None
        found = next(one for one in held if one.entry is plan.entry)
        self._counters.requests += 1
        self._counters.at_once += 1
        return self._written(request, head, found, plan)

    def _held(self, url: str, asked: dict[str, str]) -> list[Held]:
        """Return the stored responses for such a request; none if one of them is not in memory."""
        found = []
        for page in self._pages.variants(url):
            if fits(page.vary, asked):
                held = self._pages.held(page)
                if held is None:
                    return []
                found.append(held)
        return found

    def _written(self, request: PageRequest, head: RequestHead, held: Held, plan: Serve) -> bytes:
        entry, body = plan.entry, held.body
        lifetime = view(entry, self._rules).lifetime_for(request.default_lifetime)
        status = f"Cache-Status: {CACHE}; hit; ttl={int(lifetime - plan.age)}\r\n"
        if head.asked.keys().isdisjoint(CONDITIONAL):
            first = _first(entry, len(body), self._rules)
            start = f"{first}Age: {int(plan.age)}\r\n{status}{self._mark}\r\n".encode("latin-1")
            return start if head.method == "HEAD" else start + body
        part = portion(request, entry, len(body), plan.age, self._rules)
        length = part.stop - part.start
        fields = responses.unframed(part.fields)
        if part.status != 304:
            fields = (*fields, ("Content-Length", str(length)))
        start = responses.encoded_head(part.status, part.reason, fields)[:-2]
        written = start + (status + self._mark + "\r\n").encode()
        return written if head.method == "HEAD" else written + body[part.start : part.stop]


@lru_cache(maxsize=4096)
def _first(entry: Entry, length: int, rules: Rules) -> str:
    """Return what is the same in every answer from a stored response."""
    fields: Fields = without(view(entry, rules).ageless, HOP_BY_HOP | {"content-length"})
    bodiless = entry.status in (204, 304)
    framing: Fields = () if bodiless else (("Content-Length", str(length)),)
    head = responses.encoded_head(entry.status, entry.reason, (*fields, *framing))
    return head[:-2].decode("latin-1")

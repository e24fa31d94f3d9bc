"""Decisions for requests of a shared cache after RFC 9111: pure, `now` in UTC seconds."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Final, NamedTuple

from tcpnet.proxy.entry import Entry, Fields, Lines, PageRequest
from tcpnet.proxy.fields import members, tokens
from tcpnet.proxy.rules.directives import Directives, delta_seconds, directives
from tcpnet.proxy.rules.freshness import RFC_9111, Rules, View, field_date, view

CONDITIONAL: Final = frozenset({"if-none-match", "if-modified-since", "if-range", "range"})
"""Request fields that a cache answers from a stored response (RFC 9111 §4.3.2)."""

_ORIGIN_ONLY: Final = frozenset({"if-match", "if-unmodified-since"})
_SERVER_ERRORS: Final = frozenset({500, 502, 503, 504})
_COMMA: Final = re.compile(r"[ \t]*,[ \t]*")
_UNORDERED: Final = frozenset({"accept", "accept-encoding", "accept-language"})
_CASELESS: Final = frozenset({"accept-encoding", "accept-language"})


class Serve(NamedTuple):
    """Answer from the cache; `age` in seconds, `refresh` asks for a revalidation meanwhile."""

    entry: Entry
    age: float
    stale: bool = False
    refresh: bool = False


class Forward(NamedTuple):
    """Ask the origin.

    `entry` may be used if the answer is 304 or never comes; `conditions` then replace the
    client's own. A `joinable` answer may serve others who ask for the same meanwhile.
    """

    entry: Entry | None = None
    conditions: Lines = ()
    joinable: bool = False


class Absent(NamedTuple):
    """Answer 504: the request wants a stored response and none may be used (§5.2.1.7)."""


Plan = Serve | Forward | Absent


@dataclass(frozen=True, slots=True)
class Wishes:
    """The cache directives of a request, and which were `said`; times in seconds."""

    said: Collection[str] = ()
    validated: bool = False
    only_if_cached: bool = False
    no_store: bool = False
    max_age: float = inf
    min_fresh: float = 0.0
    max_stale: float = -1.0
    if_error: float = -1.0

    def content_with(self, age: float, lifetime: float) -> bool:
        """Tell whether the person takes a fresh response of this age."""
        return not self.validated and age <= self.max_age and lifetime >= age + self.min_fresh

    def tolerates(self, age: float, lifetime: float) -> bool:
        """Tell whether the person takes a stale response of this age."""
        late = age - lifetime
        return not self.validated and age <= self.max_age and late <= self.max_stale

    @property
    def demanding(self) -> bool:
        """Tell whether only a fresh response will do."""
        limited = self.max_age < inf or self.min_fresh > 0
        return self.validated or (limited and self.max_stale < 0)


_NO_WISHES: Final = Wishes()


def wishes(asked: dict[str, str]) -> Wishes:
    """Read Cache-Control, or Pragma in its absence, from indexed request fields."""
    if "cache-control" not in asked:
        unsaid = "no-cache" not in asked.get("pragma", "").lower()
        return _NO_WISHES if unsaid else Wishes(("no-cache",), validated=True)
    said = directives((asked["cache-control"],))
    max_age = _seconds(said, "max-age", inf)
    return Wishes(
        said=frozenset(said),
        validated="no-cache" in said or max_age == 0,
        only_if_cached="only-if-cached" in said,
        no_store="no-store" in said,
        max_age=max_age,
        min_fresh=_seconds(said, "min-fresh", 0.0),
        max_stale=inf if said.get("max-stale", "") is None else _seconds(said, "max-stale", -1.0),
        if_error=_seconds(said, "stale-if-error", -1.0),
    )


def carries_credentials(request: PageRequest) -> bool:
    """Tell whether the origin may know the person by this request (§3.5)."""
    return request.credentials is not None or "authorization" in request.fields.index


def _seconds(said: Directives, name: str, absent: float) -> float:
    if name not in said:
        return absent
    # What cannot be read counts as 0: the strictest limit, and no tolerance.
    return float(delta_seconds(said[name]) or 0)


def varies_by(fields: Fields) -> list[str]:
    """Return the request fields that Vary names, in lower case and sorted."""
    return sorted(tokens(fields, "vary"))


def variant(names: Iterable[str], asked: dict[str, str]) -> Lines:
    """Return the selecting fields of a request with values normalised (§4.1)."""
    return tuple((name, normalised_value(name, asked.get(name, ""))) for name in names)


def normalised_value(name: str, value: str) -> str:
    """Return a value in one spelling where others mean the same."""
    # Long values are not remembered: whoever sends them could fill the memory.
    return _respelled(name, value) if len(value) <= 256 else _respelled.__wrapped__(name, value)


@lru_cache(maxsize=4096)
def _respelled(name: str, value: str) -> str:
    if name in _CASELESS:
        value = value.lower()
    if name in _UNORDERED:
        return ",".join(sorted(members(value)))
    return _COMMA.sub(",", value.strip(" \t"))


def select(
    entries: Iterable[Entry], asked: dict[str, str], rules: Rules = RFC_9111
) -> Entry | None:
    """Choose the stored response for a request: with Vary before without, then the latest."""
    best: Entry | None = None
    for entry in entries:
        if fits(entry.vary, asked) and (best is None or _precedes(entry, best, rules)):
            best = entry
    return best


def fits(vary: Lines, asked: dict[str, str]) -> bool:
    """Tell whether a response selected by `vary` was selected for a request like this."""
    return all(normalised_value(name, asked.get(name, "")) == value for name, value in vary)


def _precedes(entry: Entry, other: Entry, rules: Rules) -> bool:
    def rank(entry: Entry) -> tuple[bool, float, float]:
        return bool(entry.vary), view(entry, rules).date, entry.received_at

    return rank(entry) > rank(other)


def decide(
    request: PageRequest, entries: Iterable[Entry], now: float, rules: Rules = RFC_9111
) -> Plan:
    """Plan a request, given the responses stored for its address."""
    if not request.caching or request.method not in ("GET", "HEAD") or request.body:
        return Forward()
    asked = request.fields.index
    if not asked.keys().isdisjoint(_ORIGIN_ONLY):
        return Forward()
    wanted = wishes(asked)
    entry = select(entries, asked, rules)
    if entry is not None and (served := _served(request, entry, wanted, now, rules)):
        return served
    if wanted.only_if_cached:
        return Absent()
    return _forward(request, entry, asked, wanted)


def serves_others(request: PageRequest, entry: Entry, now: float, rules: Rules = RFC_9111) -> bool:
    """Tell whether a response still on its way may answer a request that did not cause it (§4).

    It must be fresh, or state no lifetime at all: then it may live as long as it takes to come.
    """
    seen, wanted = view(entry, rules), wishes(request.fields.index)
    age, lifetime = seen.age(now), seen.lifetime_for(request.default_lifetime)
    if seen.must_validate:
        return False
    if lifetime > age:
        return wanted.content_with(age, lifetime)
    return not (seen.stated or wanted.demanding)


def stale_answer(
    request: PageRequest,
    entry: Entry,
    now: float,
    status: int | None = None,
    rules: Rules = RFC_9111,
) -> Serve | None:
    """Return the stored response where it may stand in for an origin that failed (§4.2.4).

    Without a `status` the origin could not be reached; with one it answered so, and then only
    stale-if-error (RFC 5861 §4) allows it.
    """
    seen, wanted = view(entry, rules), wishes(request.fields.index)
    age = seen.age(now)
    late = age - seen.lifetime_for(request.default_lifetime)
    # An age is what somebody prefers (§5.2.1.1), and he can see it: better than nothing.
    refused = "no-cache" in wanted.said if status is None else wanted.demanding
    if seen.must_validate or refused or _needs_origin(request, seen):
        return None
    if late < 0:
        return Serve(entry, age) if status is None else None
    if seen.never_stale or (0 <= wanted.max_stale < late):
        return None
    allowed = max(-1.0 if seen.if_error is None else seen.if_error, wanted.if_error)
    if status is None and allowed < 0:
        return Serve(entry, age, stale=True)
    excusable = status is None or status in _SERVER_ERRORS
    return Serve(entry, age, stale=True) if excusable and late <= allowed else None


def _served(
    request: PageRequest, entry: Entry, wanted: Wishes, now: float, rules: Rules
) -> Serve | None:
    seen = view(entry, rules)
    if seen.must_validate or _needs_origin(request, seen):
        return None
    age, lifetime = seen.age(now), seen.lifetime_for(request.default_lifetime)
    if lifetime > age:
        return Serve(entry, age) if wanted.content_with(age, lifetime) else None
    if seen.never_stale:
        return None
    if wanted.tolerates(age, lifetime):
        return Serve(entry, age, stale=True)
    renewing = seen.while_revalidate > 0 and age - lifetime <= seen.while_revalidate
    if renewing and not wanted.demanding:
        return Serve(entry, age, stale=True, refresh=True)
    return None


def _needs_origin(request: PageRequest, seen: View) -> bool:
    # A page got without a password need not be the one for somebody with a password.
    return not seen.shareable and carries_credentials(request)


def _forward(
    request: PageRequest, entry: Entry | None, asked: dict[str, str], wanted: Wishes
) -> Forward:
    if request.method == "HEAD" or carries_credentials(request):
        return Forward(entry)
    conditions = validators(entry) if entry else ()
    replaced = bool(conditions) or asked.keys().isdisjoint(CONDITIONAL)
    joinable = replaced and not (wanted.no_store or wanted.validated)
    return Forward(entry, conditions, joinable)


def validators(entry: Entry) -> Lines:
    """Return the conditions under which a stored response is still the page (§4.3.1)."""
    etags = entry.fields.values("etag")
    modified = entry.fields.values("last-modified")
    conditions = [("If-None-Match", etags[0].strip())] if etags else []
    if modified and field_date(entry.fields, "last-modified", entry.received_at) is not None:
        conditions.append(("If-Modified-Since", modified[0].strip()))
    return tuple(conditions)

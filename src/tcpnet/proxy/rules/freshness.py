"""How long a stored response may be used (RFC 9111 §4.2), worked out once for each response."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from msgspec import Struct

from tcpnet.proxy.entry import Entry, Fields
from tcpnet.proxy.rules.dates import http_date
from tcpnet.proxy.rules.directives import Directives, delta_seconds, directives, field_names
from tcpnet.proxy.rules.targeted import targeted_directives

HEURISTIC: Final = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
"""Status codes cacheable without a word on freshness (RFC 9110 §15.1), less 206."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The operator's choices.

    `targets` are targeted fields in lower case, first come first (RFC 9213 §2.2). A response
    that states no lifetime lives for `heuristic_fraction` of the time since its Last-Modified, at
    most `max_heuristic` seconds (10 % is the typical value of RFC 9111 §4.2.2).
    """

    targets: tuple[str, ...] = ()
    heuristic_fraction: float = 0.1
    max_heuristic: float = 86_400.0


RFC_9111: Final = Rules()
"""No targeted field, 10 % and at most a day."""


class Controls(Struct, frozen=True):
    """The directives that apply to a response, and its Expires unless they displace it."""

    said: Directives
    expires: str | None

    @property
    def must_validate(self) -> bool:
        """Tell whether each use needs the origin's word (§5.2.2.4), not only some fields."""
        return "no-cache" in self.said and not field_names(self.said["no-cache"])

    @property
    def never_stale(self) -> bool:
        """Tell whether use after the lifetime is forbidden (§4.2.4)."""
        forbidding = ("must-revalidate", "proxy-revalidate", "s-maxage")
        return self.must_validate or not self.said.keys().isdisjoint(forbidding)

    @property
    def shareable(self) -> bool:
        """Tell whether the origin gave it to everybody, password or not (§3.5)."""
        return not self.said.keys().isdisjoint(("public", "s-maxage", "must-revalidate"))

    def lifetime(self, date: float, now: float) -> float | None:
        """Return the stated lifetime, 0 for one that cannot be read, None without one (§4.2.1)."""
        for name in ("s-maxage", "max-age"):
            if name in self.said:
                return float(delta_seconds(self.said[name]) or 0)
        if self.expires is None:
            return None
        expires = http_date(self.expires, now)
        return 0.0 if expires is None else max(0.0, expires - date)


def controls(fields: Fields, rules: Rules = RFC_9111) -> Controls:
    """Read Cache-Control and Expires, or the first targeted field that can be read."""
    for target in rules.targets:
        said = targeted_directives(fields.index.get(target) or "")
        if said is not None:
            return Controls(said, None)
    expires = fields.values("expires")
    said = directives(fields.values("cache-control"))
    return Controls(said, expires[0].strip(" \t") if expires else None)


class View(Struct, frozen=True):
    """What the fields of one stored response mean for its use; times in seconds."""

    date: float
    initial_age: float
    received_at: float
    lifetime: float
    stated: bool
    silent: bool
    must_validate: bool
    never_stale: bool
    shareable: bool
    while_revalidate: float
    if_error: float | None
    ageless: Fields

    def age(self, now: float) -> float:
        """Return the current age (§4.2.3); a clock set back does not make it younger."""
        return self.initial_age + max(0.0, now - self.received_at)

    def lifetime_for(self, default: float) -> float:
        """Return the lifetime, where `default` is that of a 200 which says nothing of it."""
        return default if self.silent else self.lifetime


# Each holds on to its entry: some 4 KiB, so 4 MiB in all.
@lru_cache(maxsize=1024)
def view(entry: Entry, rules: Rules = RFC_9111) -> View:
    """Read a stored response; the result is kept for the next request."""
    ruled, received_at = controls(entry.fields, rules), entry.received_at
    date = field_date(entry.fields, "date", received_at)
    generated_at = received_at if date is None else date
    stated = ruled.lifetime(generated_at, received_at)
    modified = field_date(entry.fields, "last-modified", received_at)
    if_error = delta_seconds(ruled.said.get("stale-if-error"))
    return View(
        date=generated_at,
        initial_age=max(0.0, received_at - generated_at, _corrected_age(entry)),
        received_at=received_at,
        lifetime=_heuristic(entry, ruled, generated_at, modified, rules)
        if stated is None
        else stated,
        stated=stated is not None,
        silent=entry.status == 200 and stated is None and modified is None,
        must_validate=ruled.must_validate,
        never_stale=ruled.never_stale,
        shareable=ruled.shareable,
        while_revalidate=float(delta_seconds(ruled.said.get("stale-while-revalidate")) or 0),
        if_error=None if if_error is None else float(if_error),
        ageless=entry.fields.without({"age"}),
    )


def field_date(fields: Fields, name: str, now: float) -> float | None:
    """Read the first line called `name` as a date in UTC seconds, if it is one."""
    lines = fields.values(name)
    return http_date(lines[0].strip(" \t"), now) if lines else None


def _corrected_age(entry: Entry) -> float:
    """Return the received Age plus the time the response took (§4.2.3, §5.1)."""
    lines = entry.fields.values("age")
    first = lines[0].split(",")[0].strip(" \t") if lines else None
    return (delta_seconds(first) or 0) + max(0.0, entry.received_at - entry.requested_at)


def _heuristic(
    entry: Entry, ruled: Controls, date: float, modified: float | None, rules: Rules
) -> float:
    """Return a share of the time since the last change (§4.2.2)."""
    if modified is None or not (entry.status in HEURISTIC or "public" in ruled.said):
        return 0.0
    return min(max(0.0, date - modified) * rules.heuristic_fraction, rules.max_heuristic)

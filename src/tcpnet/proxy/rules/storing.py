"""What may be kept of a response (RFC 9111 §3), and what later responses do to it (§4.3, §4.4)."""

from enum import StrEnum
from http import HTTPStatus
from typing import Final

from msgspec.structs import replace

from tcpnet.proxy.entry import Entry, Fields, Head, PageRequest
from tcpnet.proxy.fields import end_to_end
from tcpnet.proxy.rules.dates import http_date_text
from tcpnet.proxy.rules.directives import field_names
from tcpnet.proxy.rules.freshness import HEURISTIC, RFC_9111, Controls, Rules, controls, field_date
from tcpnet.proxy.rules.policy import carries_credentials, validators, variant, varies_by, wishes
from tcpnet.proxy.urls import origin, resolved

SAFE: Final = frozenset(
    {"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"}
)
"""Methods registered as safe: they change nothing (RFC 9110 §9.2.1)."""

UNSTORABLE: Final = frozenset({206, 304, 401, 407, 412, 416, 417, 425, 428, 429, 431, 511})
"""Answers to one request alone, or forbidden to store (RFC 6585, RFC 8470 §5.2)."""

UNDERSTOOD: Final = frozenset(map(int, HTTPStatus)) - frozenset(range(200)) - UNSTORABLE
"""Status codes whose caching requirements are met here (RFC 9111 §5.2.2.3)."""

_STATED: Final = ("public", "max-age", "s-maxage")
_ADDRESSES: Final = frozenset({"forwarded", "via", "x-forwarded-for", "x-real-ip"})
# What the stored bytes depend on (§3.2), and what is meant for whoever asked this time.
_NEVER_UPDATED: Final = frozenset(
    {"content-encoding", "content-length", "content-range", "set-cookie"}
)


class NotStored(StrEnum):
    """Why a response is not kept, worded to end a sentence."""

    OFF = "caching is off"
    METHOD = "only pages that were asked for with GET are kept"
    STATUS = "answers with this status are not kept"
    PARTIAL = "it is only a part of the page"
    NO_STORE = "the site asked not to store it"
    ASKED = "the request asked not to store it"
    PRIVATE = "the site marked it private"
    CREDENTIALS = "it was fetched with a password"
    COOKIE = "it sets a cookie"
    PERSONAL = "it may be meant for one person"
    VARIES = "the site answers every request differently"
    LIFETIME = "the site gave it no lifetime"
    UNUSABLE = "the site wants to be asked each time and gives nothing to ask with"
    TOO_LARGE = "it is larger than the cache takes"
    INCOMPLETE = "it did not arrive whole"
    CHANGED = "it was changed while it was fetched"


def received(
    status: int, reason: str, fields: Fields, requested_at: float, received_at: float
) -> Head:
    """Return the head of a response as it goes on: no fields of one hop (§3.1), a Date in all."""
    dated = _dated(end_to_end(fields), received_at)
    return Head(status, reason, dated, requested_at, received_at)


def stored(request: PageRequest, head: Head, rules: Rules = RFC_9111) -> Entry | NotStored:
    """Return what to keep of a response to `request`, or why it is not kept (§3)."""
    ruled = controls(head.fields, rules)
    entry = _entry(request, head, ruled)
    return (
        _method_refusal(request, head, ruled)
        or _wish_refusal(request)
        or _directive_refusal(ruled)
        or _status_refusal(head, ruled)
        or _person_refusal(request, entry, ruled)
        or _use_refusal(entry, ruled)
        or entry
    )


def freshened(
    request: PageRequest, entry: Entry, head: Head, rules: Rules = RFC_9111
) -> Entry | None:
    """Return a stored response updated by the 304 to its validators (§4.3.4).

    None when the 304 speaks of another response. Ask `keepable` whether the outcome may stay.
    """
    return _updated(request, entry, head, rules) if _identifies(entry, head) else None


def freshened_by_head(
    request: PageRequest, entry: Entry, length: int, head: Head, rules: Rules = RFC_9111
) -> Entry | None:
    """Return a stored response updated by the 200 to a HEAD, None when it is outdated (§4.3.5).

    `length` counts the bytes of the stored body.
    """
    told = head.fields.index
    kept = entry.fields.index | {"content-length": str(length)}
    named = ("etag", "last-modified", "content-length")
    if any(told[name] != kept.get(name) for name in named if name in told):
        return None
    return _updated(request, entry, head, rules)


def keepable(entry: Entry, rules: Rules = RFC_9111) -> bool:
    """Tell whether an updated response may stay in the cache."""
    ruled = controls(entry.fields, rules)
    return not (_directive_refusal(ruled) or _use_refusal(entry, ruled))


def outdates(request: PageRequest, head: Head) -> bool:
    """Tell whether a full response that is not kept shows the kept one to be wrong."""
    personal = carries_credentials(request) or "cookie" in request.fields.index
    speaks = 200 <= head.status < 400 or head.status in (404, 410)
    return request.method == "GET" and speaks and not personal


def invalidated(request: PageRequest, head: Head) -> tuple[str, ...]:
    """Return the addresses whose stored responses an unsafe request outdates (§4.4)."""
    if request.method in SAFE or not 200 <= head.status < 400:
        return ()
    references = head.fields.values("location") + head.fields.values("content-location")
    found = (resolved(request.url, reference.strip()) for reference in references)
    neighbours = {url for url in found if url and origin(url) == origin(request.url)}
    return (request.url, *sorted(neighbours - {request.url}))


def _method_refusal(request: PageRequest, head: Head, ruled: Controls) -> NotStored | None:
    if not request.caching:
        return NotStored.OFF
    if request.method == "GET" and not request.body:
        return None
    if request.method != "POST" or not 200 <= head.status < 300:
        return NotStored.METHOD
    # RFC 9110 §9.3.3: explicit freshness, and an address under which GET finds the same.
    places = head.fields.values("content-location")
    named = [resolved(request.url, place.strip()) for place in places] == [request.url]
    stated = ruled.lifetime(head.received_at, head.received_at)
    return None if named and stated is not None else NotStored.METHOD


def _wish_refusal(request: PageRequest) -> NotStored | None:
    return NotStored.ASKED if wishes(request.fields.index).no_store else None


def _directive_refusal(ruled: Controls) -> NotStored | None:
    # must-understand displaces no-store where the status is understood (§5.2.2.3).
    if "no-store" in ruled.said and "must-understand" not in ruled.said:
        return NotStored.NO_STORE
    if "private" in ruled.said and not field_names(ruled.said["private"]):
        return NotStored.PRIVATE
    return None


def _status_refusal(head: Head, ruled: Controls) -> NotStored | None:
    if head.status == 206:
        return NotStored.PARTIAL
    if head.status < 200 or head.status in UNSTORABLE:
        return NotStored.STATUS
    if "must-understand" in ruled.said and head.status not in UNDERSTOOD:
        return NotStored.STATUS
    if ruled.expires is not None or not ruled.said.keys().isdisjoint(_STATED):
        return None
    # An error that states no lifetime would outlive its cause, unless it says how old it is.
    lasting = head.status < 400 or "last-modified" in head.fields.index
    return None if head.status in HEURISTIC and lasting else NotStored.LIFETIME


def _person_refusal(request: PageRequest, entry: Entry, ruled: Controls) -> NotStored | None:
    if carries_credentials(request) and not ruled.shareable:
        return NotStored.CREDENTIALS
    if "set-cookie" in entry.fields.index and ruled.said.keys().isdisjoint(("public", "s-maxage")):
        return NotStored.COOKIE
    if "cookie" not in request.fields.index:
        return None
    stated = ruled.expires is not None or not ruled.said.keys().isdisjoint(_STATED)
    return None if stated else NotStored.PERSONAL


def _use_refusal(entry: Entry, ruled: Controls) -> NotStored | None:
    for name, _ in entry.vary:
        if name == "*":
            return NotStored.VARIES
        if name in _ADDRESSES:
            return NotStored.PERSONAL
    return NotStored.UNUSABLE if ruled.must_validate and not validators(entry) else None


def _entry(request: PageRequest, head: Head, ruled: Controls) -> Entry:
    fields = _kept(head, ruled)
    return Entry(
        url=request.url,
        vary=variant(varies_by(fields), request.fields.index) if "vary" in fields.index else (),
        status=head.status,
        reason=head.reason,
        fields=fields,
        requested_at=head.requested_at,
        received_at=head.received_at,
    )


def _kept(head: Head, ruled: Controls) -> Fields:
    """Drop what belongs to one person or one use (§5.2.2.4, §5.2.2.7)."""
    named = field_names(ruled.said.get("private")) | field_names(ruled.said.get("no-cache"))
    return _dated(head.fields.without(named), head.received_at) if named else head.fields


def _dated(fields: Fields, received_at: float) -> Fields:
    """Add the Date that RFC 9110 §6.6.1 wants where there is none or none that can be read."""
    if field_date(fields, "date", received_at) is not None:
        return fields
    return fields.replaced("Date", http_date_text(received_at))


def _identifies(entry: Entry, head: Head) -> bool:
    """Tell whether the validators of a 304 are those of the stored response (§4.3.4)."""
    for name in ("etag", "last-modified"):
        if told := head.fields.values(name):
            kept = entry.fields.values(name)
            return bool(kept) and _weak(told[0]) == _weak(kept[0]) and _alike(told[0], kept[0])
    # Bare, as many origins send it: it answered the one set of validators it was sent.
    return True


def _weak(tag: str) -> str:
    return tag.strip().removeprefix("W/")


def _alike(told: str, kept: str) -> bool:
    """Tell whether a strong tag meets no weak one."""
    return told.strip().startswith("W/") or not kept.strip().startswith("W/")


def _updated(request: PageRequest, entry: Entry, head: Head, rules: Rules) -> Entry:
    """Replace the fields that a newer response brings (§3.2)."""
    brought = head.fields.without(_NEVER_UPDATED)
    # Age and Date of the old response would say nothing of the new one.
    told = brought.index.keys() | {"age", "date"}
    merged = entry.fields.without(told).added(*brought.lines)
    whole = replace(head, status=entry.status, reason=entry.reason, fields=merged)
    return _entry(request, whole, controls(merged, rules))

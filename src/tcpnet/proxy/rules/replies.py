"""Answers from a stored response: the client's own conditions and ranges (RFC 9110 §13, §14)."""

import re
from http import HTTPStatus
from typing import Final, NamedTuple

from tcpnet.proxy.entry import Entry, Fields, PageRequest
from tcpnet.proxy.rules.dates import http_date
from tcpnet.proxy.rules.freshness import RFC_9111, Rules, field_date, view
from tcpnet.proxy.rules.policy import CONDITIONAL

_TAG: Final = re.compile(r'(?:W/)?"[^"]*"|[^\s,"]+')
_BYTES: Final = re.compile(r"bytes[ \t]*=[ \t,]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[ \t,]*", re.I)
# What a 304 leaves out (RFC 9110 §15.4.5); without an ETag, Last-Modified guides the update.
_REPRESENTATION: Final = frozenset(
    {
        "content-encoding",
        "content-language",
        "content-length",
        "content-range",
        "content-type",
        "last-modified",
    }
)


class Portion(NamedTuple):
    """A head, and the part of the stored body that follows it: bytes `start` up to `stop`."""

    status: int
    reason: str
    fields: Fields
    start: int
    stop: int


def portion(
    request: PageRequest,
    entry: Entry,
    length: int,
    age: float | None = None,
    rules: Rules = RFC_9111,
) -> Portion:
    """Answer a request from a stored response whose body has `length` bytes.

    `age` (seconds) goes into Age (RFC 9111 §5.1); None if the origin was asked just now.
    """
    fields = entry.fields if age is None else aged(entry, age, rules)
    whole = Portion(entry.status, entry.reason, fields, 0, length)
    if entry.status != 200:
        return whole
    asked = request.fields.index
    if asked.keys().isdisjoint(CONDITIONAL):
        return whole
    if _unchanged(asked, entry):
        return _not_modified(whole)
    ranged = request.method == "GET" and "range" in asked and _same_page(asked, entry)
    return _part(whole, asked["range"]) if ranged else whole


def aged(entry: Entry, age: float, rules: Rules = RFC_9111) -> Fields:
    """Return the fields of a stored response with its age in seconds (RFC 9111 §5.1)."""
    return view(entry, rules).ageless.added(("Age", str(int(age))))


def _unchanged(asked: dict[str, str], entry: Entry) -> bool:
    """Tell whether the client holds this page (RFC 9110 §13.2.2, RFC 9111 §4.3.2)."""
    if "if-none-match" in asked:
        held = {tag.removeprefix("W/") for tag in _TAG.findall(asked["if-none-match"])}
        tags = entry.fields.values("etag")
        return "*" in held or (bool(tags) and tags[0].strip().removeprefix("W/") in held)
    since = _date(asked.get("if-modified-since"), entry)
    if since is None:
        return False
    modified = field_date(entry.fields, "last-modified", entry.received_at)
    return (view(entry).date if modified is None else modified) <= since


def _same_page(asked: dict[str, str], entry: Entry) -> bool:
    """Tell whether a range may be cut from this page: by a strong validator (RFC 9110 §13.1.5)."""
    condition = asked.get("if-range")
    if condition is None:
        return True
    if condition.startswith(('"', "W/")):
        tags = entry.fields.values("etag")
        return bool(tags) and condition == tags[0].strip() and not condition.startswith("W/")
    modified = field_date(entry.fields, "last-modified", entry.received_at)
    made = field_date(entry.fields, "date", entry.received_at)
    # A date is strong only where the page stood unchanged for a second (RFC 9110 §8.8.2.2).
    strong = modified is not None and made is not None and made - modified >= 1
    return strong and _date(condition, entry) == modified


def _date(text: str | None, entry: Entry) -> float | None:
    return None if text is None else http_date(text.strip(" \t"), entry.received_at)


def _not_modified(whole: Portion) -> Portion:
    tagged = bool(whole.fields.values("etag"))
    dropped = _REPRESENTATION if tagged else _REPRESENTATION - {"last-modified"}
    phrase = HTTPStatus.NOT_MODIFIED.phrase
    return Portion(304, phrase, whole.fields.without(dropped), 0, 0)


def _part(whole: Portion, wanted: str) -> Portion:
    """Cut one byte range; several, or another unit, get the whole page (RFC 9110 §14.2)."""
    found = _BYTES.fullmatch(wanted.strip(" \t"))
    # Digits by the thousand are no position in any page, and int() refuses them.
    if not found or max(map(len, found.groups(""))) > 18:
        return whole
    first, last, suffix = found.groups()
    length = whole.stop
    start = int(first) if first else max(0, length - int(suffix))
    stop = min(length, int(last) + 1) if last else length
    if last and int(last) < int(first):
        return whole
    bare = whole.fields.without({"content-length", "content-range"})
    if start >= length:
        phrase = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE.phrase
        unmet = bare.without(_REPRESENTATION).added(("Content-Range", f"bytes */{length}"))
        return Portion(416, phrase, unmet, 0, 0)
    cut = ("Content-Range", f"bytes {start}-{stop - 1}/{length}")
    sized = bare.added(cut, ("Content-Length", str(stop - start)))
    return Portion(206, HTTPStatus.PARTIAL_CONTENT.phrase, sized, start, stop)

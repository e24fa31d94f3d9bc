"""Short spellings of requests, response heads and stored responses for tests of the cache."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from tcpnet.proxy.entry import Credentials, Entry, Fields, Head, PageRequest
from tcpnet.proxy.rules.dates import http_date_text
from tcpnet.proxy.rules.freshness import RFC_9111, Rules
from tcpnet.proxy.rules.storing import received, stored

URL: Final = "https://example.com/page"
NOW: Final = 784_111_777.0
"""Sun, 06 Nov 1994 08:49:37 GMT, the moment of the RFCs' examples."""

JOSE: Final = Credentials("jose", "swordfish")


def fields(lines: Sequence[str]) -> Fields:
    """Split lines such as `Age: 3`."""
    pairs = (line.partition(":") for line in lines)
    return Fields(tuple((name, value.strip()) for name, _, value in pairs))


def ask(*lines: str, method: str = "GET", url: str = URL, **rest: object) -> PageRequest:
    """Return a request with these field lines."""
    return replace(PageRequest(method, url, fields(lines)), **rest)


def head(*lines: str, status: int = 200, at: float = NOW, took: float = 0.0) -> Head:
    """Return the head of a response that was generated and received at `at`."""
    dated = any(line.lower().startswith("date:") for line in lines)
    date = () if dated else (("Date", http_date_text(at)),)
    return received(status, "Phrase", Fields((*date, *fields(lines).lines)), at - took, at)


def keep(
    *lines: str,
    request: PageRequest | None = None,
    rules: Rules = RFC_9111,
    status: int = 200,
    at: float = NOW,
    took: float = 0.0,
) -> Entry:
    """Return the stored form of a response that is expected to be storable."""
    entry = stored(request or ask(), head(*lines, status=status, at=at, took=took), rules)
    assert isinstance(entry, Entry), entry
    return entry


def date(seconds: float = 0.0) -> str:
    """Write the date that is so many seconds after NOW."""
    return http_date_text(NOW + seconds)

"""How long the cache's rules take to decide about a request, in microseconds.

`python -m benchmarks.policy` takes some five seconds. The aim for a fresh hit is under 5 µs of
processor time.
"""

import platform
from collections.abc import Callable
from time import process_time
from timeit import repeat
from typing import Final

from tcpnet.proxy.entry import Entry, Fields, PageRequest
from tcpnet.proxy.rules.dates import http_date_text
from tcpnet.proxy.rules.freshness import view
from tcpnet.proxy.rules.policy import Forward, Plan, Serve, decide
from tcpnet.proxy.rules.replies import portion
from tcpnet.proxy.rules.storing import received, stored

ROUNDS: Final = 9
CALLS: Final = 20_000
NOW: Final = 1_700_000_000.0
URL: Final = "https://example.com/articles/today?page=2"

# What a browser and a usual origin say.
ASKED: Final = Fields(
    (
        ("Host", "example.com"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("Accept-Language", "en-US,en;q=0.5"),
        ("Accept-Encoding", "gzip, deflate, br"),
        ("Connection", "keep-alive"),
        ("Upgrade-Insecure-Requests", "1"),
    )
)
TOLD: Final = Fields(
    (
        ("Date", http_date_text(NOW)),
        ("Server", "nginx"),
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", "1024"),
        ("Cache-Control", "public, max-age=3600, stale-while-revalidate=60"),
        ("ETag", '"5f3c-61a2b3c4d5e6f"'),
        ("Last-Modified", http_date_text(NOW - 86_400)),
        ("Strict-Transport-Security", "max-age=63072000"),
        ("X-Content-Type-Options", "nosniff"),
    )
)


def keep(request: PageRequest, *more: tuple[str, str]) -> Entry:
    """Return the stored form of the origin's answer."""
    entry = stored(request, received(200, "OK", TOLD.added(*more), NOW, NOW + 0.1))
    assert isinstance(entry, Entry), entry
    return entry


def microseconds(call: Callable[[], object]) -> float:
    """Return the processor time of one call, in the best of some rounds.

    Other programs can only slow a round down: the best one is nearest to the truth.
    """
    return min(repeat(call, process_time, number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


def deciding(request: PageRequest, entries: list[Entry], at: float) -> Callable[[], Plan]:
    """Return the decision as a call."""
    return lambda: decide(request, entries, at)


def main() -> None:
    """Measure and print."""
    plain, reload = PageRequest("GET", URL, ASKED), ("Cache-Control", "max-age=0")
    page = keep(plain)
    varying = keep(plain, ("Vary", "Accept-Encoding"))
    hit, miss, stale = (
        deciding(plain, [page], NOW + 60),
        deciding(plain, [], NOW + 60),
        deciding(plain, [page], NOW + 90_000),
    )
    by_variant = deciding(plain, [varying], NOW + 60)
    reloading = deciding(PageRequest("GET", URL, ASKED.added(reload)), [page], NOW + 60)
    assert isinstance(hit(), Serve)
    assert isinstance(by_variant(), Serve)
    assert all(isinstance(plan(), Forward) for plan in (miss, stale, reloading))
    rows: list[tuple[str, Callable[[], object]]] = [
        ("fresh hit", hit),
        ("fresh hit, Vary: Accept-Encoding", by_variant),
        ("miss", miss),
        ("stale, to be validated", stale),
        ("reload (max-age=0)", reloading),
        ("head and body span of a hit", lambda: portion(plain, page, 1024, 60.0)),
        ("what to keep of an answer", lambda: keep(plain)),
        ("first look at a stored answer", lambda: view.__wrapped__(page)),
    ]
    print(f"{platform.python_implementation()} {platform.python_version()}, best of {ROUNDS}")
    for name, call in rows:
        print(f"{microseconds(call):8.2f} µs  {name}")


if __name__ == "__main__":
    main()

"""What the cache did for an answer, in words for programs (RFC 9211)."""

from tcpnet.proxy.answers import Answer, Source
from tcpnet.proxy.port.responses import CACHE


def cache_status(answer: Answer) -> str:
    """Return this cache's member of Cache-Status for an answer."""
    if answer.source in (Source.CACHE, Source.STALE):
        return f"{CACHE}; hit{_ttl(answer)}"
    words = f"{CACHE}; fwd={answer.forwarded}"
    if answer.source is Source.VALIDATED:
        return f"{words}; fwd-status=304"
    if answer.source is Source.SHARED:
        return f"{words}; stored; collapsed" if answer.is_kept else f"{words}; collapsed"
    return f"{words}; stored" if answer.is_kept else words


def _ttl(answer: Answer) -> str:
    if answer.age is None or answer.lifetime is None:
        return ""
    return f"; ttl={int(answer.lifetime - answer.age)}"

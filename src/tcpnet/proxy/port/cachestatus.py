"""What the cache did for an answer, in words for programs (RFC 9211)."""

from tcpnet.proxy.answers import Answer, Source
from tcpnet.proxy.port.responses import CACHE


def cache_status(answer: Answer) -> str:
    """Return this cache's member of Cache-Status for an answer."""
    source, kept = answer.source, "; stored" if answer.is_kept else ""
    if source is Source.ORIGIN:
        return f"{CACHE}; fwd={answer.forwarded}{kept}"
    if source is Source.SHARED:
        return f"{CACHE}; fwd={answer.forwarded}{kept}; collapsed"
    if source is Source.VALIDATED:
        return f"{CACHE}; fwd={answer.forwarded}; fwd-status=304"
    return f"{CACHE}; hit{_ttl(answer)}"


def _ttl(answer: Answer) -> str:
    if answer.age is None or answer.lifetime is None:
        return ""
    return f"; ttl={int(answer.lifetime - answer.age)}"

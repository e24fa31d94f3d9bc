"""What goes on to an origin: whose address it learns, and this hub's mark (RFC 9110 §7.6)."""

from ipaddress import IPv6Address, ip_address
from typing import Final

from tcpnet.proxy.entry import Fields, PageRequest, Version
from tcpnet.proxy.fields import end_to_end, members
from tcpnet.proxy.rules.policy import CONDITIONAL, Forward

# A response shaped by one of these would be kept under a key that does not show it.
_UNKEYED: Final = frozenset(
    {
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-forwarded-server",
        "x-original-url",
        "x-real-ip",
        "x-rewrite-url",
    }
)
_MADE_HERE: Final = _UNKEYED | {"via"}
_REPLACED: Final = _MADE_HERE | CONDITIONAL


def outbound(request: PageRequest, forward: Forward, pseudonym: str) -> Fields:
    """Return the fields that the origin sees.

    They name the client only where `request.client` is set; Via holds the pseudonym.
    """
    replacing = forward.conditions or forward.joinable
    kept = end_to_end(request.fields).without(_REPLACED if replacing else _MADE_HERE)
    hop = mark(request.version, pseudonym)
    if request.client is None:
        return kept.added(*forward.conditions, ("Via", hop))
    via = ", ".join((*request.fields.values("via"), hop))
    named = (("X-Forwarded-For", request.client), ("Forwarded", f"for={_node(request.client)}"))
    return kept.added(*forward.conditions, ("Via", via), *named)


def mark(version: Version, pseudonym: str) -> str:
    """Return this hub's member of Via in a message that it received in this version of HTTP."""
    major, minor = version
    return f"{major}.{minor} {pseudonym}"


def passed_here(fields: Fields, pseudonym: str) -> bool:
    """Tell whether a request went through this hub before: a loop (RFC 9110 §7.6.3)."""
    if "via" not in fields.index:
        return False
    hops = (hop.split() for line in fields.values("via") for hop in members(line))
    return any(len(hop) > 1 and hop[1] == pseudonym for hop in hops)


def _node(client: str) -> str:
    """Write an address as a node of Forwarded (RFC 7239 §6)."""
    return f'"[{client}]"' if isinstance(ip_address(client), IPv6Address) else client

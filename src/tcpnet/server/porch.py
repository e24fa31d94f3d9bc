"""The proxy port's own pages: how to set programs up."""

from tcpnet.proxy.port.heads import RequestHead
from tcpnet.proxy.port.service import OwnPage


def own_page(head: RequestHead) -> OwnPage | None:
    """Return the page of the hub itself under this path, if there is one."""
    if head.target.partition("?")[0] != "/":
        return None
    text = "This is the web proxy of a tcpnet hub.\n"
    return OwnPage(200, (("Content-Type", "text/plain; charset=utf-8"),), text.encode())

"""One line of the log a request, on debug: what was asked for, without its query and its asker."""

import logging

log = logging.getLogger(__name__)


def wanted() -> bool:
    """Whether anybody reads them."""
    return log.isEnabledFor(logging.DEBUG)


def note(method: str, target: str, status: int, cached: str) -> None:
    """Write down an answer; `cached` is what it says in Cache-Status, or why it was refused."""
    page = target.partition("?")[0]  # what is behind it may be anybody's secret
    details = {"method": method, "page": page, "status": status, "cache": cached}
    log.debug("answered", extra=details)

"""Why the port does not do what a client asked for: a status and one plain sentence."""

from typing import Final

from tcpnet.errors import TcpnetError, UserError
from tcpnet.proxy.entry import Lines
from tcpnet.proxy.failures import (
    FetchError,
    ForbiddenAddress,
    TimedOut,
    Unsendable,
)
from tcpnet.proxy.flights import Abandoned
from tcpnet.proxy.proxy import Looped, NotInCache


class Refused(TcpnetError):
    """What a client gets instead: `status`, and the text as the body.

    `fields` go along; with `final` nothing else that comes on this connection can be understood
    or is wanted, so it ends.
    """

    def __init__(self, status: int, words: str, *, fields: Lines = (), final: bool = False) -> None:
        super().__init__(words)
        self.status, self.fields, self.final = status, fields, final


class Malformed(Refused):
    """The request is not HTTP, or HTTP that two programs could read in two ways: it ends here."""

    def __init__(self, words: str, status: int = 400) -> None:
        super().__init__(status, words, final=True)


_STATUSES: Final[tuple[tuple[type[FetchError], int], ...]] = (
    (ForbiddenAddress, 403),
    (NotInCache, 504),
    (TimedOut, 504),
    (Looped, 508),
    (Unsendable, 400),
    (Abandoned, 503),
)


def of(error: FetchError | UserError) -> Refused:
    """Return what to tell a client whose page could not be had."""
    if isinstance(error, UserError):
        return Refused(400, str(error))
    status = next((code for kind, code in _STATUSES if isinstance(error, kind)), 502)
    return Refused(status, str(error))

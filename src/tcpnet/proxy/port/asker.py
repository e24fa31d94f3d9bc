"""Who asks at the port: whether he may, and what he chose for his requests."""

from typing import NamedTuple, Protocol

from tcpnet.errors import TcpnetError
from tcpnet.proxy.port.refusals import Refused


class Asker(NamedTuple):
    """What holds for one client's requests, as in the menu.

    `caching`: pages are kept and taken from the cache. `private`: sites do not learn his address.
    """

    caching: bool = True
    private: bool = True


class Caller(NamedTuple):
    """Who calls: his numeric address, and the hub's own one that he called."""

    address: str
    own: str = ""


class Stranger(TcpnetError):
    """These credentials are nobody's; the text says what to send."""


class Door(Protocol):
    """Decides who comes in; made where people are known."""

    @property
    def asks_for_names(self) -> bool:
        """Whether only people with credentials are served."""
        ...

    def admit(self, caller: Caller) -> Refused | None:
        """Count a connection in; why not, if it may not come in."""
        ...

    def leave(self, caller: Caller) -> None:
        """Count a connection out."""
        ...

    def known(self, credentials: str | None) -> Asker | None:
        """Whose credentials these are, if that can be told at once."""
        ...

    async def asker(self, credentials: str | None, caller: Caller) -> Asker:
        """Whose credentials these are. Raises Stranger, and Refused after too many tries."""
        ...

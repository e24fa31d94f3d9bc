"""Whether a hub may be spoken to: under TLS to a key that is known, or where nobody listens."""

import asyncio
from collections.abc import Callable

from tcpnet.client.address import Address
from tcpnet.client.known_hubs import KnownHubs, place
from tcpnet.errors import ConfigError, ConnectionLost, ProtocolError, TcpnetError
from tcpnet.net import keys
from tcpnet.net.connection import Connection
from tcpnet.net.limits import is_loopback
from tcpnet.protocol.items import Bye, FromServer, Secure


class Unsafe(TcpnetError):
    """The hub is not spoken to, for this reason."""


class Dismissed(TcpnetError):
    """The hub said bye instead of going on."""

    def __init__(self, bye: Bye) -> None:
        super().__init__(bye.reason)
        self.bye = bye


class Trust:
    """Knows hubs by their keys; on the person's own machine nobody stands in between.

    `clear`: the person lets others read along where a hub speaks no TLS.
    """

    def __init__(
        self,
        known: KnownHubs,
        *,
        clear: bool = False,
        is_local: Callable[[str], bool] = is_loopback,
    ) -> None:
        self._known = known
        self._clear = clear
        self._is_local = is_local

    def judge(self, address: Address, number: str, key: str) -> str:
        """What to tell the person of a hub that showed this key; `number` is where it really is.

        The first key is kept. Raises Unsafe where the hub had another one.
        """
        if self._is_local(number):
            return ""
        try:
            known = self._known.key_of(address)
            if known is None:
                self._known.keep(address, key)
        except ConfigError as error:
            raise Unsafe(str(error)) from error
        if known is None:
            return f"encrypted. This is your first visit to {address}: its key is {key}"
        if known != key:
            raise Unsafe(
                f"the key of {address} has changed: it was {known}, now it is {key}. Somebody may "
                f"be between you and the hub. If those who run it say that the new key is theirs: "
                f"tcpnet-client --forget {place(address)}"
            )
        return ""

    def judge_clear(self, address: Address, number: str) -> str:
        """What to tell the person of a hub that grants no TLS; raises Unsafe."""
        if self._is_local(number):
            return ""
        if not self._clear:
            raise Unsafe(
                f"{address} does not encrypt: whoever is on the network could read what you say. "
                f"To talk all the same: --clear"
            )
        return "not encrypted: whoever is on the network can read what you say"


class Request:
    """Asks a hub for TLS; takes what a connection hears until that is answered."""

    def __init__(self, note_heard: Callable[[FromServer], None]) -> None:
        self._note_heard = note_heard
        loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[FromServer | TcpnetError] = loop.create_future()

    async def made(self, connection: Connection[FromServer]) -> str | None:
        """Go on under TLS; the fingerprint of the hub's key, or None where it grants none.

        Afterwards the hub is held back until `resume`. Raises Dismissed, ProtocolError and
        ConnectionLost; who waits bounds the time.
        """
        connection.send(Secure())
        match await self._answer:
            case Secure():
                await connection.secured(keys.trusting(), server_side=False)
            case Bye(kind="" | "protocol"):
                return None
            case Bye() as bye:
                raise Dismissed(bye)
            case TcpnetError() as error:
                raise error
            case _:
                raise ProtocolError("the hub answered secure with something else")
        if connection.certificate is None:
            raise ConnectionLost("closed")
        return keys.fingerprint(connection.certificate)

    def received(self, item: FromServer) -> None:
        """Take the first item."""
        self._note_heard(item)
        self._take(item)

    def lost(self, error: TcpnetError) -> None:
        """Take the end, if nothing came before it."""
        self._take(error)

    def _take(self, what: FromServer | TcpnetError) -> None:
        if not self._answer.done():
            self._answer.set_result(what)

"""Names to numbers, without making anybody wait for a resolver that does not answer."""

import asyncio
import socket
import threading

from tcpnet.client.address import Address


async def resolve(address: Address) -> list[str]:
    """Look up the numbers of a host, in the order in which they should be tried.

    The thread is a daemon's: the loop's own pool is joined at the end of the process, and a person
    on a ship without a name server would wait for that. Raises OSError.
    """
    try:
        return _look_up(address, socket.AI_NUMERICHOST)
    except OSError:
        pass  # a name, then
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def settle(numbers: list[str], error: OSError | None) -> None:
        if found.done():
            return
        if error:
            found.set_exception(error)
        else:
            found.set_result(numbers)

    def work() -> None:
        numbers, failure = [], None
        try:
            numbers = _look_up(address)
        except OSError as error:
            failure = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, numbers, failure)

    threading.Thread(target=work, name="resolve", daemon=True).start()
    return await found


def _look_up(address: Address, flags: int = 0) -> list[str]:
    try:
        rows = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=flags)
    except UnicodeError as error:  # labels that no name can have
        raise OSError(f"{address.host} is not a host name") from error
    return list(dict.fromkeys(str(row[4][0]) for row in rows))

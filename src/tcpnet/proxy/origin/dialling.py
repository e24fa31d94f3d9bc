"""Bare connections to sites, for tunnels: looked up, judged and dialled like any other."""

import asyncio
import errno
import socket
from collections.abc import Sequence
from typing import Final

from tcpnet.proxy.failures import Stage, TimedOut
from tcpnet.proxy.origin import diagnosis
from tcpnet.proxy.origin.guard import Guard
from tcpnet.proxy.origin.resolver import Resolver
from tcpnet.proxy.origin.routes import AddrInfo

MAX_TRIES: Final = 4
"""Addresses of one name that are tried."""


async def connected(
    guard: Guard, resolver: Resolver, host: str, port: int, seconds: float
) -> socket.socket:
    """Return a connection to the first address of a site that takes one within `seconds`.

    Which ports are open is for the caller to say. Raises FetchError.
    """
    stage = Stage.LOOKUP
    try:
        async with asyncio.timeout(seconds):
            found = await resolver.addresses(host, port)
        stage = Stage.CONNECT
        async with asyncio.timeout(seconds):
            return await _first(guard, found[:MAX_TRIES], seconds)
    except TimeoutError as error:
        raise TimedOut(host, stage, seconds) from error
    except OSError as error:
        raise diagnosis.of_dial(error, host) from error


async def _first(guard: Guard, found: Sequence[AddrInfo], seconds: float) -> socket.socket:
    failure: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
    for info in found:
        try:
            async with asyncio.timeout(seconds / len(found)):
                return await _dialled(guard, info)
        except TimeoutError:
            failure = OSError(errno.ETIMEDOUT, "no answer")
        except OSError as error:
            failure = error
    raise failure


async def _dialled(guard: Guard, info: AddrInfo) -> socket.socket:
    family, kind, protocol, _, sockaddr = info
    guard.check_address(sockaddr[0], sockaddr[1])
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock

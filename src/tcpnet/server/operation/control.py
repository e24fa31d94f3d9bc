"""The operator's socket: orders from this machine, by whoever may read the hub's own files."""

import asyncio
import hmac
import logging
import secrets
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from tcpnet.errors import BrokerError, ConfigError, UserError
from tcpnet.server.operation import orders
from tcpnet.server.operation.orders import Answer, Done, Door, Order, Outcome, Refused, Request
from tcpnet.server.tasks import owned

HOST: Final = "127.0.0.1"
MAX_CALLERS: Final = 8
"""Orders under way at once; who calls beyond them is hung up on."""
READING: Final = 5.0
"""Seconds for an order to arrive."""
WRITING: Final = 10.0
"""Seconds for a caller to take what was written."""

_ROWS_A_TURN: Final = 256  # about a millisecond; then others have their turn of the loop
_log = logging.getLogger(__name__)
_encode: Final = msgspec.json.Encoder().encode

Perform = Callable[[Order], Awaitable[Outcome]]
"""Carries out an order; raises UserError and BrokerError with a sentence for the operator."""


@asynccontextmanager
async def listening(folder: Path, perform: Perform) -> AsyncIterator[Door]:
    """Take orders for the length of the block, and tell in a file in this folder where.

    Raises ConfigError where that cannot be had.
    """
    key = secrets.token_hex(32)
    callers = asyncio.Semaphore(MAX_CALLERS)
    async with owned() as spawn:

        def called(reader: StreamReader, writer: StreamWriter) -> None:
            # A plain function: a coroutine would run outside any group and outlive the hub.
            spawn(_serve(reader, writer, callers, key, perform))

        try:
            server = await asyncio.start_server(called, HOST, 0, limit=orders.MAX_ORDER)
        except OSError as error:
            raise ConfigError(f"cannot listen at {HOST}: {error.strerror}") from error
        try:
            with _posted(folder, Door(server.sockets[0].getsockname()[1], key)) as door:
                yield door
        finally:
            server.close()


@contextmanager
def _posted(folder: Path, door: Door) -> Iterator[Door]:
    try:
        orders.post(folder, door)
    except OSError as error:
        file = folder / orders.NAME
        raise ConfigError(f'"{file}" cannot be written: {error.strerror}') from error
    try:
        yield door
    finally:
        orders.take_down(folder)


async def _serve(
    reader: StreamReader,
    writer: StreamWriter,
    callers: asyncio.Semaphore,
    key: str,
    perform: Perform,
) -> None:
    """Answer one caller; whatever comes of it, the hub goes on."""
    try:
        if not callers.locked():
            async with callers:
                await _answer(writer, await _outcome(await _line(reader), key, perform))
    except OSError as error:  # TimeoutError is one
        _log.info("an operator hung up", extra={"error": repr(error)})
        writer.transport.abort()
    finally:
        writer.close()


async def _line(reader: StreamReader) -> bytes:
    try:
        async with asyncio.timeout(READING):
            return await reader.readline()
    except (TimeoutError, ValueError):  # none in time, or one that is too long
        return b""


async def _outcome(line: bytes, key: str, perform: Perform) -> Outcome | Refused:
    try:
        request = msgspec.json.decode(line, type=Request)
        if not hmac.compare_digest(request.key.encode(), key.encode()):
            return Refused("this is not the key of this hub")
        order = msgspec.json.decode(request.order, type=Order)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        return Refused(f"this hub does not know such an order: {error}")
    return await _performed(order, perform)


async def _performed(order: Order, perform: Perform) -> Outcome | Refused:
    try:
        return await perform(order)
    except (UserError, BrokerError) as error:
        return Refused(str(error))
    except Exception:
        # A fault of one order must not end the hub for everybody.
        number = secrets.token_hex(2)
        _log.exception("an order failed", extra={"error": number})
        return Refused(f"That did not work (error {number}). It has been noted.")


async def _answer(writer: StreamWriter, outcome: Outcome | Refused) -> None:
    if isinstance(outcome, Refused):
        await _write(writer, outcome)
        return
    for number, row in enumerate(outcome.rows, start=1):
        await _write(writer, row)
        if not number % _ROWS_A_TURN:
            await asyncio.sleep(0)
    await _write(writer, Done(outcome.message))


async def _write(writer: StreamWriter, answer: Answer) -> None:
    writer.write(_encode(answer) + b"\n")
    async with asyncio.timeout(WRITING):
        await writer.drain()

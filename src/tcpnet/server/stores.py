"""Where a hub keeps its things: the broker, the pages, its own key."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tcpnet.broker.base import Broker
from tcpnet.broker.connection import Connect
from tcpnet.broker.embedded import EmbeddedBroker
from tcpnet.broker.memory import MemoryBroker
from tcpnet.config import Settings, data_dir
from tcpnet.lock import FolderLock
from tcpnet.net import keys
from tcpnet.net.keys import Identity
from tcpnet.proxy.store.pages import Limits, PageStore


@asynccontextmanager
async def opened(
    settings: Settings, connect: Connect, clock: Callable[[], float]
) -> AsyncIterator[Broker]:
    """The broker that the settings name, with its folder to itself. Raises ConfigError."""
    if settings.server.ephemeral:
        yield MemoryBroker()
        return
    folder = data_dir(settings)
    with FolderLock(folder, "data directory"):
        async with EmbeddedBroker.open(folder, connect=connect, clock=clock) as broker:
            yield broker


async def page_store(settings: Settings, broker: Broker, house: AsyncExitStack) -> PageStore:
    """The store of pages, sealed with a key of this hub."""
    folder = Path(settings.server.cache_dir)
    if settings.server.ephemeral and settings.server.cache_dir == Settings().server.cache_dir:
        folder = Path(house.enter_context(TemporaryDirectory(prefix="tcpnet-"))) / "cache"
    key = await broker.claim("hub", "cache-key", secrets.token_hex(32))
    limits = settings.cache
    return PageStore(
        folder,
        bytes.fromhex(key),
        Limits(
            disk=limits.max_bytes,
            pages=limits.max_files,
            page=limits.max_page_bytes,
            memory=limits.memory_bytes,
        ),
    )


def identity(settings: Settings) -> Identity:
    """The key and certificate that the hub proves itself with."""
    server = settings.server
    if server.tls_cert:
        return keys.given(Path(server.tls_cert), Path(server.tls_key) if server.tls_key else None)
    return keys.passing() if server.ephemeral else keys.own(data_dir(settings))

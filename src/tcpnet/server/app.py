"""The composition root: everything of a hub, put together and taken apart."""

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpnet.broker import backup, connection
from tcpnet.broker.base import Broker
from tcpnet.broker.connection import Connect
from tcpnet.chat.accounts import Accounts
from tcpnet.chat.bans import Bans
from tcpnet.chat.guessing import Guesses
from tcpnet.chat.habits import HabitBook
from tcpnet.chat.invitations import Invitations
from tcpnet.chat.lapses import Lapses
from tcpnet.chat.later import Later
from tcpnet.chat.mailboxes import Mailboxes
from tcpnet.chat.passwords import Passwords
from tcpnet.chat.places import Places
from tcpnet.chat.presence import Presence
from tcpnet.chat.proxykeys import ProxyKeys
from tcpnet.chat.retention import Retention
from tcpnet.chat.rooms import Rooms
from tcpnet.config import Settings, data_dir
from tcpnet.errors import BrokerError
from tcpnet.net import keys
from tcpnet.net.keys import Identity
from tcpnet.net.pulse import Pulse
from tcpnet.net.reach import reachable
from tcpnet.net.tcp import Listener
from tcpnet.proxy.origin.guard import Guard
from tcpnet.proxy.origin.latefetcher import LateFetcher
from tcpnet.proxy.proxy import WebProxy
from tcpnet.proxy.rules.freshness import Rules
from tcpnet.proxy.store.pages import PageStore
from tcpnet.server import ports, stores, wording
from tcpnet.server.community import Community
from tcpnet.server.deadlines import Deadline
from tcpnet.server.entrance import Entrance
from tcpnet.server.listening import bound
from tcpnet.server.menu import offered
from tcpnet.server.operation import announcing, control
from tcpnet.server.operation.health import Health
from tcpnet.server.operation.lag import Lag
from tcpnet.server.operation.operating import Operating
from tcpnet.server.tasks import Spawn, owned

if TYPE_CHECKING:  # loaded for the first page: a fifth of the start
    from tcpnet.proxy.origin.fetcher import Fetcher

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub that accepts."""

    addresses: tuple[tuple[str, int], ...]
    community: Community
    proxy_addresses: tuple[tuple[str, int], ...] = ()
    metrics_address: tuple[str, int] | None = None


@asynccontextmanager
async def running(
    settings: Settings,
    listener: Listener | None = None,
    *,
    fetcher: Callable[[Guard], "Fetcher"] | None = None,
    connect: Connect = connection.connect,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Hub]:
    """A hub for the length of the block; at its end everybody is told and nothing is lost.

    `listener`: the port, where it was taken already. `fetcher` makes what speaks to sites,
    `connect` opens the store: stand-ins for them need other ones. `clock` tells UTC seconds to be
    kept with what was said, and jumps as a machine's does. Raises ConfigError where a folder or
    the port cannot be had.
    """
    offered(settings.menu.hidden)  # or everybody would be told of a wrong setting
    ports.networks("proxy.clients", settings.proxy.clients)  # wrong is wrong without a port too
    guard = Guard(ports.networks("proxy.allow", settings.proxy.allow))
    async with AsyncExitStack() as house:
        listener = house.enter_context(listener or await bound(settings))
        port = await ports.bound_proxy_port(settings)
        addresses = port.addresses if port else ()
        if port:
            house.callback(port.close)
        broker = await house.enter_async_context(stores.opened(settings, connect, clock))
        guard.own_ports.update(number for _, number in (*listener.addresses, *addresses))
        origins = await house.enter_async_context(LateFetcher(guard, fetcher))
        pages = await house.enter_async_context(await stores.page_store(settings, broker, house))
        web = await house.enter_async_context(WebProxy(pages, origins, rules=_rules(settings)))
        later = Later()
        house.push_async_callback(later.finish)
        passwords = house.enter_context(Passwords())
        community = await _community(settings, broker, later, web, origins, passwords)
        pulse = _pulse(settings)
        health = Health(broker, pages.folder)
        keepers = await house.enter_async_context(owned())
        keepers(later.keep())
        keepers(_hours(community))
        keepers(community.lapses.keep(community.lapse))
        keepers(await _forgetting(settings, broker, community))
        keepers(pulse.watch())
        keepers(pulse.weigh())
        figures = await _measured(house, settings, community, broker, pages, pulse, health, keepers)
        sessions = await house.enter_async_context(owned())
        await _obeying(house, settings, community, pages)
        house.callback(listener.close)  # nobody comes in while the sessions end
        house.callback(community.rooms.rest)
        house.callback(health.ends)
        accept = Entrance(settings, community, sessions).accept
        limits = settings.limits
        await listener.open(
            pulse,
            accept,
            max_outbox=limits.outbox_bytes,
            max_stall=limits.stall_seconds or None,
            max_frame=limits.frame_bytes,
        )
        if port:
            service = ports.proxy_service(settings, community)
            await house.enter_async_context(port.serving(service, pages))
        if settings.discovery.announce:
            keepers(_announced(settings, listener.addresses, community.identity))
        yield Hub(listener.addresses, community, addresses, figures)


def _rules(settings: Settings) -> Rules:
    return Rules(targets=tuple(name.lower() for name in settings.cache.targeted_fields))


def _pulse(settings: Settings) -> Pulse:
    limits = settings.limits
    return Pulse(max_silence=limits.silence_seconds, max_held=limits.memory_bytes or None)


async def _hours(community: Community) -> None:
    """Count the hours that the hub runs, and end what was left alone for too many of them.

    Hours, not dates: a machine without a clock chip may jump by years. Runs for ever.
    """
    while True:
        await asyncio.sleep(3600)
        try:
            await community.an_hour_passed()
        except BrokerError as error:
            _log.warning("the hour is not counted", extra={"error": str(error)})


async def _forgetting(
    settings: Settings, broker: Broker, community: Community
) -> Coroutine[Any, Any, None]:
    """What lets old lines of rooms go."""
    limits = settings.rooms
    retention = Retention(broker, days=limits.keep_days, lines=limits.keep_lines)
    await retention.load()
    rooms, accounts = community.rooms, community.accounts
    return retention.keep(
        lambda: ((room.deed.log, room.last_seq) for room in rooms),
        rooms.closed,
        lambda: accounts.hour,
    )


async def _community(
    settings: Settings,
    broker: Broker,
    later: Later,
    web: WebProxy,
    origins: LateFetcher,
    passwords: Passwords,
) -> Community:
    rooms = Rooms(
        broker,
        later,
        wording.encoded,
        history_lines=settings.rooms.history_lines,
        keep_empty_days=settings.rooms.keep_empty_days,
        max_rooms=settings.rooms.max_rooms,
        max_id=settings.limits.room_id_length,
    )
    await rooms.load()
    accounts = Accounts(broker)
    await accounts.load()
    bans = Bans(broker)
    await bans.load()
    secret = await broker.claim("hub", "proxy-key-secret", secrets.token_hex(32))
    proxy_keys = ProxyKeys(broker, bytes.fromhex(secret))
    await proxy_keys.load()
    limits = settings.accounts
    return Community(
        identity=stores.identity(settings),
        settings=settings,
        accounts=accounts,
        presence=Presence(),
        mailboxes=Mailboxes(broker, later, max_unread=settings.mail.max_unread),
        rooms=rooms,
        places=Places(broker, later),
        habits=HabitBook(broker),
        web=web,
        origins=origins,
        passwords=passwords,
        guesses=Guesses(limits.failures_per_account, limits.failures_per_address),
        invitations=Invitations(broker),
        bans=bans,
        lapses=Lapses(settings.limits.grace_seconds),
        proxy_keys=proxy_keys,
        handshakes=Deadline(settings.limits.handshake_seconds, "limits.handshake_seconds"),
        logins=Deadline(settings.limits.login_seconds, "limits.login_seconds"),
    )


async def _obeying(
    house: AsyncExitStack, settings: Settings, community: Community, pages: PageStore
) -> None:
    """Take an operator's orders; nobody can give one to a hub without a data directory."""
    if settings.server.ephemeral:
        return
    folder = data_dir(settings)

    async def back_up(target: Path) -> int:
        return await backup.back_up(folder, target, (keys.NAME,))

    operating = Operating(community, community.bans, pages, back_up)
    await house.enter_async_context(control.listening(folder, operating.perform))


async def _measured(
    house: AsyncExitStack,
    settings: Settings,
    community: Community,
    broker: Broker,
    pages: PageStore,
    pulse: Pulse,
    health: Health,
    spawn: Spawn,
) -> tuple[str, int] | None:
    """Serve the hub's figures, if they are wanted, and watch its event loop for them; where."""
    where = settings.metrics
    if isinstance(where.port, str):
        return None
    from tcpnet.server.operation import (  # a quarter of a second that most hubs do without
        metrics,
        probe,
    )

    lag = Lag()
    figures = metrics.Figures(community, broker.statistics, pages, pulse, lag)
    text = metrics.Metrics(figures).text
    serving = probe.answering(where.host, where.port, text, metrics.CONTENT_TYPE, health.flaws)
    address = await house.enter_async_context(serving)
    community.origins.guard.own_ports.add(address[1])
    spawn(lag.watch())
    return address


async def _announced(
    settings: Settings, listening: Sequence[tuple[str, int]], identity: Identity
) -> None:
    """Tell the network of the hub; one that only this machine can reach is no affair of its."""
    name = settings.discovery.name or socket.gethostname()
    where = [number for host, _ in listening for number in reachable(host)]
    if not where:
        _log.warning("not announced", extra={"reason": "only this machine can reach the hub"})
        return
    port = listening[0][1]
    await announcing.announce(announcing.Notice(name, tuple(where), port, identity.fingerprint))

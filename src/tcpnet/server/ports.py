"""The proxy port: taken when the hub starts, and what it works with."""

from collections.abc import Iterable

from tcpnet.config import Settings
from tcpnet.errors import ConfigError
from tcpnet.net.limits import Doorway
from tcpnet.proxy.origin.guard import Network, network
from tcpnet.proxy.port.exchange import PROBE
from tcpnet.proxy.port.listener import ProxyPort
from tcpnet.proxy.port.service import Service
from tcpnet.server.community import Community
from tcpnet.server.door import KeyedDoor, OpenDoor
from tcpnet.server.listening import telling
from tcpnet.server.porch import Porch


async def bound_proxy_port(settings: Settings) -> ProxyPort | None:
    """Take the proxy port, if there is to be one."""
    if isinstance(settings.proxy.port, str):
        return None
    with telling(settings.server.host, settings.proxy.port):
        return await ProxyPort.bind(settings.server.host, settings.proxy.port)


def proxy_service(settings: Settings, community: Community) -> Service:
    """What the proxy port works with."""
    proxy = settings.proxy
    doorway = Doorway(proxy.connections, proxy.connections_per_address)
    clients = networks("proxy.clients", proxy.clients)
    entrance = (clients, doorway, community.bans)
    people = (community.proxy_keys, community.habits, community.guesses)
    note = community.note_limit
    door = KeyedDoor(*entrance, *people, note) if proxy.require_login else OpenDoor(*entrance, note)
    porch = Porch(asks_for_names=proxy.require_login, probe=PROBE)
    return Service(
        community.web,
        door,
        porch.page,
        community.origins.connect,
        frozenset(proxy.connect_ports),
        counters=community.at_the_port,
    )


def networks(setting: str, texts: Iterable[str]) -> list[Network]:
    """Read networks from their texts. Raises ConfigError naming the setting."""
    try:
        return [network(text) for text in texts]
    except ValueError as error:
        raise ConfigError(f"{setting}: {error}") from error

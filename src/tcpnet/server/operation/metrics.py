"""The figures of a running hub, as Prometheus reads them.

Nothing is counted for them: what a hub counts for itself is read when somebody asks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tcpnet import __version__
from tcpnet.broker.base import Statistics
from tcpnet.net.pulse import Pulse
from tcpnet.proxy.store.pages import PageStore
from tcpnet.server.community import Community
from tcpnet.server.operation.lag import Lag
from tcpnet.server.totals import Traffic

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_SLOW: Final = ("limits.stall_seconds", "limits.outbox_bytes twice", "limits.memory_bytes")


@dataclass(frozen=True, slots=True)
class Figures:
    """Whatever counts something in a hub."""

    community: Community
    statistics: Statistics
    pages: PageStore
    pulse: Pulse
    lag: Lag
    traffic: Traffic = field(default_factory=Traffic)


@dataclass(frozen=True, slots=True)
class _Figure:
    """One metric without a label: its name, what it says, and where its value is."""

    name: str
    words: str
    value: Callable[[Figures], float]
    label: str = ""


@dataclass(frozen=True, slots=True)
class _Table:
    """One metric with a label."""

    name: str
    words: str
    values: Callable[[Figures], Mapping[str, float]]
    label: str


_ROWS: Final[tuple[_Figure | _Table, ...]] = (
    _Table("tcpnet_info", "The version, always 1.", lambda _: {__version__: 1}, "version"),
    _Figure("tcpnet_people", "Accounts that are there.", lambda f: len(f.community.presence)),
    _Figure(
        "tcpnet_sessions",
        "Sessions of people who logged in, also of those who are away for a moment.",
        lambda f: len(f.community.sessions),
    ),
    _Figure("tcpnet_connections", "Open connections.", lambda f: len(f.community.totals)),
    _Figure("tcpnet_rooms", "Chat rooms that are open.", lambda f: len(f.community.rooms)),
    _Figure(
        "tcpnet_room_members",
        "People in all rooms together.",
        lambda f: sum(map(len, f.community.rooms)),
    ),
    _Table(
        "tcpnet_connections_ended_total",
        "Connections that ended, by the kind of the hub's last word.",
        lambda f: f.community.totals.kinds,
        "kind",
    ),
    _Figure(
        "tcpnet_frames_in_total",
        "Frames that came from people.",
        lambda f: f.traffic.frames_in,
    ),
    _Figure(
        "tcpnet_frames_out_total",
        "Frames handed to people's connections; a line that ten see is ten deliveries.",
        lambda f: f.traffic.frames_out,
    ),
    _Figure(
        "tcpnet_in_bytes_total",
        "Bytes that came from people.",
        lambda f: f.traffic.bytes_in,
    ),
    _Figure(
        "tcpnet_out_bytes_total",
        "Bytes handed to people's connections.",
        lambda f: f.traffic.bytes_out,
    ),
    _Figure(
        "tcpnet_outbox_bytes",
        "Bytes that wait for people whose connections take nothing just now.",
        lambda f: f.pulse.unsent,
    ),
    _Figure(
        "tcpnet_slow_consumers_dropped_total",
        "Connections that were ended because too much waited for them, or for too long.",
        lambda f: sum(f.community.tally.counts[limit] for limit in _SLOW),
    ),
    _Table(
        "tcpnet_limits_reached_total",
        "How often a limit was reached, by its setting; `bans` for who is banned.",
        lambda f: f.community.tally.counts,
        "limit",
    ),
    _Figure(
        "tcpnet_lines_total",
        "Lines and messages that were made durable.",
        lambda f: f.statistics.records,
    ),
    _Figure(
        "tcpnet_commits_total",
        "Transactions, each synced to the disk once.",
        lambda f: f.statistics.commits,
    ),
    _Figure(
        "tcpnet_commit_operations_total",
        "Changes in these transactions.",
        lambda f: f.statistics.operations,
    ),
    _Figure(
        "tcpnet_commit_largest_operations",
        "Changes in the largest of them.",
        lambda f: f.statistics.largest_batch,
    ),
    _Figure(
        "tcpnet_commit_seconds_total",
        "Seconds spent on them.",
        lambda f: f.statistics.commit_seconds,
    ),
    _Figure(
        "tcpnet_commit_failures_total",
        "Transactions that the disk refused.",
        lambda f: f.statistics.failures,
    ),
    _Figure(
        "tcpnet_fetches_total",
        "Requests sent to sites.",
        lambda f: f.community.origins.uplink.requests,
    ),
    _Figure(
        "tcpnet_fetches_under_way", "Of them, those under way.", lambda f: f.community.web.fetching
    ),
    _Figure(
        "tcpnet_uplink_bytes_total",
        "Bytes of bodies that came from sites.",
        lambda f: f.community.origins.uplink.bytes,
    ),
    _Table(
        "tcpnet_answers_total",
        "Pages that people were answered with, by where they came from.",
        lambda f: {
            source.name.lower(): number
            for source, number in f.community.web.answered.answers.items()
        },
        "source",
    ),
    _Figure(
        "tcpnet_cache_bytes_total",
        "Bytes of bodies that came from the cache.",
        lambda f: f.community.web.answered.cache_bytes + f.community.at_the_port.bytes_at_once,
    ),
    _Figure(
        "tcpnet_port_connections_total",
        "Connections at the proxy port.",
        lambda f: f.community.at_the_port.connections,
    ),
    _Figure(
        "tcpnet_port_requests_total",
        "Requests there.",
        lambda f: f.community.at_the_port.requests,
    ),
    _Figure(
        "tcpnet_port_hits_at_once_total",
        "Of them, those answered at once from memory: in no other figure of answers.",
        lambda f: f.community.at_the_port.at_once,
    ),
    _Figure(
        "tcpnet_port_refused_total",
        "Connections and requests that were refused there.",
        lambda f: f.community.at_the_port.refused,
    ),
    _Figure(
        "tcpnet_port_tunnels_total",
        "Tunnels opened there, for https.",
        lambda f: f.community.at_the_port.tunnels,
    ),
    _Figure(
        "tcpnet_port_tunnel_bytes_total",
        "Bytes through them, both ways: over the uplink, and never from the cache.",
        lambda f: f.community.at_the_port.tunnel_bytes,
    ),
    _Table(
        "tcpnet_cache_hits_total",
        "Pages read from the cache, by whether they were in memory or on the disk.",
        lambda f: {"memory": f.pages.stats.memory_hits, "disk": f.pages.stats.disk_hits},
        "where",
    ),
    _Figure("tcpnet_cache_pages", "Pages in the cache.", lambda f: f.pages.stats.pages),
    _Figure(
        "tcpnet_cache_disk_bytes",
        "Bytes that they take on the disk.",
        lambda f: f.pages.stats.disk_bytes,
    ),
    _Figure(
        "tcpnet_loop_lag_seconds",
        "Seconds by which the event loop was late when last looked.",
        lambda f: f.lag.last,
    ),
    _Figure(
        "tcpnet_loop_lag_longest_seconds",
        "The longest such delay of the last minute.",
        lambda f: f.lag.longest,
    ),
)

NAMES: Final = tuple(row.name for row in _ROWS)


class Metrics:
    """A registry of one hub's own."""

    def __init__(self, figures: Figures) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Reading(figures))
        ProcessCollector(registry=self._registry)  # memory, descriptors, time; Linux only

    def text(self) -> bytes:
        """All figures as they are now, in Prometheus's text format."""
        return generate_latest(self._registry)


class _Reading(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        # Added up once for the four that need it: there may be ten thousand connections.
        figures = replace(self._figures, traffic=self._figures.community.totals.traffic())
        for row in _ROWS:
            yield _family(row, figures)


def _family(row: _Figure | _Table, figures: Figures) -> Metric:
    kind = CounterMetricFamily if row.name.endswith("_total") else GaugeMetricFamily
    family = kind(row.name, row.words, labels=[row.label] if row.label else [])
    for label, value in _values(row, figures):
        family.add_metric(label, value)
    return family


def _values(row: _Figure | _Table, figures: Figures) -> Iterable[tuple[list[str], float]]:
    if isinstance(row, _Figure):
        return [([], row.value(figures))]
    return [([label], value) for label, value in sorted(row.values(figures).items())]

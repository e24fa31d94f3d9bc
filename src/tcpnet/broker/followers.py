"""Who follows which log in this process, and the fan-out of one batch to them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from tcpnet.broker.base import Deliver, Following, Record

log = logging.getLogger(__name__)


class Followers:
    """The followers of all logs; event loop thread only."""

    def __init__(self) -> None:
        # Tuples, replaced as a whole: whoever comes or goes during a batch changes the next one.
        self._by_log: dict[str, tuple[Following, ...]] = {}

    def add(self, name: str, deliver: Deliver) -> Following:
        """Follow the log `name` from the next batch on."""
        following = Following(name, deliver, self._forget)
        self._by_log[name] = (*self._by_log.get(name, ()), following)
        return following

    def deliver(self, batch: Iterable[Record]) -> None:
        """Hand a committed batch to the followers of its logs, each log in one call."""
        by_log: dict[str, list[Record]] = {}
        for record in batch:
            if record.log in self._by_log:
                by_log.setdefault(record.log, []).append(record)
        takers = [(records, self._by_log[name]) for name, records in by_log.items()]
        for records, followings in takers:
            for following in followings:
                if not following.closed:
                    _deliver(following, records)

    def _forget(self, following: Following) -> None:
        name = following.log
        rest = tuple(other for other in self._by_log[name] if other is not following)
        if rest:
            self._by_log[name] = rest
        else:
            del self._by_log[name]


def _deliver(following: Following, records: Sequence[Record]) -> None:
    try:
        following.deliver(records)
    except Exception:
        # The other followers and the publishers of the batch must not pay for this one's bug.
        log.exception(
            "a follower failed",
            extra={"log": records[0].log, "first": records[0].seq, "last": records[-1].seq},
        )

"""Who comes in: the hub's door for people."""

import asyncio
from typing import Final

from tcpnet.config import Settings
from tcpnet.net.limits import Bucket, Doorway
from tcpnet.net.tcp import Caller
from tcpnet.protocol.items import Bye
from tcpnet.server.community import Community
from tcpnet.server.people import run_session
from tcpnet.server.tasks import Spawn

# People who are told at once why they cannot come in; more are hung up on without a word.
_FAREWELLS: Final = 256
_FAREWELLS_PER_SECOND: Final = 50


class Entrance:
    """Lets people in, counts them, and tells others why not."""

    def __init__(self, settings: Settings, community: Community, spawn: Spawn) -> None:
        limits = settings.limits
        self._doorway = Doorway(
            limits.connections,
            limits.connections_per_address,
            limits.new_connections_per_second,
            counts_loopback=limits.count_loopback,
        )
        self._leave = self._doorway.leave  # one for all who are inside
        self._community = community
        self._spawn = spawn
        self._clock = asyncio.get_running_loop().time
        self._farewells = 0
        self._words = Bucket(_FAREWELLS_PER_SECOND, _FAREWELLS)

    def accept(self, caller: Caller) -> None:
        """Begin a session with somebody who dials, or turn him away."""
        if ban := self._community.bans.of_address(caller.peer):
            self._community.note_limit("bans", caller.peer)
            self._refuse(caller, str(ban), None)
            return
        if why := self._doorway.refusal(caller.household, self._clock()):
            self._community.note_limit(why.limit, caller.peer)
            self._refuse(caller, why.words, 10)
            return
        self._doorway.enter(caller.household)
        self._spawn(run_session(caller.connection(), self._community, self._leave))

    def _refuse(self, caller: Caller, words: str, retry: int | None) -> None:
        # A flood of callers costs no more than so many tasks, and so many words a second.
        if self._farewells >= _FAREWELLS or not self._words.passes(self._clock()):
            caller.hang_up()
            return
        self._farewells += 1
        connection = caller.connection()
        connection.pause()
        bye = Bye(reason=words, kind="refused", retry=retry)
        self._spawn(connection.close(bye)).add_done_callback(self._said)

    def _said(self, _: asyncio.Task[None]) -> None:
        self._farewells -= 1

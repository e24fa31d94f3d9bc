"""The way to the hub: dial, greet, stay alive, dial again.

    link = Link(address, "Nina", [screen], Trust(KnownHubs(path)))
    async with asyncio.TaskGroup() as group:
        group.create_task(link.run())       # dials at once; the view may still be loading
        ...
        link.send(screen.answer("1"))
        link.leave()                        # `run` says bye and ends soon

Whoever listens hears every item and every state in order; the last state is `ended` and carries
the exit status.
"""

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from typing import Final, Protocol

from tcpnet.client.address import Address
from tcpnet.client.screen import State
from tcpnet.client.tokens import Tokens
from tcpnet.client.trust import Trust
from tcpnet.client.visit import AGENT, LEFT, LOST, REFUSED, UNREACHABLE, End, Liveness, Tap, Visit
from tcpnet.errors import ConfigError
from tcpnet.protocol.items import (
    PROTOCOL,
    FromClient,
    FromServer,
    Hello,
    Input,
    Print,
    Reply,
    Resume,
    Welcome,
)

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""Seconds between two dials: doubled each time, a fifth more or less."""

LIVENESS: Final = Liveness()

_log = logging.getLogger(__name__)


class Listener(Protocol):
    """Who is told; `now` in seconds since 1970."""

    def on_item(self, item: FromServer, now: float, /) -> None:
        """Take an item; may raise ProtocolError."""

    def on_state(self, state: State, now: float, /) -> None:
        """Take how the link stands."""


class Link:
    """One person's way to one hub, over as many connections as it takes."""

    def __init__(
        self,
        address: Address,
        name: str,
        listeners: Sequence[Listener],
        trust: Trust,
        tokens: Tokens | None = None,
        *,
        timeout: float = 10.0,
        tries: int | None = None,
        first_pause: float = FIRST_PAUSE,
        liveness: Liveness = LIVENESS,
        tap: Tap | None = None,
    ) -> None:
        self.address = address
        self.name = name
        """Asked for in the next greeting: what the hub gave last."""
        self.timeout = timeout
        """Seconds for a dial, again for TLS, and again for the hub's first word."""
        self.tries = tries
        """Dials after a loss before it gives up; None for no end, 0 for none at all."""
        self.first_pause = first_pause
        self.liveness = liveness
        self.state = State("connecting")
        self._listeners = listeners
        self._trust = trust
        self._tokens = tokens or Tokens()
        self._session = ""
        self._positions: dict[str, int] = {}
        self._unanswered: dict[str, Reply] = {}
        self._resending = False
        self._tap = tap
        self._visit: Visit | None = None
        self._left: End | None = None
        self._hurry = asyncio.Event()
        self._attempt = 1
        self._since = 0.0

    @property
    def rtt(self) -> float | None:
        """Seconds that the last ping took, there and back; None before there was one."""
        return self._visit.rtt if self._visit else None

    async def run(self) -> int:
        """Stay in touch until the person leaves or it is hopeless; the exit status."""
        end = await self._first()
        while end.status is None:
            end = await self._again(end)
        self._tell(State("ended", since=_now(), reason=end.reason, status=end.status))
        return end.status

    def send(self, *items: FromClient) -> bool:
        """Send one frame, if there is a connection. Never waits.

        A reply is sent again, under its own `mid`, where the hub goes on with the session after a
        loss and still asks the same.
        """
        sent = self._visit is not None and self._visit.send(*items)
        if sent:
            replies = (item for item in items if isinstance(item, Reply))
            self._unanswered |= {reply.mid: reply for reply in replies if reply.mid}
        return sent

    def retry_now(self) -> None:
        """Dial without waiting any longer."""
        self._hurry.set()

    def redial(self) -> None:
        """Let go of the connection and dial anew; the hub goes on with the session."""
        if self._visit:
            self._visit.leave(End("as you asked"))

    def leave(self, reason: str = "leaving", status: int = LEFT) -> None:
        """End with this exit status: politely where there is a connection, else at once."""
        self._left = self._left or End(reason, status, farewell=True)
        self._hurry.set()
        if self._visit:
            self._visit.leave(self._left)

    async def _first(self) -> End:
        end = await self._visited()
        if end.status == UNREACHABLE:
            return End(f"cannot connect to {self.address}: {end.reason}", UNREACHABLE)
        if end.status is None and self.state.phase != "connected":
            return End(f"{self.address} did not let us in: {end.reason}", REFUSED)
        return end

    async def _again(self, end: End) -> End:
        """Dial until the hub lets the person in, or it was tried often enough."""
        pause, self._attempt, self._since = self.first_pause, 1, _now()
        while self.tries is None or self._attempt <= self.tries:
            await self._rest(max(_jittered(pause), end.retry), end.reason)
            end = await self._visited()
            if end.status not in (None, UNREACHABLE) or self.state.phase == "connected":
                return end
            pause = min(pause * 2, LONGEST_PAUSE)
            self._attempt += 1
        return End(f"the connection to {self.address} is lost: {end.reason}", LOST)

    async def _rest(self, pause: float, reason: str) -> None:
        """Wait for the next dial, or for the person to ask for it."""
        at = _now() + pause
        self._hurry.clear()
        self._tell(State("lost", self._attempt, self._since, retry_at=at, reason=reason))
        if self._left:
            return
        try:
            async with asyncio.timeout_at(at):
                await self._hurry.wait()
        except TimeoutError:
            pass  # the pause is over

    async def _visited(self) -> End:
        if self._left:
            return self._left
        since = self._since or _now()
        self._visit = Visit(
            self.name,
            trust=self._trust,
            greeting=self._greeting,
            hear=self._hear,
            on_greeted=lambda note: self._tell(State("greeting", self._attempt, since, note=note)),
            liveness=self.liveness,
            tap=self._tap,
        )
        self._tell(State("connecting", self._attempt, since))
        try:
            return await self._visit.last(self.address, self.timeout)
        finally:
            self._visit = None

    def _greeting(self, key: str | None) -> Hello:
        """What is said to the hub with this key: the name, what proves it, and where we were."""
        return Hello(
            protocol=PROTOCOL,
            agent=AGENT,
            id_key=self.name,
            token=self._token(key) if key else None,
            keeps_token=key is not None,
            resume=Resume(session=self._session, rooms=self._positions),
        )

    def _token(self, key: str) -> str | None:
        try:
            return self._tokens.of(key, self.name)
        except ConfigError as error:
            _log.info("%s", error)
            return None

    def _hear(self, item: FromServer) -> None:
        if isinstance(item, Welcome):
            self._enter(item)
        for listener in self._listeners:
            listener.on_item(item, time.time())
        match item:
            case Print(kind="chat", room=str(room), seq=int(seq)):
                self._positions[room] = max(seq, self._positions.get(room, 0))
        match item:
            case Print(mid=str(mid)) if item.from_ in (None, self.name):
                self._unanswered.pop(mid, None)
            case Input():
                self._ask(item)

    def _enter(self, welcome: Welcome) -> None:
        self.name, self._session, self._since = welcome.name, welcome.session, 0.0
        self._resending = welcome.resumed
        if not welcome.resumed:
            self._unanswered.clear()
        self._keep_token(welcome)
        self._tell(State("connected", since=_now()))

    def _keep_token(self, welcome: Welcome) -> None:
        key = self._visit.key if self._visit else None
        if welcome.token is None or key is None:
            return
        try:
            self._tokens.keep(key, welcome.name, welcome.token)
        except ConfigError as error:
            _log.info("%s", error)

    def _ask(self, question: Input) -> None:
        """Forget the answers to what was asked before, which the hub has read by now."""
        replies = self._unanswered.items()
        self._unanswered = {mid: reply for mid, reply in replies if reply.id == question.id}
        if self._resending:
            self._resending = False
            self.send(*self._unanswered.values())

    def _tell(self, state: State) -> None:
        self.state = state
        _log.info("%s, attempt %d %s", state.phase, state.attempt, state.reason)
        if self._tap:
            self._tap.on_state(state, time.time())
        for listener in self._listeners:
            listener.on_state(state, time.time())


def _now() -> float:
    return asyncio.get_running_loop().time()


def _jittered(pause: float) -> float:
    # A hub that restarts must not meet all its people in one moment.
    return pause * random.uniform(0.8, 1.2)

"""The bundle that dialogues are given."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tcpnet.chat.accounts import Account, Accounts
from tcpnet.chat.bans import Bans
from tcpnet.chat.guessing import Guesses
from tcpnet.chat.habits import HabitBook
from tcpnet.chat.invitations import Invitations
from tcpnet.chat.lapses import Lapses
from tcpnet.chat.mailboxes import Mailboxes
from tcpnet.chat.passwords import Passwords
from tcpnet.chat.places import Places
from tcpnet.chat.presence import Presence
from tcpnet.chat.proxykeys import ProxyKeys
from tcpnet.chat.rooms import Rooms
from tcpnet.config import Settings
from tcpnet.errors import UserError
from tcpnet.net.keys import Identity
from tcpnet.net.limits import Tally
from tcpnet.protocol.items import Bye
from tcpnet.proxy.origin.latefetcher import LateFetcher
from tcpnet.proxy.port.service import Counters
from tcpnet.proxy.proxy import WebProxy
from tcpnet.server.deadlines import Deadline
from tcpnet.server.session import Session
from tcpnet.server.totals import Totals
from tcpnet.server.turns import Turns

KEEP_PLACES: Final = 30
"""Days of the hub for which somebody who does not come back could be back in his room."""


@dataclass(frozen=True, slots=True)
class Community:
    """Everything a dialogue may use besides its session."""

    identity: Identity
    settings: Settings
    accounts: Accounts
    presence: Presence
    mailboxes: Mailboxes
    rooms: Rooms
    places: Places
    habits: HabitBook
    web: WebProxy
    origins: LateFetcher
    passwords: Passwords
    guesses: Guesses
    invitations: Invitations
    bans: Bans
    lapses: Lapses
    proxy_keys: ProxyKeys
    handshakes: Deadline
    logins: Deadline
    sessions: dict[str, Session] = field(default_factory=dict)
    """Everybody who is logged in, by session id, also while away."""
    tally: Tally = field(default_factory=Tally)
    """How often each limit was reached."""
    totals: Totals = field(default_factory=Totals)
    """What the connections that ended had carried."""
    at_the_port: Counters = field(default_factory=Counters)
    """What happened at the proxy port."""
    turns: Turns = field(default_factory=Turns)
    """For large pages that people fetch: nobody else is to notice them."""

    def note_limit(self, limit: str, address: str) -> None:
        """Count that somebody reached a limit, the setting of this name; nothing for ""."""
        if limit:
            self.tally.note(limit, address, time.monotonic())

    async def forget(self, account: Account, *, but: Session | None = None) -> None:
        """Delete an account with its mailbox, and end its sessions, all but one.

        Raises BrokerError.
        """
        # The name last: whoever has it next finds nothing, and a failure can be made good.
        await self.mailboxes.delete(account)
        await self.habits.forget(account)
        await self.proxy_keys.revoke(account)
        await self.places.forget(account)
        await self.accounts.delete(account)
        self.end(account, "this account was deleted", but=but)

    async def lapse(self, account: Account) -> None:
        """Delete an account that nothing proves and nobody uses. Raises BrokerError."""
        if self.presence.holds(account.key):
            return
        # Held meanwhile: nobody takes a name and loses its mailbox.
        with self.presence.entering(account.key), suppress(UserError):  # deleted already
            if not (await self.accounts.current(account)).is_proven:
                await self.forget(account)

    async def promote(self, account: Account, *, operator: bool) -> None:
        """Make somebody operator, or no longer, wherever he is. Raises UserError, BrokerError."""
        await self.accounts.change(
            account, lambda claim: msgspec.structs.replace(claim, operator=operator)
        )
        for session in self.sessions.values():
            if session.account == account:
                session.is_operator = operator
                now = "are an operator of this hub" if operator else "are no operator any more"
                session.tell(f"You {now}.", kind="notice")

    async def an_hour_passed(self) -> None:
        """Count an hour, close rooms left empty and free names left alone. Raises BrokerError."""
        await self.accounts.an_hour_passed()
        await self.rooms.an_hour_passed()
        if self.accounts.hour % 24 == 0:
            await self._note_present()
            await self.places.tidy(self.accounts.hour - 24 * KEEP_PLACES)
        for claim in await self.accounts.lapsed(self.settings.accounts.idle_days):
            if not self.presence.holds(claim.account.key):
                await self.forget(claim.account)
        for account in await self.accounts.unproven():
            self.lapses.note(account)

    async def _note_present(self) -> None:
        """Note who is there: nobody's name lapses because he never left."""
        for account in list(self.presence):
            with suppress(UserError):  # deleted meanwhile
                await self.accounts.note_seen(account)

    def end(self, account: Account, reason: str, *, but: Session | None = None) -> int:
        """End the sessions of an account, all but one; how many they were."""
        found = [s for s in self.sessions.values() if s.account == account and s is not but]
        for session in found:
            session.dismiss(Bye(reason=reason, kind="refused"))
        return len(found)

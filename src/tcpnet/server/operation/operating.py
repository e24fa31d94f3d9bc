"""What an operator's orders do."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol, assert_never

import msgspec

from tcpnet import text
from tcpnet.chat.accounts import Claim
from tcpnet.chat.bans import Ban, Bans
from tcpnet.chat.rooms import MAX_LINE
from tcpnet.errors import UserError
from tcpnet.net import reach
from tcpnet.net.limits import household
from tcpnet.protocol.items import Bye
from tcpnet.proxy import urls
from tcpnet.proxy.store.index import Page
from tcpnet.server.community import Community
from tcpnet.server.operation import orders
from tcpnet.server.operation.orders import Order, Outcome, Row
from tcpnet.server.session import Session

# About a millisecond; then others have their turn of the loop.
_PEOPLE_A_TURN: Final = 256

BackUp = Callable[[Path], Awaitable[int]]
"""Copies the hub into a new file; its bytes."""


class Pages(Protocol):
    """The pages that are kept."""

    def __iter__(self) -> Iterator[Page]:
        """All of them."""
        ...

    def remove_url(self, url: str) -> int:
        """Forget all variants of a normalised URL; how many were known."""
        ...


@dataclass(frozen=True, slots=True)
class Operating:
    """Carries orders out on a running hub."""

    community: Community
    bans: Bans
    pages: Pages
    back_up: BackUp

    async def perform(self, order: Order) -> Outcome:
        """Carry out one order. Raises UserError and BrokerError."""
        match order:
            case orders.Users():
                return self._users()
            case orders.Kick():
                return await self._kick(order)
            case orders.AddBan():
                return await self._ban(order)
            case orders.LiftBan():
                return await self._unban(order)
            case orders.ListBans():
                return self._listed_bans()
            case orders.Release():
                return await self._release(order)
            case orders.Promote():
                return await self._promote(order)
            case orders.Invite():
                return await self._invite()
            case orders.Say():
                return await self._say(order)
            case orders.BackUp():
                return await self._backed_up(order)
            case orders.ListPages():
                return self._listed_pages()
            case orders.PurgePage():
                return self._purge(order)
            case _:
                assert_never(order)

    def _users(self) -> Outcome:
        sessions = sorted(self.community.sessions.values(), key=lambda s: s.account.key)
        people = len({session.account.key for session in sessions})
        return Outcome(
            _counted(people, "person is", "people are") + " there.", map(_place, sessions)
        )

    async def _kick(self, order: orders.Kick) -> Outcome:
        account = await self.community.accounts.find(order.who)
        ended = self.community.end(account, "an operator ended your session")
        if not ended:
            raise UserError(f"{account.name} is not connected.")
        return Outcome(f"{account.name} was disconnected ({_counted(ended, 'place', 'places')}).")

    async def _ban(self, order: orders.AddBan) -> Outcome:
        who = order.who.strip()
        if who.isdecimal():  # an id, as no name and no address has only digits
            who = (await self.community.accounts.find(who)).name
        meant = _meant(who)
        ban = await self.bans.add(meant, reason=order.reason, seconds=order.seconds)
        kept_out = [s for s in self.community.sessions.values() if self._is_banned(s)]
        for session in kept_out:
            session.dismiss(Bye(reason=str(ban), kind="refused"))
        ended = f" ({_counted(len(kept_out), 'session', 'sessions')} ended)" if kept_out else ""
        roams = f" Its owner can roam this network: {who}/128 bans one address." * (meant != who)
        return Outcome(f"{ban}{ended}.{roams}")

    async def _unban(self, order: orders.LiftBan) -> Outcome:
        try:
            ban = await self.bans.lift(order.who)
        except UserError:
            if (meant := _meant(order.who.strip())) == order.who.strip():
                raise
            ban = await self.bans.lift(meant)
        return Outcome(f"{ban.who} is no longer banned.")

    def _is_banned(self, session: Session) -> bool:
        return bool(
            self.bans.of_name(session.account.name) or self.bans.of_address(session.address)
        )

    def _listed_bans(self) -> Outcome:
        bans = list(self.bans)
        return Outcome(_counted(len(bans), "ban", "bans") + ".", map(_ban_row, bans))

    async def _release(self, order: orders.Release) -> Outcome:
        claim = await self._claim(order.who)
        name = claim.account.name
        await self.community.accounts.change(
            claim.account, lambda now: msgspec.structs.replace(now, tokens=(), password="")
        )
        ended = self.community.end(claim.account, "an operator released your name")
        password = "its password was removed" if claim.password else "it had no password"
        places = _counted(ended, "place was", "places were")
        return Outcome(
            f"{name} is free: whoever comes with this name next has it, mailbox and all"
            f" ({password}, {places} disconnected)."
        )

    async def _promote(self, order: orders.Promote) -> Outcome:
        claim = await self._claim(order.who)
        if claim.operator == order.operator:
            kind = "an operator already" if order.operator else "no operator"
            raise UserError(f"{claim.account.name} is {kind}.")
        await self.community.promote(claim.account, operator=order.operator)
        return Outcome(
            f"{claim.account.name} is {'now' if order.operator else 'no longer'} an operator."
        )

    async def _claim(self, who: str) -> Claim:
        accounts = self.community.accounts
        return await accounts.current(await accounts.find(who))

    async def _invite(self) -> Outcome:
        code = await self.community.invitations.make()
        unneeded = not self.community.settings.accounts.require_password
        note = " Nobody needs it: accounts.require_password is off." if unneeded else ""
        return Outcome(f"This code lets one new person in, once.{note}", [Row({"code": code})])

    async def _say(self, order: orders.Say) -> Outcome:
        words = text.clip(text.clean(order.words).strip(), MAX_LINE)
        if not words:
            raise UserError("There is nothing to say.")
        sessions = list(self.community.sessions.values())
        for number, session in enumerate(sessions, start=1):
            session.tell(f"*** The operator of this hub says: {words}", kind="notice")
            if not number % _PEOPLE_A_TURN:
                await asyncio.sleep(0)
        people = len({session.account.key for session in sessions})
        return Outcome(f"{_counted(people, 'person was', 'people were')} told.")

    async def _backed_up(self, order: orders.BackUp) -> Outcome:
        file = Path(order.file)
        if not file.is_absolute():
            raise UserError(f'"{file}" is no absolute path')
        began = time.monotonic()
        size = await self.back_up(file)
        return Outcome(f'"{file}" holds the hub: {size:,} bytes, {time.monotonic() - began:.1f} s.')

    def _listed_pages(self) -> Outcome:
        pages = list(self.pages)
        size = sum(page.size for page in pages)
        counted = _counted(len(pages), "page", "pages")
        return Outcome(f"{counted}, {size:,} bytes.", map(_page_row, reversed(pages)))

    def _purge(self, order: orders.PurgePage) -> Outcome:
        url = urls.normalised(order.url)
        if not (removed := self.pages.remove_url(url)):
            raise UserError(f"{url} is not kept.")
        return Outcome(f"{url} is forgotten ({_counted(removed, 'variant', 'variants')}).")


def _meant(who: str) -> str:
    """What is banned with an address: what limits count as one, `net.limits.household`."""
    if ":" not in who or "/" in who:  # no name has a colon
        return who
    near = any(household(who, own) == who for own in reach.own())
    return who if near else household(who)


def _place(session: Session) -> Row:
    link = "TLS" if session.connection.is_encrypted else "clear"
    return Row(
        {
            "name": session.account.name,
            "id": session.account.id,
            "address": session.address,
            "link": "away" if session.is_away else link,
            "program": session.agent,
        }
    )


def _ban_row(ban: Ban) -> Row:
    until = None if ban.until is None else _moment(ban.until)
    return Row({"who": ban.who, "until": until, "reason": ban.reason})


def _page_row(page: Page) -> Row:
    return Row(
        {
            "bytes": page.size,
            "status": page.status,
            "fetched": _moment(page.received_at),
            "used": _moment(page.used_at),
            "url": page.url,
        }
    )


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%MZ}"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"

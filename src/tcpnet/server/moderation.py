"""Words of a room that are orders: who is here, who may speak, who may stay."""

from typing import Final

from tcpnet.chat.accounts import Account
from tcpnet.chat.events import Verb
from tcpnet.chat.room import Room
from tcpnet.errors import UserError
from tcpnet.server.community import Community
from tcpnet.server.session import Answer, Session

_WHO: Final = "/who"
_CLOSE: Final = "/close"
_RULINGS: Final[dict[str, Verb]] = {
    "/kick": "kick",
    "/unkick": "unkick",
    "/mute": "mute",
    "/unmute": "unmute",
}
_ORDERS: Final = frozenset({_WHO, _CLOSE, *_RULINGS})


def words(session: Session, room: Room) -> tuple[str, ...]:
    """The orders that this person may give here."""
    return (_WHO, *_RULINGS, _CLOSE) if _rules(session, room) else (_WHO,)


async def obeyed(session: Session, community: Community, room: Room, answer: Answer) -> bool:
    """Carry an answer out if it is an order; whether it was one. Raises UserError, BrokerError."""
    word, _, name = answer.text.strip().partition(" ")
    if word == _WHO:
        session.tell(_who(room), mid=answer.mid or None)
    elif word == _CLOSE:
        _demand(session, room)
        await community.rooms.close(room, session.account)
    elif verb := _RULINGS.get(word):
        _demand(session, room)
        await _rule(session, community, room, verb, name, answer.mid)
    else:
        return False
    return True


def said(text: str) -> str:
    """What is said by a line that is no order: `//kick` says `/kick`."""
    begun = text.lstrip()
    if begun.startswith("//") and "/" + begun.lstrip("/").partition(" ")[0].strip() in _ORDERS:
        return begun[1:]
    return text


async def _rule(
    session: Session, community: Community, room: Room, verb: Verb, name: str, mid: str
) -> None:
    whom = await community.accounts.find(name)
    if whom == session.account:
        raise UserError("That is you.")
    if verb in ("kick", "mute") and not session.is_operator:
        claim = await community.accounts.current(whom)
        if claim.operator:
            raise UserError(f"{whom.name} is an operator of this hub.")
    community.rooms.rule(room, verb, whom, session.account, mid)


def _demand(session: Session, room: Room) -> None:
    if not _rules(session, room):
        raise UserError(f"Only {room.owner.name}, who owns this room, and operators may do this.")


def _rules(session: Session, room: Room) -> bool:
    return session.is_operator or room.is_owner(session.account)


def _who(room: Room) -> str:
    accounts = {seat.account.key: seat.account for seat in room.seats}
    return "Here: " + ", ".join(_described(room, account) for account in accounts.values())


def _described(room: Room, account: Account) -> str:
    marks = [
        mark
        for mark, holds in (
            ("owner", room.is_owner(account)),
            ("muted", room.is_muted(account)),
            ("away", room.is_away(account)),
        )
        if holds
    ]
    return f"{account.name} ({', '.join(marks)})" if marks else account.name

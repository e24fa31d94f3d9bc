"""Words of a room that are orders: who is here, who may speak, who may stay."""

from typing import Final

from tcpnet.chat.accounts import Account
from tcpnet.chat.events import Verb
from tcpnet.chat.room import Room
from tcpnet.errors import UserError
from tcpnet.server.community import Community
from tcpnet.server.session import Answer, Session

_WHO: Final = "/who"
_LEAVE: Final = "/leave"
_CLOSE: Final = "/close"
_RULINGS: Final[dict[str, Verb]] = {
    "/mute": "mute",
    "/unmute": "unmute",
    "/kick": "kick",
    "/unkick": "unkick",
}

WORDS: Final = (_WHO, _LEAVE, *_RULINGS, _CLOSE)
"""All orders. Everybody is told of them: who may not give one is told who may."""


async def obeyed(session: Session, community: Community, room: Room, answer: Answer) -> bool | None:
    """Carry an answer out if it is an order: whether its person leaves with it, None if it is none.

    Raises UserError and BrokerError.
    """
    word, _, name = answer.text.strip().partition(" ")
    word = word.lower()
    if word == _WHO:
        session.tell(_who(room), mid=answer.mid or None)
    elif word == _CLOSE:
        _demand(session, room)
        await community.rooms.close(room, session.account)
    elif verb := _RULINGS.get(word):
        _demand(session, room)
        await _rule(session, community, room, verb, name, answer.mid)
    elif word != _LEAVE:
        return None
    return room.closed or word == _LEAVE


def said(text: str) -> str:
    """What is said by a line that is no order: `//kick` says `/kick`."""
    begun = text.lstrip()
    word = "/" + begun.lstrip("/").partition(" ")[0].strip().lower()
    return begun[1:] if begun.startswith("//") and word in WORDS else text


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
    here = ", ".join(_described(room, account) for account in accounts.values())
    return f"Here: {here}" if room.has(room.owner) else f"Here: {here}. {room.owner.name} owns it."


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

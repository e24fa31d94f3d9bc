"""Chat rooms: open one, join one, list them."""

import re
from collections.abc import Sequence
from typing import Final

from tcpnet.broker.base import Record
from tcpnet.chat.rooms import Room, Seat
from tcpnet.errors import BrokerError, UserError
from tcpnet.server import wording
from tcpnet.server.community import Community
from tcpnet.server.session import Answer, Session

# `bye` alone, or as the whole last sentence: "See you later. bye", "Take care Bob. Bye."
_PARTING: Final = re.compile(r"(?:^|.*[.!?…]\s+)bye\s*[.!]*\s*", re.IGNORECASE | re.DOTALL)
_BARE: Final = re.compile(r"\s*(bye|exit)\s*[.!]*\s*", re.IGNORECASE)


async def create(session: Session, community: Community) -> None:
    """Open a room and talk in it until it is closed."""
    answer = await session.ask("Enter new chat room id: ", key="room_id")
    room = await community.rooms.create(answer.text, session.account)
    await _talk(session, community, room, _opening(room))


async def join(session: Session, community: Community) -> None:
    """Join a room and talk in it until `bye`."""
    session.tell("")
    answer = await session.ask("Enter chat room id to join: ", key="room_id")
    room = community.rooms.find(answer.text)
    await _talk(session, community, room, _welcome(room, session))


async def show(session: Session, community: Community) -> None:
    """List the rooms: id, owner, how many are in it."""
    rooms = sorted(community.rooms, key=lambda room: room.id)
    if not rooms:
        session.tell("There are no chat rooms.")
        return
    listed = ", ".join(f"{room.id} (owner: {room.owner.name}, {len(room)} here)" for room in rooms)
    await session.page(f"Chat rooms: {listed}")


async def _talk(session: Session, community: Community, room: Room, banner: str) -> None:
    def welcome(earlier: Sequence[Record]) -> None:
        session.tell(banner)
        for record in earlier:
            session.show(wording.line(room.id, record, earlier=True))

    seat = Seat(session.account, welcome, session.send_encoded, session.call_off)
    async with community.rooms.joined(room, seat):
        place = wording.place(room.id, len(room))
        with session.lines(key="message", place=place, local=True) as answers:
            async for answer in answers:
                try:
                    if await _heard(session, community, room, answer):
                        return
                except (UserError, BrokerError) as error:
                    session.tell(str(error), kind="error", mid=answer.mid or None)


async def _heard(session: Session, community: Community, room: Room, answer: Answer) -> bool:
    """Take one line of a member; whether he leaves with it."""
    bare = _BARE.fullmatch(answer.text)
    if room.is_owner(session.account):
        return await _from_owner(session, community, room, answer, bare)
    if bare and bare[1].lower() == "exit":
        raise UserError("Only the owner closes this room. Type 'bye' to leave it.")
    if not bare:
        await community.rooms.post(room, session.account, answer.text, answer.mid)
    return bool(_PARTING.fullmatch(answer.text))


async def _from_owner(
    session: Session, community: Community, room: Room, answer: Answer, bare: re.Match[str] | None
) -> bool:
    if not bare:
        await community.rooms.post(room, session.account, answer.text, answer.mid)
    elif bare[1].lower() == "bye":
        raise UserError("This room is yours. Type 'exit' to close it.")
    else:
        await community.rooms.close(room, session.account)
    return bool(bare)


def _opening(room: Room) -> str:
    return "\n".join(
        (
            "",
            f"----------------------- Chat Room {room.id} ------------------------ ",
            "",
            "Type 'exit' to close the chat room.",
            f"Chat room created by: {room.owner.name}",
            "Waiting for other users to join....",
        )
    )


def _welcome(room: Room, session: Session) -> str:
    owns = room.is_owner(session.account)
    way_out = (
        "Type 'exit' to close the chat room." if owns else "Type 'bye' to exit this chat room."
    )
    return "\n".join(
        (
            "",
            f"----------------------- Chat Room {room.id} ------------------------",
            f"Joined to chat room {room.id}",
            way_out,
        )
    )

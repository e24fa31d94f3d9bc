"""Chat rooms: open one, join one, list them."""

import asyncio
import re
from functools import partial
from typing import Final

from tcpnet.chat.places import Place
from tcpnet.chat.room import Room, Seat
from tcpnet.errors import BrokerError, UserError
from tcpnet.server import moderation, wording
from tcpnet.server.community import Community
from tcpnet.server.session import MAX_WAITING, Answer, Session

# `bye` alone, or as the whole last sentence: "See you later. bye", "Take care Bob. Bye."
_PARTING: Final = re.compile(r"(?:^|.*[.!?…]\s+)bye\s*[.!]*\s*", re.IGNORECASE | re.DOTALL)
_TOO_SLOW: Final = "You read too slowly: lines waited for you, and follow now."
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


async def rejoin(session: Session, community: Community, *, place: Place, seen: int) -> None:
    """Come back to the room where the session was, to the lines missed since `seen`."""
    try:
        room = community.rooms.find(place.room)
        if room.deed.log != place.log:
            raise UserError(f"The chat room {room.id} was closed while you were away.")
        stay = _Stay(session, community, room)
        with community.rooms.joined(room, stay.seat), session.stands(stay):
            session.tell(f"You are back in chat room {room.id}.", kind="notice")
            stay.seat.since, stay.seat.seen = (
                place.since,
                max(place.since, min(seen, room.last_seq)),
            )
            await _stayed(stay)
    except UserError:
        community.places.leaves(session.account, session.id)
        raise


async def _talk(session: Session, community: Community, room: Room, banner: str) -> None:
    stay = _Stay(session, community, room)
    with community.rooms.joined(room, stay.seat), session.stands(stay):
        session.tell(banner)
        for record in await community.rooms.last_lines(room, stay.seat):
            session.show(wording.line(room.id, record, earlier=True))
        await _stayed(stay)


async def _stayed(stay: "_Stay") -> None:
    """Talk until the member leaves or the room is closed."""
    session, community, room = stay.session, stay.community, stay.room
    await stay.catch_up()
    community.rooms.announce(room, stay.seat)
    place = Place(room.id, room.deed.log, stay.seat.since, community.accounts.hour)
    community.places.sits(session.account, session.id, place)
    try:
        await _listened(stay)
    except asyncio.CancelledError:
        if session.has_quit:  # anybody else may come back
            community.places.leaves(session.account, session.id)
        raise
    if stay.uninformed:
        session.tell(stay.end, kind="notice")
    community.places.leaves(session.account, session.id)


async def _listened(stay: "_Stay") -> None:
    """Hear what a member says, until the end."""
    session, community, room = stay.session, stay.community, stay.room
    where = wording.place(room.id, len(room))
    with session.lines(key="message", place=where, local=True, words=moderation.WORDS) as answers:
        async for answer in answers:
            await stay.settled()
            try:
                if await _heard(session, community, room, answer):
                    break
            except (UserError, BrokerError) as error:
                session.tell(str(error), kind="error", mid=answer.mid or None)


class _Stay:
    """One person's time in one room, connected or not."""

    def __init__(self, session: Session, community: Community, room: Room) -> None:
        self.session = session
        self.community = community
        self.room = room
        self.seat = Seat(
            account=session.account,
            reader=session.connection,
            drained=session.drained,
            lagged=self._lagged,
            dismiss=self._called_off,
        )
        self.uninformed = self._lags = False
        self._under_way = 0
        self._arrived: asyncio.Future[None] | None = None

    @property
    def end(self) -> str:
        """Why it ended, for somebody who did not see it happen."""
        if self.seat.removed:
            return f"You were removed from chat room {self.room.id} meanwhile."
        return f"The chat room {self.room.id} was closed meanwhile."

    async def catch_up(self) -> None:
        """Hand over what was missed, from the last line that the client says it has."""
        seat = self.seat
        seat.reader = self.session.connection  # he may have come back over another one
        if self._lags:
            self._lags = False
            self.session.tell(_TOO_SLOW, kind="notice")
        await self.community.rooms.catch_up(self.room, seat)
        if not seat.live and not self.session.is_away:
            self.session.fall_behind()

    def hears(self, answer: Answer) -> bool:
        """Post a line that is nothing but a line, as most are: no task has to wake for it."""
        if self._under_way >= MAX_WAITING or _may_be_a_word(answer.text):
            return False
        session, posted = self.session, partial(self._posted, answer.mid)
        try:
            taken = self.community.rooms.offer(
                self.room, session.account, answer.text, answer.mid, posted
            )
        except (UserError, BrokerError) as error:
            session.tell(str(error), kind="error", mid=answer.mid or None)
            return True
        self._under_way += taken
        return taken

    async def settled(self) -> None:
        """Wait until all lines that were heard are durable, and everybody has them."""
        while self._under_way:
            self._arrived = self._arrived or asyncio.get_running_loop().create_future()
            await self._arrived

    def _posted(self, mid: str, outcome: int | BrokerError) -> None:
        self._under_way -= 1
        if isinstance(outcome, BrokerError):
            self.session.tell(str(outcome), kind="error", mid=mid or None)
        if self._arrived is not None and not self._under_way:
            if not self._arrived.done():
                self._arrived.set_result(None)
            self._arrived = None

    def went_away(self) -> None:
        """Tell the room."""
        self.community.rooms.away(self.room, self.seat)

    def came_back(self) -> None:
        """Tell the room; the client says which line it had last."""
        position = self.session.positions.get(self.room.id, 0)
        self.community.rooms.back(self.room, self.seat, position)

    def _lagged(self) -> None:
        # He is told when he reads again: within the room's push nothing may end a connection.
        self._lags = True
        self.community.note_limit("limits.outbox_bytes", self.session.address)
        self.session.fall_behind()

    def _called_off(self) -> None:
        self.uninformed = not self.seat.live
        self.session.call_off()


def _may_be_a_word(text: str) -> bool:
    """Whether a line may be more than a line: an order, `exit`, or a parting."""
    lowered = text.lower()
    # Not `exit`: in any case an i may be a dotless one.
    return "bye" in lowered or lowered.startswith(("/", "ex")) or text[:1].isspace()


async def _heard(session: Session, community: Community, room: Room, answer: Answer) -> bool:
    """Take one line of a member; whether he leaves with it."""
    if (leaves := await moderation.obeyed(session, community, room, answer)) is not None:
        return leaves
    answer = Answer(moderation.said(answer.text), answer.mid)
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
        raise UserError(
            "This room is yours. Type 'exit' to close it, or /leave to leave it to others."
        )
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

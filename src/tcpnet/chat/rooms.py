"""All rooms of a hub: opened, joined, spoken in, handed on and closed."""

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from tcpnet import text
from tcpnet.broker.base import Broker, Conflict, Done, Record
from tcpnet.chat import names
from tcpnet.chat.accounts import Account
from tcpnet.chat.closed import ClosedLogs
from tcpnet.chat.events import (
    Away,
    Back,
    Closed,
    Event,
    Gone,
    Handed,
    Joined,
    Left,
    Render,
    Ruled,
    Said,
    Verb,
)
from tcpnet.chat.later import Later
from tcpnet.chat.room import Deed, Room, Seat, is_same
from tcpnet.errors import UserError

MAX_LINE: Final = 4 * 1024
"""Bytes of one line, in UTF-8."""

MAX_RULED: Final = 500
"""People whom one room keeps out, and whom it mutes."""

GATHERING: Final = 0.05
"""Seconds for which comings and goings wait for more, where others were told of just before.

To tell a full room costs a write for each member. A line waits for nothing, and takes them along.
"""

_MAX_GATHERED: Final = 64  # some 10 KB: they fit an outbox

_KIND: Final = "room"
_PAGE: Final = 16  # lines that are read and pushed together, however long: they fit an outbox
_PIECE: Final = 64 * 1024  # bytes of any number of lines that an outbox can take or refuse


class Rooms:
    """All rooms of the hub; those nobody is in live on in the broker."""

    def __init__(
        self,
        broker: Broker,
        later: Later,
        render: Render,
        *,
        history_lines: int = 20,
        keep_empty_days: float = 7,
        max_rooms: int = 1000,
        max_id: int = 64,
    ) -> None:
        self.history_lines = history_lines
        self.keep_empty_days = keep_empty_days
        self.max_rooms = max_rooms
        self.max_id = max_id
        self.closed = ClosedLogs(broker)
        self._broker = broker
        self._render = render
        self._later = later
        self._rooms: dict[str, Room] = {}
        self._in_the_making: set[str] = set()
        self._resting = False

    def __iter__(self) -> Iterator[Room]:
        return iter(self._rooms.values())

    def __len__(self) -> int:
        return len(self._rooms)

    async def load(self) -> None:
        """Open the rooms that the broker kept."""
        for stored in await self._broker.entries(_KIND):
            room = self._open(msgspec.json.decode(stored.value, type=Deed))
            room.last_seq = await self._broker.last_seq(room.deed.log)
        await self.closed.load({room.deed.log for room in self})

    async def create(self, room_id: str, owner: Account) -> Room:
        """Make a room with a log of its own; raises UserError."""
        found = names.room(room_id)
        if len(self._rooms) + len(self._in_the_making) >= self.max_rooms:
            raise UserError(
                f"This hub has {self.max_rooms} rooms already, no more are allowed.",
                bound="rooms.max_rooms",
            )
        if len(found) > self.max_id:
            raise UserError(
                f"A room id has at most {self.max_id} characters.", bound="limits.room_id_length"
            )
        if (key := found.lower()) in self._rooms or key in self._in_the_making:
            raise UserError(f"The chat room {found} already exists.")
        self._in_the_making.add(key)
        try:
            return await self._created(found, owner)
        finally:
            self._in_the_making.remove(key)

    async def _created(self, found: str, owner: Account) -> Room:
        # A room made anew under an old id must never show the old one's lines.
        log = f"room/{found}/{secrets.token_hex(4)}"
        deed = Deed(id=found, log=log, owner=owner)
        encoded = msgspec.json.encode(deed)
        await self._later.now(_KIND, found)  # what a room of this id left to be written
        try:
            await self._broker.put(_KIND, found, encoded, expected=0)
        except Conflict:
            raise UserError(f"The chat room {found} already exists.") from None
        except asyncio.CancelledError:
            # It may be stored nevertheless, and nobody would have the room or its id.
            self._later.note(_KIND, found, lambda: self._take_back(found, encoded))
            raise
        return self._open(deed)

    def find(self, room_id: str) -> Room:
        """The open room with this id; raises UserError."""
        found = names.room(room_id)
        if (room := self._rooms.get(found.lower())) is None:
            raise UserError(f"There is no chat room {found}.")
        return room

    @contextmanager
    def joined(self, room: Room, seat: Seat) -> Iterator[None]:
        """Have a seat for the length of the block.

        The seat gets nothing until `catch_up` has made it live, and nobody hears of it before
        `announce`. Raises UserError when the room was closed, or keeps this person out.
        """
        if room.closed:
            raise UserError(f"There is no chat room {room.id}.")
        if room.is_out(seat.account):
            raise UserError(f"You were removed from chat room {room.id}.")
        seat.since = seat.seen = room.last_seq
        room.add(seat)
        try:
            yield
        finally:
            self._leave(room, seat)

    def announce(self, room: Room, seat: Seat) -> None:
        """Tell everybody that a member is there, himself included.

        Raises UserError when the room was closed meanwhile, or keeps this person out.
        """
        if room.closed:
            raise UserError(f"The chat room {room.id} was closed.")
        if seat.removed:
            raise UserError(f"You were removed from chat room {room.id}.")
        first = not any(other.announced for other in room.of(seat.account))
        seat.announced = True
        if first and len(room.seats) > 1:
            self._emit_soon(room, Joined(room.id, seat.account.name, len(room)), seat)

    async def last_lines(self, room: Room, seat: Seat) -> Sequence[Record]:
        """What somebody who joins is shown of what was said before he came."""
        if not (self.history_lines and seat.since):
            return ()
        return await self._broker.history(
            room.deed.log, before=seat.since + 1, limit=self.history_lines
        )

    async def catch_up(self, room: Room, seat: Seat) -> None:
        """Hand a seat what it has not seen, in pages; when it has everything it is live.

        No line is left out between the last page and the first one pushed, and none comes twice.
        A seat that takes no more stays as it is: it may try again.
        """
        room.hold(seat)
        while (seen := seat.seen) < room.last_seq:
            stored = await self._broker.history(room.deed.log, after=seen, limit=_PAGE)
            if seat.seen != seen:
                continue  # the member came back meanwhile, with a position of his own
            # What is stored a moment before everybody is told comes to the seat with everybody.
            page = [record for record in stored if record.seq <= room.last_seq]
            frames = self._render(Said(room.id, page))
            gone = (page[0].seq if page else room.last_seq + 1) - seen - 1
            if gone:
                frames = self._render(Gone(room.id, gone)) + frames
            if not seat.reader.push(frames, len(page) + bool(gone)):
                return
            seat.seen = page[-1].seq if page else room.last_seq
            await seat.drained()
        room.go_live(seat)

    def away(self, room: Room, seat: Seat) -> None:
        """Tell that a member's connection was lost; he keeps his seat for now."""
        room.hold(seat)
        seat.away = True
        if seat.announced and not room.is_there(seat):
            self._emit(room, Away(room.id, seat.account.name))

    def back(self, room: Room, seat: Seat, seen: int) -> None:
        """Tell that a member is there again, who has the lines up to `seen`; he gets the rest."""
        if seat.announced and not room.is_there(seat):
            self._emit(room, Back(room.id, seat.account.name))
        seat.away = False
        seat.seen = max(seat.since, min(seat.seen, seen))

    def rest(self) -> None:
        """Keep the rooms as they are while their members are sent away: the hub closes down."""
        self._resting = True

    async def post(self, room: Room, author: Account, words: str, mid: str = "") -> int:
        """Say a line to everybody in the room; returns once it is durable. Raises UserError."""
        said = _sayable(room, author, words)
        return await self._broker.publish(room.deed.log, author.name, mid, said)

    def offer(self, room: Room, author: Account, words: str, mid: str, done: Done) -> bool:
        """Say a line without waiting; False where the caller has to, by `post`.

        `done` learns what became of it, as `Broker.offer` says. Raises UserError.
        """
        said = _sayable(room, author, words)
        return self._broker.offer(room.deed.log, author.name, mid, said, done)

    def rule(self, room: Room, verb: Verb, whom: Account, by: Account, mid: str = "") -> None:
        """Decide whether somebody may speak or be there; everybody is told. Never waits.

        Raises UserError where that is so already, and for one too many.
        """
        kept = "muted" if verb in ("mute", "unmute") else "out"
        listed: tuple[Account, ...] = getattr(room.deed, kept)
        rest = tuple(account for account in listed if not is_same(account, whom))
        begins = verb in ("mute", "kick")
        if begins == (len(rest) < len(listed)):
            raise UserError(f"That is so already for {whom.name}.")
        if begins and len(rest) >= MAX_RULED:
            raise UserError(f"No room does this to more than {MAX_RULED} people.")
        changed = {kept: (*rest, whom) if begins else rest}
        self._rewrite(room, msgspec.structs.replace(room.deed, **changed))
        leaving = [seat for seat in room.seats if verb == "kick" and is_same(seat.account, whom)]
        for seat in leaving:
            seat.removed = True
        self._emit(room, Ruled(room.id, verb, whom.name, by.name, room.staying(), mid))
        for seat in leaving:
            seat.dismiss()

    async def close(self, room: Room, by: Account) -> None:
        """End a room for everybody; its id is free again. Raises BrokerError, and tries again.

        What was begun is completed, even where its caller is cancelled.
        """
        if room.closed:
            return  # its id may be another room's already
        self._later.note(_KIND, room.id, lambda: self._end(room, by))
        await self._later.now(_KIND, room.id)

    async def an_hour_passed(self) -> None:
        """Count one more hour for rooms that are empty, and close those that were so too long.

        Hours on which the hub ran: a machine without a clock chip may jump by years.
        """
        for room in list(self._rooms.values()):
            hours = 0 if room.seats else room.deed.hours_empty + 1
            if hours > self.keep_empty_days * 24:
                await self.close(room, room.owner)
            elif hours != room.deed.hours_empty:
                self._rewrite(room, msgspec.structs.replace(room.deed, hours_empty=hours))

    def _open(self, deed: Deed) -> Room:
        room = Room(deed)
        room.following = self._broker.follow(deed.log, lambda records: self._say(room, records))
        self._rooms[deed.id.lower()] = room
        return room

    def _say(self, room: Room, records: Sequence[Record]) -> None:
        # Encoded once and joined once for the whole room, whoever sits in it.
        whole = self._render(Said(room.id, records))
        if len(whole) <= _PIECE:
            room.push_lines(whole, records[0].seq, records[-1].seq)
            return
        for start in range(0, len(records), _PAGE):
            page = records[start : start + _PAGE]
            room.push_lines(self._render(Said(room.id, page)), page[0].seq, page[-1].seq)

    async def _end(self, room: Room, by: Account) -> None:
        await self.closed.note(room.deed.log, room.last_seq)
        await self._broker.remove(_KIND, room.id)
        if room.closed:
            return
        room.closed = True
        del self._rooms[room.id.lower()]
        if room.following:
            room.following.close()
        room.push(self._render(Closed(room.id, by.name)))
        for seat in room.seats:
            seat.dismiss()

    async def _take_back(self, room_id: str, deed: bytes) -> None:
        stored = await self._broker.get(_KIND, room_id)
        if stored is not None and stored.value == deed:
            await self._broker.remove(_KIND, room_id)

    def _leave(self, room: Room, seat: Seat) -> None:
        room.remove(seat)
        if room.closed:
            return
        stays = any(other.announced for other in room.of(seat.account))
        if self._resting or stays or not seat.announced:
            return
        if not seat.removed:  # everybody heard that he was
            self._emit_soon(room, Left(room.id, seat.account.name, len(room)))
        if room.is_owner(seat.account) and not room.has(seat.account):
            heirs = (other.account for other in room.seats if room.may_inherit(other))
            if heir := next(heirs, None):
                self._hand_on(room, heir)

    def _hand_on(self, room: Room, heir: Account) -> None:
        self._rewrite(room, msgspec.structs.replace(room.deed, owner=heir))
        self._emit(room, Handed(room.id, heir.name))

    def _emit(self, room: Room, event: Event) -> None:
        room.push(self._render(event))

    def _emit_soon(self, room: Room, event: Event, own: Seat | None = None) -> None:
        """Tell of a coming or going: at once, or with those that follow others within a moment."""
        loop = asyncio.get_running_loop()
        if loop.time() >= room.gathers_until:
            self._emit(room, event)
            room.gathers_until = loop.time() + GATHERING
        elif (gathered := room.gather(self._render(event), own)) == 1:
            loop.call_at(room.gathers_until, self._tell_gathered, room)
        elif gathered >= _MAX_GATHERED:
            room.tell_gathered()

    def _tell_gathered(self, room: Room) -> None:
        room.tell_gathered()
        room.gathers_until = asyncio.get_running_loop().time() + GATHERING

    def _rewrite(self, room: Room, deed: Deed) -> None:
        room.deed = deed
        self._later.note(_KIND, room.id, lambda: self._write(room))

    async def _write(self, room: Room) -> None:
        if not room.closed:
            await self._broker.put(_KIND, room.id, msgspec.json.encode(room.deed))


def _sayable(room: Room, author: Account, words: str) -> str:
    """What is kept of a line; raises UserError where it may not be said."""
    if room.closed:
        raise UserError(f"The chat room {room.id} was closed.")
    if room.is_muted(author):
        raise UserError("You are muted in this room: your line was not sent.")
    if not words.strip():
        raise UserError("An empty line is not sent.")
    if text.size(words) > MAX_LINE:
        raise UserError(f"A line has at most {MAX_LINE} bytes.")
    return text.clean(words)

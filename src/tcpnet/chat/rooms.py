"""Rooms: a durable log each, and the seats of those who are in it now."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec import Struct

from tcpnet import text
from tcpnet.broker.base import Broker, Conflict, Following, Record
from tcpnet.chat import names
from tcpnet.chat.accounts import Account
from tcpnet.errors import BrokerError, UserError

MAX_LINE: Final = 4 * 1024
"""Bytes of one line, in UTF-8."""

RETRY: Final = 5.0
"""Seconds until what the disk refused is tried again."""

_KIND: Final = "room"
_log = logging.getLogger(__name__)
_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody came in; `here` counts everybody."""

    room: str
    name: str
    here: int


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody went, or was lost."""

    room: str
    name: str
    here: int


@dataclass(frozen=True, slots=True)
class Handed:
    """The owner was lost, and the room passed to the member who is there longest."""

    room: str
    name: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The owner closed the room."""

    room: str
    by: str


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody said, durable."""

    room: str
    record: Record


Event = Joined | Left | Handed | Closed | Line
Render = Callable[[Event], bytes]


@dataclass(eq=False, slots=True)
class Seat:
    """One member in one room.

    `welcome` shows the last lines before anything is pushed, `send` takes what is pushed, and
    `dismiss` asks the member to go. None of them waits.
    """

    account: Account
    welcome: Callable[[Sequence[Record]], None]
    send: Callable[[bytes], None]
    dismiss: Callable[[], None]


class Deed(Struct, frozen=True):
    """What of a room is kept: `hours_empty` counts hours on which the hub ran."""

    id: str
    log: str
    owner: Account
    hours_empty: int = 0


@dataclass(eq=False, slots=True)
class Room:
    """A topic: what is published to its log goes to every seat, in one order for all."""

    deed: Deed
    following: Following | None = None
    seats: dict[Seat, None] = field(default_factory=dict)
    last_seq: int = 0
    closed: bool = False

    @property
    def id(self) -> str:
        """The id as its creator wrote it."""
        return self.deed.id

    @property
    def owner(self) -> Account:
        """Who may close the room."""
        return self.deed.owner

    def is_owner(self, account: Account) -> bool:
        """Whether this account may close the room."""
        return self.deed.owner.key == account.key

    def has(self, account: Account) -> bool:
        """Whether the account has a seat."""
        return any(seat.account.key == account.key for seat in self.seats)

    def __len__(self) -> int:
        return len({seat.account.key for seat in self.seats})

    def push(self, encoded: bytes) -> None:
        """Hand frames to every seat. No await: all members see one order."""
        for seat in self.seats:
            seat.send(encoded)


class Rooms:
    """All rooms of the hub; those nobody is in live on in the broker."""

    def __init__(
        self,
        broker: Broker,
        render: Render,
        *,
        history_lines: int = 20,
        keep_empty_days: float = 7,
        max_rooms: int = 1000,
    ) -> None:
        self.history_lines = history_lines
        self.keep_empty_days = keep_empty_days
        self.max_rooms = max_rooms
        self._broker = broker
        self._render = render
        self._rooms: dict[str, Room] = {}
        self._changed: set[Room] = set()
        self._wake = asyncio.Event()

    def __iter__(self) -> Iterator[Room]:
        return iter(self._rooms.values())

    def __len__(self) -> int:
        return len(self._rooms)

    async def load(self) -> None:
        """Open the rooms that the broker kept."""
        for stored in await self._broker.entries(_KIND):
            self._open(msgspec.json.decode(stored.value, type=Deed))

    async def create(self, room_id: str, owner: Account) -> Room:
        """Make a room with a log of its own; raises UserError."""
        found = names.room(room_id)
        if len(self._rooms) >= self.max_rooms:
            raise UserError(f"This hub has {self.max_rooms} rooms already, no more are allowed.")
        # A room made anew under an old id must never show the old one's lines.
        log = f"room/{found}/{secrets.token_hex(4)}"
        deed = Deed(id=found, log=log, owner=owner)
        try:
            await self._broker.put(_KIND, found, msgspec.json.encode(deed), expected=0)
        except Conflict:
            raise UserError(f"The chat room {found} already exists.") from None
        return self._open(deed)

    def find(self, room_id: str) -> Room:
        """The open room with this id; raises UserError."""
        found = names.room(room_id)
        if (room := self._rooms.get(found)) is None:
            raise UserError(f"There is no chat room {found}.")
        return room

    @asynccontextmanager
    async def joined(self, room: Room, seat: Seat) -> AsyncIterator[None]:
        """Sit in a room for the length of the block; raises UserError when it was closed.

        No line is missed between those of the welcome and the first one pushed, and none comes
        twice.
        """
        earlier = await self._earlier(room)
        if room.closed:
            raise UserError(f"There is no chat room {room.id}.")
        # No await from here on, or a line could pass between the welcome and the seat.
        seat.welcome(earlier)
        self._sit(room, seat)
        try:
            yield
        finally:
            self._leave(room, seat)

    async def post(self, room: Room, author: Account, words: str, mid: str = "") -> int:
        """Say a line to everybody in the room; returns once it is durable. Raises UserError."""
        if not words.strip():
            raise UserError("An empty line is not sent.")
        if text.size(words) > MAX_LINE:
            raise UserError(f"A line has at most {MAX_LINE} bytes.")
        return await self._broker.publish(room.deed.log, author.name, mid, text.clean(words))

    async def close(self, room: Room, by: Account) -> None:
        """End a room for everybody; its id is free again."""
        await self._broker.remove(_KIND, room.id)
        if room.closed:
            return
        room.closed = True
        self._rooms.pop(room.id, None)
        self._changed.discard(room)
        if room.following:
            room.following.close()
        room.push(self._render(Closed(room.id, by.name)))
        for seat in room.seats:
            seat.dismiss()

    async def keep(self) -> None:
        """Write down who owns what, and close rooms that were empty too long; runs for ever."""
        while True:
            try:
                async with asyncio.timeout(_HOUR):
                    await self._wake.wait()
            except TimeoutError:
                await self.an_hour_passed()
            self._wake.clear()
            try:
                await self.settle()
            except BrokerError as error:
                _log.warning("owners are not saved", extra={"error": str(error)})
                await asyncio.sleep(RETRY)
                self._wake.set()

    async def settle(self) -> None:
        """Write down what changed. Raises BrokerError and keeps the rest for the next time."""
        while self._changed:
            room = next(iter(self._changed))
            await self._broker.put(_KIND, room.id, msgspec.json.encode(room.deed))
            self._changed.discard(room)

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

    async def _earlier(self, room: Room) -> Sequence[Record]:
        if not self.history_lines:
            return ()
        log, limit = room.deed.log, self.history_lines
        earlier = await self._broker.history(log, limit=limit)
        # What was pushed during the read went to those who sat there already.
        while (seen := earlier[-1].seq if earlier else 0) < room.last_seq:
            earlier += await self._broker.history(log, after=seen, limit=limit)
        return earlier[-limit:]

    def _open(self, deed: Deed) -> Room:
        room = Room(deed)
        room.following = self._broker.follow(deed.log, lambda records: self._say(room, records))
        self._rooms[deed.id] = room
        return room

    def _say(self, room: Room, records: Sequence[Record]) -> None:
        room.last_seq = records[-1].seq
        # Encoded once and joined once for the whole room, whoever sits in it.
        room.push(b"".join(self._render(Line(room.id, record)) for record in records))

    def _sit(self, room: Room, seat: Seat) -> None:
        alone, new = not room.seats, not room.has(seat.account)
        room.seats[seat] = None
        if new and not alone:
            self._emit(room, Joined(room.id, seat.account.name, len(room)))

    def _leave(self, room: Room, seat: Seat) -> None:
        del room.seats[seat]
        if room.closed or room.has(seat.account):
            return
        self._emit(room, Left(room.id, seat.account.name, len(room)))
        if room.seats and room.is_owner(seat.account):
            heir = next(iter(room.seats)).account
            self._rewrite(room, msgspec.structs.replace(room.deed, owner=heir))
            self._emit(room, Handed(room.id, heir.name))

    def _emit(self, room: Room, event: Event) -> None:
        room.push(self._render(event))

    def _rewrite(self, room: Room, deed: Deed) -> None:
        room.deed = deed
        self._changed.add(room)
        self._wake.set()

"""One room: what is kept of it, and the seats of those who are in it now."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from msgspec import Struct

from tcpnet.broker.base import Following
from tcpnet.chat.accounts import Account
from tcpnet.net.audience import Audience, Hearer


class Reader(Hearer, Protocol):
    """Takes frames that were encoded for everybody, or refuses them; never waits."""

    def push(self, lines: bytes, frames: int) -> bool:
        """Take frames, so many; what is pushed in one turn may leave together."""
        ...

    def push_now(self, lines: bytes, frames: int) -> bool:
        """Take frames to which nothing is added in this turn."""
        ...


@dataclass(eq=False, slots=True)
class Seat:
    """One member in one room. Only `drained` waits.

    `reader` takes what everybody gets; `lagged` is told of its first refusal: from
    then on the seat is no longer `live` and gets nothing until it caught up from the log, where
    `seen` is the last line it had, and `since` the last one before it came. A live seat has had
    all lines, and `seen` waits for the moment when it is held. `dismiss` asks the member to go.
    """

    account: Account
    reader: Reader
    drained: Callable[[], Awaitable[None]]
    lagged: Callable[[], None]
    dismiss: Callable[[], None]
    since: int = 0
    seen: int = 0
    live: bool = False
    away: bool = False
    announced: bool = False
    removed: bool = False


class Deed(Struct, frozen=True):
    """What of a room is kept: `hours_empty` counts hours on which the hub ran.

    `muted` may not speak, `out` may not be there.
    """

    id: str
    log: str
    owner: Account
    hours_empty: int = 0
    muted: tuple[Account, ...] = ()
    out: tuple[Account, ...] = ()


@dataclass(eq=False, slots=True)
class Room:
    """A topic: what is published to its log goes to every seat, in one order for all."""

    deed: Deed
    following: Following | None = None
    seats: dict[Seat, None] = field(default_factory=dict)
    """In the order in which they came; `add` and `remove` change them."""
    _by_account: dict[str, list[Seat]] = field(default_factory=dict)
    last_seq: int = 0
    gathers_until: float = 0.0
    """The moment, of the event loop's clock, from which comings and goings are told at once."""
    closed: bool = False
    _live: dict[Seat, Reader] = field(default_factory=dict)
    _audience: Audience = field(default_factory=Audience)  # these readers
    _gathered: list[bytes] = field(default_factory=list)
    _ahead: dict[Seat, int] = field(default_factory=dict)  # who need not hear the first so many

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
        return is_same(self.deed.owner, account)

    def is_muted(self, account: Account) -> bool:
        """Whether this account may not speak."""
        muted = self.deed.muted
        return bool(muted) and any(is_same(one, account) for one in muted)

    def is_out(self, account: Account) -> bool:
        """Whether this account may not be there."""
        return any(is_same(out, account) for out in self.deed.out)

    def is_there(self, member: Seat) -> bool:
        """Whether somebody is in the room and connected, from whatever place."""
        return any(not seat.away for seat in self.of(member.account))

    def has(self, account: Account) -> bool:
        """Whether the account has a seat."""
        return account.key in self._by_account

    def may_inherit(self, seat: Seat) -> bool:
        """Whether the room may become this member's: nobody who must not speak or stay."""
        return not (seat.removed or self.is_muted(seat.account))

    def is_away(self, account: Account) -> bool:
        """Whether this member's connection is lost, from whatever place he came."""
        return all(seat.away for seat in self.of(account) if is_same(seat.account, account))

    def __len__(self) -> int:
        return len(self._by_account)

    def add(self, seat: Seat) -> None:
        """Let a member sit."""
        self.seats[seat] = None
        self._by_account.setdefault(seat.account.key, []).append(seat)

    def remove(self, seat: Seat) -> None:
        """Take a seat away."""
        self.hold(seat)
        del self.seats[seat]
        own = self._by_account[seat.account.key]
        own.remove(seat)
        if not own:
            del self._by_account[seat.account.key]

    def of(self, account: Account) -> Sequence[Seat]:
        """The seats of one account, found without looking at the others."""
        return self._by_account.get(account.key, ())

    def staying(self) -> int:
        """How many are there whom nobody asked to go."""
        return len({seat.account.key for seat in self.seats if not seat.removed})

    def go_live(self, seat: Seat) -> None:
        """Give a seat all that happens from now on, and nothing that happened before."""
        if self._gathered:
            self._ahead[seat] = len(self._gathered)
        if seat.away or seat.live:
            return
        seat.live = True
        self._live[seat] = seat.reader
        self._audience.join(seat.reader)

    def hold(self, seat: Seat) -> None:
        """Give a seat nothing of what happens, until it goes live; again is harmless."""
        if seat.live:
            seat.live, seat.seen = False, self.last_seq
            self._audience.leave(self._live.pop(seat))

    def gather(self, encoded: bytes, own: Seat | None) -> int:
        """Keep a frame until `tell_gathered`; how many there are.

        `own` is who is meant: he gets it at once.
        """
        self._gathered.append(encoded)
        if own is not None and own.live:
            self._tell(own, self._ahead.get(own, 0))
            self._ahead[own] = len(self._gathered)
        return len(self._gathered)

    def tell_gathered(self) -> None:
        """Hand over what was gathered, in one piece for each seat."""
        if not self._gathered:
            return
        whole = b"".join(self._gathered)
        for seat in self.seats:
            if not seat.live:
                continue
            if seat in self._ahead:
                self._tell(seat, self._ahead[seat])
            elif not seat.reader.push_now(whole, len(self._gathered)):
                self._lags(seat)
        self._gathered.clear()
        self._ahead.clear()

    def push(self, encoded: bytes) -> None:
        """Hand a frame to every live seat. No await: all members see one order."""
        self.tell_gathered()
        for seat in self.seats:
            if seat.live and not seat.reader.push(encoded, 1):
                self._lags(seat)

    def push_lines(self, encoded: bytes, first: int, last: int) -> None:
        """Hand the lines of a batch, from one seq to another, to every live seat."""
        self.tell_gathered()
        if refused := set(self._audience.tell(encoded, last - first + 1)):
            # Before `last_seq` moves on: it is what they have seen.
            for seat in [seat for seat, reader in self._live.items() if reader in refused]:
                self._lags(seat)
        self.last_seq = last

    def _tell(self, seat: Seat, told: int) -> None:
        """Hand over what was gathered behind the first so many."""
        rest = self._gathered[told:]
        if rest and not seat.reader.push(b"".join(rest), len(rest)):
            self._lags(seat)

    def _lags(self, seat: Seat) -> None:
        self.hold(seat)
        seat.lagged()


def is_same(one: Account, other: Account) -> bool:
    """Whether these are one account: by id too, for a name may have changed hands."""
    return (one.key, one.id) == (other.key, other.id)

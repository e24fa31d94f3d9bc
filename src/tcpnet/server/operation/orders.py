"""What an operator may ask of a running hub, what it answers, and where it listens for that."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tcpnet import privatefile

NAME: Final = "control.json"
"""The file in the data directory of a running hub that tells its operator how to reach it."""

MAX_ORDER: Final = 64 * 1024
"""Bytes of one order, newline included."""
MAX_ANSWER: Final = 64 * 1024
"""Bytes of one line of an answer, newline included."""

Cell = str | int | float | None


class Users(Struct, frozen=True, tag="users"):
    """List who is connected."""


class Kick(Struct, frozen=True, tag="kick"):
    """End somebody's sessions; a name or an id."""

    who: str


class AddBan(Struct, frozen=True, tag="ban"):
    """Keep a name, an address or a network out, for so many seconds or for good."""

    who: str
    reason: str = ""
    seconds: float | None = None


class LiftBan(Struct, frozen=True, tag="unban"):
    """Let it in again."""

    who: str


class ListBans(Struct, frozen=True, tag="bans"):
    """List who is banned."""


class Release(Struct, frozen=True, tag="release"):
    """Let whoever comes next have a name, whoever had it."""

    who: str


class Promote(Struct, frozen=True, tag="op"):
    """Make somebody an operator in the rooms, or no longer."""

    who: str
    operator: bool = True


class Invite(Struct, frozen=True, tag="invite"):
    """Make a code that lets one new person in."""


class Say(Struct, frozen=True, tag="say"):
    """Tell everybody who is connected something."""

    words: str


class BackUp(Struct, frozen=True, tag="backup"):
    """Copy the store into a new file, by its absolute path."""

    file: str


class ListPages(Struct, frozen=True, tag="cache-list"):
    """List the pages that are kept."""


class PurgePage(Struct, frozen=True, tag="cache-purge"):
    """Forget a page in all its variants."""

    url: str


Order = (
    Users
    | Kick
    | AddBan
    | LiftBan
    | ListBans
    | Release
    | Promote
    | Invite
    | Say
    | BackUp
    | ListPages
    | PurgePage
)


class Request(Struct, frozen=True):
    """One order, and the key that lets it be given."""

    key: str
    order: msgspec.Raw


class Row(Struct, frozen=True, tag="row"):
    """A line of a table, under the names of its columns."""

    cells: dict[str, Cell]


class Done(Struct, frozen=True, tag="done"):
    """The order was carried out; the last line of an answer."""

    message: str


class Refused(Struct, frozen=True, tag="refused"):
    """It was not, for this reason; the last line of an answer."""

    reason: str


Answer = Row | Done | Refused


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an order came to: some rows, which may be made as they are read, and a sentence."""

    message: str
    rows: Iterable[Row] = ()


class Door(Struct, frozen=True):
    """The port on loopback at which orders are taken, and their key."""

    port: int
    key: str


def post(folder: Path, door: Door) -> None:
    """Write down where orders are taken, for the hub's own user alone. Raises OSError."""
    privatefile.write(folder / NAME, msgspec.json.encode(door))


def take_down(folder: Path) -> None:
    """Remove what `post` wrote. Raises OSError."""
    (folder / NAME).unlink(missing_ok=True)


def find(folder: Path) -> Door | None:
    """Where the hub of this folder takes orders; None where it does not say. Raises OSError."""
    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=Door)
    except (FileNotFoundError, msgspec.DecodeError):
        return None

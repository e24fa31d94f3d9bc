"""How events of a room are put into words, once for everybody."""

from typing import Final, assert_never

from tcpnet.broker.base import Record
from tcpnet.chat.events import (
    Away,
    Back,
    Closed,
    Event,
    Gone,
    Handed,
    Joined,
    Left,
    Ruled,
    Said,
    Verb,
)
from tcpnet.protocol import codec
from tcpnet.protocol.items import Print

_RULINGS: Final[dict[Verb, str]] = {
    "mute": "{by} muted {name}.",
    "unmute": "{by} lets {name} speak again.",
    "kick": "{by} removed {name} from the chat.",
    "unkick": "{by} lets {name} come back.",
}


def encoded(event: Event) -> bytes:
    """The frame that every member of the room gets, or one for each line."""
    if isinstance(event, Said):
        return b"".join([codec.encode(line(event.room, record)) for record in event.records])
    return codec.encode(_print(event))


def line(room: str, record: Record, *, earlier: bool = False) -> Print:
    """One line of a room; `message` alone says who spoke, and that it is an earlier one."""
    message = f"{record.sender}> {record.body}"
    return Print(
        message=f"(earlier) {message}" if earlier else message,
        kind="chat",
        from_=record.sender,
        text=record.body,
        room=room,
        seq=record.seq,
        at=record.at,
        mid=record.mid or None,
        earlier=earlier,
    )


def place(room: str, here: int) -> str:
    """Where a member is, for the status line."""
    return f"room {room} ({here})"


def _print(event: Joined | Left | Away | Back | Handed | Closed | Ruled | Gone) -> Print:
    match event:
        case Joined(room, name, here):
            return Print(
                message=f"{name} joined",
                kind="join",
                from_=name,
                room=room,
                place=place(room, here),
            )
        case Left(room, name, here):
            return Print(
                message=f"{name} disconnected from the chat.",
                kind="leave",
                from_=name,
                room=room,
                place=place(room, here),
            )
        case Away(room, name):
            return Print(message=f"{name} is away", kind="notice", from_=name, room=room)
        case Back(room, name):
            return Print(message=f"{name} is back", kind="notice", from_=name, room=room)
        case Handed(room, name):
            return Print(
                message=f"{name} owns this room now, and closes it with 'exit'.",
                kind="notice",
                room=room,
            )
        case Gone(room, lines):
            were = "line that you missed is" if lines == 1 else "lines that you missed are"
            return Print(message=f"{lines:,} {were} kept no longer.", kind="notice", room=room)
        case Closed(room, by):
            return Print(message=f"{by} closed the chat room {room}.", kind="notice", room=room)
        case Ruled():
            return _ruling(event)
        case _:
            assert_never(event)


def _ruling(event: Ruled) -> Print:
    # Without `from`: it is the hub that says so, and to the one who decided it is no echo.
    return Print(
        message=_RULINGS[event.verb].format(by=event.by, name=event.name),
        kind="notice",
        room=event.room,
        place=place(event.room, event.here),
        mid=event.mid or None,
    )

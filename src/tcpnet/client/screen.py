"""What the person sees and is asked, as data: items in, events out.

No UI, no asyncio, no clock. A view reads it like this:

    screen.on_change = view.wake            # plain function: something is fresh
    screen.on_piece = view.store            # the bytes of a file that is pulled, as they come
    for event in screen.fresh():            # in order: Entry, Question, State, File
        ...
    screen.question, screen.state, screen.progress, screen.files    # how things stand
    link.send(screen.answer("hello"))       # the answer to the open question
    if seen := screen.shown(entries):       # after they really were on the screen
        link.send(seen)

`tcpnet.client.link.Link` feeds it (`on_item`, `on_state`). The client knows no menu option and
never looks into a `res-key`.
"""

import binascii
import os
import time
from collections.abc import Callable, Iterable
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from tcpnet.client.entry import Entry, Pieces, harmless
from tcpnet.client.question import Question
from tcpnet.errors import ProtocolError, UserError
from tcpnet.protocol import codec
from tcpnet.protocol.items import (
    Cancel,
    Data,
    File,
    FromServer,
    Get,
    Input,
    Print,
    Progress,
    Reply,
    Seen,
    Welcome,
)
from tcpnet.text import clean, size

__all__ = ["Entry", "Event", "File", "Phase", "Piece", "Question", "Screen", "Sent", "State"]

Phase: TypeAlias = Literal["connecting", "greeting", "connected", "lost", "ended"]


class State(Struct, frozen=True):
    """How the link stands; instants in seconds of the event loop's clock."""

    phase: Phase
    attempt: int = 1
    """The number of the dial that runs, or comes next; 1 is the first since all was well."""
    since: float = 0.0
    """When this phase began; while it is dialled again, when the connection was lost."""
    retry_at: float | None = None
    """While lost: when the next dial begins; None if there will be none."""
    reason: str = ""
    """While lost or ended: why, for the person. Harmless."""
    note: str = ""
    """While greeting: what the person should know of the connection. Harmless."""
    status: int | None = None
    """Once ended: the exit status."""


class Sent(Struct, frozen=True):
    """A line the hub has not acknowledged yet."""

    mid: str
    text: str
    """Empty for a secret: it is kept nowhere."""
    question: Question


class Piece(Struct, frozen=True):
    """Bytes of a pulled file."""

    id: int
    offset: int
    content: bytes
    last: bool


Event: TypeAlias = Entry | Question | State | File

_CONNECTING: Final = State("connecting")


def _nothing() -> None:
    """Hear of a change before there is a view."""


def _forget(_piece: Piece) -> None:
    """Hear of bytes that nobody pulls."""


def _new_mid() -> str:
    # The clock only orders: ids that grow land side by side in the hub's index, which costs it
    # half of what ids of pure chance do. Where clocks are wrong they are as good, and dearer.
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(6).hex()}"


class Screen:
    """The model behind every view; what is fresh waits here until a view takes it."""

    def __init__(self, address: str, name: str, *, new_mid: Callable[[], str] = _new_mid) -> None:
        self.address = address
        """The hub as the person wrote it, `127.0.0.1/12005`."""
        self.name = name
        """The name asked for, then the one the hub gave."""
        self.client_id: int | None = None
        self.state: State = _CONNECTING
        self.question: Question | None = None
        """What is being asked; None while the hub works (`waiting`) or there is no link."""
        self.place: str | None = None
        """Where the hub last said that the person is."""
        self.progress: Progress | None = None
        """How far the running request is; its text is harmless."""
        self.files: dict[int, File] = {}
        """What the hub offers to be pulled, until the next request."""
        self.pending: dict[str, Sent] = {}
        """Lines on their way, by their mid, oldest first."""
        self.on_change: Callable[[], None] = _nothing
        self.on_piece: Callable[[Piece], None] = _forget
        self._new_mid = new_mid
        self._fresh: list[Event] = []
        self._pieces = Pieces()
        self._unsent: list[str] = []
        self._seen = 0
        self._down_since: float | None = None
        self._resumed = False
        self.gone = False
        """Whether what was asked before a loss is over; until `unsent` was called."""
        self._crossing: set[str] = set()
        """The mids of lines that were on their way when the connection was lost."""

    @property
    def waiting(self) -> bool:
        """Whether the hub owes the next question."""
        return self.state.phase in ("greeting", "connected") and self.question is None

    def fresh(self) -> list[Event]:
        """Take what has happened since the last call, in order."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def unsent(self) -> list[str]:
        """Take the lines that were lost on their way, oldest first; they are the person's again."""
        self.gone = False
        unsent, self._unsent = self._unsent, []
        return unsent

    def answer(self, answer: str | int, *, question_id: int | None = None) -> Reply:
        """Answer the open question; what it returns must be sent.

        Raises UserError where nothing is asked, or something else than `question_id`, and for
        what no frame can hold.
        """
        question = self.question
        if question is None:
            raise UserError("nothing is being asked now")
        if question_id is not None and question_id != question.id:
            raise UserError(f"question {question_id} is no longer open")
        mid = self._new_mid()
        value = question.value(answer) if isinstance(answer, str) else answer
        reply = Reply(res_key=question.res_key, value=value, id=question.id, mid=mid)
        try:
            codec.encode(reply)
        except ValueError:
            raise UserError(f"this is too long to be sent: {size(str(answer)):,} bytes") from None
        self.pending[mid] = Sent(mid, "" if question.secret else str(answer), question)
        if not question.keep:
            self.question = None
            self.files.clear()
        return reply

    def shown(self, entries: Iterable[Entry]) -> Seen | None:
        """Note that these were really shown; what it returns must be sent."""
        mail = max((entry.seq or 0 for entry in entries if entry.direct), default=0)
        if mail <= self._seen:
            return None
        self._seen = mail
        return Seen(mail=mail)

    def cancel(self) -> Cancel | None:
        """Stop the running request; what it returns must be sent."""
        return Cancel(id=self.progress.id) if self.progress else None

    def get(self, file_id: int, offset: int = 0) -> Get:
        """Pull a piece of an offered file; one at a time. Raises UserError."""
        if file_id not in self.files:
            raise UserError(f"there is no file {file_id} any more")
        return Get(id=file_id, offset=offset)

    def on_item(self, item: FromServer, now: float) -> None:
        """Take what the hub says; `now` in seconds since 1970. Raises ProtocolError."""
        match item:
            case Print():
                self._show(self._pieces.take(item), now)
            case Input():
                self._ask(item, now)
            case Progress():
                self._follow(item)
            case File():
                file = replace(item, name=clean(item.name), media_type=clean(item.media_type))
                self.files[item.id] = file
                self._fresh.append(file)
            case Data():
                self.on_piece(_piece(item))
            case Welcome():
                self._enter(item, now)
            case _:
                return
        self.on_change()

    def on_state(self, state: State, now: float) -> None:
        """Take how the link stands; `now` in seconds since 1970."""
        was, self.state = self.state, state
        if state.phase in ("lost", "ended") and was.phase in ("greeting", "connected"):
            self._lose(state, now)
        if state.phase == "ended":
            self._put_back()
        if state.note:
            self._say(state.note, "state", now)
        self._fresh.append(state)
        self.on_change()

    def _show(self, prints: Iterable[tuple[Print, bool]], now: float) -> None:
        for item, joined in prints:
            entry = harmless(item, name=self.name, at=now, asked=self.waiting)
            if joined:
                entry = replace(entry, joined=True)
            elif sent := self._acknowledged(item):
                entry = replace(entry, answers=sent.mid, echo=entry.own and sent.question.keep)
            if item.place is not None:
                self.place = clean(item.place)
            self._fresh.append(entry)

    def _acknowledged(self, item: Print) -> Sent | None:
        # Somebody else's line may carry our mid by accident or malice: it acknowledges nothing.
        if item.mid is None or item.from_ not in (None, self.name):
            return None
        return self.pending.pop(item.mid, None)

    def _ask(self, item: Input, now: float) -> None:
        self._show(self._pieces.close(), now)
        question = Question.of(item)
        # The hub reads in order: by asking anew it has read every answer to what it asked before.
        self.pending = {
            mid: sent
            for mid, sent in self.pending.items()
            if mid in self._crossing or (sent.question.keep and sent.question.id == question.id)
        }
        self.progress = None
        self.place = question.place
        if self._resumed and self._is_answered(question):
            return
        self.question = question
        self._fresh.append(question)

    def _is_answered(self, question: Question) -> bool:
        """Whether this was answered before a loss: the link sends that answer again."""
        self._resumed = False
        crossing, self._crossing = self._crossing, set()
        sent = [self.pending[mid] for mid in crossing if mid in self.pending]
        return not question.keep and any(each.question.id == question.id for each in sent)

    def _follow(self, item: Progress) -> None:
        over = item.total is not None and item.done >= item.total
        self.progress = None if over else replace(item, message=clean(item.message))

    def _enter(self, item: Welcome, now: float) -> None:
        self.name, self.client_id = clean(item.name), item.client_id
        self._seen = 0
        if self._down_since is None:
            self._say(
                f"Successfully connected to server: {self.address}\n"
                "Your client info is:\n"
                f"Client Name: {self.name}\n"
                f"Client ID: {self.client_id}",
                "info",
                now,
            )
            return
        away = max(0, round(now - self._down_since))  # a clock may be set back meanwhile
        self._down_since = None
        if item.resumed:
            self._resumed = True
            self._say(f"reconnected after {away} s", "state", now)
            return
        kept = _kept(self._put_back())
        self._say(
            f"reconnected after {away} s as {self.name}:{self.client_id}{kept}",
            "state",
            now,
        )

    def _lose(self, state: State, now: float) -> None:
        self._show(self._pieces.close(), now)
        self._crossing |= {mid for mid, sent in self.pending.items() if not _taken(sent, state)}
        self.pending = {mid: sent for mid, sent in self.pending.items() if mid in self._crossing}
        self.files.clear()
        self.question = self.progress = None
        if state.phase == "lost":
            if self._down_since is None:
                self._down_since = now
            self._say(f"connection lost: {state.reason}", "state", now)

    def _put_back(self) -> int:
        """Give the person the lines that were lost on their way; how many they are."""
        lines = [sent.text for mid, sent in self.pending.items() if mid in self._crossing]
        self.pending = {m: sent for m, sent in self.pending.items() if m not in self._crossing}
        self._crossing.clear()
        self.gone = True
        lines = [line for line in lines if line]
        self._unsent += lines
        return len(lines)

    def _say(self, message: str, kind: str, now: float) -> None:
        self._fresh.append(Entry(message=message, kind=kind, at=now))


def _taken(sent: Sent, state: State) -> bool:
    """Whether the end itself is the hub's answer to this: its last question was how to go on."""
    return state.status == 0 and not sent.question.keep


def _kept(lines: int) -> str:
    if not lines:
        return ""
    return f". Your {lines} unsent {'line is' if lines == 1 else 'lines are'} kept."


def _piece(item: Data) -> Piece:
    try:
        content = binascii.a2b_base64(item.base64, strict_mode=True)
    except ValueError as error:
        raise ProtocolError(f"item data: {error}") from error
    return Piece(item.id, item.offset, content, item.last)

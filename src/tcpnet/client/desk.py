"""What the person does, and what follows from it: the full screen and inline share it.

No UI toolkit. A view calls `take` whenever the screen has something fresh, hands over what is
typed, and shows `view`, `prompt` and the line that `status` makes of the rest.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from tcpnet.client.bell import Bell
from tcpnet.client.entry import PUSHED, Entry
from tcpnet.client.paste import Paste
from tcpnet.client.posting import Posting
from tcpnet.client.question import Question
from tcpnet.client.reading import Reading
from tcpnet.client.recall import Recall, kind_of
from tcpnet.client.saving import Saving
from tcpnet.client.screen import File, Piece, Screen, State
from tcpnet.client.scrollback import Page
from tcpnet.client.talk import Talk
from tcpnet.client.view import View
from tcpnet.client.width import cells
from tcpnet.errors import UserError
from tcpnet.protocol.items import FromClient, Get, Reply
from tcpnet.text import clean

HELD: Final = 16
"""Lines typed ahead of their questions."""
LATE: Final = 0.3
"""Seconds after which a line on its way is shown as such."""
_NUMBER: Final = 8
"""Cells that the answer needs where a number is asked; any other needs half of the line."""


class Way(Protocol):
    """The way to the hub."""

    @property
    def rtt(self) -> float | None:
        """Seconds that the last ping took."""

    def send(self, *items: FromClient) -> object:
        """Send one frame, if there is a connection."""

    def retry_now(self) -> None:
        """Dial without waiting any longer."""

    def redial(self) -> None:
        """Let go of the connection and dial anew."""

    def leave(self, reason: str = ..., status: int = ...) -> None:
        """End politely, with this exit status."""


class Words(Protocol):
    """The slash words of the client's own."""

    @property
    def offered(self) -> Sequence[str]:
        """Those that are of use here."""

    def run(self, desk: "Desk", word: str, argument: str) -> str:
        """Do what a word says, and say a sentence; raises UserError."""


class Desk:
    """One person's place: what was said, what is asked, what was typed too early."""

    def __init__(
        self,
        screen: Screen,
        way: Way,
        talk: Talk,
        bell: Bell,
        *,
        words: "Words",
        keeps_refused: bool = True,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        """Take a seat; `words` are the slash words of ours.

        `keeps_refused`: what was refused stays in the input line, to be put right.
        """
        self.screen = screen
        screen.on_piece = self._store
        self.way = way
        self.talk = talk
        self.bell = bell
        self.clock = clock
        """Seconds that never step back."""
        self.wall = wall
        """Seconds since 1970."""
        self.question: Question | None = None
        """What the person sees asked; an answer goes to this or to nobody."""
        self.notice = ""
        """A sentence for the status line, until the next key."""
        self.mid_line = False
        """Whether keys still go to the line that was being typed when a secret was asked."""
        self.reading = Reading(talk.view)
        self.paste: Paste | None = None
        """Lines that wait for a decision."""
        self.posting: Posting | None = None
        """Pasted lines that are being sent."""
        self._aside: list[str] = []
        self.held: deque[str] = deque()
        """Lines typed ahead of their question."""
        self.next_lines: deque[str] = deque()
        """What comes into the input line after what is there: not sent, or pasted for editing."""
        self.recall = Recall()
        self._words = words
        self._keeps_refused = keeps_refused
        self._sent_at: dict[str, float] = {}
        self._asked_above: int | None = None
        self._talking = False
        self._farewell: int | None = None  # what the hub said last in a room by itself
        self.saving: Saving | None = None
        """A file on its way to the disk."""
        self._greeted = False
        self._lost = False
        self._leaving = False
        self.impatient = False
        """Whether the person wants to be gone at once."""

    @property
    def view(self) -> View:
        """What is on the screen."""
        return self.reading.view

    @property
    def hidden(self) -> bool:
        """Whether a secret is being asked."""
        return self.question is not None and self.question.secret

    @property
    def reviewing(self) -> Paste | None:
        """The paste that waits for a decision now; a secret goes first."""
        return None if self.hidden else self.paste

    @property
    def prompt(self) -> str:
        """What stands before the input."""
        if self.question is None:
            return "(waiting) " if self.screen.waiting else "> "
        return "> " if self._asked_above is not None else self.question.prompt or "> "

    @property
    def words(self) -> list[str]:
        """The slash words that are understood where the person is, the hub's first."""
        question = self.question
        if question is None:
            return []
        return [*question.words, *(self._words.offered if question.local else ())]

    @property
    def late(self) -> list[Entry]:
        """Lines that have been on their way for a while."""
        since = self.clock() - LATE
        return [
            Entry(message=f"{sent.text} (sending)", kind="pending")
            for mid, sent in self.screen.pending.items()
            if sent.question.keep and sent.text and self._sent_at.get(mid, since) <= since
            # Of what is pasted the status says how far it is.
            if self.posting is None or not self.posting.is_crossing(mid)
        ]

    def take(self) -> bool:
        """Show what is fresh; whether to ring."""
        ring = False
        for event in self.screen.fresh():
            match event:
                case Entry():
                    if self.posting and event.answers:
                        self.posting.acknowledged(event.answers, self.clock())
                    if self.talk.add(event):
                        self._note_farewell(event)
                        ring = self.bell.rings(event, self.clock()) or ring
                case State():
                    self._changed(event)
                case File():
                    self.note(f"{event.name}, {event.size:,} bytes: /save FILE writes it")
                case Question():
                    pass  # the screen has the last one
        if self.screen.gone:
            self._take_back(self.screen.unsent())
        self._ask(self.screen.question)
        self._use_held()
        self.go_on()
        return ring

    def seen(self) -> None:
        """Note that the view has just been painted."""
        if self.reading.text is None and (seen := self.screen.shown(self.talk.seen())):
            self.way.send(seen)

    def submit(self, text: str) -> bool:
        """Do what Enter asks for; whether the text was taken."""
        if self.question is None:
            return self._hold(text) if self.screen.waiting else self._hurry()
        if (sent := self.question.for_hub(text)) is not None:
            return self._answer(sent)
        return self._obey(text)

    def obey(self, word: str, argument: str = "") -> None:
        """Do what a word of ours says, as this view does it; raises UserError."""
        self.notice = self._words.run(self, word, argument)

    def post(self, lines: Iterable[str]) -> None:
        """Send lines as they are, as fast as the hub takes them: none of them is a word of ours."""
        assert self.question is not None
        if self.posting:
            self.posting.add(lines)
        else:
            self.posting = Posting(self.question.id, lines, self.clock())
        self.go_on()

    def go_on(self) -> None:
        """Send more of what was pasted, where the hub may have taken some."""
        posting, question = self.posting, self.question
        if posting is None or question is None:
            return
        if question.id != posting.question:
            self._set_aside(posting.unsure)
            return
        while (line := posting.next(self.clock())) is not None:
            if reply := self._reply(question, question.literal(line)):
                posting.crosses(reply.mid or "", line, self.clock())
            else:
                self.next_lines.append(line)
        if posting.done == posting.total:
            self.posting = None

    def stop_posting(self) -> bool:
        """Bring what was not sent of a paste back for review; whether one was being sent."""
        posting, self.posting = self.posting, None
        if posting is None:
            return False
        self.notice = f"stopped: {posting.sent:,} of {posting.total:,} lines were sent"
        if posting.rest:
            self.paste = Paste(tuple(posting.rest))
        return True

    def cancel(self) -> bool:
        """Stop the request that runs, if one does."""
        cancel = self.screen.cancel()
        if cancel is not None:
            self.way.send(cancel)
            self.notice = "stopping"
        return cancel is not None

    def leave(self, reason: str = "leaving", status: int = 0) -> None:
        """End; at the second time without waiting for the hub."""
        self.impatient = self._leaving
        self._leaving = True
        self.notice = "leaving"
        self.way.leave(reason, status)

    def note(self, text: str) -> None:
        """Say a line as the client."""
        self.talk.note(text, self.wall())

    def page(self, number: int = 1) -> Page:
        """The long text that is the n-th from the end; raises UserError."""
        page = self.talk.view.scrollback.page(number)
        if page is None:
            raise UserError("there is no such page: none was long enough to be folded")
        if not page.text:
            raise UserError("that page is no longer kept")
        return page

    def pull(self, file: File, name: str) -> None:
        """Begin to save an offered file; raises UserError."""
        self.saving = Saving(file, name, self.clock())
        self.way.send(self.screen.get(file.id))

    def _ask(self, question: Question | None) -> None:
        """Show a question, in the talk where the input line has no room for it."""
        known = self.question.id if self.question else None
        self.question = question
        if question is None or question.id == known:
            return
        self._asked_above = None
        if question.keep:
            self.talk.view.go_on()
        elif self._talking and self._farewell is not None:
            self.talk.view.lead(self._farewell)
        self._talking = question.keep
        if question.keep and self._aside and not self.paste:
            self.paste, self._aside = Paste(tuple(self._aside)), []
        width = self.talk.view.layout.width
        room = max(width // 2, width - _NUMBER) if question.whole else width // 2
        if width and cells(question.prompt) > room:
            self._asked_above = self.talk.view.ask(Entry(message=question.prompt))

    def _answer(self, text: str) -> bool:
        question = self.question
        assert question is not None
        if question.keep and not text.strip():
            return True
        if not question.fits(text):
            self.notice = "a number, please"
            return False
        return self._reply(question, text) is not None

    def _reply(self, question: Question, text: str) -> Reply | None:
        answer = text if question.secret else clean(text)
        try:
            reply = self.screen.answer(answer, question_id=question.id)
        except UserError as error:
            changed = self.screen.question is None or self.screen.question.id != question.id
            self.notice = "the question has just changed: look again" if changed else str(error)
            return None
        self.way.send(reply)
        self._write_down(question, answer)
        self.question = self.screen.question
        return reply

    def _write_down(self, question: Question, answer: str) -> None:
        """Leave what was asked and answered in the talk, where the hub does not repeat it."""
        now = self.clock()
        self._sent_at = {mid: self._sent_at.get(mid, now) for mid in self.screen.pending}
        self.talk.read()
        shown = "" if question.secret else answer
        if shown:
            self.recall.remember(kind_of(question), shown)
        if question.keep:
            return
        if self._asked_above is not None:
            self.talk.view.extend(self._asked_above, shown)
        else:
            self.talk.add(Entry(message=question.prompt + shown, at=self.wall()))
        self.talk.view.lead()

    def _hold(self, text: str) -> bool:
        if len(self.held) == HELD:
            self.notice = "enough lines are waiting"
            return False
        self.held.append(text)
        return True

    def _hurry(self) -> bool:
        """Dial now; what was typed stays, for the question it was for may be gone."""
        self.notice = "not connected: your line is kept"
        if self.screen.state.phase == "lost":
            self.way.retry_now()
        return False

    def _obey(self, text: str) -> bool:
        assert self.question is not None
        word, _, rest = text.partition(" ")
        try:
            self.obey(word, rest.strip())
        except UserError as error:
            self.notice = str(error)
            if self._keeps_refused:
                return False
        self.recall.remember(kind_of(self.question), text)
        return True

    def _note_farewell(self, entry: Entry) -> None:
        """Remember a sentence about the room, while nobody has said anything after it."""
        if entry.kind == "notice" and entry.room is not None:
            self._farewell = self.talk.view.scrollback.end - 1
        elif entry.kind in PUSHED:
            self._farewell = None

    def _take_back(self, unsent: list[str]) -> None:
        """Give the person what was on its way, or waited to be, when a session ended."""
        if self.posting:
            self._set_aside([*unsent, *self.posting.rest])
        else:
            self.next_lines += unsent
        self.next_lines += self.held
        self.held.clear()

    def _set_aside(self, lines: list[str]) -> None:
        """Keep what was left of a paste for the next room."""
        self.posting = None
        self._aside += lines
        if lines:
            count = f"{len(lines):,} line{'' if len(lines) == 1 else 's'}"
            self.note(f"not sent of your paste, and kept for the next room: {count}")

    def _use_held(self) -> None:
        """Let lines typed ahead answer, but no secret: what comes back is the person's again."""
        while self.held and self.question is not None:
            line = self.held.popleft()
            if self.hidden or not self.submit(line):
                self.next_lines.append(line)

    def _changed(self, state: State) -> None:
        self.notice = ""
        if state.phase == "connecting" and not self._greeted:
            self._greeted = True
            self.note(f"connecting to {self.screen.address}")
        if state.phase == "connected" and self._lost:
            self.talk.view.lead()
        self._lost = state.phase == "lost" or (self._lost and state.phase != "connected")
        if state.phase in ("lost", "ended"):
            self._sent_at.clear()
            if self.saving:
                self.note(self.saving.cut_off)
                self.saving = None

    def _store(self, piece: Piece) -> None:
        """Save what has come of a file, and pull more of it: not at the pace of paintings."""
        saving, self.saving = self.saving, None
        if saving is None:
            return
        try:
            if saving.take(piece):
                self.note(f"saved {saving.name}, {saving.done:,} bytes")
                return
        except UserError as error:
            self.note(str(error))
            return
        self.way.send(Get(id=saving.file.id, offset=saving.done))
        self.saving = saving

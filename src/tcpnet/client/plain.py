"""The plain view: lines out, lines in, no escape sequence.

For pipes, recordings and terminals that can do nothing else. What is written is what the hub
says, character for character. Where nobody sees the input being typed, an answer is written after
its prompt, so that a recording reads like the screen; a secret never is.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final, TextIO

from tcpnet.client.entry import PUSHED
from tcpnet.client.link import Link
from tcpnet.client.paper import Paper, is_closed_pipe
from tcpnet.client.screen import Entry, Question, Screen, State
from tcpnet.client.stdin import Reading, Source
from tcpnet.client.visit import LEFT, LOST, NOT_LET_IN, REFUSED
from tcpnet.errors import UserError
from tcpnet.protocol.items import Progress
from tcpnet.text import clean

PATIENCE: Final = 30.0
"""Seconds that the end of input waits for the hub's next sign that the last answer goes on.

Without another bound: how long a request may take is the hub's business.
"""

ACKNOWLEDGED: Final = 5.0
"""Seconds after which a line in a room counts as taken by a hub that acknowledges none."""

MARK: Final = "== "
"""Begins a line that the client says by itself."""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    seen: bool = False
    """It was typed at its prompt, and stands there."""


class Plain:
    """Writes what happens, and answers each question with the next line of input.

    One answer at a time: the next line waits until the hub has taken the last one, or a `bye`
    would be followed into the room by what was meant for the menu.
    """

    def __init__(
        self,
        screen: Screen,
        link: Link,
        source: Source,
        out: TextIO,
        *,
        patience: float = PATIENCE,
        acknowledged: float = ACKNOWLEDGED,
    ) -> None:
        self._screen, self._link, self._source = screen, link, source
        self._paper = Paper(out)
        self._patience, self._acknowledged = patience, acknowledged
        self._lines: deque[_Line] = deque()
        self._hidden = False
        self._secret: _Line | None = None  # typed while hidden: it answers a secret, or nothing
        self._ended = False
        self._impatient = False
        self._ack_timer: asyncio.TimerHandle | None = None
        self._end_timer: asyncio.TimerHandle | None = None
        self._due = False
        self._progress: Progress | None = None

    async def run(self) -> int:
        """Show and answer until the link has ended; the exit status. Raises OSError."""
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[int] = self._loop.create_future()
        self._screen.on_change = self._wake
        self._reading = Reading(self._source, self._typed, self._input_ended)
        self._wake()
        try:
            return await self._over
        finally:
            self._hide(False)
            self._stop(self._ack_timer)
            self._stop(self._end_timer)

    def _wake(self) -> None:
        # All that arrives in one tick is written and flushed together.
        if not self._due:
            self._due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._due = False
        if self._over.done():
            return
        try:
            self._show()
            self._answer()
            self._paper.flush()
        except OSError as error:
            self._broken(error)
        except Exception as error:
            self._over.set_exception(error)

    def _broken(self, error: OSError) -> None:
        if is_closed_pipe(error):
            self._over.set_result(LEFT)
        else:
            self._over.set_exception(error)

    def _show(self) -> None:
        shown: list[Entry] = []
        if self._screen.progress != self._progress:
            self._progress = self._screen.progress
            self._start_end_timer()
        for event in self._screen.fresh():
            match event:
                case Entry():
                    self._write(event)
                    shown.append(event)
                    if event.kind not in PUSHED:
                        self._start_end_timer()
                case State(phase="lost"):
                    self._lost()
                case State(phase="ended", status=int(status)):
                    self._report_unsent()
                    self._paper.end_line()
                    self._over.set_result(status)
                case _:
                    pass  # the open question is looked at below, pieces are pulled by nobody here
        if self._screen.gone:
            self._report_unsent()
        self._paper.flush()
        if seen := self._screen.shown(shown):
            self._link.send(seen)

    def _write(self, entry: Entry) -> None:
        if entry.echo and self._source.terminal:
            return  # it stands there already, typed
        mark = MARK if entry.kind == "state" else ""
        self._paper.write(mark + entry.message, more=entry.more)

    def _answer(self) -> None:
        while not self._over.done():
            question = self._screen.question
            self._hide(question is not None and question.secret)
            if question is None or self._awaits_acknowledgement(question):
                break
            line = self._next_line(question)
            if line is None:
                self._paper.prompt(question.prompt)
                break
            if not line.seen:
                self._paper.prompt(question.prompt)
                self._paper.answer("" if question.secret else line.text)
            try:
                # What a script says is data; who types a word means it.
                text = question.typed(line.text) if self._source.terminal else line.text
                self._link.send(self._screen.answer(text))
            except UserError as error:
                self._paper.write(MARK + str(error))
            self._start_timers()
        self._leave_at_the_end()

    def _awaits_acknowledgement(self, question: Question) -> bool:
        return question.keep and bool(self._screen.pending) and not self._impatient

    def _next_line(self, question: Question) -> _Line | None:
        if question.secret and self._source.terminal:
            line, self._secret = self._secret, None
            return line
        if not self._lines:
            return None
        self._reading.taken()
        return self._lines.popleft()

    def _typed(self, text: str) -> None:
        if self._hidden:
            self._reading.taken()
            self._secret = _Line(text)
        else:
            seen = self._source.terminal and self._paper.was_entered()
            self._lines.append(_Line(text, seen))
        self._wake()

    def _hide(self, hidden: bool) -> None:
        if self._source.terminal and hidden != self._hidden:
            self._hidden, self._secret = hidden, None
            self._source.hide(hidden)

    def _lost(self) -> None:
        """Answer nothing with lines that were meant for questions that are gone."""
        ahead = self._ended or bool(self._lines)
        self._report_unsent()
        if ahead and not self._source.terminal:
            self._link.leave(f"the connection to {self._link.address} is lost", LOST)

    def _report_unsent(self) -> None:
        reports = [f"not confirmed: {line}" for line in self._screen.unsent()]
        if self._source.terminal:
            reports += [f"not sent: {line.text}" for line in self._lines]
        elif self._lines:
            # Not their words: any of them may be a password.
            reports.append(f"not sent: {len(self._lines)} more of the input")
        while self._lines:
            self._reading.taken()
            self._lines.popleft()
        for report in reports:
            self._paper.write(MARK + clean(report))

    def _input_ended(self) -> None:
        self._ended = True
        self._start_timers()
        self._wake()

    def _leave_at_the_end(self) -> None:
        if not self._ended or self._lines:
            return
        question = self._screen.question
        if question is not None and not self._awaits_acknowledgement(question):
            self._leave()

    def _leave(self) -> None:
        """Leave since there is nothing more to say; the status tells whether it was a visit."""
        if self._screen.client_id is None and not self._source.terminal:
            self._link.leave(NOT_LET_IN, REFUSED)
        else:
            self._link.leave("end of input", LOST if self._lines else LEFT)

    def _start_timers(self) -> None:
        self._impatient = False
        self._stop(self._ack_timer)
        self._ack_timer = self._loop.call_later(self._acknowledged, self._lose_patience)
        self._start_end_timer()

    def _start_end_timer(self) -> None:
        if self._ended:
            self._stop(self._end_timer)
            self._end_timer = self._loop.call_later(self._patience, self._leave)

    def _lose_patience(self) -> None:
        self._impatient = True
        self._wake()

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()

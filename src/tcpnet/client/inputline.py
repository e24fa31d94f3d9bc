"""Where the person types: one buffer for answers, one for secrets, one for searching.

They take turns in one control; what is in the first is never lost to the others.
"""

import unicodedata
from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.clipboard import Clipboard, DummyClipboard, DynamicClipboard, InMemoryClipboard
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import fragment_list_to_text
from prompt_toolkit.history import DummyHistory
from prompt_toolkit.layout import BufferControl, Dimension, Window
from prompt_toolkit.layout.processors import (
    BeforeInput,
    ConditionalProcessor,
    PasswordProcessor,
    Processor,
    Transformation,
    TransformationInput,
)
from prompt_toolkit.layout.utils import explode_text_fragments

from tcpnet.client.completion import Tabbing, completions
from tcpnet.client.desk import Desk
from tcpnet.client.paste import Paste, is_one_line, split
from tcpnet.client.recall import kind_of
from tcpnet.client.width import steady

ROWS: Final = 5
"""Rows that the input line may grow to."""
WIDTH: Final = 80
"""Cells of a row before one was painted."""
_REVIEW: Final = "paste> "
PAUSE: Final = 1.0
"""Seconds without a key after which a secret asked in the midst of a line gets the keys."""


class InputLine:
    """Keeps apart what is typed for whom, and shows the part whose turn it is."""

    def __init__(self, desk: Desk, *, stars: bool) -> None:
        """Belong to a desk; `stars`: show one for each hidden character, or else nothing."""
        self._desk = desk
        self.line = _buffer(self._enter, self._note_typing)
        self.secret = _buffer(self._enter)
        self.finding = _buffer(self._stay, self._find)
        self.review = Buffer(read_only=True)
        self.control = BufferControl(
            self.line,
            input_processors=[
                ConditionalProcessor(
                    PasswordProcessor() if stars else _Nothing(),
                    Condition(lambda: self.control.buffer is self.secret),
                ),
                _Steady(),
                BeforeInput(self._prompt, style="class:prompt"),
            ],
            focus_on_click=False,
        )
        self.window = Window(
            self.control,
            wrap_lines=True,
            dont_extend_height=True,
            height=Dimension(min=1, max=ROWS),
        )
        self._question: int | None = None
        self._typed_at = -PAUSE
        self._tabbing = Tabbing()

    def clipboard(self) -> Clipboard:
        """What was cut; what is cut from a secret is gone."""
        kept, none = InMemoryClipboard(), DummyClipboard()
        return DynamicClipboard(lambda: none if self.control.buffer is self.secret else kept)

    def settle(self) -> None:
        """Give the turn to whom it belongs, after anything that may have changed it."""
        desk = self._desk
        question = desk.question.id if desk.question else None
        if question != self._question:
            # Half a secret must not answer another question.
            self._question = question
            self.secret.reset()
            desk.mid_line = desk.hidden and bool(self.line.text)
        # Whoever types does not look: the rest of a line must not become a password.
        desk.mid_line = desk.mid_line and desk.clock() - self._typed_at < PAUSE
        if not desk.reading.find:
            self.finding.reset()
        elif desk.reading.find.needle != self.finding.text:
            # It was begun by a word with something to look for.
            self.finding.set_document(Document(desk.reading.find.needle), bypass_readonly=True)
        self.control.buffer = self._due()
        if desk.next_lines and not self.line.text and not desk.paste:
            self._set(desk.next_lines.popleft())

    def paste(self, data: str) -> None:
        """Put one line where the cursor is; show several for review first."""
        desk, lines, buffer = self._desk, split(data), self.control.buffer
        if desk.reviewing:
            desk.paste = desk.reviewing.extend(lines)
        elif is_one_line(lines):
            buffer.insert_text(lines[0])
        elif buffer is not self.line or (desk.question and desk.question.whole):
            desk.notice = "one line expected"
        else:
            before = self.line.document.text_before_cursor
            desk.paste = Paste((before + lines[0], *lines[1:]), typed=before)

    def send_paste(self) -> None:
        """Send the lines under review; long ones at the second call."""
        desk, paste = self._desk, self._desk.paste
        if paste is None or desk.question is None or not desk.question.keep:
            desk.notice = "one line expected: j joins them"
        elif not paste.may_send:
            desk.paste = paste.confirm()
        else:
            self._end_review(paste, "")
            desk.post(paste.lines)

    def edit_paste(self) -> None:
        """Bring the lines under review into the input line, one after the other."""
        if paste := self._desk.paste:
            first, *rest = paste.lines
            self._desk.next_lines.extendleft(reversed(rest))
            self._end_review(paste, first)

    def join_paste(self) -> None:
        """Make one line of those under review."""
        if paste := self._desk.paste:
            self._end_review(paste, paste.joined())

    def drop_paste(self) -> None:
        """Forget the lines under review; what was typed stays."""
        self._desk.paste = None

    def complete(self, step: int) -> None:
        """Complete the word before the cursor, or go on to the next completion."""
        if self.control.buffer is not self.line:
            return
        question = self._desk.question
        typed, after = self.line.document.text_before_cursor, self.line.document.text_after_cursor
        talk = question is not None and question.keep
        found = completions(typed, known=self._desk.talk.known, words=self._desk.words, talk=talk)
        text = self._tabbing.next(typed, found, step)
        if text is not None:
            self.line.document = Document(text + after, len(text))

    def recall(self, go: Callable[[str, str], str | None]) -> None:
        """Replace the line by another one that was sent; `go` is a method of `Recall`."""
        if self.control.buffer is self.line:
            text = go(kind_of(self._desk.question), self.line.text)
            if text is not None:
                self._set(text)

    def clear(self) -> bool:
        """Empty what is typed, so that undo brings it back; whether there was anything."""
        buffer = self.control.buffer
        if not buffer.text:
            return False
        buffer.save_to_undo_stack()
        buffer.document = Document()
        if buffer is self.secret:
            buffer.reset()
        return True

    async def edit(self) -> None:
        """Write the line in the person's editor; several lines come back for review."""
        if self.control.buffer is not self.line:
            return
        await self.line.open_in_editor()
        text = self.line.text
        if not is_one_line(split(text)):
            self.line.reset()
            self.paste(text)
        else:
            self._set(split(text)[0])
        self.settle()

    def _due(self) -> Buffer:
        desk = self._desk
        if desk.reading.find:
            return self.finding
        if desk.hidden and not desk.mid_line:
            return self.secret
        if desk.paste:
            self.review.set_document(Document(self._reviewed(desk.paste)), bypass_readonly=True)
            self.review.cursor_position = 0
            return self.review
        return self.line

    def _reviewed(self, paste: Paste) -> str:
        """What is seen of a paste: one row a line, all below the first."""
        painted = self.window.render_info
        width = painted.window_width if painted else WIDTH
        # A row that is full would be followed by an empty one, for the cursor.
        lines = paste.preview(ROWS, width - len(_REVIEW) - 1)
        return ("\n" + " " * len(_REVIEW)).join(lines)

    def _prompt(self) -> StyleAndTextTuples:
        if self._desk.reading.find:
            return [("", "search: ")]
        if self._desk.mid_line:
            return [("", "> ")]
        return [("", _REVIEW if self._desk.reviewing else steady(self._desk.prompt))]

    def _note_typing(self, buffer: Buffer) -> None:
        self._typed_at = self._desk.clock()
        if buffer.text:
            # Whoever goes on has read what was asked for before.
            self._desk.talk.view.go_on()

    def _enter(self, buffer: Buffer) -> bool:
        if self._desk.mid_line:
            self._note_typing(buffer)
        elif self._desk.submit(buffer.text):
            buffer.reset()
        return True  # the buffer keeps or loses its text here, not where it is asked from

    def _find(self, buffer: Buffer) -> None:
        if self._desk.reading.find:
            self._desk.reading.find.type(buffer.text)

    def _stay(self, buffer: Buffer) -> bool:
        self._desk.reading.end_find(stay=True)
        return bool(buffer)

    def _end_review(self, paste: Paste, text: str) -> None:
        """Put this where the paste began."""
        self._desk.paste = None
        document = self.line.document
        text = document.text_before_cursor.removesuffix(paste.typed) + text
        self.line.save_to_undo_stack()
        self.line.document = Document(text + document.text_after_cursor, len(text))

    def _set(self, text: str) -> None:
        self.line.document = Document(text, len(text))


class _Nothing(Processor):
    """Shows nothing at all: not even how long a secret is."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        none = transformation_input.fragments[:0]
        return Transformation(none, lambda _index: 0, lambda _index: 0)


class _Steady(Processor):
    """Leaves out what terminals give different widths: one wrong cell would misplace the cursor."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        fragments = transformation_input.fragments
        text = fragment_list_to_text(fragments)
        if text.isascii():
            return Transformation(fragments)
        kept = [index for index in range(len(text)) if _takes_its_cells(text, index)]
        pieces = explode_text_fragments(fragments)
        return Transformation(
            [(pieces[index][0], steady(pieces[index][1])) for index in kept],
            lambda index: bisect_left(kept, index),
            lambda index: kept[index] if index < len(kept) else len(text),
        )


def _takes_its_cells(text: str, index: int) -> bool:
    if text[index] == "\u200d":  # typed or picked, and not cleaned as what the hub sends
        return unicodedata.category(text[index - 1 : index] or " ")[0] in "LM"
    return bool(steady(text[index]))


def _buffer(
    enter: Callable[[Buffer], bool], changed: Callable[[Buffer], None] | None = None
) -> Buffer:
    # Without a history: what was sent is remembered by kind of question, and secrets never are.
    return Buffer(
        multiline=False,
        accept_handler=enter,
        history=DummyHistory(),
        on_text_changed=changed,
    )

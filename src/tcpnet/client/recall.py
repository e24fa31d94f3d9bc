"""Lines sent before, by kind of question; what was secret never comes here. Pure."""

from typing import Final

from tcpnet.client.question import Question

KEPT: Final = 500
"""Lines of each kind."""


def kind_of(question: Question | None) -> str:
    """What questions share their earlier answers: standing ones, numbers, or the same words."""
    if question is None:
        return "waiting"
    if question.keep:
        return "keep"
    return "number" if question.whole else f"ask {question.prompt}"


class Recall:
    """Goes back and forth in what was sent, and back again to what was being typed."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}
        self._kind = ""
        self._at = 0
        self._draft = ""
        self._found: tuple[str, str] | None = None

    def remember(self, kind: str, line: str) -> None:
        """Add a line as the newest; a repeated one stands once."""
        lines = self._lines.setdefault(kind, [])
        if line.strip() and lines[-1:] != [line]:
            lines.append(line)
            del lines[:-KEPT]
        self._kind = ""

    def older(self, kind: str, typed: str) -> str | None:
        """The line before the one in sight."""
        return self._go(kind, typed, -1)

    def newer(self, kind: str, typed: str) -> str | None:
        """The line after the one in sight; after the newest, what was being typed."""
        return self._go(kind, typed, 1)

    def find(self, kind: str, typed: str) -> str | None:
        """The newest line before the one in sight that holds what was typed."""
        needle = typed
        if self._found is None or self._found[1] != typed:
            self._kind = ""
        else:
            needle = self._found[0]
        lines = self._open(kind, typed)
        for at in range(self._at - 1, -1, -1):
            if needle in lines[at]:
                self._at = at
                self._found = needle, lines[at]
                return lines[at]
        return None

    def _go(self, kind: str, typed: str, step: int) -> str | None:
        lines = self._open(kind, typed)
        if not 0 <= self._at + step <= len(lines):
            return None
        if self._at == len(lines):
            self._draft = typed
        self._at += step
        return lines[self._at] if self._at < len(lines) else self._draft

    def _open(self, kind: str, typed: str) -> list[str]:
        lines = self._lines.get(kind, [])
        if kind != self._kind:
            self._kind, self._at, self._draft = kind, len(lines), typed
        return lines

"""What Tab makes of a word: names, rooms and slash words that were seen. Pure."""

from collections.abc import Iterable
from typing import Final

from tcpnet.client.entry import Entry

KNOWN: Final = 1000
"""Names and rooms remembered, of each."""


class Acquaintance:
    """Who spoke and in which rooms, the latest first."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._rooms: dict[str, None] = {}

    def note(self, entry: Entry) -> None:
        """Remember whom an entry is from."""
        if entry.sender and not entry.own:
            _touch(self._names, entry.sender)
        if entry.room:
            _touch(self._rooms, entry.room)

    @property
    def names(self) -> list[str]:
        """Others, the latest to speak first."""
        return list(reversed(self._names))

    @property
    def rooms(self) -> list[str]:
        """Rooms, the latest first."""
        return list(reversed(self._rooms))


def completions(typed: str, *, known: Acquaintance, words: Iterable[str], talk: bool) -> list[str]:
    """What the text before the cursor may become, best first.

    `words`: slash words that are understood here; `talk`: a name at the start addresses somebody.
    """
    start = typed.rfind(" ") + 1
    word = typed[start:].casefold()
    if not word:
        return []
    if word.startswith("/"):
        found = sorted(each for each in words if each.startswith(word)) if start == 0 else []
        return [f"{each} " for each in found]
    names = [name for name in known.names if name.casefold().startswith(word)]
    rooms = [room for room in known.rooms if room.casefold().startswith(word)]
    after = "" if not talk else ": " if start == 0 else " "
    found = [f"{name}{after}" for name in names] + [room for room in rooms if room not in names]
    return [typed[:start] + each for each in found]


class Tabbing:
    """Goes round the completions of one word, and back to what was typed."""

    def __init__(self) -> None:
        self._round: list[str] = []
        self._at = 0

    def next(self, typed: str, found: list[str], step: int) -> str | None:
        """The next text; `found` is where a new round begins. None where nothing fits."""
        if not self._round or typed != self._round[self._at]:
            if not found:
                return None
            self._round, self._at = [typed, *found], 0
        self._at = (self._at + step) % len(self._round)
        return self._round[self._at]


def _touch(seen: dict[str, None], name: str) -> None:
    seen.pop(name, None)
    seen[name] = None
    if len(seen) > KNOWN:
        del seen[next(iter(seen))]

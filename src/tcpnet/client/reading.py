"""What is on the screen: the talk, or a text in its place, and a search in it. No UI toolkit."""

from typing import Final

from tcpnet.client.entry import Entry
from tcpnet.client.find import Find
from tcpnet.client.scrollback import Scrollback
from tcpnet.client.view import View

_LONG: Final = 4096
"""Characters of a line of a text, at most: longer ones are cut, so that one can be laid out."""


class Reading:
    """Opens and closes a text over the talk, and searches whichever is seen."""

    def __init__(self, talk: View) -> None:
        self._talk = talk
        self.text: View | None = None
        """A page or the help, in place of the talk."""
        self.find: Find | None = None

    @property
    def view(self) -> View:
        """What is on the screen."""
        return self.text or self._talk

    def open(self, text: str) -> None:
        """Read a text in place of the talk, from its top."""
        self.close()
        view = View(Scrollback(keep=len(text) + 1), self._talk.layout.look)
        view.resize(self._talk.layout.width, self._talk.height)
        for line in text.split("\n"):
            for start in range(0, len(line) or 1, _LONG):
                view.append(Entry(message=line[start : start + _LONG]))
        view.top()
        self.text = view

    def close(self) -> bool:
        """Go back to the talk; whether something else was open."""
        was_open = self.text is not None
        self.end_find(stay=True)
        self.text = None
        return was_open

    def begin_find(self) -> None:
        """Search: up in the talk first, down in a text that is read."""
        self.find = self.find or Find(self.view, 1 if self.text else -1)

    def search(self, needle: str) -> bool:
        """Begin a search with this, unless it is nowhere; whether it was found."""
        self.begin_find()
        assert self.find is not None
        self.find.type(needle)
        found = not self.find.trouble
        if not found:
            self.end_find(stay=False)
        return found

    def find_again(self, step: int) -> None:
        """Go to an older match with -1, to a newer one with 1."""
        if self.find:
            self.find.again(step)

    def end_find(self, *, stay: bool) -> None:
        """End the search, if there is one."""
        if self.find:
            self.find.close(stay=stay)
            self.find = None

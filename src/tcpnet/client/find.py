"""A search under way: what is looked for, and where it began. No UI toolkit."""

from dataclasses import replace

from tcpnet.client.view import View


class Find:
    """Goes to what is typed, letter by letter, and back where it began if it is given up."""

    def __init__(self, view: View) -> None:
        self.needle = ""
        self.found = True
        self._view = view
        self._origin = view.place

    def type(self, needle: str) -> None:
        """Look for this from where the search began, upwards."""
        self._view.place = self._origin
        self._mark(needle)
        self.found = not needle or self._view.search(needle, -1)

    def again(self, step: int) -> None:
        """Go to the next match: older ones with -1, newer ones with 1."""
        self.found = self._view.search(self.needle, step, again=True)

    def close(self, *, stay: bool) -> None:
        """End the search, here or where it began."""
        self._mark("")
        if not stay:
            self._view.place = self._origin

    def _mark(self, needle: str) -> None:
        self.needle = needle
        self._view.layout.look = replace(self._view.layout.look, needle=needle)

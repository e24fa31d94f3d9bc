"""A search under way: what is looked for, and where it began. No UI toolkit."""

from msgspec.structs import replace

from tcpnet.client.view import View


class Find:
    """Goes to what is typed, letter by letter, and back where it began if it is given up."""

    def __init__(self, view: View, step: int) -> None:
        """Begin; `step`: 1 to look downwards first, -1 upwards."""
        self.needle = ""
        self.trouble = ""
        """What the person should know: nothing, `nowhere` or `no more`."""
        self._view, self._step = view, step
        self._origin = view.place

    def type(self, needle: str) -> None:
        """Look for this from where the search began."""
        self._view.place = self._origin
        self._mark(needle)
        found = not needle or self._view.search(needle, self._step)
        self.trouble = "" if found else "nowhere"

    def again(self, step: int) -> None:
        """Go to the next match: older ones with -1, newer ones with 1."""
        self.trouble = "" if self._view.search_on(self.needle, step) else "no more"

    def close(self, *, stay: bool) -> None:
        """End the search, here or where it began."""
        self._mark("")
        if not stay:
            self._view.place = self._origin

    def _mark(self, needle: str) -> None:
        self.needle = needle
        self._view.layout.look = replace(self._view.layout.look, needle=needle)

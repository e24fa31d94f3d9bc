"""What was said, as the person wants to see it. No UI toolkit."""

from collections.abc import Callable

from tcpnet.client.completion import Acquaintance
from tcpnet.client.entry import Entry
from tcpnet.client.layout import TIMED, Look
from tcpnet.client.scrollback import KEEP, Scrollback
from tcpnet.client.view import View


class Talk:
    """Takes entries into a view: without those of ignored people, with a line where a day ends."""

    def __init__(
        self, look: Look, *, day: Callable[[float], str], now: float, keep: int = KEEP
    ) -> None:
        self.view = View(Scrollback(keep), look)
        self.known = Acquaintance()
        self.ignored: set[str] = set()
        """Names, casefolded."""
        self._day = day
        self._today = day(now)
        self._unseen: list[Entry] = []

    def add(self, entry: Entry) -> bool:
        """Take an entry; whether it is shown."""
        if entry.kind == "chat" and (entry.sender or "").casefold() in self.ignored:
            return False
        if entry.kind in TIMED:
            self._begin_day(entry.at)
        self.known.note(entry)
        if entry.direct:
            self._unseen.append(entry)
        self.view.append(entry)
        return True

    def note(self, text: str, at: float) -> None:
        """Say something as the client; `at` in seconds since 1970."""
        self.add(Entry(message=text, kind="note", at=at))

    def seen(self) -> list[Entry]:
        """Take the mail that was on the screen since the last call."""
        if not self.view.follows:
            return []
        seen, self._unseen = self._unseen, []
        return seen

    def read(self) -> None:
        """Note that the person has caught up with all there is."""
        if self.view.follows:
            self.view.scrollback.unread = None

    def _begin_day(self, at: float) -> None:
        day = self._day(at)
        if day != self._today:
            self._today = day
            self.view.append(Entry(message=day, kind="day", at=at))

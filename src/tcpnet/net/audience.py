"""Who is shown the same at the same moment; what that came to is counted once for all."""

import os
from typing import Protocol


class Hearer(Protocol):
    """A connection, as far as its audience is concerned."""

    audience: "Audience | None"
    """Whose counts are its own too, as long as it belongs there."""

    @property
    def direct(self) -> int:
        """The descriptor that takes bytes at once; -1 where there is none, or bytes wait."""
        ...

    def pass_on(self, lines: bytes, frames: int) -> bool:
        """Take frames that the audience has counted, or refuse them; never waits."""
        ...

    def pass_rest(self, rest: bytes) -> None:
        """Take what the descriptor did not."""
        ...


class Audience:
    """Hands a batch to everybody in one loop.

    With one line at a time a delivery is little more than its system call, and with thousands of
    connections what it costs is how many objects it touches. So where nothing waits for a peer it
    touches two, the connection and its descriptor, and neither the transport nor any counter.
    """

    def __init__(self) -> None:
        self.frames = self.bytes = 0
        self._hearers: dict[Hearer, None] = {}

    def join(self, hearer: Hearer) -> None:
        """Let a peer hear all that is told from now on."""
        self._hearers[hearer] = None
        hearer.audience = self

    def leave(self, hearer: Hearer) -> None:
        """Let a peer hear nothing more."""
        del self._hearers[hearer]
        hearer.audience = None

    def tell(self, lines: bytes, frames: int) -> list[Hearer]:
        """Hand over a whole batch, so many frames; gives those who refuse it. Never waits."""
        size, refused = len(lines), list[Hearer]()
        self.frames += frames
        self.bytes += size
        for hearer in self._hearers:
            if (direct := hearer.direct) >= 0:
                try:
                    taken = os.write(direct, lines)
                except OSError:  # the kernel is full or the peer gone: the transport finds out
                    taken = 0
                if taken != size:
                    hearer.pass_rest(lines[taken:])
            elif not hearer.pass_on(lines, frames):
                refused.append(hearer)
        return refused

"""Who is online."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tcpnet.chat import names
from tcpnet.chat.accounts import Account


class Presence:
    """The accounts that are connected now, in the order in which they came.

    One account may be connected from several places: it is listed once.
    """

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()
        self._shown: dict[str, tuple[Account, int]] = {}

    def __iter__(self) -> Iterator[Account]:
        return (account for account, _ in self._shown.values())

    def __len__(self) -> int:
        return len(self._shown)

    def holds(self, name: str) -> bool:
        """Whether somebody has this name now, or is about to."""
        return names.key(name) in self._held

    @contextmanager
    def entering(self, name: str) -> Iterator[None]:
        """Hold a name from now until the block ends, alone or beside others who prove it."""
        self.enter(name)
        try:
            yield
        finally:
            self.leave(name)

    def enter(self, name: str) -> None:
        """Hold a name until `leave`, alone or beside others who prove it."""
        self._held[names.key(name)] += 1

    def leave(self, name: str) -> None:
        """Give back a name that was held once more."""
        key = names.key(name)
        self._held[key] -= 1
        if not self._held[key]:
            del self._held[key]

    def show(self, account: Account) -> None:
        """List an account until `hide`."""
        _, places = self._shown.get(account.key, (account, 0))
        self._shown[account.key] = account, places + 1

    def hide(self, account: Account) -> None:
        """Take back that an account was listed once."""
        _, places = self._shown[account.key]
        if places == 1:
            del self._shown[account.key]
        else:
            self._shown[account.key] = account, places - 1

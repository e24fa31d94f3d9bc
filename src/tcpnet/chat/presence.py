"""Who is online."""

from collections.abc import Iterator
from contextlib import contextmanager

from tcpnet.chat import names
from tcpnet.chat.accounts import Account
from tcpnet.errors import UserError


class Presence:
    """The accounts that are connected now, in the order in which they came."""

    def __init__(self) -> None:
        self._online: dict[str, Account | None] = {}

    def __iter__(self) -> Iterator[Account]:
        return (account for account in self._online.values() if account)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @contextmanager
    def entering(self, name: str) -> Iterator[None]:
        """Hold a name from now until the block ends; raises UserError if it is held."""
        key = names.key(name)
        if key in self._online:
            raise UserError(f"The name {name} is in use. Please choose another one.")
        self._online[key] = None
        try:
            yield
        finally:
            del self._online[key]

    def show(self, account: Account) -> None:
        """List an account whose name is held: its person is fully connected."""
        self._online[account.key] = account

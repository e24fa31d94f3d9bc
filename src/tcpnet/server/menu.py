"""The menu: one table, and the loop that offers it."""

import functools
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final

from tcpnet.errors import BrokerError, ConfigError, UserError
from tcpnet.protocol import codec
from tcpnet.protocol.items import Print
from tcpnet.server.asking import choose
from tcpnet.server.community import Community
from tcpnet.server.dialogues import account, direct, login, rooms, users, web
from tcpnet.server.session import Quit, Session

Dialogue = Callable[[Session, Community], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Option:
    """A row of the menu."""

    title: str
    run: Dialogue


# The order is the numbering. The titles are those of the first edition, word for word.
MENU: Final = (
    Option("Get user list", users.show),
    Option("Sent a message", direct.write),
    Option("Get my messages", direct.read),
    Option("Create a new chat room", rooms.create),
    Option("Join an existing chat room", rooms.join),
    Option("Turn web proxy server on", web.browse),
    Option("Disconnect from server", login.leave),
    Option("List chat rooms", rooms.show),
    Option("Account", account.manage),
)

HEADING: Final = (
    "\n****** TCP Client-Server Network ******\n-----------------------\nOptions Available:\n"
)


LEAVING: Final = 7
"""The one option that cannot be hidden."""


def offered(hidden: Collection[int]) -> dict[int, Option]:
    """The rows that people see, under their numbers. Raises ConfigError."""
    if LEAVING in hidden:
        raise ConfigError(f"menu.hidden: {LEAVING} stays, or nobody could leave")
    if unknown := sorted(set(hidden) - set(range(1, len(MENU) + 1))):
        raise ConfigError(f"menu.hidden: the menu has no {unknown[0]}, only 1 to {len(MENU)}")
    return {number: row for number, row in enumerate(MENU, 1) if number not in hidden}


@functools.lru_cache(maxsize=1)
def _shown(hidden: tuple[int, ...]) -> tuple[dict[int, Option], bytes]:
    """The rows and the frame that shows them, one of each for everybody."""
    rows = offered(hidden)
    text = HEADING + "".join(f"{number}. {row.title}\n" for number, row in rows.items())
    return rows, codec.encode(Print(message=text))


async def main_menu(session: Session, community: Community, first: Dialogue | None = None) -> None:
    """Offer the options until the person disconnects; `first` is done before."""
    rows, frame = _shown(tuple(community.settings.menu.hidden))
    run = first
    del first
    while True:
        try:
            if run is not None:
                await run(session, community)
        except Quit:
            return
        except (UserError, BrokerError) as error:
            community.note_limit(error.bound, session.address)
            session.tell(str(error), kind="error")
        session.send_encoded(frame)
        run = rows[await choose(session, rows)].run

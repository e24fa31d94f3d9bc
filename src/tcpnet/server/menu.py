"""The menu: one table, and the loop that offers it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tcpnet.errors import BrokerError, UserError
from tcpnet.server.community import Community
from tcpnet.server.dialogues import direct, login, rooms, users
from tcpnet.server.session import Quit, Session

Dialogue = Callable[[Session, Community], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Option:
    """A row of the menu."""

    title: str
    run: Dialogue


async def _web(session: Session, _: Community) -> None:
    session.tell("coming soon")


# The order is the numbering. The titles are those of the first edition, word for word.
MENU: Final = (
    Option("Get user list", users.show),
    Option("Sent a message", direct.write),
    Option("Get my messages", direct.read),
    Option("Create a new chat room", rooms.create),
    Option("Join an existing chat room", rooms.join),
    Option("Turn web proxy server on", _web),
    Option("Disconnect from server", login.leave),
    Option("List chat rooms", rooms.show),
)

HEADING: Final = (
    "\n****** TCP Client-Server Network ******\n-----------------------\nOptions Available:\n"
)
QUESTION: Final = "Your option <enter a number>: "


async def main_menu(session: Session, community: Community) -> None:
    """Offer the options until the person disconnects."""
    text = HEADING + "".join(f"{n}. {option.title}\n" for n, option in enumerate(MENU, 1))
    while True:
        session.tell(text)
        option = MENU[await choose(session, len(MENU)) - 1]
        try:
            await option.run(session, community)
        except Quit:
            return
        except (UserError, BrokerError) as error:
            session.tell(str(error), kind="error")


async def choose(session: Session, last: int) -> int:
    """Ask for the number of a row until there is one."""
    while True:
        answer = await session.ask(QUESTION, key="option_selected", res_type="int", local=True)
        typed = answer.text.strip()
        # ASCII digits only: `isdecimal` takes those of every script.
        if typed.isascii() and typed.isdecimal() and len(typed) < 9 and 1 <= int(typed) <= last:
            return int(typed)
        session.tell(f"Please enter a number from 1 to {last}.", kind="error")

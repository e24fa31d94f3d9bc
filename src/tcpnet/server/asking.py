"""Questions that more than one dialogue asks."""

from collections.abc import Collection
from typing import Final

from tcpnet.errors import UserError
from tcpnet.server.community import Community
from tcpnet.server.session import Session

OPTION: Final = "Your option <enter a number>: "


async def choose(session: Session, rows: Collection[int]) -> int:
    """Ask for the number of a row until it is one of these."""
    while True:
        answer = await session.ask(OPTION, key="option_selected", res_type="int", local=True)
        typed = answer.text.strip()
        # ASCII digits only: `isdecimal` takes those of every script.
        if typed.isascii() and typed.isdecimal() and len(typed) < 9 and int(typed) in rows:
            return int(typed)
        last = max(rows)
        complete = len(rows) == last
        wanted = f"a number from 1 to {last}" if complete else "a number that the menu has"
        session.tell(f"Please enter {wanted}.", kind="error")


async def new_password(session: Session, community: Community, question: str) -> str | None:
    """Ask for a new password, twice; what to store of it, or None after an empty line.

    One that will not do is asked for again: whoever types on must not type it for all to see.
    """
    while True:
        first = await session.ask(question, key="new_password", res_type="secret")
        if not first.text:
            return None
        try:
            hashed = await community.passwords.hashed(first.text)
        except UserError as error:
            session.tell(str(error), kind="error")
            continue
        again = await session.ask("The same again: ", key="new_password", res_type="secret")
        if first.text == again.text:
            return hashed
        session.tell("These are two different passwords.", kind="error")


async def agreed(session: Session, question: str, *, key: str) -> bool:
    """Ask for yes or no until it is one of them."""
    while True:
        answer = await session.ask(question, key=key)
        match answer.text.strip().lower():
            case "y" | "yes":
                return True
            case "n" | "no":
                return False
        session.tell("Please enter y or n.", kind="error")

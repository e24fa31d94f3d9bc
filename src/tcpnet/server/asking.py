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


async def new_password(session: Session, community: Community, question: str) -> str:
    """Ask for a new password, twice; what to store of it. Raises UserError where it will not do."""
    first = await session.ask(question, key="new_password", res_type="secret")
    hashed = await community.passwords.hashed(first.text)
    again = await session.ask("The same again: ", key="new_password", res_type="secret")
    if first.text != again.text:
        raise UserError("These are two different passwords: nothing was changed.")
    return hashed


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

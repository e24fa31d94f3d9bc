"""Questions that more than one dialogue asks."""

from typing import Final

from tcpnet.server.session import Session

OPTION: Final = "Your option <enter a number>: "


async def choose(session: Session, last: int) -> int:
    """Ask for the number of a row until there is one."""
    while True:
        answer = await session.ask(OPTION, key="option_selected", res_type="int", local=True)
        typed = answer.text.strip()
        # ASCII digits only: `isdecimal` takes those of every script.
        if typed.isascii() and typed.isdecimal() and len(typed) < 9 and 1 <= int(typed) <= last:
            return int(typed)
        session.tell(f"Please enter a number from 1 to {last}.", kind="error")


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

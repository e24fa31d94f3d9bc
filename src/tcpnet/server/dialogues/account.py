"""One's own account: its password, its places, its end."""

from tcpnet.errors import UserError
from tcpnet.server.asking import agreed, choose
from tcpnet.server.community import Community
from tcpnet.server.session import Quit, Session

_MENU = """
*** Account ***
1. {password}
2. Show where I am connected
3. Sign out other places
4. Forget me
5. Back to the main menu
"""


async def manage(session: Session, community: Community) -> None:
    """Offer what can be done with one's account, until the person goes back."""
    while True:
        claim = await community.accounts.current(session.account)
        password = "Change my password" if claim.password else "Set a password"
        session.tell(_MENU.format(password=password))
        match await choose(session, range(1, 6)):
            case 1:
                await _set_password(session, community)
            case 2:
                _show_places(session, community)
            case 3:
                await _sign_out(session, community)
            case 4:
                await _forget(session, community)
            case _:
                return


async def _set_password(session: Session, community: Community) -> None:
    if not session.is_private:
        raise UserError("A password is not asked over a connection that others can listen to.")
    first = await session.ask("New password: ", key="new_password", res_type="secret")
    hashed = await community.passwords.hashed(first.text)
    again = await session.ask("The same again: ", key="new_password", res_type="secret")
    if first.text != again.text:
        raise UserError("These are two different passwords: nothing was changed.")
    await community.accounts.set_password(session.account, hashed)
    session.tell("Your password is set. It lets you in as this name from anywhere.")


def _show_places(session: Session, community: Community) -> None:
    for other in community.sessions.values():
        if other.account == session.account:
            here = " (here)" if other is session else ""
            state = "away" if other.is_away else "connected"
            session.tell(f"{state} from {other.address} with {other.agent}{here}")


async def _sign_out(session: Session, community: Community) -> None:
    claim = await community.accounts.keep_only(session.account, session.token)
    ended = community.end(session.account, "signed out from another place", but=session)
    now = "need the password now" if claim.password else "are not known any more"
    session.tell(f"Signed out: {ended}. Other machines {now}.")


async def _forget(session: Session, community: Community) -> None:
    question = "Delete this account, its messages and its tokens (y/n)?: "
    if await agreed(session, question, key="forget"):
        await community.forget(session.account)
        raise Quit

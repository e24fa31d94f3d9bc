"""One's own account: its password, its places, its end."""

from collections.abc import Awaitable, Callable

from tcpnet.errors import UserError
from tcpnet.server.asking import agreed, choose, new_password
from tcpnet.server.community import Community
from tcpnet.server.session import Quit, Session

_Deed = Callable[[Session, Community], Awaitable[None]]


async def manage(session: Session, community: Community) -> None:
    """Offer what can be done with one's account, until the person goes back."""
    while True:
        deeds = await _deeds(session, community)
        rows = [title for title, _ in deeds] + ["Back to the main menu"]
        listed = "\n".join(f"{number}. {row}" for number, row in enumerate(rows, 1))
        session.tell(f"\n*** Account ***\n{listed}\n")
        chosen = await choose(session, range(1, len(rows) + 1))
        if chosen == len(rows):
            return
        try:
            await deeds[chosen - 1][1](session, community)
        except UserError as error:
            session.tell(str(error), kind="error")


async def _deeds(session: Session, community: Community) -> list[tuple[str, _Deed]]:
    """What can be done now: a proxy key is of use only where there is a proxy port."""
    claim = await community.accounts.current(session.account)
    password = "Change my password" if claim.password else "Set a password"
    deeds: list[tuple[str, _Deed]] = [
        (password, _set_password),
        ("Show where I am connected", _show_places),
        ("Sign out other places", _sign_out),
        ("Forget me", _forget),
    ]
    if community.settings.proxy.port != "":
        has_key = community.proxy_keys.has(session.account)
        deeds.append((f"Make a {'new ' if has_key else ''}proxy key", _make_proxy_key))
        if has_key:
            deeds.append(("Remove my proxy key", _remove_proxy_key))
    return deeds


async def _set_password(session: Session, community: Community) -> None:
    if not session.is_private:
        raise UserError("A password is not asked over a connection that others can listen to.")
    hashed = await new_password(session, community, "New password: ")
    if hashed is None:
        raise UserError("No password was given: nothing was changed.")
    await community.accounts.set_password(session.account, hashed)
    session.tell("Your password is set. It lets you in as this name from anywhere.")


async def _show_places(session: Session, community: Community) -> None:
    for other in community.sessions.values():
        if other.account == session.account:
            here = " (here)" if other is session else ""
            state = "Away" if other.is_away else "Connected"
            session.tell(f"{state} from {other.address} with {other.agent}{here}")


async def _sign_out(session: Session, community: Community) -> None:
    claim = await community.accounts.keep_only(session.account, session.token)
    ended = community.end(session.account, "signed out from another place", but=session)
    now = "need the password now" if claim.password else "are not known any more"
    session.tell(f"Signed out: {ended}. Other machines {now}.")


async def _make_proxy_key(session: Session, community: Community) -> None:
    if not session.is_private:
        raise UserError("A key is not shown over a connection that others can listen to.")
    key = await community.proxy_keys.renew(session.account)
    session.tell(
        f"Your proxy key: {key}\n"
        f"Programs send it to the proxy as the password of {session.account.name}."
        " It is shown this once; a new one takes its place.",
        secret=True,
    )


async def _remove_proxy_key(session: Session, community: Community) -> None:
    await community.proxy_keys.revoke(session.account)
    session.tell("Your proxy key is good for nothing now.")


async def _forget(session: Session, community: Community) -> None:
    question = "Delete this account, its messages and its tokens (y/n)?: "
    if await agreed(session, question, key="forget"):
        await community.forget(session.account, but=session)
        session.tell("Your account is deleted, and with it your messages and tokens.")
        raise Quit

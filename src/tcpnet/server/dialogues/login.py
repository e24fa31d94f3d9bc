"""From the first frame to a person with a name."""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

from tcpnet import text
from tcpnet.broker.base import Following, Record
from tcpnet.chat import names
from tcpnet.chat.accounts import Account, Claim, new_token
from tcpnet.chat.mailboxes import MAX_MESSAGE
from tcpnet.chat.rooms import MAX_LINE
from tcpnet.errors import BrokerError, ProtocolError, UserError
from tcpnet.protocol.items import PROTOCOL, Hello, Limits, Resume, Welcome
from tcpnet.server.asking import new_password
from tcpnet.server.community import Community
from tcpnet.server.holdings import Holdings
from tcpnet.server.session import Quit, Session

_log = logging.getLogger(__name__)


class _WrongSecretError(UserError):
    """What should prove a name does not."""


async def greeted(session: Session, community: Community) -> Hello:
    """The first item, in time and of a version that is spoken here."""
    with community.handshakes.bounding(session):
        hello = await session.hello(community.identity.context)
    if hello.protocol != PROTOCOL:
        raise ProtocolError(f"this hub speaks protocol {PROTOCOL}, not {hello.protocol}")
    return hello


async def log_in(session: Session, community: Community, hello: Hello, held: Holdings) -> None:
    """Agree on a name, assign the id, and hold both."""
    session.agent = text.clip(text.clean(hello.agent), 64)
    with community.logins.bounding(session):
        await _named(session, community, hello, held)
    token = new_token() if _wants_token(session, hello) else None
    session.send(welcome(session, community, token=token))
    with community.handshakes.bounding(session):
        await session.status()
    if token:
        # Not before the client has it: nobody could prove a name that a lost token owns.
        await community.accounts.give_token(session.account, token, session.agent)
        session.token = token
    _appear(session, community, held)
    if hello.resume is not None:
        session.outlives()
    if motd := community.settings.server.motd:
        session.tell(text.clean_lines(motd).rstrip(), kind="notice")
    if not community.mailboxes.is_empty(session.account):
        await _tell_unread(session, community)


async def leave(_session: Session, _community: Community) -> None:
    """Disconnect; what is durable stays for the next time."""
    raise Quit


async def _named(session: Session, community: Community, hello: Hello, held: Holdings) -> None:
    """Ask until there is a name that this person may have."""
    wanted, session.token = hello.id_key, hello.token or ""
    while True:
        try:
            deletions = community.accounts.deletions
            claim = await _claimed(session, community, wanted, held)
            session.account, session.is_operator = claim.account, claim.operator
            if hello.resume is not None:
                await _go_on(session, community, hello.resume)
            # From here on whoever deletes the account finds the session; before, it is noticed.
            community.sessions[session.id] = session
            held.keep(_gone, session, community)
            is_known = claim.seen == community.accounts.hour
            if not is_known or community.accounts.deletions != deletions:
                await _note_seen(session, community)
            return
        except _WrongSecretError as error:
            # Asked again, and not for a name: what is typed next may be the right one.
            held.release()
            community.note_limit(error.bound, session.address)
            session.tell(str(error), kind="error")
            continue
        except UserError as error:
            held.release()
            community.note_limit(error.bound, session.address)
            session.tell(str(error), kind="error")
        answer = await session.ask("Your id key (i.e your name): ", key="id_key")
        wanted, session.token = answer.text, ""


def _gone(session: Session, community: Community) -> None:
    if not session.token:  # a token proves the name, whatever else does
        community.lapses.note(session.account)
    del community.sessions[session.id]


async def _go_on(session: Session, community: Community, resume: Resume) -> None:
    """Take the id of a former session that has left a place.

    The client knows one id only: with a new one it would find nothing where the hub ends before
    the place is noted anew.
    """
    if await community.places.of(session.account, resume.session) is None:
        return
    if resume.session not in community.sessions:
        session.id = resume.session


async def _note_seen(session: Session, community: Community) -> None:
    try:
        await community.accounts.note_seen(session.account)
    except BrokerError as error:  # a full disk keeps nobody out
        _log.warning("not noted who came", extra={"error": str(error)})


async def _claimed(session: Session, community: Community, wanted: str, held: Holdings) -> Claim:
    name = names.person(wanted)
    if ban := community.bans.of_name(name) or community.bans.of_address(session.address):
        raise UserError(f"{ban}.")
    claim = await community.accounts.claim(name)
    longest = community.settings.limits.name_length
    if claim is None and len(name) > longest:
        raise UserError(f"A name has at most {longest} characters.", bound="limits.name_length")
    if claim is not None and claim.is_proven:
        if not (session.token and session.is_private and claim.knows(session.token)):
            session.token = ""
            await _prove(session, community, claim)
        _hold_name(community, name, held)
        return claim
    # No await between the look and the entry: two people cannot have one free name.
    if community.presence.holds(name):
        raise UserError(f"The name {name} is in use. Please choose another one.")
    _hold_name(community, name, held)
    if session.token and claim is None:
        session.tell(f"The name {name} had lapsed, with its mailbox.", kind="notice")
    session.token = ""
    if community.settings.accounts.require_password:
        return await _invited(session, community, name, claim)
    return claim or await _taken(community, name)


async def _taken(community: Community, name: str) -> Claim:
    deliveries = community.mailboxes.deliveries
    claim = await community.accounts.take(name)
    community.mailboxes.opened(claim.account, deliveries)
    return claim


def _hold_name(community: Community, name: str, held: Holdings) -> None:
    community.presence.enter(name)
    held.keep(community.presence.leave, name)


async def _prove(session: Session, community: Community, claim: Claim) -> None:
    """Ask for the password of a name; raises UserError with the ways out."""
    name = claim.account.name
    if not claim.password and not community.settings.accounts.require_password:
        raise UserError(
            f"The name {name} belongs to somebody. If that is you: set a password on the machine"
            f" where it works (9. Account), or let the operator run `tcpnet-server release {name}`."
            " Or choose another name."
        )
    typed = await _secret(session, community)
    right = await _is_right(session, community, claim.account.key, claim.password, typed)
    # It may have been changed while it was typed.
    if not right or (await community.accounts.current(claim.account)).password != claim.password:
        raise _wrong(community, name)
    if community.passwords.is_outdated(claim.password):
        hashed = await community.passwords.hashed(typed)
        await community.accounts.set_password(claim.account, hashed)


async def _invited(session: Session, community: Community, name: str, claim: Claim | None) -> Claim:
    """Let somebody new in with a code, and have him choose a password."""
    code = await _secret(session, community)
    if not await _is_right(session, community, names.key(name), None, code):
        raise _wrong(community, name)
    hashed = await _chosen_password(session, community)
    taken = claim or await _taken(community, name)
    if not await community.invitations.use(code):
        if claim is None:
            await community.accounts.delete(taken.account)
        raise UserError("This invitation was used a moment ago.")
    await community.accounts.set_password(taken.account, hashed)
    return taken


def _wrong(community: Community, name: str) -> UserError:
    """The same words whether or not the name exists."""
    wrong = f"This is not the password of {name}"
    if community.settings.accounts.require_password:
        wrong = f"This is neither the password of {name} nor a code that is good"
    return _WrongSecretError(f"{wrong}. Enter nothing to choose another name.")


async def _secret(session: Session, community: Community) -> str:
    """Ask for what proves a name, in the same words whether or not it exists."""
    _refuse_in_clear(session)
    newcomers = community.settings.accounts.require_password
    question = "Password or invitation code: " if newcomers else "Password: "
    typed = (await session.ask(question, key="password", res_type="secret")).text
    if not typed:
        raise UserError("No password was given.")
    return typed


async def _chosen_password(session: Session, community: Community) -> str:
    """Ask for a new password until there is one; what to store of it."""
    while (hashed := await new_password(session, community, "Choose a password: ")) is None:
        session.tell("No password was given.", kind="error")
    return hashed


async def _is_right(
    session: Session, community: Community, account: str, stored: str | None, typed: str
) -> bool:
    """Whether this is the password of an account, or a good code where nothing is stored.

    Raises UserError after too many tries.
    """
    began, household = asyncio.get_running_loop().time(), session.connection.household
    try:
        delay = community.guesses.begin(account, household, began)
    except UserError as error:
        raise _WrongSecretError(str(error), bound=error.bound) from None
    await asyncio.sleep(delay)
    # Both are asked for every name: nobody learns by the time it takes whether one exists.
    fits = await community.passwords.fits(stored or community.passwords.nobody, typed)
    invited = await community.invitations.is_good(typed)
    if not (invited if stored is None else fits):
        return False
    community.guesses.forgiven(account, household, began)
    return True


def _refuse_in_clear(session: Session) -> None:
    if not session.is_private:
        raise UserError("A password is not asked over a connection that others can listen to.")


def _wants_token(session: Session, hello: Hello) -> bool:
    """Whether the client keeps a token and has none for this name yet."""
    return hello.keeps_token and not session.token and session.is_private


def welcome(
    session: Session, community: Community, *, resumed: bool = False, token: str | None = None
) -> Welcome:
    """What tells the client its name, its id and its session."""
    return Welcome(
        protocol=PROTOCOL,
        hub=community.identity.fingerprint,
        session=session.id,
        client_id=session.account.id,
        name=session.account.name,
        resumed=resumed,
        limits=Limits(
            frame=community.settings.limits.frame_bytes, line=MAX_LINE, message=MAX_MESSAGE
        ),
        token=token,
    )


def _appear(session: Session, community: Community, held: Holdings) -> None:
    """Be listed, hear of mail as it comes, and say what of it was shown."""
    account = session.account
    following = community.mailboxes.follow(account, partial(_tell_of_mail, session))
    session.seen = partial(community.mailboxes.saw, account)
    community.presence.show(account)
    held.keep(_disappear, community, account, following)


def _disappear(community: Community, account: Account, following: Following) -> None:
    community.presence.hide(account)
    following.close()


def _tell_of_mail(session: Session, records: Sequence[Record]) -> None:
    for record in records:
        session.tell(f"New message from {record.sender}.", kind="notice", from_=record.sender)


async def _tell_unread(session: Session, community: Community) -> None:
    if unread := await community.mailboxes.count(session.account):
        noun = "message" if unread == 1 else "messages"
        session.tell(f"You have {unread} unread {noun}.", kind="notice")

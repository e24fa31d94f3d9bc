"""From the first frame to a person with a name."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

from tcpnet import text
from tcpnet.broker.base import Record
from tcpnet.chat import names
from tcpnet.chat.accounts import Account, Claim
from tcpnet.chat.mailboxes import MAX_MESSAGE
from tcpnet.chat.rooms import MAX_LINE
from tcpnet.errors import ProtocolError, UserError
from tcpnet.protocol.codec import MAX_FRAME
from tcpnet.protocol.items import PROTOCOL, Hello, Limits, Welcome
from tcpnet.server.community import Community
from tcpnet.server.session import Quit, Session


async def greeted(session: Session, community: Community) -> Hello:
    """The first item, in time and of a version that is spoken here."""
    async with _in_time(community.settings.limits.handshake_seconds):
        hello = await session.hello(community.identity.context)
    if hello.protocol != PROTOCOL:
        raise ProtocolError(f"this hub speaks protocol {PROTOCOL}, not {hello.protocol}")
    return hello


@asynccontextmanager
async def logged_in(session: Session, community: Community, hello: Hello) -> AsyncIterator[None]:
    """Agree on a name, assign the id, and hold both for the length of the block."""
    limits = community.settings.limits
    session.agent = text.clip(text.clean(hello.agent), 64)
    with ExitStack() as held:
        async with _in_time(limits.login_seconds):
            session.account = await _named(session, community, hello, held)
        token = await _new_token(session, community, hello)
        session.send(welcome(session, community, token=token))
        async with _in_time(limits.handshake_seconds):
            await session.status()
        _deliver_mail(session, community, held)
        held.enter_context(community.presence.shown(session.account))
        held.enter_context(_findable(session, community))
        if hello.resume is not None:
            session.outlives()
        await _tell_unread(session, community)
        yield


@asynccontextmanager
async def _in_time(seconds: float) -> AsyncIterator[None]:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise ProtocolError("logging in took too long") from None


@contextmanager
def _findable(session: Session, community: Community) -> Iterator[None]:
    """Let the person come back to this session for the length of the block."""
    community.sessions[session.id] = session
    try:
        yield
    finally:
        del community.sessions[session.id]


async def leave(_session: Session, _community: Community) -> None:
    """Disconnect; what is durable stays for the next time."""
    raise Quit


async def _named(session: Session, community: Community, hello: Hello, held: ExitStack) -> Account:
    """Ask until there is a name that this person may have."""
    wanted, session.token = hello.id_key, hello.token or ""
    while True:
        try:
            claim = await _claimed(session, community, wanted, held)
        except UserError as error:
            held.close()
            session.tell(str(error), kind="error")
        else:
            await community.accounts.note_seen(claim.account)
            return claim.account
        answer = await session.ask("Your id key (i.e your name): ", key="id_key")
        wanted, session.token = answer.text, ""


async def _claimed(session: Session, community: Community, wanted: str, held: ExitStack) -> Claim:
    name = names.person(wanted)
    claim = await community.accounts.claim(name)
    if claim is not None and claim.is_proven:
        if not (session.token and session.is_private and claim.knows(session.token)):
            session.token = ""
            await _prove(session, community, claim)
        held.enter_context(community.presence.entering(name))
        return claim
    # No await between the look and the entry: two people cannot have one free name.
    if community.presence.holds(name):
        raise UserError(f"The name {name} is in use. Please choose another one.")
    held.enter_context(community.presence.entering(name))
    if session.token and claim is None:
        session.tell(f"The name {name} had lapsed, with its mailbox.", kind="notice")
    session.token = ""
    if community.settings.accounts.require_password:
        return await _invited(session, community, name, claim)
    return claim or await community.accounts.take(name)


async def _prove(session: Session, community: Community, claim: Claim) -> None:
    """Ask for the password of a name; raises UserError with the ways out."""
    name = claim.account.name
    if not claim.password:
        raise UserError(
            f"The name {name} belongs to somebody. If that is you: set a password on the machine"
            f" where it works (9. Account), or let the operator run `tcpnet-server release {name}`."
            " Or choose another name."
        )
    _refuse_in_clear(session)
    typed = await session.ask("Password: ", key="password", res_type="secret")
    if not await _fits(session, community, claim.account.key, claim.password, typed.text):
        raise UserError(f"This is not the password of {name}.")
    if community.passwords.is_outdated(claim.password):
        hashed = await community.passwords.hashed(typed.text)
        await community.accounts.set_password(claim.account, hashed)


async def _invited(session: Session, community: Community, name: str, claim: Claim | None) -> Claim:
    """Let somebody new in with a code, and have him choose a password."""
    _refuse_in_clear(session)
    code = await session.ask("Password or invitation code: ", key="invitation", res_type="secret")
    # Nobody learns by time or words whether a name exists: a code is checked like a password.
    known = await _fits(session, community, names.key(name), community.passwords.nobody, code.text)
    if known or not await community.invitations.use(code.text):
        raise UserError(f"This is not the password of {name}.")
    chosen = await session.ask("Choose a password: ", key="new_password", res_type="secret")
    hashed = await community.passwords.hashed(chosen.text)
    claim = claim or await community.accounts.take(name)
    await community.accounts.set_password(claim.account, hashed)
    return claim


async def _fits(
    session: Session, community: Community, account: str, stored: str, typed: str
) -> bool:
    now = asyncio.get_running_loop().time
    await asyncio.sleep(community.guesses.check(account, session.address, now()))
    if await community.passwords.fits(stored, typed):
        return True
    community.guesses.failed(account, session.address, now())
    return False


def _refuse_in_clear(session: Session) -> None:
    if not session.is_private:
        raise UserError("A password is not asked over a connection that others can listen to.")


async def _new_token(session: Session, community: Community, hello: Hello) -> str | None:
    """A token for a client that keeps one and has none for this name yet."""
    if not hello.keeps_token or session.token or not session.is_private:
        return None
    session.token = await community.accounts.give_token(session.account, session.agent)
    return session.token


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
        limits=Limits(frame=MAX_FRAME, line=MAX_LINE, message=MAX_MESSAGE),
        token=token,
    )


def _deliver_mail(session: Session, community: Community, held: ExitStack) -> None:
    """Tell of mail as it comes, and take the read mark from what the client says it showed."""

    def arrived(record: Record) -> None:
        words = f"New message from {record.sender}."
        session.tell(words, kind="notice", from_=record.sender)

    held.enter_context(community.mailboxes.follow(session.account, arrived))
    session.seen = lambda upto: community.mailboxes.saw(session.account, upto)


async def _tell_unread(session: Session, community: Community) -> None:
    if unread := await community.mailboxes.count(session.account):
        noun = "message" if unread == 1 else "messages"
        session.tell(f"You have {unread} unread {noun}.", kind="notice")

"""From the first frame to a person with a name."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

from tcpnet.broker.base import Record
from tcpnet.chat import names
from tcpnet.chat.accounts import Account
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
        hello = await session.hello()
    if hello.protocol != PROTOCOL:
        raise ProtocolError(f"this hub speaks protocol {PROTOCOL}, not {hello.protocol}")
    return hello


@asynccontextmanager
async def logged_in(session: Session, community: Community, hello: Hello) -> AsyncIterator[None]:
    """Agree on a name, assign the id, and hold both for the length of the block."""
    limits = community.settings.limits
    with ExitStack() as held:
        async with _in_time(limits.login_seconds):
            session.account = await _named(session, community, hello, held)
        session.send(welcome(session, community))
        async with _in_time(limits.handshake_seconds):
            await session.status()
        _deliver_mail(session, community, held)
        community.presence.show(session.account)
        if hello.resume is not None:
            session.outlives()
            held.enter_context(_findable(session, community))
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
    wanted = hello.id_key
    while True:
        try:
            name = names.person(wanted)
            held.enter_context(community.presence.entering(name))
            return await community.accounts.open(name)
        except UserError as error:
            held.close()
            session.tell(str(error), kind="error")
        answer = await session.ask("Your id key (i.e your name): ", key="id_key")
        wanted = answer.text


def welcome(session: Session, community: Community, *, resumed: bool = False) -> Welcome:
    """What tells the client its name, its id and its session."""
    return Welcome(
        protocol=PROTOCOL,
        hub=community.hub,
        session=session.id,
        client_id=session.account.id,
        name=session.account.name,
        resumed=resumed,
        limits=Limits(frame=MAX_FRAME, line=MAX_LINE, message=MAX_MESSAGE),
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

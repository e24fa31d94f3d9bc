"""From the first frame to a person with a name."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

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


@asynccontextmanager
async def logged_in(session: Session, community: Community) -> AsyncIterator[Account]:
    """Greet, agree on a name, assign the id, and hold both for the length of the block."""
    limits = community.settings.limits
    with ExitStack() as held:
        try:
            async with asyncio.timeout(limits.handshake_seconds):
                hello = await session.hello()
            if hello.protocol != PROTOCOL:
                raise ProtocolError(f"this hub speaks protocol {PROTOCOL}, not {hello.protocol}")
            async with asyncio.timeout(limits.login_seconds):
                session.account = await _named(session, community, hello, held)
            session.send(_welcome(session, community))
            async with asyncio.timeout(limits.handshake_seconds):
                await session.status()
        except TimeoutError:
            raise ProtocolError("logging in took too long") from None
        _deliver_mail(session, community, held)
        community.presence.show(session.account)
        await _tell_unread(session, community)
        yield session.account


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


def _welcome(session: Session, community: Community) -> Welcome:
    return Welcome(
        protocol=PROTOCOL,
        hub=community.hub,
        session=session.id,
        client_id=session.account.id,
        name=session.account.name,
        resumed=False,
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

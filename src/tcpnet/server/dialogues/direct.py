"""Messages to one person, and the mailbox they wait in."""

import secrets
import time
from contextlib import aclosing

from tcpnet import text
from tcpnet.broker.base import Record
from tcpnet.chat import mailboxes
from tcpnet.chat.rooms import MAX_LINE
from tcpnet.protocol.items import Print
from tcpnet.server.community import Community
from tcpnet.server.session import Session


async def write(session: Session, community: Community) -> None:
    """Send a message to somebody, connected or not."""
    words = await session.ask("Enter your message: ", key="message")
    mailboxes.check(words.text)  # before anything else is asked for nothing
    recipient = await session.ask("Enter recipent id: ", key="recipient")
    account = await community.accounts.find(recipient.text)
    # Without one of the client, ours only fills the slot; growing with time keeps the index local.
    mid = words.mid or f"{time.time_ns():016x}{secrets.token_hex(4)}"
    await community.mailboxes.deliver(session.account, account, words.text, mid)
    session.tell("Message sent!", mid=words.mid or None)


async def read(session: Session, community: Community) -> None:
    """Show what is unread; it stays so until the client says that it showed it."""
    found, connection = False, session.connection
    async with aclosing(community.mailboxes.unread(session.account)) as unread:
        async for record in unread:
            if session.is_away or session.connection is not connection:
                # Behind what may be lost on its way nothing is shown: a mark covers all before it.
                session.tell("Reading was interrupted. What was not shown is still unread.")
                return
            if not found:
                session.tell("My messages:")
            found = True
            session.show(_message(record))
            await session.drained()
    if not found:
        session.tell("No new messages.")


def _message(record: Record) -> Print:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.at))
    return Print(
        message=f"{when}: {record.body} (from: {record.sender})",
        kind="direct",
        from_=record.sender,
        # With both, a long message would not fit a frame.
        text=record.body if text.size(record.body) <= MAX_LINE else None,
        seq=record.seq,
        at=record.at,
    )

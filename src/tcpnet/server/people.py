"""One coroutine a person: from the first byte to the last."""

import logging
import secrets

from tcpnet import log
from tcpnet.errors import ConnectionLost, ProtocolError, SlowConsumer
from tcpnet.net.connection import Connection
from tcpnet.net.limits import Bucket
from tcpnet.protocol.items import Bye, FromClient
from tcpnet.server.community import Community
from tcpnet.server.dialogues.login import logged_in
from tcpnet.server.menu import main_menu
from tcpnet.server.session import Session

_log = logging.getLogger(__name__)

CLOSING = Bye(reason="the hub is closing down", kind="closing", retry=1)


async def run_session(connection: Connection[FromClient], community: Community) -> None:
    """Talk with one person until either side has enough; the only bulkhead of the server."""
    limits = community.settings.limits
    session = Session(connection, Bucket(limits.replies_per_second, limits.reply_burst))
    log.session_id.set(session.id)
    farewell = CLOSING
    try:
        farewell = await _talked(session, community)
    except Exception:
        number = secrets.token_hex(2)
        _log.exception("session failed", extra={"error": number})
        farewell = Bye(
            reason=f"That did not work (error {number}). It has been noted.", kind="error"
        )
    finally:
        frames, bytes_in, bytes_out = session.frames
        _log.info(
            "session ended",
            extra={
                "name_shown": session.account.name,
                "address": session.address,
                "reason": farewell.reason,
                "frames_in": frames,
                "bytes_in": bytes_in,
                "bytes_out": bytes_out,
            },
        )
        await session.close(farewell)


async def _talked(session: Session, community: Community) -> Bye:
    try:
        async with session.held(), logged_in(session, community):
            await main_menu(session, community)
    except ProtocolError as error:
        return Bye(reason=str(error), kind="protocol")
    except SlowConsumer as error:
        return Bye(reason=str(error), kind="slow")
    except ConnectionLost as error:
        return Bye(reason=str(error), kind="silent")
    return Bye(reason="goodbye", kind="quit")

"""One coroutine a person: from the first byte to the last."""

import logging
import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from tcpnet import log
from tcpnet.errors import BrokerError, ConnectionLost, ProtocolError, SlowConsumer, UserError
from tcpnet.net.connection import Connection
from tcpnet.net.limits import Bucket
from tcpnet.protocol.items import Bye, FromClient, Resume
from tcpnet.server.community import Community
from tcpnet.server.dialogues import login, rooms
from tcpnet.server.holdings import Holdings
from tcpnet.server.menu import Dialogue, main_menu
from tcpnet.server.session import Dismissed, Quit, Session

_log = logging.getLogger(__name__)

CLOSING: Final = Bye(reason="the hub is closing down", kind="closing", retry=1)
_ELSEWHERE: Final = Bye(reason="you came back over another connection", kind="closing")


async def run_session(
    connection: Connection[FromClient], community: Community, left: Callable[[str], None]
) -> None:
    """Talk with one person until either side has enough; the only bulkhead of the server.

    `left` is called with his address in the end.
    """
    limits = community.settings.limits
    pace = Bucket(limits.replies_per_second, limits.reply_burst)
    session = Session(
        connection,
        pace,
        grace=limits.grace_seconds,
        limited=community.note_limit,
    )
    began = time.monotonic()
    community.totals.began(connection)
    log.session_id.set(session.id[:8])
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
        _note_end(session, community, farewell, time.monotonic() - began)
        try:
            await session.close(farewell)
        finally:
            left(connection.household)


async def _talked(session: Session, community: Community) -> Bye:
    """The whole conversation; its last word."""
    held = Holdings()
    try:
        async with session:
            hello = await login.greeted(session, community)
            if hello.resume and (former := _former(session, community, hello.resume, hello.id_key)):
                welcome = login.welcome(former, community, resumed=True)
                within = community.settings.limits.handshake_seconds
                former.attach(session, hello.resume.rooms, welcome, within=within)
                return _ELSEWHERE  # said over the connection that is left
            await login.log_in(session, community, hello, held)
            _note_start(session)
            resume = hello.resume
            first = await _first(session, community, resume) if resume else None
            del hello, resume  # it would stay as long as its person
            await main_menu(session, community, first)
    except ProtocolError as error:
        return Bye(reason=str(error), kind="protocol")
    except SlowConsumer as error:
        return Bye(reason=str(error), kind="slow")
    except Quit as error:
        return Bye(reason=str(error), kind="quit")
    except Dismissed as error:
        return error.bye
    except ConnectionLost as error:
        return Bye(reason=str(error), kind="silent")
    except UserError as error:
        return Bye(reason=str(error), kind="refused")
    except BrokerError as error:
        return Bye(reason=str(error), kind="error", retry=5)
    finally:
        held.release()
    return Bye(reason="goodbye", kind="quit")


def _former(session: Session, community: Community, resume: Resume, name: str) -> Session | None:
    """The session that somebody comes back to, if it still waits for him."""
    former = community.sessions.get(resume.session)
    fits = former is not None and former.may_go_on_with(session) and former.belongs_to(name)
    return former if fits else None


async def _first(session: Session, community: Community, resume: Resume) -> Dialogue | None:
    """What comes before the menu: the room that somebody comes back to after a long time."""
    if not resume.session:
        return None
    if place := await community.places.of(session.account, session.id):
        return partial(rooms.rejoin, place=place, seen=resume.rooms.get(place.room, 0))
    session.tell("You were away for long: the question that was open is gone.", kind="notice")
    return None


def _note_start(session: Session) -> None:
    _log.info(
        "session started",
        extra={
            "person": session.account.name,
            "id": session.account.id,
            "address": session.address,
            "encrypted": session.connection.is_encrypted,
            "program": session.agent,
        },
    )


def _note_end(session: Session, community: Community, farewell: Bye, seconds: float) -> None:
    """Say once what there is to say of a session, before its last word; never what was said."""
    traffic = session.traffic
    community.totals.ended(session.connection, farewell.kind)
    _log.info(
        "session ended",
        extra={
            "person": session.account.name,
            "address": session.address,
            "kind": farewell.kind,
            "reason": farewell.reason,
            "seconds": round(seconds, 3),
            "frames_in": traffic.frames_in,
            "bytes_in": traffic.bytes_in,
            "frames_out": traffic.frames_out,
            "bytes_out": traffic.bytes_out,
        },
    )

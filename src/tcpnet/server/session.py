"""One person: what is told, what is asked, and what comes back."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import Any, BinaryIO, Final, Protocol, Self

from msgspec import Struct

from tcpnet import text
from tcpnet.chat import names
from tcpnet.chat.accounts import Account
from tcpnet.errors import ProtocolError, TcpnetError, UserError
from tcpnet.net.connection import Connection
from tcpnet.net.limits import Bucket, is_loopback
from tcpnet.protocol import codec, items
from tcpnet.protocol.items import (
    Bye,
    FromClient,
    Hello,
    Input,
    Ping,
    Pong,
    Print,
    Reply,
    Seen,
    Status,
    Welcome,
)
from tcpnet.server.attachment import Attachment
from tcpnet.server.offers import Offer, nothing
from tcpnet.server.totals import Traffic

IDLE: Final = 10
"""Times as many items as answers are taken where they lead to nothing: pings, late answers."""

MAX_WAITING: Final = 16
"""Items of one person that may wait to be taken; then his connection is held back."""

_TOO_FAST: Final = "You say more than this hub takes in a second: what you say follows bit by bit."

_SHOWN_LATE: Final = 4096
"""Bytes that are repeated of what came too late: as much as a line may have."""

_UNKNOWN: Final = Account(name="", id=0, key="")
"""Who a session is before somebody logs in."""

_BEFORE_ALL: Final = (Hello, items.Secure, Ping, Pong, Bye)
"""What may come first: signs of life lead nowhere, and whoever says bye goes again at once."""


class Answer(Struct, frozen=True):
    """What the person typed, and the client's own id for it."""

    text: str
    mid: str


class Quit(TcpnetError):
    """The person asked to leave."""


class Dismissed(TcpnetError):
    """Somebody else ended this session; `bye` says so to its person."""

    def __init__(self, bye: Bye) -> None:
        super().__init__(bye.reason)
        self.bye = bye


class Standing(Protocol):
    """What a person is in for a while, a room say."""

    def hears(self, answer: Answer) -> bool:
        """Take an answer at once, without waiting; what is left goes to the dialogue."""
        ...

    async def catch_up(self) -> None:
        """Hand over what was missed, as far as it is taken now."""

    def went_away(self) -> None:
        """Learn that the person's connection was lost, and that he may come back."""

    def came_back(self) -> None:
        """Learn that he did."""


class Session:
    """Telling never waits; asking does, and only for this one person.

    `limited` is called with the setting that the person reached, and his address.
    """

    def __init__(
        self,
        connection: Connection[FromClient],
        pace: Bucket,
        *,
        grace: float = 0,
        limited: Callable[[str, str], None] = lambda _setting, _address: None,
    ) -> None:
        self.id = secrets.token_hex(16)
        self.account = _UNKNOWN
        self.agent = self.token = ""
        self.is_operator = False
        self.seen: Callable[[int], None] = _nobody
        self.positions: Mapping[str, int] = {}
        self._loop = asyncio.get_running_loop()  # asked for at each line, it costs a system call
        self._attachment = Attachment(connection, grace)
        self._pace = pace
        self._idle: Bucket | None = None  # most people never need one
        self._is_held_back = False
        self._limited = limited
        self._told_to_wait = False
        self._waiting: list[FromClient | None] = []  # an empty deque is 600 bytes
        self._arrival: asyncio.Future[None] | None = None
        self._question: Input | None = None
        self._standing: Standing | None = None
        self._behind = self._returning = self._greeted = self._began_private = False
        self._ids = 0
        self._stood = 0
        self._cut: asyncio.Timeout | None = None
        self._error: TcpnetError | None = None
        self._request = 0
        self._stopping: asyncio.Timeout | None = None
        self._offer: Offer | None = None
        connection.receiver = self

    @property
    def connection(self) -> Connection[FromClient]:
        """The connection that the session has now, or had last."""
        return self._attachment.connection

    @property
    def address(self) -> str:
        """Where the person is connected from."""
        return self.connection.peer

    @property
    def is_private(self) -> bool:
        """Whether nobody on the network can read along."""
        return self.connection.is_encrypted or is_loopback(self.address)

    def belongs_to(self, name: str) -> bool:
        """Whether this is the name under which the person logged in."""
        with suppress(UserError):
            return self.account.key == names.key(name)
        return False

    @property
    def is_away(self) -> bool:
        """Whether the connection was lost and the person may come back."""
        return self._attachment.away

    @property
    def is_resumable(self) -> bool:
        """Whether the person may come back to it."""
        return self._attachment.resumable and self._error is None

    @property
    def has_quit(self) -> bool:
        """Whether the person asked to leave."""
        return isinstance(self._error, Quit)

    def may_go_on_with(self, newcomer: "Session") -> bool:
        """Whether its person may come back over the connection of another session.

        Not where others could read along and could not before: they would learn what was said.
        """
        return self.is_resumable and (newcomer.is_private or not self._began_private)

    def outlives(self) -> None:
        """Let the session wait for its person when the connection is lost."""
        self._attachment.resumable = True
        self._began_private = self.is_private  # a lost connection does not tell any more

    def attach(
        self,
        newcomer: "Session",
        positions: Mapping[str, int],
        hello: Welcome,
        *,
        within: float,
    ) -> None:
        """Go on over the connection of another session, which is left with the old one.

        `positions`: the last line that the client has of each room. What it missed and the open
        question follow its acknowledgement, for which it has `within` seconds.
        """
        if not self.is_away and self._standing is not None:
            self._standing.went_away()
        connection = newcomer.connection
        old = self._attachment.replace(connection, within, self._end)
        newcomer._attachment.connection = old
        old.receiver, connection.receiver = newcomer, self
        self.positions = positions
        self._returning = True
        connection.send(hello)

    def dismiss(self, bye: Bye) -> None:
        """End the session from outside, with this last word."""
        self._end(Dismissed(bye))

    def fall_behind(self) -> None:
        """Take note that lines were held back: they are handed over when there is room."""
        self._behind = True
        self._wake()

    async def __aenter__(self) -> Self:
        """Run the block until it ends or the connection does.

        Raises what ended the connection: ConnectionLost, SlowConsumer or ProtocolError.
        """
        if self._error:
            raise self._error
        self._cut = asyncio.timeout(None)
        await self._cut.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._cut is not None, "it was entered"
        try:
            await self._cut.__aexit__(kind, error, trace)
        except TimeoutError:
            if self._error is None:
                raise
            raise self._error from None

    def tell(self, message: str, *, kind: str = "info", **more: Any) -> None:
        """Show a message now. Never waits; a long one goes in pieces."""
        self.show(Print(message=message, kind=kind, **more))

    def show(self, message: Print) -> None:
        """Show a message with all its fields now. Never waits; a long one goes in pieces."""
        for piece in codec.pieces(message):
            self._attachment.send(piece)

    def send(self, *frame: items.FromServer) -> None:
        """Send items now. Never waits."""
        self._attachment.send(*frame)

    def send_encoded(self, line: bytes) -> None:
        """Send a frame that was encoded once for many people. Never waits."""
        self._attachment.send_encoded(line)

    async def page(self, message: str, **more: Any) -> None:
        """Show a long text; waits for the person's own reading between pieces."""
        for piece in codec.pieces(Print(message=message, kind="page", **more)):
            self._attachment.send(piece)
            await self._attachment.drained()

    async def drained(self) -> None:
        """Wait until this person has read most of what was sent."""
        await self._attachment.drained()

    async def ask(self, message: str, *, key: str, res_type: str = "string", **more: Any) -> Answer:
        """Ask one question and wait for its answer."""
        self._open(message, key=key, res_type=res_type, **more)
        try:
            item = await self._next()  # not by `_answer`: most people sit here, in one frame less
        finally:
            self._close_question()
        assert item is not None, "a single question is never called off"
        return _answer_of(item)

    @contextmanager
    def lines(self, message: str = "", *, key: str, **more: Any) -> Iterator[AsyncIterator[Answer]]:
        """Keep a question open for the length of the block; its answers end with `call_off`."""
        self._open(message, key=key, keep=True, **more)
        try:
            yield _Answers(self._answer)
        finally:
            self._close_question()

    @contextmanager
    def stands(self, standing: Standing) -> Iterator[None]:
        """Tell this of losses and returns for the length of the block."""
        self._standing = standing
        if self.is_away:
            standing.went_away()
        try:
            yield
        finally:
            self._standing = None

    def call_off(self) -> None:
        """End the standing question of `lines`; nothing happens where none is open."""
        if self._question is not None and self._question.keep:
            self._waiting.append(None)
            self._wake()

    @asynccontextmanager
    async def stoppable(self) -> AsyncIterator[int]:
        """Let the person stop the block; gives the id under which progress is shown.

        Raises UserError when it was stopped.
        """
        stopping = asyncio.timeout(None)
        self._request, self._stopping = self._new_id(), stopping
        try:
            async with stopping:
                yield self._request
        except TimeoutError:
            if not stopping.expired():
                raise
            raise UserError("Stopped.") from None
        finally:
            self._stopping = None

    def offer(self, name: str, media_type: str, content: BinaryIO, size: int) -> None:
        """Offer bytes to take home, in the place of those offered before."""
        self.withdraw()
        self._offer = Offer(self._new_id(), name, media_type, content, size)
        self._attachment.send(self._offer.file)

    def withdraw(self) -> None:
        """Forget what was offered."""
        if self._offer is not None:
            self._offer.close()
            self._offer = None

    async def hello(self, tls: ssl.SSLContext) -> Hello:
        """The first item of the connection, under TLS where the client asks for it."""
        item = await self._next()
        if isinstance(item, items.Secure):
            await self.connection.secured(tls, server_side=True)
            self.connection.resume()
            item = await self._next()
        if not isinstance(item, Hello):
            raise ProtocolError("the first item is hello")
        return item

    async def status(self) -> Status:
        """The acknowledgement of the id."""
        item = await self._next()
        if not isinstance(item, Status) or not item.ok:
            raise ProtocolError("after welcome comes status with ok")
        return item

    async def close(self, farewell: Bye) -> None:
        """Say the last word and end; bounded."""
        self._attachment.forget()
        self.withdraw()
        try:
            await self.connection.close(farewell)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Cut what goes in circles, so that nothing is left for the collector to find.

        With many who come and go it would find much at once, and hold everybody up for a second.
        """
        self.connection.receiver = None
        if self._error is not None:  # its trace holds the frames, and they hold the session
            self._error = self._error.with_traceback(None)
            self._error.__context__ = None
        self._cut = None

    def received(self, item: FromClient) -> None:
        """Take one item from the connection, in the event loop."""
        if not self._greeted and not isinstance(item, _BEFORE_ALL):
            raise ProtocolError("the first item is hello")
        match item:
            case Reply():  # first, as nearly all are
                self._reply(item)
            case Ping(t=sent):
                self._leads_nowhere()
                self._attachment.send(Pong(t=sent))
            case Seen(mail=upto):
                self._leads_nowhere()
                self.seen(upto)
            case Status(ok=True) if self._returning:
                self._back()
            case Hello() | Status():
                self._greeted = True
                self._put(item)
            case Bye():
                self._end(Quit("goodbye"))
            case items.Secure() if self._greeted:
                raise ProtocolError("secure is the first item, or none")
            case items.Secure():
                self._put(item)
            case items.Cancel():
                self._leads_nowhere()
                self._stop(item.id)
            case items.Get():
                self._attachment.send(self._piece(item))
            case items.Pong():
                self._leads_nowhere()  # the byte that carried it was the sign of life

    def lost(self, error: TcpnetError) -> None:
        """Wait for the person to come back, or end; called once by each connection."""
        if self._error is not None:
            return  # it ends already
        self._limited(error.bound, self.address)
        was_away = self.is_away
        if not self._attachment.lost(error, self._end):
            self._end(error)
        elif self._standing is not None and not was_away:
            self._standing.went_away()

    @property
    def traffic(self) -> Traffic:
        """What the connection carried so far."""
        return Traffic.of(self.connection)

    def _end(self, error: TcpnetError) -> None:
        """End the dialogue wherever it waits."""
        self._attachment.forget()
        self._error = self._error or error
        if self._cut is not None and not self._cut.expired():
            self._cut.reschedule(self._loop.time())

    def _back(self) -> None:
        self._returning = False
        self._attachment.returned()
        if self._standing is not None:
            self._standing.came_back()
        if self._question is not None:
            self._attachment.send(self._question)
        self.fall_behind()

    def _open(self, message: str, *, key: str, res_type: str = "string", **more: Any) -> None:
        self._question = Input(
            message=message, res_key=key, res_type=res_type, id=self._new_id(), **more
        )
        if not self.is_away:  # who comes back is asked again
            self._attachment.send(self._question)

    def _close_question(self) -> None:
        # What was answered too much belonged to this question and to no other.
        question, self._question = self._question, None
        late = [item for item in self._waiting if isinstance(item, Reply)]
        self._waiting.clear()
        self.connection.resume()
        if question is not None and question.keep:
            self._stood = question.id
            for reply in late:
                self._refuse_late(reply)

    def _refuse_late(self, reply: Reply) -> None:
        """Tell what was said to a standing question that was over: it is not to be lost unseen."""
        if reply.mid:
            said = text.clip(text.clean(str(reply.value)), _SHOWN_LATE)
            self.tell(f"This came too late: {said}", kind="error", mid=reply.mid)

    def _new_id(self) -> int:
        self._ids += 1
        return self._ids

    def _piece(self, wish: items.Get) -> items.Data:
        if self._offer is None or self._offer.file.id != wish.id:
            return nothing(wish)
        return self._offer.piece(wish)

    def _stop(self, request: int) -> None:
        stopping = self._stopping
        if stopping is not None and not stopping.expired() and self._request == request:
            stopping.reschedule(self._loop.time())

    def _reply(self, reply: Reply) -> None:
        question = self._question
        if question is None or reply.id != question.id:
            self._leads_nowhere()
            if reply.id == self._stood:
                self._refuse_late(reply)
            return  # a late answer is harmless
        if reply.res_key != question.res_key:
            raise ProtocolError(f"question {question.id} has the key {question.res_key}")
        if not question.keep and self._waiting:
            self._leads_nowhere()
            return  # it was answered already
        if not (question.keep and self._hears(reply)):
            self._put(reply)

    def _hears(self, reply: Reply) -> bool:
        """Let the standing take a reply, as fast as this person may speak; whether it did.

        Only while the dialogue does nothing but wait for the next one.
        """
        standing, arrival, attachment = self._standing, self._arrival, self._attachment
        if standing is None or arrival is None or arrival.done() or self._behind:
            return False
        if attachment.away or not attachment.connection.takes_more:
            return False
        if not self._pace.passes(self._loop.time()):
            return False
        return standing.hears(_answer(reply))

    def _leads_nowhere(self) -> None:
        """Count an item that costs its sender nothing; who sends too many is read more slowly."""
        if self._idle is None:
            self._idle = Bucket(self._pace.rate * IDLE, self._pace.burst * IDLE)
        if not (wait := self._idle.take(self._loop.time())):
            return
        self.connection.pause()  # also where the dialogue has read on meanwhile
        if not self._is_held_back:
            self._is_held_back = True
            self._loop.call_later(wait, self._read_on)

    def _read_on(self) -> None:
        self._is_held_back = False
        if len(self._waiting) < MAX_WAITING:  # else the dialogue reads on when it took some
            self.connection.resume()

    def _put(self, item: FromClient) -> None:
        self._waiting.append(item)
        if len(self._waiting) >= MAX_WAITING:
            self.connection.pause()
        self._wake()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def _catch_up(self) -> None:
        self._behind = False
        await self._attachment.drained()
        # Without a connection nothing is taken, and trying again would wait for nothing.
        if self._standing is not None and not self.is_away and self._error is None:
            await self._standing.catch_up()

    async def _answer(self) -> Answer | None:
        item = await self._next()
        return None if item is None else _answer_of(item)

    def _slow_down(self) -> None:
        if not self._told_to_wait:
            self._told_to_wait = True
            self._limited("limits.replies_per_second", self.address)
            self.tell(_TOO_FAST, kind="notice")

    async def _next(self) -> FromClient | None:
        attachment = self._attachment
        # Without this a person who floods is cut off for not reading his own echo.
        if not attachment.takes_more:
            await attachment.drained()
        if wait := self._pace.take(self._loop.time()):
            self._slow_down()
            await asyncio.sleep(wait)
        while self._behind or not self._waiting:
            if self._behind:
                await self._catch_up()
                continue
            self._arrival = self._loop.create_future()
            await self._arrival
        item = self._waiting.pop(0)
        if attachment.connection.paused:
            # Who asked for TLS is held back until it has begun.
            held = isinstance(item, items.Secure)
            if not held and len(self._waiting) <= MAX_WAITING // 2:
                attachment.connection.resume()
        return item


class _Answers:
    """The answers to a standing question.

    No generator: one that is left early is closed at some later time, by a task of nobody's.
    """

    def __init__(self, take: Callable[[], Awaitable[Answer | None]]) -> None:
        self._take = take

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Answer:
        answer = await self._take()
        if answer is None:
            raise StopAsyncIteration
        return answer


def _answer_of(item: FromClient) -> Answer:
    if not isinstance(item, Reply):
        raise ProtocolError("an answer was expected")
    return _answer(item)


def _answer(reply: Reply) -> Answer:
    return Answer(str(reply.value), reply.mid or "")


def _nobody(upto: int) -> None:
    """Take note of mail that was seen before anybody logged in: there is none."""

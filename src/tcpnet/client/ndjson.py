"""The view for programs: one JSON object a line, out and in.

Out, each with `v` (1) and `ts` (seconds since 1970), ASCII: the hub's items by their `type`, with
the body's own keys and nothing made harmless but by escapes; `{"type": "state", "state": …}`;
`{"type": "error", "code": …, "line": 3}` for a line of input that could not be taken, after which
the exit status is no longer 0. In: `{"id": 7, "value": 5}`
answers question 7; `{"type": "cancel"}`, `{"type": "get", "id": 1, "offset": 0}` and
`{"type": "bye"}` do what they say.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO

from msgspec.structs import replace

from tcpnet.client.entry import PUSHED
from tcpnet.client.link import Link
from tcpnet.client.paper import is_closed_pipe
from tcpnet.client.screen import Entry, Screen, State
from tcpnet.client.stdin import Reading, Source
from tcpnet.client.visit import LEFT, NOT_LET_IN, REFUSED
from tcpnet.errors import TcpnetError, UserError
from tcpnet.protocol import codec
from tcpnet.protocol.items import Data, FromClient, FromServer, Print, Progress, Welcome

VERSION: Final = 1

PATIENCE: Final = 30.0
"""Seconds that the end of input waits for the hub's next sign that the last answer goes on."""

REFUSED_INPUT: Final = 2
"""The exit status where all else went well."""

_LESSON: Final = 'expected one object a line, as {"id": 7, "value": 5}'

_NAMES: Final = {
    list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false",
    type(None): "null",
}  # fmt: skip


class Refused(TcpnetError):
    """A line of input that cannot be taken; `code` is for programs, `at` a character from 1."""

    def __init__(self, code: str, reason: str, at: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.at = at


class Ndjson:
    """Writes every item and state, and takes answers with the id of their question."""

    def __init__(
        self, screen: Screen, link: Link, source: Source, out: TextIO, *, patience: float = PATIENCE
    ) -> None:
        self._screen, self._link, self._source, self._out = screen, link, source, out
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[int] = self._loop.create_future()
        self._ended = False
        self._timer: asyncio.TimerHandle | None = None
        self._lines = 0
        self.refused = 0
        """Lines of input that could not be taken."""

    async def run(self) -> int:
        """Write and answer until the link has ended; the exit status. Raises OSError."""
        self._reading = Reading(self._source, self._take, self._input_ended)
        return await self._over

    def on_item(self, item: FromServer, now: float) -> None:
        """Write an item that the screen has taken."""
        if isinstance(item, Welcome):
            item = replace(item, token=None)  # what proves the name is nobody's to read
        header = json.loads(codec.encode(item))["headers"][0]
        self._write(now, {"type": header["type"], **header["body"]})
        shown = [event for event in self._screen.fresh() if isinstance(event, Entry)]
        if seen := self._screen.shown(shown):
            self._link.send(seen)
        self._give_back(now)
        if isinstance(item, Progress | Data) or (
            isinstance(item, Print) and item.kind not in PUSHED
        ):
            self._start_timer()
        self._leave_at_the_end()

    def on_state(self, state: State, now: float) -> None:
        """Write how the link stands."""
        line: dict[str, object] = {"type": "state", "state": state.phase}
        if state.reason:
            line["reason"] = state.reason
        if state.note:
            line["note"] = state.note
        if state.retry_at is not None:
            line["attempt"] = state.attempt
            line["retry-in"] = round(max(0.0, state.retry_at - self._loop.time()), 3)
        if state.status is not None:
            line["status"] = state.status
        self._write(now, line)
        self._give_back(now)
        if state.status is not None and not self._over.done():
            self._over.set_result(state.status)

    def _give_back(self, now: float) -> None:
        for text in self._screen.unsent():
            self._write(now, {"type": "unsent", "value": text})

    def _write(self, now: float, line: Mapping[str, object]) -> None:
        if self._over.done():
            return
        try:
            self._out.write(json.dumps({"v": VERSION, "ts": round(now, 3), **line}) + "\n")
            self._out.flush()
        except OSError as error:
            if is_closed_pipe(error):
                self._over.set_result(LEFT)
            else:
                self._over.set_exception(error)

    def _take(self, line: str) -> None:
        self._reading.taken()
        self._lines += 1
        if not line.strip():
            return
        try:
            self._obey(_parsed(line))
        except Refused as error:
            self._refuse(error)

    def _refuse(self, error: Refused) -> None:
        self.refused += 1
        what: dict[str, object] = {"type": "error", "code": error.code, "message": str(error)}
        what["line"] = self._lines
        if error.at is not None:
            what["at"] = error.at
        self._write(time.time(), what)

    def _obey(self, wish: dict[str, Any]) -> None:
        match wish:
            case {"type": "bye"}:
                self._link.leave()
            case {"type": "cancel"}:
                self._send(self._screen.cancel())
            case {"type": "get", "id": int(file_id), "offset": int(offset)}:
                self._send(_allowed("stale_id", lambda: self._screen.get(file_id, offset)))
            case {"type": "get"}:
                raise Refused("bad_value", "get has a whole id and offset")
            case {"type": str(other)} if other != "reply":
                raise Refused("unknown_type", f"there is nothing called {other}")
            case {"id": int(id_), "value": str() | int() as value} if not isinstance(value, bool):
                answer = self._screen.answer
                self._send(_allowed("stale_id", lambda: answer(value, question_id=id_)))
            case _:
                raise Refused("bad_value", "an answer has a whole id, and a value: text or whole")

    def _send(self, item: FromClient | None) -> None:
        if item is not None:
            self._link.send(item)

    def _input_ended(self) -> None:
        self._ended = True
        self._start_timer()
        self._leave_at_the_end()

    def _start_timer(self) -> None:
        """Let what waits longer than this wait for nobody."""
        if self._timer:
            self._timer.cancel()
        if self._ended:
            self._timer = self._loop.call_later(self._patience, self._leave)

    def _leave_at_the_end(self) -> None:
        if self._ended and self._screen.question is not None and not self._screen.pending:
            self._leave()

    def _leave(self) -> None:
        if self._screen.client_id is None:
            self._link.leave(NOT_LET_IN, REFUSED)
        else:
            self._link.leave("end of input")


def _parsed(line: str) -> dict[str, Any]:
    try:
        wish = json.loads(line)
    except json.JSONDecodeError as error:
        what = f"{_LESSON}; at character {error.pos + 1}: {error.msg}"
        raise Refused("bad_json", what, error.pos + 1) from error
    except (ValueError, RecursionError) as error:  # a number, or a depth, beyond all measure
        raise Refused("bad_json", f"{_LESSON}: {error}") from error
    if not isinstance(wish, dict):
        raise Refused("bad_json", f"{_LESSON}, not {_NAMES[type(wish)]}", 1)
    return wish


def _allowed(code: str, make: Callable[[], FromClient]) -> FromClient:
    try:
        return make()
    except UserError as error:
        raise Refused(code, str(error)) from error

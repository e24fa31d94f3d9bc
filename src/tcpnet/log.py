"""Logging: to standard error, readable or JSON, each record with its session."""

import json
import logging
import sys
from contextvars import ContextVar
from typing import Final

from tcpnet.outlet import Outlet

session_id: ContextVar[str] = ContextVar("session_id", default="")
"""The session that the running task serves, set by that task."""

_encode: Final = json.JSONEncoder(default=str).encode
"""One for all: `json.dumps` with an argument makes another one for each value."""

# What the standard library puts on every record; all else came in by `extra`.
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}

# A third of what a record costs, and on no line of ours: its caller, thread, process and task. To
# be turned off so, says the standard library's HOWTO on logging under "Optimization".
_UNREAD: Final = (
    "_srcfile",
    "logThreads",
    "logProcesses",
    "logMultiprocessing",
    "logAsyncioTasks",
)


def set_up(level: str, form: str = "text") -> None:
    """Send records of `level` and above to standard error, without waiting for its reader."""
    # None: it was closed before the start, and its number may be a socket's by now.
    handler = Outlet(sys.stderr.fileno()) if sys.stderr else logging.NullHandler()
    handler.setFormatter(_Json() if form == "json" else _Readable())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # asyncio reports every slow callback on debug; whoever wants it asks asyncio.
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    for unread in _UNREAD:
        setattr(logging, unread, None)


def flush() -> None:
    """Wait until what was logged is written; not for long, if nobody reads it."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def _written(value: object) -> str:
    """A value as JSON, ASCII; the plainest without the encoder, which takes ten times as long."""
    if type(value) is int:
        return repr(value)
    if type(value) is bool:
        return "true" if value else "false"
    return _encode(value)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    session = session_id.get()
    fields: dict[str, object] = {"session": session} if session else {}
    for key, value in record.__dict__.items():
        if key not in _STANDARD:
            fields[key] = value
    return fields


class _Readable(logging.Formatter):
    """`12:00:01 info  tcpnet.server session ended reason=quit`: one line a record."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s", "%Y-%m-%d %H:%M:%S")
        self._second, self._shown = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        if self._second != int(record.created):  # one look at the calendar for all of a second
            self._second, self._shown = int(record.created), self.formatTime(record, self.datefmt)
        words = [f"{self._shown} {record.levelname.lower():<7} {record.getMessage()}"]
        words += [f"{key}={_written(value)}" for key, value in _fields(record).items()]
        text = " ".join(words)
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text


class _Json(logging.Formatter):
    """One JSON object a record, ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "at": record.created,
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        fields |= _fields(record)
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return _encode(fields)

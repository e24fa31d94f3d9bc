"""What an origin sends though nobody asked for it: thrown away, and the answer before it kept."""

from typing import Any, Final, NoReturn

from aiohttp.http_exceptions import HttpProcessingError

_END: Final = b"\r\n\r\n"
_LAST_CHUNK: Final = b"\r\n0" + _END

Fed = tuple[list[Any], bool, bytes]
"""What aiohttp's parser makes of bytes: heads with their bodies, a switch, what is behind it."""


class AnswerAlone:
    """Hands aiohttp's parser a head first, and then what follows it (seen with 3.14.5).

    Given both at once with more than the head announces, the parser loses the answer over what
    is behind it; and given a piece of a head behind an answer, it takes the next answer for the
    rest of that. The length in the head holds, and what is behind it belongs to nothing (RFC 9112
    §6.3): the connection is not used again.

    It `is_reusable` for the next answer unless there were trailers, the last of which aiohttp's
    parser takes for a field of that.
    """

    def __init__(self, wire: Any) -> None:
        self._wire = wire
        self._parser = wire._parser
        self.is_reusable = True
        self.begin()

    def begin(self) -> None:
        """Expect an answer, from its head on."""
        self._answer: tuple[Any, Any] | None = None
        self._is_over = False
        self._size = 0
        self._last = b""

    def feed_eof(self) -> Any:
        """Take the end as aiohttp's parser does."""
        return self._parser.feed_eof()

    def pause_reading(self) -> None:
        """Keep the rest of the bytes until there is room for them."""
        self._parser.pause_reading()

    def feed_data(self, data: bytes) -> Fed:
        """Take bytes as aiohttp's parser does; those behind the answer end the connection."""
        data = bytes(data)  # Windows' loop sends a bytearray
        if self._is_over:
            if data:
                self._wire.force_close()
            return [], False, b""
        if self._answer is None:
            return self._begun(data)
        self._follow(*self._answer, data)
        return [], False, b""

    def _begun(self, data: bytes) -> Fed:
        """Take heads, one at a time, up to that of the answer and what came with it."""
        messages: list[Any] = []
        while True:
            at = (self._last + data).find(_END)
            end = len(data) if at < 0 else at + len(_END) - len(self._last)
            head, data = data[:end], data[end:]
            seen = self._last + head
            self._last = b"" if at >= 0 else seen[1 - len(_END) :]
            found, upgraded, tail = self._parser.feed_data(head)
            messages += found
            if found and _is_last(found[-1][0]):
                break
            if not data:
                return messages, upgraded, tail
        if upgraded:
            return messages, upgraded, tail + data
        if at < 0 or seen.count(b"\n") != seen.count(b"\r\n"):
            # After bare line feeds nobody knows how much of this was its body.
            self._wire.force_close()
        self._last = head[-2:]
        message, body = self._answer = found[-1]
        self._follow(message, body, data)
        return messages, upgraded, tail

    def _follow(self, message: Any, body: Any, data: bytes) -> None:
        """Take what follows the head: the body, and nothing else."""
        excess = False
        if data or self._size:
            try:
                found, _, _ = self._parser.feed_data(data)
                excess = bool(found)
            except HttpProcessingError:
                if not body.is_eof():
                    raise
                excess = True
        self._size += len(data)
        self._last = (self._last + data[-len(_LAST_CHUNK) :])[-len(_LAST_CHUNK) :]
        if body.is_eof():
            self._answer, self._is_over = None, True
            if excess or (self._size and not self._is_whole(message, body)):
                self._wire.force_close()

    def _is_whole(self, message: Any, body: Any) -> bool:
        """Tell whether what came ends where the body does."""
        if not message.chunked:
            return bool(self._size == body.total_bytes)
        self.is_reusable = self._last == _LAST_CHUNK
        return self._last.endswith(_END)


class Unasked:
    """Stands where aiohttp has its parser, on a connection that waits for a request.

    What comes is no answer to the next one, so the connection is closed over it.
    """

    def feed_data(self, data: bytes) -> NoReturn:
        """Refuse bytes. Raises HttpProcessingError."""
        raise HttpProcessingError(message=f"{len(data)} bytes that nobody asked for")

    def feed_eof(self) -> None:
        """Take the end: whoever asks next gets another connection."""


UNASKED: Final = Unasked()


def _is_last(message: Any) -> bool:
    """Tell whether this is the answer, and not one that comes before it."""
    return bool(message.code >= 200 or message.code == 101)

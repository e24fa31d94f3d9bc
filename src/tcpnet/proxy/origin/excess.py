"""What an origin sends though nobody asked for it: thrown away, and the answer before it kept."""

from typing import Any, Final, NoReturn

from aiohttp.http_exceptions import HttpProcessingError

_END: Final = b"\r\n\r\n"


class AnswerAlone:
    """Hands aiohttp's parser a head first, and then what follows it (seen with 3.14.5).

    Given both at once with more than the head announces, the parser loses the answer over what
    is behind it. The length in the head holds, and the rest belongs to nothing (RFC 9112 §6.3):
    the connection is not used again.
    """

    def __init__(self, wire: Any) -> None:
        self._wire = wire
        self._parser = wire._parser

    def feed_eof(self) -> Any:
        """Take the end as aiohttp's parser does."""
        return self._parser.feed_eof()

    def feed_data(self, data: bytes) -> tuple[list[Any], bool, bytes]:
        """Take bytes as aiohttp's parser does; step aside once the head was among them."""
        data = bytes(data)  # Windows' loop sends a bytearray
        messages: list[Any] = []
        while True:
            head, end, data = data.partition(_END)
            found, upgraded, tail = self._parser.feed_data(head + end)
            messages += found
            if found and _is_last(found[-1][0]):
                self._wire._parser = self._parser
                return self._followed(messages, upgraded, tail, data)
            if not data:
                return messages, upgraded, tail

    def _followed(
        self, messages: list[Any], upgraded: bool, tail: bytes, rest: bytes
    ) -> tuple[list[Any], bool, bytes]:
        if upgraded or not rest:
            return messages, upgraded, tail + rest
        try:
            found, upgraded, tail = self._parser.feed_data(rest)
        except HttpProcessingError:
            if not messages[-1][1].is_eof():
                raise
            self._wire.force_close()
            return messages, False, b""
        return [*messages, *found], upgraded, tail


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

"""Where the plain view's lines go: one after the other, a prompt at most on the last."""

import errno
from typing import TextIO

from tcpnet.text import clean


class Paper:
    """Text that only grows; what comes while a prompt stands on the line starts a new one.

    Writing raises OSError.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._standing = ""  # the prompt on the last line
        self._unfinished = False

    def write(self, text: str, *, more: bool = False) -> None:
        """Write text and, unless more of it follows, end its line."""
        self.end_line()
        self._out.write(text if more else text + "\n")
        self._unfinished = more

    def prompt(self, text: str) -> None:
        """Let this prompt stand on the last line, unless it does, or a text is not at its end."""
        if text == self._standing or self._unfinished:
            return
        self.end_line()
        self._out.write(text)
        self._standing = text

    def answer(self, text: str) -> None:
        """Write an answer behind its prompt, if that is still there to be answered."""
        if self._standing:
            self._out.write(clean(text) + "\n")
            self._standing = ""

    def end_line(self) -> None:
        """Let what follows begin on a line of its own."""
        if self._standing:
            self._out.write("\n")
            self._standing = ""

    def was_entered(self) -> bool:
        """Note that the terminal itself has ended the line; whether a prompt stood on it."""
        stood, self._standing = bool(self._standing), ""
        return stood

    def flush(self) -> None:
        """Bring everything to whoever reads."""
        self._out.flush()


def is_closed_pipe(error: OSError) -> bool:
    """Whether writing failed because the reader has gone: a pipe's, a window's, Windows' word."""
    return isinstance(error, BrokenPipeError) or error.errno in (errno.EIO, errno.EINVAL)

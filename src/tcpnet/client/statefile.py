"""A small text that the clients of one person share: read at any time, changed one by one."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tcpnet import privatefile
from tcpnet.errors import ConfigError
from tcpnet.lock import turn

WITHIN: Final = 5.0
"""Seconds to wait for other clients that change it: each takes milliseconds, or a slow disk."""


class StateFile:
    """A file that nobody else may read or, without a path, a text that lives as long as this."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._text = ""

    def read(self) -> str:
        """All of it, empty where there is none yet. Raises ConfigError."""
        if self._path is None:
            return self._text
        try:
            return self._path.read_text("utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeError) as error:
            raise ConfigError(f'"{self._path}" cannot be read: {_why(error)}') from error

    def change(self, edit: Callable[[str], str]) -> None:
        """Put what `edit` makes of the text in its place, while nobody else writes.

        Waits up to 5 s for other clients. Raises ConfigError.
        """
        if self._path is None:
            self._text = edit(self._text)
            return
        try:
            with turn(self._path.with_name(f"{self._path.name}.lock"), WITHIN):
                privatefile.write(self._path, edit(self.read()).encode())
        except OSError as error:
            raise ConfigError(f'"{self._path}" cannot be written: {_why(error)}') from error


def _why(error: OSError | UnicodeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)

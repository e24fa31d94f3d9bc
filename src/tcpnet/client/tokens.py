"""What proves the person's names to hubs: secret tokens, in a file that nobody else may read."""

import unicodedata
from pathlib import Path
from typing import Final

from tcpnet import privatefile
from tcpnet.errors import ConfigError

NAME: Final = "tokens"
"""The file, in the client's state directory."""

HEADER: Final = "# Hubs by their keys, your names there, and what proves them. Show it to nobody.\n"


class Tokens:
    """Tokens by the key of a hub and the name, never by address.

    The file is read each time: another client may have got one meanwhile.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._text = ""

    def of(self, key: str, name: str) -> str | None:
        """What proves this name to the hub with this key. Raises ConfigError."""
        for line in self._read().splitlines():
            match line.split():
                case [of, whose, token] if (of, whose) == (key, _filed(name)):
                    return token
        return None

    def keep(self, key: str, name: str, token: str) -> None:
        """Keep a token in the place of the one before. Raises ConfigError."""
        mine = [key, _filed(name)]
        others = [line for line in self._read().splitlines() if line.split()[:2] != mine]
        lines = [*(others or HEADER.splitlines()), " ".join((*mine, token))]
        self._write("\n".join(lines) + "\n")

    def _read(self) -> str:
        if self._path is None:
            return self._text
        try:
            return self._path.read_text("utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f'"{self._path}" cannot be read: {error}') from error

    def _write(self, text: str) -> None:
        self._text = text
        if self._path is None:
            return
        try:
            privatefile.write(self._path, text.encode())
        except OSError as error:
            raise ConfigError(f'"{self._path}" cannot be written: {error.strerror}') from error


def _filed(name: str) -> str:
    """The name as this file has it: whatever its case, and without blanks."""
    return unicodedata.normalize("NFC", "".join(name.split())).casefold()

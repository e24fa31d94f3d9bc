"""What proves the person's names to hubs: secret tokens, in a file that nobody else may read."""

import unicodedata
from pathlib import Path
from typing import Final

from tcpnet.client.statefile import StateFile
from tcpnet.errors import ConfigError

NAME: Final = "tokens"
"""The file, in the client's state directory."""

HEADER: Final = "# Hubs by their keys, your names there, and what proves them. Show it to nobody.\n"


class Tokens:
    """Tokens by the key of a hub and the name, never by address.

    The file is read each time: another client may have got one meanwhile. What was kept here is
    remembered as well: a client that runs is not locked out by a file that lost its token.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file = StateFile(path)
        self._kept: dict[tuple[str, str], str] = {}
        self._unfiled: set[tuple[str, str]] = set()

    def of(self, key: str, name: str) -> str | None:
        """What proves this name to the hub with this key. Raises ConfigError."""
        owner = key, _filed(name)
        if owner in self._unfiled:
            return self._kept[owner]
        try:
            text = self._file.read()
        except ConfigError:
            if owner in self._kept:
                return self._kept[owner]
            raise
        for line in text.splitlines():
            match line.split():
                case [of, whose, token] if (of, whose) == owner:
                    return token
        return self._kept.get(owner)

    def keep(self, key: str, name: str, token: str) -> None:
        """Keep a token in the place of the one before. Raises ConfigError."""
        owner = key, _filed(name)
        self._kept[owner] = token
        self._unfiled.add(owner)
        self._file.change(lambda text: _with(text, owner, token))
        self._unfiled.remove(owner)


def _with(text: str, owner: tuple[str, str], token: str) -> str:
    others = [line for line in text.splitlines() if tuple(line.split()[:2]) != owner]
    lines = [*(others or HEADER.splitlines()), " ".join((*owner, token))]
    return "\n".join(lines) + "\n"


def _filed(name: str) -> str:
    """The name as this file has it: one for all spellings that a hub takes for one name.

    As RFC 8265, 3.3 does it: width, case, composition; and without blanks. Not `casefold`: to hubs
    `Strasse` is somebody else than `Straße`, whose token would be lost to the one of `Strasse`.
    """
    wide = "".join(map(_usual_width, "".join(name.split())))
    return unicodedata.normalize("NFC", wide.lower())


def _usual_width(character: str) -> str:
    width, _, code = unicodedata.decomposition(character).partition(" ")
    return chr(int(code, 16)) if width in ("<wide>", "<narrow>") else character

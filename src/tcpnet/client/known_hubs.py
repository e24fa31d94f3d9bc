"""The hubs that this person has met, each with the key that it showed first."""

from pathlib import Path
from typing import Final

from tcpnet.client.address import Address
from tcpnet.client.statefile import StateFile
from tcpnet.errors import ConfigError

NAME: Final = "known-hubs"
"""The file, in the client's state directory."""

HEADER: Final = "# Hubs and their keys, one a line. tcpnet-client --forget HOST:PORT removes one.\n"


class KnownHubs:
    """Keys by address: in a file that nobody else may read, or, without one, while this lives.

    The file is read each time: another client may have met a hub meanwhile.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._file = StateFile(path)

    def key_of(self, address: Address) -> str | None:
        """The key that this hub showed first. Raises ConfigError where the file is damaged."""
        return self._keys().get(place(address))

    def keep(self, address: Address, key: str) -> None:
        """Know this hub by this key. Raises ConfigError."""
        self._file.change(lambda text: f"{text or HEADER}{place(address)} {key}\n")

    def forget(self, address: Address) -> str | None:
        """Know this hub no longer; the key that it had. Raises ConfigError."""
        gone = self.key_of(address)
        if gone is not None:
            self._file.change(lambda text: _without(text, place(address)))
        return gone

    def _keys(self) -> dict[str, str]:
        keys: dict[str, str] = {}
        for number, line in enumerate(self._file.read().splitlines(), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) != 2:
                # To pass over it would be to meet that hub, or another in its place, as if new.
                raise ConfigError(f"{self._path}, line {number}: not an address and a key")
            keys[words[0]] = words[1]
        return keys


def place(address: Address) -> str:
    """An address as it is written on the command line, with its port."""
    host = address.host.lower()
    return f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"


def _without(text: str, gone: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if line.split()[:1] != [gone])

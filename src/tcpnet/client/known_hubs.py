"""The hubs that this person has met, each with the key that it showed first."""

from pathlib import Path
from typing import Final

from tcpnet import privatefile
from tcpnet.client.address import Address
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
        self._text = ""

    def key_of(self, address: Address) -> str | None:
        """The key that this hub showed first. Raises ConfigError where the file is damaged."""
        return self._keys().get(place(address))

    def keep(self, address: Address, key: str) -> None:
        """Know this hub by this key. Raises ConfigError."""
        self._write(f"{self._read() or HEADER}{place(address)} {key}\n")

    def forget(self, address: Address) -> str | None:
        """Know this hub no longer; the key that it had. Raises ConfigError."""
        gone = self.key_of(address)
        if gone is not None:
            lines = self._read().splitlines(keepends=True)
            self._write("".join(line for line in lines if line.split()[:1] != [place(address)]))
        return gone

    def _keys(self) -> dict[str, str]:
        keys: dict[str, str] = {}
        for number, line in enumerate(self._read().splitlines(), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) != 2:
                # To pass over it would be to meet that hub, or another in its place, as if new.
                raise ConfigError(f"{self._path}, line {number}: not an address and a key")
            keys[words[0]] = words[1]
        return keys

    def _read(self) -> str:
        if self._path is None:
            return self._text
        try:
            return self._path.read_text("utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeError) as error:
            raise ConfigError(f"{self._path}: {_why(error)}") from error

    def _write(self, text: str) -> None:
        self._text = text
        if self._path is None:
            return
        try:
            privatefile.write(self._path, text.encode())
        except OSError as error:
            raise ConfigError(f"{self._path}: {_why(error)}") from error


def place(address: Address) -> str:
    """An address as it is written on the command line, with its port."""
    host = address.host.lower()
    return f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"


def _why(error: OSError | UnicodeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)

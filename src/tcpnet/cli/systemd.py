"""`tcpnet-server systemd`: the unit for a hub that this machine starts by itself."""

import shlex
import shutil
import sys
from argparse import Namespace
from collections.abc import Collection, Iterator, Mapping
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from tcpnet.errors import ConfigError

if TYPE_CHECKING:
    from tcpnet.config import Settings

_FOLDERS: Final = {
    "data_dir": PurePosixPath("/var/lib/tcpnet"),
    "cache_dir": PurePosixPath("/var/cache/tcpnet"),
}
"""Where systemd makes folders for the hub, unless its settings name others."""

_PATHS: Final = (*_FOLDERS, "tls_cert", "tls_key")


def run(given: Namespace, settings: "Settings", origins: Mapping[str, str]) -> int:
    """Print the unit, for this installation and these settings; the exit status.

    `origins`: where those that are no defaults came from, by names as `server.data_dir`. What is
    not in the settings file is written into the unit. Raises ConfigError for what cannot be.
    """
    command = [str(_program())]
    if given.config:
        command += ["--config", str(given.config.absolute())]
    typed = [name for name, origin in origins.items() if origin != str(given.config)]
    settings = _rooted(settings, typed)
    for name in typed:
        command += ["--set", f"{name}={_value(settings, name)}"]
    print(unit(command, "\n".join(_folders(settings, origins))), end="")
    return 0


def _rooted(settings: "Settings", typed: Collection[str]) -> "Settings":
    """The settings with paths that do not depend on where they were typed."""
    from msgspec.structs import replace

    paths = {
        key: str(Path(path).absolute())
        for key in _PATHS
        if f"server.{key}" in typed and (path := getattr(settings.server, key))
    }
    return replace(settings, server=replace(settings.server, **paths))


def _value(settings: "Settings", name: str) -> str:
    import msgspec

    section, _, key = name.partition(".")
    value = getattr(getattr(settings, section), key)
    words = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if not words.isprintable():
        raise ConfigError(f"{name} has line breaks or the like: put it into a file (--config)")
    return words


def unit(command: list[str], folders: str) -> str:
    """The text of the unit that runs this command, with these lines for its folders."""
    text = files("tcpnet.cli").joinpath("tcpnet.service").read_text("utf-8")
    return text.replace("{command}", _escaped(shlex.join(command))).replace("{folders}", folders)


def _folders(settings: "Settings", origins: Mapping[str, str]) -> Iterator[str]:
    """Lines for the folders of the hub; what the settings name is not overruled.

    A default that is written out, as in a copy of the example, names none. Raises ConfigError.
    """
    from tcpnet.config import Settings

    for key, usual in _FOLDERS.items():
        folder, origin = getattr(settings.server, key), origins.get(f"server.{key}")
        if origin is None or folder == getattr(Settings().server, key):
            yield f"Environment=TCPNET_SERVER_{key.upper()}={usual}"
        elif not Path(folder).anchor:
            # Systemd would start the hub in `/`, where an empty name lets it write everywhere.
            raise ConfigError(f"{origin}: server.{key}: a service needs the whole path, from /")
        elif PurePosixPath(folder) != usual:
            yield f"ReadWritePaths={_escaped(shlex.quote(folder))}"


def _escaped(words: str) -> str:
    # Both mean something to systemd.
    return words.replace("%", "%%").replace("$", "$$")


def _program() -> Path:
    """The program that is running, by a path that does not depend on where one is."""
    found = shutil.which(sys.argv[0]) or shutil.which("tcpnet-server") or sys.argv[0]
    return Path(found).absolute()

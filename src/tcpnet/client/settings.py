"""What a person can set: defaults < file < environment < flags, and where each value came from."""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from tcpnet.client.bell import Policy
from tcpnet.errors import ConfigError

ENVIRONMENT: Final = "TCPNET_CLIENT_"
"""`TCPNET_CLIENT_BELL=off` sets `bell`."""

Mode: TypeAlias = Literal["full", "inline", "plain", "json"]
Color: TypeAlias = Literal["auto", "always", "never"]


class Settings(Struct, frozen=True, rename="kebab"):
    """Every setting; a key of the file is a flag without its two hyphens."""

    host: str | None = None
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    name: str | None = None
    mode: Mode = "full"
    color: Color = "auto"
    bell: Policy = "mention"
    scrollback: Annotated[int, Meta(ge=100, le=10_000_000)] = 100_000
    """Entries kept."""
    reconnect: bool = True
    timeout: Annotated[float, Meta(gt=0, le=3600)] = 10.0
    """Seconds for a dial, and again for the hub's first word."""
    clear: bool = False
    """Talk to a hub elsewhere that does not encrypt."""
    state_dir: str = ""
    """Where the keys of hubs are kept; empty for the usual place."""
    password_file: str = ""
    """Its first line answers the password asked before the hub lets the person in."""
    log: str = ""
    trace: str = ""
    answers: tuple[str, ...] = ()
    """Given by `-e`: answered in order before anything is read."""


class Source(Struct, frozen=True):
    """Some values by key, and where they came from."""

    name: str
    values: Mapping[str, Any]


def load(
    flags: Mapping[str, Any], environ: Mapping[str, str], path: Path | None
) -> tuple[Settings, dict[str, str], list[str]]:
    """Lay the sources over each other: settings, each key's origin, and warnings.

    `path`: a file the person named, which must be there; without one the usual place is looked at.
    Raises ConfigError.
    """
    from_file, warnings = _from_file(path or usual_path(environ), required=path is not None)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for source in (from_file, _from_environment(environ), Source("flag", flags)):
        for key, value in source.values.items():
            values[key] = _checked(key, value, source.name)
            origins[key] = source.name
    return msgspec.convert(values, Settings), origins, warnings


def usual_path(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Where the settings file is, by the custom of the platform."""
    if platform == "win32":
        folder = _folder(environ, platform, "APPDATA", "AppData", "Roaming")
    else:
        folder = _folder(environ, platform, "XDG_CONFIG_HOME", ".config")
    return folder / "tcpnet" / "client.toml"


def state_folder(
    settings: Settings, environ: Mapping[str, str], platform: str = sys.platform
) -> Path:
    """Where the client keeps what it has learnt; by the custom of the platform unless it is set.

    As platformdirs has it, which would take longer to load than all the rest of this.
    """
    if settings.state_dir:
        return Path(settings.state_dir)
    if platform == "win32":
        folder = _folder(environ, platform, "LOCALAPPDATA", "AppData", "Local")
    else:
        folder = _folder(environ, platform, "XDG_STATE_HOME", ".local", "state")
    return folder / "tcpnet"


def _folder(environ: Mapping[str, str], platform: str, variable: str, *usual: str) -> Path:
    home = Path(environ.get("USERPROFILE" if platform == "win32" else "HOME", "~"))
    if platform == "darwin":
        return home / "Library" / "Application Support"
    return Path(environ.get(variable) or home.joinpath(*usual))


def render(settings: Settings, origins: Mapping[str, str]) -> Iterator[str]:
    """Lines of a settings file with these values, each with where it came from."""
    for key, value in msgspec.to_builtins(settings).items():
        shown = f"# {key} =" if value is None else f"{key} = {msgspec.json.encode(value).decode()}"
        yield f"{shown}  # {origins.get(key, 'default')}"


def _from_file(path: Path, *, required: bool) -> tuple[Source, list[str]]:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        if required:
            raise ConfigError(f"{path}: {error.strerror}") from error
        return Source(str(path), {}), []
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    import tomllib

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    known = {key: value for key, value in table.items() if key in _SETTABLE}
    unknown = [
        f"{path}, line {_line_of(key, text)}: there is no setting {key}"
        for key in table
        if key not in _SETTABLE
    ]
    return Source(str(path), known), unknown


def _from_environment(environ: Mapping[str, str]) -> Source:
    values: dict[str, Any] = {}
    if environ.get("NO_COLOR"):
        values["color"] = "never"
    if environ.get("TCPNET_INLINE", "0") not in ("", "0"):
        values["mode"] = "inline"
    for key in sorted(_SETTABLE):
        variable = ENVIRONMENT + key.upper().replace("-", "_")
        if variable in environ:
            values[key] = _Words(environ[variable])
    return Source("environment", values)


class _Words(str):
    """A value from the environment, to be read after the type of its key."""

    __slots__ = ()


_KEYS: Final = {field.encode_name: field.type for field in msgspec.structs.fields(Settings)}
_SETTABLE: Final = _KEYS.keys() - {"answers"}


def _checked(key: str, value: Any, source: str) -> Any:
    strict = not isinstance(value, _Words)
    try:
        return msgspec.convert(str(value) if not strict else value, _KEYS[key], strict=strict)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {key}: {_words_of(key) or error}") from error


def _words_of(key: str) -> str:
    """Which words a setting takes, where it takes no others."""
    if get_origin(_KEYS[key]) is not Literal:
        return ""
    *words, last = get_args(_KEYS[key])
    return f"wanted is {', '.join(words)} or {last}"


def _line_of(key: str, text: str) -> int:
    """The line that sets a key, or opens a table of its name; 1 where it is written otherwise."""
    pattern = re.compile(rf"\s*\[*\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    lines = enumerate(text.splitlines(), 1)
    return next((number for number, line in lines if pattern.match(line)), 1)

"""Typed settings of the server: defaults < file < environment < flags."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_origin

import msgspec
import msgspec.inspect
from msgspec import Meta, Struct

from tcpnet.errors import ConfigError

ENVIRONMENT: Final = "TCPNET_"
"""`TCPNET_ROOMS_HISTORY_LINES=5` sets `rooms.history_lines`."""


PRIVATE: Final = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
"""Loopback, private and link-local networks: whoever calls from there is at home here."""

Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the settings file; `docs/tcpnet.example.toml` explains every key."""


class Server(Section, frozen=True):
    """Where the hub listens and keeps its things."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 12005
    data_dir: str = ""
    cache_dir: str = "cache"
    ephemeral: bool = False
    tls_cert: str = ""
    tls_key: str = ""
    motd: str = ""
    fast_loop: bool = True
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"


class Rooms(Section, frozen=True):
    """Chat rooms."""

    history_lines: Count = 20
    keep_empty_days: Count = 7
    keep_days: Count = 90
    keep_lines: Count = 20_000
    max_rooms: Count = 1000


class Mail(Section, frozen=True):
    """Messages to one person."""

    max_unread: Annotated[int, Meta(ge=1)] = 1000


class Menu(Section, frozen=True):
    """What people are offered."""

    hidden: tuple[int, ...] = ()


class Limits(Section, frozen=True):
    """What one person, or one address, may take."""

    connections: Count = 10_000
    connections_per_address: Count = 50
    new_connections_per_second: Seconds = 10
    count_loopback: bool = False
    handshake_seconds: Seconds = 10
    login_seconds: Seconds = 120
    silence_seconds: Seconds = 60
    grace_seconds: Seconds = 60
    stall_seconds: Seconds = 300
    replies_per_second: Seconds = 20
    reply_burst: Count = 100
    outbox_bytes: Count = 256 * 1024
    memory_bytes: Count = 256 << 20
    frame_bytes: Annotated[int, Meta(ge=32_768, le=65_536)] = 65_536
    name_length: Annotated[int, Meta(ge=1, le=32)] = 32
    room_id_length: Annotated[int, Meta(ge=1, le=64)] = 64


class Accounts(Section, frozen=True):
    """Names and who owns them."""

    idle_days: Count = 30
    require_password: bool = False
    failures_per_account: Count = 5
    failures_per_address: Count = 20


class Cache(Section, frozen=True):
    """The pages that are kept."""

    max_bytes: Count = 1 << 30
    max_files: Count = 100_000
    max_page_bytes: Count = 64 << 20
    memory_bytes: Count = 64 << 20
    default_lifetime: Seconds = 300
    targeted_fields: tuple[str, ...] = ()


class Proxy(Section, frozen=True):
    """Fetching pages for people."""

    port: Annotated[int, Meta(ge=0, le=65_535)] | Literal[""] = ""
    clients: tuple[str, ...] = PRIVATE
    require_login: bool = False
    connections: Count = 1000
    connections_per_address: Count = 100
    connect_ports: tuple[Annotated[int, Meta(ge=1, le=65_535)], ...] = (443,)
    allow: tuple[str, ...] = ()
    show_bytes: Count = 1 << 20
    max_bytes: Count = 1 << 30


class Discovery(Section, frozen=True):
    """Being found on the network."""

    announce: bool = False
    name: str = ""


class Metrics(Section, frozen=True):
    """Figures for a monitoring program."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] | Literal[""] = ""


class Settings(Section, frozen=True):
    """All settings; each section is a table of the file."""

    server: Server = Server()
    menu: Menu = Menu()
    rooms: Rooms = Rooms()
    mail: Mail = Mail()
    limits: Limits = Limits()
    accounts: Accounts = Accounts()
    cache: Cache = Cache()
    proxy: Proxy = Proxy()
    discovery: Discovery = Discovery()
    metrics: Metrics = Metrics()


class Source(Struct, frozen=True):
    """Where some settings came from, and their values by section and key."""

    name: str
    tables: Mapping[str, Mapping[str, Any]]
    text: bool = False  # values are words of a command line, to be read after the key's type


def merge(sources: Iterable[Source]) -> tuple[Settings, dict[str, str]]:
    """Lay sources over the defaults, later ones on top; also where each key came from.

    Raises ConfigError naming the key and its source.
    """
    tables: dict[str, dict[str, Any]] = {}
    origins: dict[str, str] = {}
    for source in sources:
        for section, key, value in _entries(source):
            tables.setdefault(section, {})[key] = _checked(section, key, value, source)
            origins[f"{section}.{key}"] = source.name
    return msgspec.convert(tables, Settings), origins


def data_dir(settings: Settings) -> Path:
    """Where the hub keeps what must last."""
    import platformdirs  # who only reads settings does without it

    return Path(settings.server.data_dir or platformdirs.user_data_dir("tcpnet", appauthor=False))


def from_file(path: Path) -> Source:
    """Read a settings file. Raises ConfigError."""
    try:
        text = path.read_text("utf-8")
        return Source(str(path), tomllib.loads(text))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error


def from_environment(environ: Mapping[str, str]) -> Source:
    """Take `TCPNET_SECTION_KEY` variables; others with the prefix are not ours to judge."""
    tables: dict[str, dict[str, str]] = {}
    for variable, value in sorted(environ.items()):
        for section in Settings.__struct_fields__:
            prefix = f"{ENVIRONMENT}{section.upper()}_"
            if variable.startswith(prefix):
                tables.setdefault(section, {})[variable.removeprefix(prefix).lower()] = value
    return Source("environment", tables, text=True)


def from_flags(assignments: Iterable[str], source: str = "--set") -> Source:
    """Read `section.key=value` words. Raises ConfigError."""
    tables: dict[str, dict[str, str]] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        section, dot, key = name.strip().partition(".")
        if not equals or not dot:
            raise ConfigError(f"{source} {assignment}: the form is section.key=value")
        tables.setdefault(section, {})[key] = value.strip()
    return Source(source, tables, text=True)


def render(settings: Settings, origins: Mapping[str, str]) -> Iterator[str]:
    """Lines of a settings file with these values, each with where it came from."""
    for section in settings.__struct_fields__:
        yield f"[{section}]"
        table = getattr(settings, section)
        for key in table.__struct_fields__:
            value = _toml(getattr(table, key))
            yield f"{key} = {value}  # {origins.get(f'{section}.{key}', 'default')}"
        yield ""


def _entries(source: Source) -> Iterator[tuple[str, str, Any]]:
    for section, table in source.tables.items():
        if section not in Settings.__struct_fields__:
            raise ConfigError(f"{source.name}: there is no section {section}")
        if not isinstance(table, Mapping):
            raise ConfigError(f"{source.name}: {section} is a section, not a value")
        for key, value in table.items():
            yield section, key, value


def _checked(section: str, key: str, value: Any, source: Source) -> Any:
    kinds = {field.name: field.type for field in msgspec.structs.fields(_section(section))}
    if key not in kinds:
        raise ConfigError(f"{source.name}: there is no setting {section}.{key}")
    try:
        if source.text and get_origin(kinds[key]) is tuple:
            value = _listed(value)
        return msgspec.convert(value, kinds[key], strict=not source.text)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        wanted = _wanted(msgspec.inspect.type_info(kinds[key]))
        raise ConfigError(f"{source.name}: {section}.{key}: wanted is {wanted}") from error


def _listed(words: str) -> Any:
    """A list as typed: `4,6`, or `[4, 6]` as in the file. Raises TOMLDecodeError."""
    if words.lstrip().startswith("["):
        # In one line: nothing behind the list is taken for a key of its own.
        return tomllib.loads(f"list = {' '.join(words.splitlines())}")["list"]
    return [word.strip() for word in words.split(",") if word.strip()]


def _wanted(kind: msgspec.inspect.Type, *, many: bool = False) -> str:
    """What a setting of this type takes, in words."""
    match kind:
        case msgspec.inspect.VarTupleType(item_type=item):
            return f"a list of {_wanted(item, many=True)}"
        case msgspec.inspect.UnionType(types=types):
            return " or ".join(_wanted(each) for each in types)
        case msgspec.inspect.LiteralType(values=values):
            return " or ".join(str(value) or "nothing" for value in values)
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.IntType(ge=least, le=most):
            return ("whole numbers" if many else "a whole number") + _within(least, most)
        case msgspec.inspect.FloatType(ge=least, le=most):
            return ("numbers" if many else "a number") + _within(least, most)
        case _:
            return "texts" if many else "a text"


def _within(least: float | None, most: float | None) -> str:
    if most is not None:
        return f" from {least} to {most}"
    return "" if least is None else f", {least} or more"


def _section(name: str) -> type[Section]:
    found: type[Section] = type(getattr(Settings(), name))
    return found


def _toml(value: Any) -> str:
    # JSON's strings, numbers, booleans and lists of them are TOML's too.
    return msgspec.json.encode(value).decode()

"""What may keep a hub from running well on this machine, and what to do about it.

Nothing is changed, and nobody is connected to but the site that was named.
"""

import errno
import platform
import shutil
import socket
import sqlite3
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from tcpnet import __version__
from tcpnet.broker import checkup
from tcpnet.config import Settings, data_dir
from tcpnet.errors import ConfigError
from tcpnet.lock import NAME as LOCK
from tcpnet.lock import FolderLock
from tcpnet.net import keys
from tcpnet.proxy.store.folder import is_foreign
from tcpnet.server.operation import descriptors

DIALLING: Final = 5.0
"""Seconds for the site that was named to answer."""
_LOW: Final = 256 << 20
_EMPTY: Final = 16 << 20
_DAY: Final = 86_400.0
_SOON: Final = 30 * _DAY
# No hub is older than its program; years ahead, pages count as stale and names stay as they are.
_EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)


T = TypeVar("T")


class Level(IntEnum):
    """How bad it is; the worst one is the exit status."""

    OK = 0
    WARNING = 1
    FAILURE = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it is, and what to do where it is not well."""

    about: str
    level: Level
    words: str
    advice: str = ""


def examine(settings: Settings, *, now: float, uplink: str = "") -> Iterator[Finding]:
    """Look at everything; `now` is what the machine believes it is (UTC seconds)."""
    folder = data_dir(settings)
    runs = _runs(folder)
    yield _versions()
    yield from _ports(settings, runs=runs)
    if not settings.server.ephemeral:
        yield from _folder("data", folder, "--data-dir")
        yield from _store(folder, now)
    yield from _folder("cache", Path(settings.server.cache_dir), "--cache-dir")
    yield from _cache(Path(settings.server.cache_dir))
    yield _clock(now)
    yield _descriptors(settings.limits.connections)
    yield from _tls(settings, now)
    if uplink:
        yield from _uplink(uplink)


def _ok(about: str, words: str) -> Finding:
    return Finding(about, Level.OK, words)


def _warning(about: str, words: str, advice: str) -> Finding:
    return Finding(about, Level.WARNING, words, advice)


def _failure(about: str, words: str, advice: str) -> Finding:
    return Finding(about, Level.FAILURE, words, advice)


def _versions() -> Finding:
    parts = {
        "tcpnet": __version__,
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "aiohttp": version("aiohttp"),
        "msgspec": version("msgspec"),
    }
    listed = ", ".join(f"{name} {number}" for name, number in parts.items())
    return _ok("versions", f"{listed}, {ssl.OPENSSL_VERSION}, {platform.system() or sys.platform}")


def _runs(folder: Path) -> bool:
    """Whether a hub has this data directory now."""
    if not (folder / LOCK).exists():
        return False
    try:
        with FolderLock(folder, "data directory"):
            return False
    except ConfigError as error:
        return "another hub" in str(error)


def _ports(settings: Settings, *, runs: bool) -> Iterator[Finding]:
    wanted = {
        "port": (settings.server.host, settings.server.port),
        "proxy port": (settings.server.host, settings.proxy.port),
        "metrics port": (settings.metrics.host, settings.metrics.port),
    }
    for about, (host, port) in wanted.items():
        if isinstance(port, int):
            yield _port(about, host, port, runs=runs)


def _port(about: str, host: str, port: int, *, runs: bool) -> Finding:
    try:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE and runs:
            return _ok(about, f"{host}/{port} is in use, and a hub is running here")
        if error.errno == errno.EADDRINUSE:
            return _failure(
                about,
                f"{host}/{port} is in use by another program",
                "end that program, or choose another port",
            )
        why = str(error.strerror).partition(" (while")[0]  # what follows says the address again
        return _failure(
            about,
            f"{host}/{port} cannot be had: {why}",
            "choose an address of this machine and a port above 1023",
        )
    if runs and port and about == "port":
        return _warning(
            about,
            f"{host}/{port} is free, though a hub is running here",
            "it listens somewhere else: give the same settings as at its start",
        )
    return _ok(about, f"{host}/{port} is free" if port else "any free port will be taken")


def _folder(about: str, folder: Path, flag: str) -> Iterator[Finding]:
    """Whether it can be written, or made, and how full its disk is."""
    there = next((path for path in (folder, *folder.absolute().parents) if path.exists()), folder)
    try:
        with tempfile.NamedTemporaryFile(dir=there, prefix=".doctor-"):
            pass
        usage = shutil.disk_usage(there)
    except OSError as error:
        yield _failure(
            about,
            f'"{folder}" cannot be written: {error.strerror}',
            f"let the hub's user write it, or name another folder ({flag})",
        )
        return
    state = "can be written" if there == folder else "will be made"
    words = f'"{folder}" {state}; {_bytes(usage.free)} of {_bytes(usage.total)} are free'
    if usage.free < _EMPTY:
        yield _failure(about, words, "make room: soon nothing can be saved")
    elif usage.free < _LOW:
        yield _warning(about, words, "make room, or lower cache.max_bytes and rooms.keep_days")
    else:
        yield _ok(about, words)
    if sys.platform != "win32" and there == folder and folder.stat().st_mode & 0o077:
        yield _warning(
            about,
            f'others on this machine can look into "{folder}"',
            f'chmod 700 "{folder}"',
        )


def _cache(folder: Path) -> Iterator[Finding]:
    try:
        foreign = folder.is_dir() and is_foreign(folder)
    except OSError:
        return  # said already
    if foreign:
        yield _failure(
            "cache",
            f'"{folder}" holds files that are not tcpnet\'s',
            "name an empty folder (--cache-dir)",
        )


def _store(folder: Path, now: float) -> Iterator[Finding]:
    try:
        found = checkup.look(folder)
    except OSError as error:
        advice = "run this as the hub's user"
        yield _failure("store", f"it cannot be read: {error.strerror}", advice)
        return
    if found is None:
        yield _ok("store", "none yet: it is made at the first start")
        return
    if found.flaw:
        yield _failure(
            "store",
            found.flaw,
            "restore the last backup (tcpnet-server restore FILE); what is there is kept beside it",
        )
        return
    yield _ok("store", f"sound, {_bytes(found.size)}")
    if now < found.changed_at - _DAY:
        yield _warning(
            "clock",
            f"the store was changed last on {_date(found.changed_at)}, which is yet to come",
            "set the clock: lines get its dates",
        )


def _clock(now: float) -> Finding:
    words = f"it is {datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC"
    if _EARLIEST.timestamp() <= now < _LATEST.timestamp():
        return _ok("clock", words)
    return _warning(
        "clock",
        words,
        "set the clock: lines get its dates, and https pages cannot be fetched with a wrong one",
    )


def _descriptors(connections: int) -> Finding:
    allowed, wanted = descriptors.allowed(), connections + descriptors.BESIDE
    if allowed is None:
        return _ok("descriptors", "this system sets no limit")
    words = f"{allowed:,} files and connections may be open"
    if allowed >= wanted:
        return _ok("descriptors", words)
    people = max(allowed - descriptors.BESIDE, 0)
    return _warning(
        "descriptors",
        f"{words}: enough for {people:,} people, and limits.connections is {connections:,}",
        f"raise it to {wanted} (LimitNOFILE of systemd, ulimit -n), or lower limits.connections",
    )


def _tls(settings: Settings, now: float) -> Iterator[Finding]:
    server = settings.server
    own = data_dir(settings) / keys.NAME
    if not server.tls_cert and (server.ephemeral or not own.exists()):
        yield _ok("key", "none yet: it is made at the first start")
        return
    certificate = Path(server.tls_cert) if server.tls_cert else own
    try:
        identity = keys.given(certificate, Path(server.tls_key) if server.tls_key else None)
    except ConfigError as error:
        advice = "name a certificate and its own key, both in PEM (server.tls_cert, server.tls_key)"
        restored = "restore it from a backup: without it clients refuse the hub as a stranger"
        yield _failure("key", str(error), advice if server.tls_cert else restored)
        return
    yield _ok("key", identity.fingerprint)
    secret = Path(server.tls_key) if server.tls_key else certificate
    if sys.platform != "win32" and secret.stat().st_mode & 0o077:
        yield _warning(
            "key", f'others on this machine can read "{secret}"', f'chmod 600 "{secret}"'
        )
    yield from _validity(certificate, now)


def _validity(certificate: Path, now: float) -> Iterator[Finding]:
    from cryptography import x509

    found = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
    advice = "renew it with the same key: our clients go by the key, others may go by the date"
    if now < begins.timestamp():
        yield _warning("key", f"the certificate is valid from {begins:%Y-%m-%d} on", advice)
    elif now > ends.timestamp():
        yield _warning("key", f"the certificate was valid until {ends:%Y-%m-%d}", advice)
    elif now > ends.timestamp() - _SOON:
        yield _warning("key", f"the certificate is valid until {ends:%Y-%m-%d}", advice)


def _uplink(target: str) -> Iterator[Finding]:
    """Look a name up and connect to it, port 443 unless another one is given."""
    site = _tried("names", lambda: _site(target), "the form is HOST, HOST:PORT or [IPv6]:PORT")
    if isinstance(site, Finding):
        yield site
        return
    host, _ = site
    found = _tried(
        "names",
        lambda: socket.getaddrinfo(*site, type=socket.SOCK_STREAM),
        "check the name server of this machine; without it only kept pages can be shown",
    )
    if isinstance(found, Finding):
        yield found
        return
    yield _ok("names", f"{host} is {found[0][4][0]}")
    reached = _tried(
        "uplink",
        lambda: socket.create_connection(site, DIALLING).close(),
        "check cable, modem and firewall; meanwhile kept pages are shown",
    )
    yield reached if isinstance(reached, Finding) else _ok("uplink", f"{host} answers")


def _site(target: str) -> tuple[str, int]:
    """Host and port; raises ValueError."""
    parts = urlsplit(f"//{target}")
    return parts.hostname or "", parts.port or 443


def _tried(about: str, attempt: Callable[[], T], advice: str) -> T | Finding:
    try:
        return attempt()
    except (OSError, ValueError) as error:  # a name that cannot be one is a ValueError
        why = (error.strerror if isinstance(error, OSError) else "") or error
        return _warning(about, f"down: {why}", advice)


def _bytes(number: float) -> str:
    """So many bytes, to read."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"

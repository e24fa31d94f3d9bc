"""`tcpnet-server`: run a hub, or tell a running one what its operator wants.

Nothing is imported before it is needed: `--version` takes hardly longer than Python itself.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from tcpnet import __version__
from tcpnet.errors import ConfigError

if TYPE_CHECKING:
    import asyncio
    from argparse import ArgumentParser, Namespace

    from tcpnet.config import Settings, Source
    from tcpnet.net.tcp import Listener

# What has a flag of its own, and the setting behind it.
_FLAGS = {
    "host": ("server", "host"),
    "port": ("server", "port"),
    "data_dir": ("server", "data_dir"),
    "cache_dir": ("server", "cache_dir"),
    "tls_cert": ("server", "tls_cert"),
    "tls_key": ("server", "tls_key"),
    "proxy_port": ("proxy", "port"),
    "log_level": ("server", "log_level"),
    "metrics_port": ("metrics", "port"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit status, as `operator.STATUSES` says."""
    arguments = sys.argv[1:] if argv is None else argv
    if list(arguments) in (["--version"], ["-V"]):
        print(f"tcpnet {__version__}")
        return 0
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except ConfigError as error:
        print(f"tcpnet-server: {error}", file=sys.stderr)
        return 2


def _parser() -> "ArgumentParser":
    import argparse

    from tcpnet.cli import operator

    parser = argparse.ArgumentParser(
        prog="tcpnet-server",
        description="A hub for one LAN: user list, messages, chat rooms and a shared web cache."
        " Without a command it runs until Ctrl-C.",
        epilog=operator.STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_settings(parser)
    parser.add_argument("--print-config", action="store_true", help="show the settings and end")
    parser.add_argument("-V", "--version", action="version", version=f"tcpnet {__version__}")
    operator.add_commands(parser, lambda command: _add_settings(command, "_behind"))
    return parser


def _add_settings(parser: "ArgumentParser", where: str = "") -> None:
    """Let settings be given to a hub, or to a command about one.

    `where` keeps apart what may be given both before a command and behind it.
    """
    from pathlib import Path

    parser.add_argument("--host", help="address to listen at (127.0.0.1; 0.0.0.0 for the LAN)")
    parser.add_argument("--port", type=int, help="port to listen at (12005; 0 takes a free one)")
    parser.add_argument("--data-dir", metavar="DIR", help="where accounts, mail and rooms are kept")
    parser.add_argument("--cache-dir", metavar="DIR", help="where fetched pages are kept (cache)")
    parser.add_argument("--config", metavar="FILE", type=Path, help="settings file in TOML")
    parser.add_argument("--ephemeral", action="store_true", help="keep everything in memory")
    parser.add_argument(
        "--proxy-port",
        type=int,
        metavar="N",
        help="port for browsers, curl, pip and the like (none; 0 takes a free one)",
    )
    parser.add_argument(
        "--proxy-allow",
        dest=f"proxy_allow{where}",
        metavar="CIDR",
        action="append",
        help="a network inside which pages may be fetched, such as 192.168.1.0/24",
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate to encrypt with, PEM")
    parser.add_argument("--tls-key", metavar="FILE", help="its key, PEM (in the same file)")
    parser.add_argument(
        "--metrics-port",
        metavar="N",
        type=int,
        help="serve /metrics and /healthz to this machine (none; 0 takes a free one)",
    )
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"))
    parser.add_argument(
        "--set",
        dest=f"set{where}",
        metavar="SECTION.KEY=VALUE",
        action="append",
        help="any other setting",
    )


def _run(options: "Namespace") -> int:
    from tcpnet import config
    from tcpnet.cli import doctor, operator, systemd

    if options.command == "doctor":
        return doctor.run(options, lambda: config.merge(_sources(options))[0])
    settings, origins = config.merge(_sources(options))
    if options.print_config:
        print("\n".join(config.render(settings, origins)).rstrip())
        return 0
    if options.command == "systemd":
        return systemd.run(options, settings, origins)
    if options.command:
        return operator.run(options, config.data_dir(settings))
    return _serve(settings)


def _sources(options: "Namespace") -> Iterator["Source"]:
    from tcpnet import config

    if options.config:
        yield config.from_file(options.config)
    yield config.from_environment(os.environ)
    for flag, (section, key) in _FLAGS.items():
        if (value := getattr(options, flag)) is not None:
            yield config.Source(f"--{flag.replace('_', '-')}", {section: {key: value}})
    if options.ephemeral:
        yield config.Source("--ephemeral", {"server": {"ephemeral": True}})
    if allowed := _given(options, "proxy_allow"):
        yield config.Source("--proxy-allow", {"proxy": {"allow": allowed}})
    yield config.from_flags(_given(options, "set"))


def _given(options: "Namespace", name: str) -> list[str]:
    """What was given before a command, and behind it."""
    behind: list[str] = getattr(options, f"{name}_behind", None) or []
    return [*(getattr(options, name) or []), *behind]


def _serve(settings: "Settings") -> int:
    import asyncio
    import faulthandler

    from tcpnet import log
    from tcpnet.server import loops
    from tcpnet.server.operation import descriptors

    descriptors.allow(settings.limits.connections + descriptors.BESIDE)
    log.set_up(settings.server.log_level, settings.server.log_format)
    if sys.stderr:
        faulthandler.enable()  # where it was, should the interpreter itself break down
    loop = loops.choose(fast=settings.server.fast_loop)
    try:
        with (
            suppress(KeyboardInterrupt),  # Ctrl-C before the handlers stood
            asyncio.Runner(loop_factory=loop.make) as runner,
        ):
            runner.run(_until_stopped(settings, loop.name))
    finally:
        log.flush()  # before the trace of whatever ended it
    return 0


async def _until_stopped(settings: "Settings", loop: str) -> None:
    import asyncio

    from tcpnet.server.listening import bound

    stop = asyncio.Event()
    _on_signals(stop.set)
    with await bound(settings) as listener:
        # Whoever calls from here on waits until the hub stands, and is not refused.
        await _stand(settings, listener, loop, stop)


async def _stand(
    settings: "Settings", listener: "Listener", loop: str, stop: "asyncio.Event"
) -> None:
    """Run the hub, telling where it listens, until it is stopped."""
    import logging

    from tcpnet.net.limits import is_loopback
    from tcpnet.server.app import running
    from tcpnet.server.operation import supervisor

    log = logging.getLogger(__name__)
    async with running(settings, listener) as hub:
        _collect_less()
        log.info("started", extra={"loop": loop})
        for line in _announcement(hub.addresses):
            print(line, flush=True)
        for host, port in hub.proxy_addresses:
            print(f"Proxy listening at {host}/{port}", flush=True)
        if hub.metrics_address:
            host, port = hub.metrics_address
            print(f"Figures at http://{host}:{port}/metrics", flush=True)
        if any(not is_loopback(host) for host, _ in hub.addresses):
            print(f"The key of this hub is {hub.community.identity.fingerprint}", flush=True)
        supervisor.tell(supervisor.READY)
        await stop.wait()
        supervisor.tell(supervisor.STOPPING)
    log.info("ended")


def _collect_less() -> None:
    """Look for cycles seldom, and never among what stays until the end.

    Most of what a hub holds is people: with 10,000 of them each look at everything takes a
    while, and finds nothing, as sessions leave no cycles behind that grow.
    """
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` in the loop at Ctrl-C and SIGTERM; on Windows at Ctrl-Break too.

    That is what one program can send another there.
    """
    import asyncio
    import signal

    loop = asyncio.get_running_loop()
    if sys.platform == "win32":
        # asyncio's loop takes no handlers there, and winloop only the one of Ctrl-C.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
    else:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)


def _announcement(addresses: Sequence[tuple[str, int]]) -> Iterator[str]:
    """Where the hub listens, and what to type elsewhere in the LAN."""
    from tcpnet.net.reach import reachable

    for host, port in addresses:
        yield f"Server listening at {host}/{port}"
    for host, port in addresses:
        for address in reachable(host):
            shown = f"[{address}]" if ":" in address else address
            yield f"tcpnet-client {shown}:{port}"


if __name__ == "__main__":
    sys.exit(main())

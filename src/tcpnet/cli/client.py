"""`tcpnet-client`: argv, the choice of a view, and the exit status.

Nothing heavy is imported before it is needed: `--version` and `--help` load no event loop, and
only the full screen loads its toolkit.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, Final, TextIO

from tcpnet import __version__
from tcpnet.errors import ConfigError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from tcpnet.client.settings import Mode, Settings

PROGRAM: Final = "tcpnet-client"

INTERNAL: Final = 1
USAGE: Final = 2
NOT_CONNECTED: Final = 3
INTERRUPTED: Final = 130

_STATUSES: Final = """exit status:
  0  asked to leave: by the menu, by ^D, by the end of input
  1  an error of this program
  2  wrong usage or settings, or (--json) input that could not be taken
  3  could not connect
  4  the connection was lost
  5  refused by the hub, or the hub itself: its key has changed, or it does not encrypt
  6  the two did not understand each other
  129, 130, 143  hang-up, interrupt, termination"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the client; the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if list(arguments) in (["--version"], ["-V"]):
        print(f"{PROGRAM} {__version__}")
        return 0
    parser = _parser()
    options, unknown = parser.parse_known_args(arguments)
    try:
        if unknown:
            _check_port_apart(options.address, unknown)
            parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        return _run(options)
    except ConfigError as error:
        return _complain(str(error), USAGE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if isinstance(cause := _cause(error), OSError):  # a full disk, no more descriptors
            return _complain(str(cause), INTERNAL)
        return _confess(error, options.log)


def _parser() -> "ArgumentParser":
    import argparse

    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Talk with the people of a tcpnet hub. What is not given is asked.",
        epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("address", nargs="?", metavar="HOST[:PORT]", help="the hub; an IPv6 number in brackets")
    add("--host", help="the hub's name or number")
    add("--port", help="the hub's port (12005 where only a host is given)")
    add("--name", help="your name")
    views = parser.add_mutually_exclusive_group()
    for mode, text in (
        ("inline", "no screen of its own: lines scroll by, as screen readers like it"),
        ("plain", "text and nothing else; chosen by itself for pipes and dumb terminals"),
        ("json", "one JSON object a line, for programs"),
    ):
        views.add_argument(f"--{mode}", dest="mode", action="store_const", const=mode, help=text)
    add("--color", choices=("auto", "always", "never"), help="colours of the terminal's palette")
    add("--bell", choices=("off", "mention", "all"), help="what rings (default: mention)")
    add("--scrollback", metavar="N", type=int, help="lines kept (default: 100000)")
    add(
        "--no-reconnect", dest="reconnect", action="store_const", const=False,
        help="leave when the connection is lost",
    )  # fmt: skip
    add("--timeout", metavar="S", type=float, help="seconds to wait for the hub (default: 10)")
    add(
        "--clear", action="store_const", const=True,
        help="talk to a hub elsewhere that does not encrypt; others can read along",
    )  # fmt: skip
    add(
        "--forget", metavar="HOST[:PORT]",
        help="forget the key of this hub, and do nothing else; its next key is taken as its first",
    )  # fmt: skip
    add("--find", action="store_true", help="list the hubs of this network, and do nothing else")
    add("--state-dir", dest="state-dir", metavar="DIR", help="where the keys of hubs are kept")
    add(
        "--password-file", dest="password-file", metavar="FILE",
        help="answer the password that the hub asks at the door with the first line of this",
    )  # fmt: skip
    add("--config", metavar="FILE", help="settings file (TOML), instead of the usual one")
    add("--log", metavar="FILE", help="write what happens to the connection here")
    add(
        "-e", dest="answers", metavar="ANSWER", action="append",
        help="answer the next question with this; plain leaves after the last one",
    )  # fmt: skip
    add("--trace", metavar="FILE", help="write all that goes over the wire here, but no secret")
    add("--print-config", action="store_true", help="show the settings, and where each came from")
    add("-V", "--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser


def _check_port_apart(address: str | None, words: Sequence[str]) -> None:
    """Raise ConfigError, with the right form, for a port in a word of its own, as telnet has it."""
    from tcpnet.client.address import split

    if address and len(words) == 1 and words[0].isdecimal():
        host, port = split(address)
        if port is None:
            host = f"[{host}]" if ":" in host else host
            raise ConfigError(f"write HOST:PORT: {PROGRAM} {host}:{words[0]}")


def _run(options: "Namespace") -> int:
    from pathlib import Path

    from msgspec.structs import replace

    from tcpnet.client import settings

    path = Path(options.config) if options.config else None
    chosen, origins, warnings = settings.load(_flags(options), os.environ, path)
    for warning in warnings:
        _complain(warning, 0)
    if options.print_config:
        print("\n".join(settings.render(chosen, origins)))
        return 0
    if options.find:
        return _find(chosen)
    if options.forget is not None:
        return _forget(chosen, options.forget)
    return _talk(replace(chosen, mode=_view_for(chosen.mode)))


def _flags(options: "Namespace") -> dict[str, Any]:
    """What was given on the command line, by the names of settings."""
    from tcpnet.client.address import port_number, split

    given = {
        key: value
        for key, value in vars(options).items()
        if value is not None and key not in ("address", "config", "find", "forget", "print_config")
    }
    if options.port is not None:
        given["port"] = port_number(options.port)
    if options.address is not None:
        host, port = split(options.address)
        if options.host is not None or (port is not None and options.port is not None):
            raise ConfigError("the address is given twice")
        given["host"] = host
        if port is not None:
            given["port"] = port
    return given


def _find(chosen: "Settings") -> int:
    """List the hubs that answer, with what is known of each."""
    import asyncio
    import json

    from tcpnet.client import discovery
    from tcpnet.client.app import known_hubs
    from tcpnet.client.known_hubs import place

    try:
        hubs = asyncio.run(discovery.find())
    except discovery.CannotFind as error:
        return _complain(f"hubs cannot be looked for: {error}. Ask for the address", USAGE)
    known = known_hubs(chosen)
    with _output() as out:
        for hub in hubs:
            row = {"name": hub.name, "address": place(hub.address), "key": hub.key}
            row["known"] = discovery.standing(hub, known)
            print(json.dumps(row) if chosen.mode == "json" else "  ".join(row.values()), file=out)
    return 0 if hubs else _complain("no hub answered; perhaps none announces itself", NOT_CONNECTED)


def _forget(chosen: "Settings", hub: str) -> int:
    """Know a hub no longer, and say what was known."""
    from tcpnet.client.address import DEFAULT_PORT, Address, split
    from tcpnet.client.app import known_hubs

    host, port = split(hub)
    address = Address(host, port or DEFAULT_PORT)
    key = known_hubs(chosen).forget(address)
    if key is None:
        return _complain(f"no key of {address} is known", USAGE)
    print(f"The key of {address} is forgotten: {key}")
    return 0


def _view_for(mode: "Mode") -> "Mode":
    """The view that was asked for, or plain where the terminal can do no more."""
    if mode == "json":
        return mode
    able = _is_terminal(sys.stdin) and _is_terminal(sys.stdout)
    if sys.platform != "win32":
        able = able and os.environ.get("TERM", "dumb") not in ("", "dumb")
    return mode if able else "plain"


def _is_terminal(stream: Any) -> bool:
    return stream is not None and stream.isatty()


def _talk(settings: "Settings") -> int:
    from tcpnet.client.questions import Unanswered, ask_for
    from tcpnet.client.stdin import Given, standard_input

    if settings.mode == "json" and (settings.host is None or settings.name is None):
        raise ConfigError("--json asks nothing: give HOST and --name")
    given = settings.mode == "plain" and settings.answers
    # JSON is UTF-8 (RFC 8259, 8.1), also where pipes have another encoding, as on Windows.
    encoding = "utf-8" if settings.mode == "json" else None
    source = Given(settings.answers) if given else standard_input(encoding)
    with ExitStack() as files:
        out = files.enter_context(_output())
        trace = files.enter_context(_appended(settings.trace)) if settings.trace else None
        if settings.log:
            _log_to(files.enter_context(_appended(settings.log)))
        try:
            address, name = ask_for(settings.host, settings.port, settings.name, source, out)
        except Unanswered as error:
            return 0 if source.terminal else _complain(str(error), USAGE)
        # Late, so that the questions are there at once.
        import asyncio

        from tcpnet.client.app import live

        end = asyncio.run(live(settings, address, name, source=source, out=out, trace=trace))
    status = end.status or 0
    return _complain(end.reason, status) if USAGE <= status < 128 else status


@contextmanager
def _output() -> Iterator[TextIO]:
    """Standard output, for any character; a reader that has gone is no error at the end."""
    out = sys.stdout
    if not isinstance(out, TextIOWrapper):  # closed by whoever started us
        with os.fdopen(os.open(os.devnull, os.O_WRONLY), "w") as nowhere:
            yield nowhere
        return
    out.reconfigure(errors="backslashreplace")
    try:
        yield out
    finally:
        try:
            out.flush()
        except OSError:
            # What is left in the buffer would be tried, and complained about, again at the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _appended(path: str) -> TextIO:
    """Open a file that nobody else may read, to write at its end. Raises ConfigError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    return os.fdopen(descriptor, "a", encoding="ascii", errors="backslashreplace")


def _log_to(file: TextIO) -> None:
    import logging
    import time

    handler = logging.StreamHandler(file)
    form = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    form.converter = time.gmtime
    handler.setFormatter(form)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _cause(error: Exception) -> Exception:
    """What went wrong first, of several tasks."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _complain(text: str, status: int) -> int:
    if sys.stderr is not None:
        print(f"{PROGRAM}: {text}", file=sys.stderr)
    return status


def _confess(error: Exception, log: str | None) -> int:
    """Tell of an error of our own: in one line and the log, or all of it where there is none."""
    import traceback

    if not log:
        traceback.print_exception(error)
        return _complain("this is an error of the program itself", INTERNAL)
    with _appended(log) as file:
        traceback.print_exception(error, file=file)
    return _complain(f"an error of the program itself: {error!r}; see {log}", INTERNAL)


if __name__ == "__main__":
    sys.exit(main())

"""`tcpnet-server users`, `kick`, `backup` and the others: what an operator asks of his hub.

A running hub is asked over its socket on loopback; its store is never opened beside it.
"""

import argparse
import json
import os
import re
import socket
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tcpnet import text
from tcpnet.cli import doctor
from tcpnet.errors import BrokerError, ConfigError, TcpnetError, UserError

if TYPE_CHECKING:
    from tcpnet.server.operation.orders import Answer, Door, Order

DONE: Final = 0
REFUSED: Final = 1
NOT_RUNNING: Final = 3

STATUSES: Final = """exit status:
  0  done
  1  refused, for the reason given
  2  wrong usage or settings
  3  no hub is running on this data directory"""

ANSWERING: Final = 60.0
"""Seconds for the next line of an answer; a backup may take as long as it likes."""

_DIALLING: Final = 5.0
_HOST: Final = "127.0.0.1"
_TIME: Final = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class NotRunning(TcpnetError):
    """There is no hub to ask."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f'no hub is running on the data directory "{folder}" (another one: --data-dir)'
        )


def add_commands(
    parser: argparse.ArgumentParser, add_settings: Callable[[argparse.ArgumentParser], None]
) -> None:
    """Let `tcpnet-server` take the operator's commands; `add_settings` those of a hub."""
    commands = parser.add_subparsers(
        dest="command", metavar="[COMMAND]", title="commands for the operator of a hub"
    )

    def command(
        name: str, words: str, parent: argparse.ArgumentParser | None = None
    ) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            parents=[parent or _common()],
            help=words,
            description=f"{words[0].upper()}{words[1:]}.",
            epilog=STATUSES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    command("users", "list who is connected, from where")
    command("kick", "disconnect somebody").add_argument("who", metavar="NAME-OR-ID")
    banned = command("ban", "keep a name, an address or a network out")
    banned.add_argument("who", metavar="NAME-OR-ADDRESS", help="Alice, 192.0.2.7, 192.0.2.0/24")
    banned.add_argument("--reason", metavar="TEXT", default="", help="told to who is kept out")
    banned.add_argument(
        "--for", dest="seconds", metavar="TIME", type=_seconds, help="90m, 12h, 7d (for good)"
    )
    freed = command("unban", "let a name, an address or a network in again")
    freed.add_argument("who", metavar="NAME-OR-ADDRESS")
    command("bans", "list who is banned")
    for name, words in (
        ("release", "let whoever comes next with a name have it, mailbox and all"),
        ("op", "make somebody an operator in the chat rooms"),
        ("deop", "make somebody no longer an operator"),
    ):
        command(name, words).add_argument("who", metavar="NAME-OR-ID")
    command("say", "tell everybody who is connected something").add_argument(
        "words", metavar="WORDS", nargs="+"
    )
    command("invite", "make a code that lets one new person in")
    saved = command("backup", "copy a hub, running or not, into a new file")
    saved.add_argument("file", metavar="FILE", type=Path)
    restored = command("restore", "go back to a backup; the hub must be stopped")
    restored.add_argument("file", metavar="FILE", type=Path)
    whole = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    add_settings(whole)
    command("systemd", "print a unit that lets systemd run a hub", whole)
    whole.add_argument("--json", action="store_true", help="one JSON object a row")
    doctor.add_options(command("doctor", "find what may keep a hub from running well", whole))
    cache = command("cache", "list or forget the web pages that a hub keeps")
    actions = cache.add_subparsers(dest="action", metavar="list|purge", required=True)
    actions.add_parser("list", parents=[_common()], help="all pages, the last used first")
    purged = actions.add_parser("purge", parents=[_common()], help="forget a page")
    purged.add_argument("url", metavar="URL")


def _common() -> argparse.ArgumentParser:
    # Without defaults: they would hide what was given before the command.
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--data-dir", metavar="DIR", help="the data directory of the hub")
    common.add_argument("--config", metavar="FILE", type=Path, help="its settings file")
    common.add_argument("--json", action="store_true", help="one JSON object a row")
    return common


def _seconds(typed: str) -> int:
    if not (found := _TIME.fullmatch(typed)):
        raise argparse.ArgumentTypeError(f"{typed}: the form is 90m, 12h or 7d")
    return int(found[1]) * _SECONDS[found[2]]


def run(given: Namespace, folder: Path) -> int:
    """Carry out a command on the hub of this data directory; the exit status."""
    if isinstance(sys.stdout, TextIOWrapper):  # a name may have letters that this terminal lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        match given.command:
            case "backup":
                _back_up(given, folder)
            case "restore":
                _restore(given, folder)
            case _:
                _show(_asked(folder, _order(given), ANSWERING), as_json="json" in given)
    except NotRunning as error:
        return _complain(error, NOT_RUNNING)
    except (UserError, BrokerError) as error:
        return _complain(error, REFUSED)
    except BrokenPipeError:  # `cache list | head`; what is left to write goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _complain(error: Exception, status: int) -> int:
    print(f"tcpnet-server: {text.clean(str(error))}", file=sys.stderr)
    return status


def _order(given: Namespace) -> "Order":
    from tcpnet.server.operation import orders

    match given.command:
        case "users":
            return orders.Users()
        case "kick":
            return orders.Kick(given.who)
        case "ban":
            return orders.AddBan(given.who, given.reason, given.seconds)
        case "unban":
            return orders.LiftBan(given.who)
        case "bans":
            return orders.ListBans()
        case "release":
            return orders.Release(given.who)
        case "op" | "deop":
            return orders.Promote(given.who, operator=given.command == "op")
        case "say":
            return orders.Say(" ".join(given.words))
        case "invite":
            return orders.Invite()
        case "cache" if given.action == "list":
            return orders.ListPages()
        case "cache":
            return orders.PurgePage(given.url)
    raise AssertionError(given.command)


def _back_up(given: Namespace, folder: Path) -> None:
    """Have a running hub copy itself, or copy one that is stopped."""
    from tcpnet.lock import FolderLock
    from tcpnet.server.operation import orders

    file = given.file.absolute()
    try:
        _show(_asked(folder, orders.BackUp(str(file)), None), as_json=False)
    except NotRunning:
        from tcpnet.broker import backup
        from tcpnet.net import keys

        if not folder.exists():
            raise
        with FolderLock(folder, "data directory"):
            size = backup.copy(folder, file, [keys.NAME])
        print(f'"{file}" holds the hub, which is not running: {size:,} bytes.')


def _restore(given: Namespace, folder: Path) -> None:
    from datetime import UTC, datetime

    from tcpnet.broker import backup
    from tcpnet.lock import FolderLock
    from tcpnet.net import keys

    with _unmade_on_failure(folder), ExitStack() as held:
        try:
            held.enter_context(FolderLock(folder, "data directory"))
        except ConfigError as error:
            raise UserError(f"{error}; stop it first") from error
        aside = backup.restore(given.file, folder, [keys.NAME], now=datetime.now(UTC))
    print(f'The hub in "{folder}" is the one of "{given.file}".')
    if aside is not None:
        print(f'What was there before is in "{aside}".')


@contextmanager
def _unmade_on_failure(folder: Path) -> Iterator[None]:
    """Remove the folders that are made here on the way to a failure, and the lock in them."""
    from tcpnet.lock import NAME

    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        with suppress(OSError):  # somebody else has put something there
            if made and [path.name for path in folder.iterdir()] == [NAME]:
                (folder / NAME).unlink()
            for path in made:
                path.rmdir()
        raise


def _asked(folder: Path, order: "Order", patience: float | None) -> Iterator["Answer"]:
    """Give an order to the hub of a folder; its answer, line by line.

    `patience`: seconds for the next line. Raises NotRunning, and UserError for a refusal.
    """
    import msgspec

    from tcpnet.server.operation import orders

    door = _door(folder)
    request = orders.Request(key=door.key, order=msgspec.Raw(msgspec.json.encode(order)))
    try:
        line = socket.create_connection((_HOST, door.port), timeout=_DIALLING)
    except OSError as error:
        raise NotRunning(folder) from error
    with line, line.makefile("rb") as answers:
        line.settimeout(patience)
        try:
            line.sendall(msgspec.json.encode(request) + b"\n")
            while True:
                answer = msgspec.json.decode(
                    answers.readline(orders.MAX_ANSWER), type=orders.Answer
                )
                if isinstance(answer, orders.Refused):
                    raise UserError(answer.reason)
                yield answer
                if isinstance(answer, orders.Done):
                    return
        except TimeoutError as error:
            raise UserError("the hub does not answer") from error
        except (OSError, msgspec.DecodeError) as error:
            # It ended meanwhile, or had ended long before and another program has its port.
            raise NotRunning(folder) from error


def _door(folder: Path) -> "Door":
    from tcpnet.server.operation import orders

    try:
        door = orders.find(folder)
    except OSError as error:
        raise UserError(f'"{folder / orders.NAME}" cannot be read: {error.strerror}') from error
    if door is None:
        raise NotRunning(folder)
    return door


def _show(answers: Iterable["Answer"], *, as_json: bool) -> None:
    """Print the rows of an answer as a table, and what it comes to."""
    from tcpnet.server.operation.orders import Done, Row

    told = list(answers)
    rows = [answer.cells for answer in told if isinstance(answer, Row)]
    if as_json:
        lines: Iterable[str] = map(json.dumps, rows)
    else:
        done = (text.clean(answer.message) for answer in told if isinstance(answer, Done))
        lines = chain(_table(rows), done)
    for line in lines:
        print(line)
    sys.stdout.flush()


def _table(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """The rows under their headings, numbers to the right; nothing for no rows."""
    if not rows:
        return
    heads = [name.upper() for name in rows[0]]
    cells = [
        ["" if cell is None else text.clean(str(cell)) for cell in row.values()] for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    numeric = [isinstance(cell, int) for cell in rows[0].values()]
    for line in (heads, *cells):
        fields = zip(line, widths, numeric, strict=True)
        shown = (cell.rjust(width) if right else cell.ljust(width) for cell, width, right in fields)
        yield "  ".join(shown).rstrip()

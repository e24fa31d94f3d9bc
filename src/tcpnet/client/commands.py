"""Slash words of the client's own: a table, and one function each."""

from collections.abc import Callable
from typing import Final, cast, get_args

from msgspec import Struct
from msgspec.structs import replace

from tcpnet.client.bell import Policy
from tcpnet.client.desk import Desk
from tcpnet.client.help import WIDTH, help_text
from tcpnet.client.question import unknown
from tcpnet.client.saving import create
from tcpnet.errors import UserError


class Command(Struct, frozen=True):
    """A row of the table; what `run` returns goes to the status line."""

    word: str
    argument: str
    summary: str
    run: Callable[[Desk, str], str]
    needs_pane: bool = False
    """Of no use where the terminal scrolls by itself."""


class Commands:
    """The words of this view, and what they do."""

    def __init__(self, *, pane: bool) -> None:
        """Offer all words or, without a pane, those that are of use there."""
        self._pane = pane
        self._known = (Command("/help", "", "keys and words", self._help), *COMMANDS)

    @property
    def offered(self) -> list[str]:
        """The words that are not refused."""
        return [command.word for command in self.rows]

    def run(self, desk: Desk, word: str, argument: str) -> str:
        """Do what a word says; raises UserError for one that is not known, or misused."""
        for command in self._known:
            if command.word == word.casefold():
                if command.needs_pane and not self._pane:
                    raise UserError("scroll and search as your terminal does")
                return command.run(desk, argument)
        raise UserError(unknown(word))

    @property
    def rows(self) -> list[Command]:
        """The table of those words, in the order of the help."""
        return [command for command in self._known if self._pane or not command.needs_pane]

    def _help(self, desk: Desk, _argument: str) -> str:
        rows = [
            (f"{command.word} {command.argument}".strip(), command.summary) for command in self.rows
        ]
        words = desk.question.words if desk.question else ()
        width = desk.talk.view.layout.width or WIDTH
        desk.reading.open(help_text(rows, words, width, pane=self._pane))
        return ""


def _search(desk: Desk, needle: str) -> str:
    if not needle:
        raise UserError("/search TEXT")
    if desk.reading.search(needle):
        return ""
    raise UserError(f"nowhere: {needle}")


def _unread(desk: Desk, _argument: str) -> str:
    return "" if desk.view.next_mark() else "nothing unread, no mention"


def _top(desk: Desk, _argument: str) -> str:
    desk.view.top()
    return ""


def _end(desk: Desk, _argument: str) -> str:
    desk.reading.close()
    desk.view.follow()
    return ""


def _clear(desk: Desk, _argument: str) -> str:
    desk.talk.view.clear()
    return ""


def _name_colours(desk: Desk, argument: str) -> str:
    layout = desk.talk.view.layout
    layout.look = replace(layout.look, name_colours=_switch(argument, "/nick-colors on|off"))
    return f"colours of names are {argument}"


def _raw(desk: Desk, argument: str) -> str:
    layout = desk.talk.view.layout
    layout.look = replace(layout.look, raw=_switch(argument, "/raw on|off"))
    return f"emoji as they came: {argument}"


def _bell(desk: Desk, argument: str) -> str:
    if argument not in get_args(Policy):
        raise UserError(f"/bell off|mention|all (now: {desk.bell.policy})")
    desk.bell.policy = cast(Policy, argument)
    return f"the bell rings for: {argument}"


def _ignore(desk: Desk, argument: str) -> str:
    ignored = desk.talk.ignored
    if not argument:
        return "ignored: " + (", ".join(sorted(ignored)) or "nobody")
    name = argument.casefold()
    if name in ignored:
        ignored.discard(name)
        return f"{argument} is heard again"
    ignored.add(name)
    return f"{argument} is ignored until you leave, or say /ignore {argument} again"


def _page(desk: Desk, argument: str) -> str:
    desk.reading.open(desk.page(_number(argument or "1", "/page [N]")).text)
    return ""


def _save(desk: Desk, argument: str) -> str:
    name, _, number = argument.rpartition(" ")
    if not (name and number.isdecimal()):
        name, number = argument, ""
    if not name:
        raise UserError("/save FILE [N]")
    if not number and desk.screen.files:
        desk.pull(list(desk.screen.files.values())[-1], name)
        return ""  # the status says how far it is
    page = desk.page(_number(number or "1", "/save FILE [N]"))
    path = create(name, page.text.encode())
    kept = "" if page.complete else f" (only the first {path.stat().st_size:,} bytes were kept)"
    return f"saved {name}{kept}"


def _reconnect(desk: Desk, _argument: str) -> str:
    desk.way.redial()
    return ""


def _quit(desk: Desk, _argument: str) -> str:
    desk.leave()
    return desk.notice


def _switch(argument: str, usage: str) -> bool:
    if argument not in ("on", "off"):
        raise UserError(usage)
    return argument == "on"


def _number(argument: str, usage: str) -> int:
    if not argument.isdecimal():
        raise UserError(usage)
    return int(argument)


COMMANDS: Final = (
    Command("/search", "TEXT", "search for it, as ^F does", _search, needs_pane=True),
    Command(
        "/unread",
        "",
        "go to the next mention, or to where the unread lines begin",
        _unread,
        needs_pane=True,
    ),
    Command("/top", "", "go to the oldest line", _top, needs_pane=True),
    Command("/end", "", "follow the newest line", _end, needs_pane=True),
    Command("/clear", "", "empty the pane", _clear, needs_pane=True),
    Command("/nick-colors", "on|off", "colours for names", _name_colours),
    Command("/bell", "off|mention|all", "what the terminal rings for", _bell),
    Command("/ignore", "NAME", "hide what somebody says in rooms, or show it again", _ignore),
    Command("/page", "[N]", "read the last long page, or the N-th from the end; Esc closes", _page),
    Command("/save", "FILE [N]", "write that page, or the file offered last, to a new file", _save),
    Command("/raw", "on|off", "show emoji as they came, though lines may shift", _raw),
    Command("/reconnect", "", "let go of the connection and dial anew", _reconnect),
    Command("/quit", "", "leave", _quit),
)
"""All but the help itself, in its order."""

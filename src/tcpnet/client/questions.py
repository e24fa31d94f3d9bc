"""What the client itself asks: which hub, and by what name."""

from typing import TextIO

from tcpnet.client.address import DEFAULT_HOST, DEFAULT_PORT, Address, port_number, split
from tcpnet.client.paper import Paper
from tcpnet.client.stdin import Source
from tcpnet.errors import ConfigError, TcpnetError


class Unanswered(TcpnetError):
    """The input ended before everything needed was known."""


def ask_for(
    host: str | None, port: int | None, name: str | None, source: Source, out: TextIO
) -> tuple[Address, str]:
    """Ask for what is not known yet; nothing typed takes the usual host or port.

    With a host and no port, the usual port is meant. HOST:PORT, as a hub shows it, answers both.
    Raises Unanswered and OSError.
    """
    desk = _Desk(source, Paper(out))
    if host is None:
        host, given = desk.ask_host()
        port = given or port or desk.ask_port()
    if name is None:
        name = desk.ask("Your id key (i.e your name): ")
    return Address(host, DEFAULT_PORT if port is None else port), name


class _Desk:
    def __init__(self, source: Source, paper: Paper) -> None:
        self._source, self._paper = source, paper

    def ask(self, prompt: str) -> str:
        self._paper.prompt(prompt)
        self._paper.flush()
        line = self._source.read_line()
        if line is None:
            self._paper.end_line()
            raise Unanswered(f"the input ended at: {prompt.strip()}")
        if self._source.terminal:
            self._paper.was_entered()
        self._paper.answer(line)
        return line.strip()

    def ask_host(self) -> tuple[str, int | None]:
        while True:
            text = self.ask("Enter the server IP Address: ")
            try:
                return split(text or DEFAULT_HOST)
            except ConfigError as error:
                self._paper.write(str(error))

    def ask_port(self) -> int:
        while True:
            text = self.ask("Enter the server port: ")
            try:
                return port_number(text) if text else DEFAULT_PORT
            except ConfigError as error:
                self._paper.write(str(error))

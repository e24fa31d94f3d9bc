"""A password out of a file, for who starts the client without being there to type it."""

from pathlib import Path

from tcpnet.client.link import Link
from tcpnet.client.screen import Screen, State
from tcpnet.errors import ConfigError
from tcpnet.protocol.items import FromServer, Input


def read(path: str) -> str:
    """The first line of a file. Raises ConfigError."""
    try:
        text = Path(path).expanduser().read_text("utf-8")
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    password = text.partition("\n")[0].removesuffix("\r")
    if not password:
        raise ConfigError(f"{path}: the first line is empty")
    return password


class Doorman:
    """Answers the first secret that the hub asks before it lets the person in, once a connection.

    No later one: a question inside may be somebody else's business, as a site's password is. It
    listens behind the screen, and before any view.
    """

    def __init__(self, password: str, screen: Screen, link: Link) -> None:
        self._password, self._screen, self._link = password, screen, link
        self._used = False

    def on_item(self, item: FromServer, _now: float) -> None:
        """Answer the question, if it is the one."""
        question = self._screen.question
        outside = self._screen.state.phase == "greeting"
        if isinstance(item, Input) and outside and question and question.secret and not self._used:
            self._used = True
            self._link.send(self._screen.answer(self._password))

    def on_state(self, state: State, _now: float) -> None:
        """Be ready for each connection."""
        if state.phase == "connecting":
            self._used = False

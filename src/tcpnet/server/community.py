"""The bundle that dialogues are given."""

from dataclasses import dataclass, field

from tcpnet.chat.accounts import Accounts
from tcpnet.chat.habits import HabitBook
from tcpnet.chat.mailboxes import Mailboxes
from tcpnet.chat.places import Places
from tcpnet.chat.presence import Presence
from tcpnet.chat.rooms import Rooms
from tcpnet.config import Settings
from tcpnet.proxy.fetcher import Fetcher
from tcpnet.proxy.proxy import WebProxy
from tcpnet.server.session import Session


@dataclass(frozen=True, slots=True)
class Community:
    """Everything a dialogue may use besides its session."""

    hub: str
    settings: Settings
    accounts: Accounts
    presence: Presence
    mailboxes: Mailboxes
    rooms: Rooms
    places: Places
    habits: HabitBook
    web: WebProxy
    origins: Fetcher
    sessions: dict[str, Session] = field(default_factory=dict)

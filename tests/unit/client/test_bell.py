"""The bell: for whom it rings, and how often."""

import pytest

from tcpnet.client.bell import PAUSE, Bell, Policy
from tcpnet.client.entry import Entry

CHAT = Entry(message="Bob> hi", kind="chat", sender="Bob", room="den")
MENTION = Entry(message="Bob> Nina!", kind="chat", sender="Bob", room="den", mention=True)
MAIL = Entry(message="hi (from: Bob)", kind="direct", sender="Bob")
NOTICE = Entry(message="New message from Bob.", kind="notice", sender="Bob")
OWN = Entry(message="Nina> hi", kind="chat", sender="Nina", own=True)
EARLIER = Entry(message="Bob> Nina!", kind="chat", mention=True, earlier=True, replayed=True)
LISTED = Entry(message="hi (from: Bob)", kind="direct", sender="Bob", replayed=True)
ROOM_NOTICE = Entry(message="Bob closed it.", kind="notice", sender="Bob", room="den")
INFO = Entry(message="Users in server: Nina:50851")


@pytest.mark.parametrize(
    ("policy", "ringing"),
    [
        ("off", []),
        ("mention", [MENTION, MAIL, NOTICE]),
        ("all", [CHAT, MENTION, MAIL, NOTICE]),
    ],
)
def test_the_policy_decides_what_rings(policy: Policy, ringing: list[Entry]) -> None:
    """Never one's own lines, never history, never what the hub says."""
    entries = [CHAT, MENTION, MAIL, NOTICE, OWN, EARLIER, LISTED, ROOM_NOTICE, INFO]

    rang = [entry for entry in entries if Bell(policy).rings(entry, 0.0)]

    assert rang == ringing


def test_it_rings_at_most_once_in_its_pause() -> None:
    """A flood of mentions is one ring, and another after the pause."""
    bell = Bell("mention")

    rang = [at for at in (10.0, 10.1, 11.9, 12.0, 12.1) if bell.rings(MENTION, at)]

    assert rang == [10.0, 10.0 + PAUSE]


def test_what_may_not_ring_starts_no_pause() -> None:
    """An own line right before a mention does not swallow its ring."""
    bell = Bell("mention")

    assert not bell.rings(OWN, 10.0)
    assert bell.rings(MENTION, 10.1)

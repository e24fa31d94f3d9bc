"""Logging in, the menu, the user list and the mailbox, over the wire."""

import re

import pytest

from tcpnet.chat.mailboxes import MAX_MESSAGE
from tcpnet.protocol.items import PROTOCOL, Bye, Hello, Seen, Status, Welcome
from tests.hub import Town, town

MENU = """
****** TCP Client-Server Network ******
-----------------------
Options Available:
1. Get user list
2. Sent a message
3. Get my messages
4. Create a new chat room
5. Join an existing chat room
6. Turn web proxy server on
7. Disconnect from server
8. List chat rooms
9. Account
"""


async def test_the_id_is_assigned_and_acknowledged_before_the_menu_comes(hub: Town) -> None:
    """The handshake of the brief."""
    nina = await hub.dials("Nina")

    nina.send(Hello(protocol=PROTOCOL, agent="test", id_key="Nina"))
    welcome: Welcome = await nina.gets(Welcome)
    await nina.settled()
    before = list(nina.messages())
    nina.send(Status(ok=True))

    assert welcome.name == "Nina"
    assert 10_000 <= welcome.client_id <= 99_999
    assert before == []
    assert (await nina.sees("Options")).message == MENU


async def test_a_name_in_use_is_asked_again(hub: Town) -> None:
    """Whatever its case, a name belongs to whoever holds it while connected."""
    await hub.person("Nina")
    other = await hub.dials("NINA")

    other.send(Hello(protocol=PROTOCOL, agent="test", id_key="NINA"))
    await other.sees("The name NINA is in use. Please choose another one.")
    await other.answers("Your id key (i.e your name): ", "Jose")

    welcome: Welcome = await other.gets(Welcome)
    assert welcome.name == "Jose"


@pytest.mark.parametrize(
    "name", ["", "12345", "a:b", "a,b", "a>b", "a b", "x" * 33, "a\x1b", "\u0301a"]
)
async def test_a_name_that_could_forge_a_line_is_asked_again(hub: Town, name: str) -> None:
    """Only letters, marks, digits and three signs, with at least one letter."""
    person = await hub.dials(name)

    person.send(Hello(protocol=PROTOCOL, agent="test", id_key=name))

    assert (await person.sees("name")).kind == "error"
    await person.asked("Your id key (i.e your name): ")


async def test_a_name_keeps_its_id(hub: Town) -> None:
    """Whoever comes back under a name has the id it had."""
    first = await hub.person("Nina")
    ids = [item.client_id for item in first.seen if isinstance(item, Welcome)]
    await first.leaves()
    await first.gone()

    again = await hub.person("nina")

    assert ids == [item.client_id for item in again.seen if isinstance(item, Welcome)]


async def test_the_user_list_names_everybody_with_id(hub: Town) -> None:
    """Option 1, as in the brief."""
    jose, nina = await hub.people("Jose", "Nina")

    await jose.chooses(1)

    users = (await jose.sees("Users in server:")).message
    assert re.fullmatch(r"Users in server: Jose:\d{5}, Nina:\d{5}", users)
    await nina.leaves()
    await nina.gone()
    await jose.chooses(1)
    assert re.fullmatch(r"Users in server: Jose:\d{5}", (await jose.sees("Users")).message)


@pytest.mark.parametrize("typed", ["0", "10", "42", "-1", "abc", "", " ", "1.5", "٣", "9" * 40])
async def test_a_wrong_option_gets_a_sentence_and_the_question_again(hub: Town, typed: str) -> None:
    """Never an error, never the end."""
    ann = await hub.person("ann")

    await ann.chooses(typed)  # type: ignore[arg-type]

    assert (await ann.sees("Please enter a number from 1 to 9.")).kind == "error"
    await ann.chooses(1)
    await ann.sees("Users in server: ann:")


@pytest.mark.parametrize("by_id", [True, False])
async def test_mail_goes_by_id_or_name_and_is_shown_as_in_the_brief(hub: Town, by_id: bool) -> None:
    """Options 2 and 3."""
    nina, jose = await hub.people("Nina", "Jose")
    welcome = next(item for item in jose.seen if isinstance(item, Welcome))

    await nina.chooses(2)
    await nina.answers("Enter your message: ", "Hello World!")
    await nina.answers("Enter recipent id: ", str(welcome.client_id) if by_id else "jose")
    await nina.sees("Message sent!")
    await jose.sees("New message from Nina.")
    await jose.chooses(3)

    await jose.sees("My messages:")
    message = await jose.sees("Hello World!")
    shape = r"\d{4}-\d\d-\d\d \d\d:\d\d: Hello World! \(from: Nina\)"
    assert re.fullmatch(shape, message.message)
    assert (message.kind, message.from_, message.text) == ("direct", "Nina", "Hello World!")


async def test_a_message_stays_unread_until_the_client_showed_it(hub: Town) -> None:
    """`seen` alone moves the mark."""
    nina, jose = await hub.people("Nina", "Jose")
    await nina.chooses(2)
    await nina.answers("Enter your message: ", "one")
    await nina.answers("Enter recipent id: ", "Jose")

    await jose.sees("New message")
    await jose.chooses(3)
    first = await jose.sees("one")
    await jose.chooses(3)
    assert (await jose.sees("one")).seq == first.seq
    assert first.seq is not None
    jose.send(Seen(mail=first.seq))
    await jose.chooses(3)

    await jose.sees("No new messages.")


async def test_mail_to_somebody_away_waits_and_is_counted_at_login(hub: Town) -> None:
    """Nobody has to be there to be written to."""
    nina, jose = await hub.people("Nina", "Jose")
    await jose.leaves()
    await jose.gone()

    for words in ("one", "two"):
        await nina.chooses(2)
        await nina.answers("Enter your message: ", words)
        await nina.answers("Enter recipent id: ", "Jose")
        await nina.sees("Message sent!")
    again = await hub.person("Jose")

    assert "You have 2 unread messages." in again.messages("notice")


@pytest.mark.parametrize(
    ("words", "refusal"), [(" ", "needs words"), ("x" * (MAX_MESSAGE + 1), "at most")]
)
async def test_words_that_nobody_can_get_are_refused_before_a_recipient_is_asked_for(
    hub: Town, words: str, refusal: str
) -> None:
    """The person would have answered for nothing."""
    nina = await hub.person("Nina")

    await nina.chooses(2)
    await nina.answers("Enter your message: ", words)

    await nina.sees(refusal)
    await nina.asked("Your option")


@pytest.mark.parametrize("recipient", ["nobody", "12345", "٣٤٥٦٧", "a\x1b[2Jb"])
async def test_an_unknown_recipient_is_a_sentence(hub: Town, recipient: str) -> None:
    """Nothing is sent, and the menu comes again; the name is shown harmless."""
    nina = await hub.person("Nina")

    await nina.chooses(2)
    await nina.answers("Enter your message: ", "hello")
    await nina.answers("Enter recipent id: ", recipient)

    refusal = await nina.sees("There is no user")
    assert "\x1b" not in refusal.message
    await nina.asked("Your option")
    assert "Message sent!" not in nina.messages()


async def test_a_long_message_of_quotes_arrives_whole(hub: Town) -> None:
    """16 KiB that double when they are encoded fit in pieces."""
    nina = await hub.person("Nina")
    words = '"' * 16_384

    await nina.chooses(2)
    await nina.answers("Enter your message: ", words)
    await nina.answers("Enter recipent id: ", "Nina")
    await nina.sees("Message sent!")
    await nina.chooses(3)
    await nina.sees("(from: Nina)")

    assert words in "".join(nina.messages("direct"))


async def test_disconnecting_says_bye_and_frees_the_name(hub: Town) -> None:
    """Option 7 cleans up and closes."""
    nina = await hub.person("Nina")

    bye = await nina.leaves()
    await nina.gone()

    assert isinstance(bye, Bye)
    assert bye.kind == "quit"
    await hub.person("Nina")


async def test_everybody_is_told_when_the_hub_closes() -> None:
    """A shutdown is a `bye` with a time to come back."""
    async with town() as hub:
        nina = await hub.person("Nina")
        jose = await hub.dials("Jose")

    for person in (nina, jose):
        bye: Bye = await person.gets(Bye)
        assert (bye.kind, bye.retry) == ("closing", 1)

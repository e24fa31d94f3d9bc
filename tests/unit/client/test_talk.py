"""Entries on their way into the view: ignored people, days, mail that was seen."""

from tcpnet.client.entry import Entry
from tcpnet.client.layout import Look
from tcpnet.client.talk import Talk

DAY = 86_400.0


def talk() -> Talk:
    made = Talk(Look(lambda _at: "12:00"), day=lambda at: f"day {at // DAY:.0f}", now=0.0)
    made.view.resize(40, 10)
    return made


def messages(made: Talk) -> list[str]:
    return [entry.message for entry in made.view.scrollback]


def chat(sender: str, text: str, at: float = 0.0) -> Entry:
    return Entry(message=f"{sender}> {text}", kind="chat", sender=sender, at=at)


def test_ignored_people_are_not_shown() -> None:
    """In any case of their name; what they mail is, for else it would be lost."""
    made = talk()
    made.ignored.add("bob")

    assert not made.add(chat("Bob", "spam"))
    assert made.add(chat("Alice", "hi"))
    assert made.add(Entry(message="mail", kind="direct", sender="Bob"))
    assert messages(made) == ["Alice> hi", "mail"]


def test_a_day_begins_with_its_date() -> None:
    """Once, and not for the day on which the client was started."""
    made = talk()

    made.add(chat("Bob", "today"))
    made.add(chat("Bob", "tomorrow", DAY))
    made.add(chat("Bob", "still", DAY + 1))

    assert messages(made) == ["Bob> today", "day 1", "Bob> tomorrow", "Bob> still"]


def test_a_menu_begins_no_day() -> None:
    """Only lines with a time do."""
    made = talk()

    made.add(Entry(message="menu", at=5 * DAY))

    assert messages(made) == ["menu"]


def test_mail_counts_as_seen_only_at_the_end_of_the_talk() -> None:
    """While the person is reading further up it has not been shown."""
    made = talk()
    for number in range(30):
        made.add(chat("Bob", str(number)))
    made.view.page(-1)
    mail = Entry(message="hi (from: Nina)", kind="direct", sender="Nina", seq=7)
    made.add(mail)

    assert made.seen() == []
    made.view.follow()
    assert made.seen() == [mail]
    assert made.seen() == []


def test_catching_up_takes_the_unread_mark_away() -> None:
    """Only who is at the end has caught up."""
    made = talk()
    for number in range(30):
        made.add(chat("Bob", str(number)))
    made.view.page(-1)
    made.add(chat("Bob", "new"))

    made.read()
    assert made.view.scrollback.unread == 30
    made.view.follow()
    made.read()
    assert made.view.scrollback.unread is None

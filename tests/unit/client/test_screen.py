"""The screen: items in; entries, questions, states and what must be sent back out."""

import base64
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from tcpnet.client.screen import Entry, Piece, Question, Screen, State
from tcpnet.errors import ProtocolError, UserError
from tcpnet.protocol.items import (
    Cancel,
    Data,
    File,
    FromServer,
    Get,
    Print,
    Progress,
    Reply,
    Seen,
)
from tests.unit.client.scripted import asks, welcome

WELCOME = welcome("Nina")
MENU = asks("Your option <enter a number>: ", 1, "int")
ROOM = asks("", 2, keep=True, place="room den (1)")


def screen_at(*items: FromServer, name: str = "Nina") -> Screen:
    """A screen that is connected and has heard these."""
    numbers = count(1)
    screen = Screen("127.0.0.1/12005", name, new_mid=lambda: f"m{next(numbers)}")
    screen.on_state(State("greeting"), 100.0)
    screen.on_state(State("connected"), 100.0)
    screen.on_item(welcome(name), 100.0)
    for item in items:
        screen.on_item(item, 100.0)
    return screen


def messages(screen: Screen) -> list[str]:
    return [event.message for event in screen.fresh() if isinstance(event, Entry)]


def lose(screen: Screen, reason: str = "reset by peer", now: float = 100.0) -> None:
    screen.on_state(State("lost", reason=reason, retry_at=1.0), now)


def line(words: str, sender: str, **more: Any) -> Print:
    return Print(message=f"{sender}> {words}", kind="chat", from_=sender, text=words, **more)


def test_being_let_in_is_told_in_four_lines() -> None:
    """The brief's words, with the address as the person wrote it and the id the hub gave."""
    screen = screen_at()

    assert messages(screen) == [
        "Successfully connected to server: 127.0.0.1/12005\n"
        "Your client info is:\n"
        "Client Name: Nina\n"
        "Client ID: 50851"
    ]
    assert (screen.name, screen.client_id) == ("Nina", 50851)


def test_events_come_once_and_in_order() -> None:
    """Entries and questions keep the order in which the hub said them."""
    screen = screen_at()
    screen.fresh()

    for item in (Print(message="a"), MENU, Print(message="b")):
        screen.on_item(item, 100.0)

    kinds = [type(event) for event in screen.fresh()]
    assert kinds == [Entry, Question, Entry]
    assert screen.fresh() == []


def test_a_view_is_told_of_every_change() -> None:
    """`on_change` is called once for each item and state that changed something."""
    screen = screen_at()
    calls: list[int] = []
    screen.on_change = lambda: calls.append(1)

    screen.on_item(Print(message="a"), 100.0)
    screen.on_item(MENU, 100.0)
    lose(screen)

    assert len(calls) == 3


def test_an_answer_carries_the_question_and_a_name_of_its_own() -> None:
    """The reply names the question by id and key, and itself by a mid."""
    screen = screen_at(MENU)

    reply = screen.answer("5")

    assert reply == Reply(res_key="key1", value=5, id=1, mid="m1")


def test_mids_are_random_and_unique() -> None:
    """Two clients of one account must never use the same."""
    screen = Screen("h/1", "Nina")
    screen.on_state(State("connected"), 100.0)
    screen.on_item(ROOM, 100.0)

    mids = {screen.answer("x").mid for _ in range(1000)}

    assert len(mids) == 1000
    assert all(mid is not None and 16 <= len(mid) <= 128 for mid in mids)


def test_an_answered_question_is_closed_and_the_hub_is_waited_for() -> None:
    """Nothing can be answered twice."""
    screen = screen_at(MENU)

    screen.answer("1")

    assert screen.question is None
    assert screen.waiting
    with pytest.raises(UserError, match="nothing is being asked"):
        screen.answer("1")


def test_a_standing_question_stays_open() -> None:
    """A room takes line after line."""
    screen = screen_at(ROOM)

    screen.answer("one")
    screen.answer("two")

    assert screen.question is not None
    assert not screen.waiting
    assert [sent.text for sent in screen.pending.values()] == ["one", "two"]


def test_a_new_question_replaces_the_open_one() -> None:
    """A room that closes puts the menu in the place of its line."""
    screen = screen_at(ROOM, MENU)

    assert screen.question == Question.of(MENU)
    with pytest.raises(UserError, match="question 2 is no longer open"):
        screen.answer("late", question_id=2)
    assert screen.answer("1", question_id=1).id == 1


def test_a_program_may_answer_with_a_number() -> None:
    """A whole value goes as it is, whatever was asked."""
    assert screen_at(ROOM).answer(5).value == 5


def test_a_line_is_pending_until_it_comes_back() -> None:
    """The hub's copy acknowledges it, and is marked as the echo of what was typed here."""
    screen = screen_at(ROOM)
    screen.answer("hi")
    screen.fresh()

    screen.on_item(line("hi", "Nina", mid="m1"), 100.0)

    (entry,) = screen.fresh()
    assert isinstance(entry, Entry)
    assert (entry.own, entry.echo, entry.answers) == (True, True, "m1")
    assert not screen.pending


def test_a_sentence_of_the_hub_acknowledges_too() -> None:
    """A refusal repeats the mid and has no sender: it is no echo."""
    screen = screen_at(ROOM)
    screen.answer("exit")
    screen.fresh()

    screen.on_item(Print(message="Only the owner closes this room.", kind="error", mid="m1"), 100.0)

    (entry,) = screen.fresh()
    assert isinstance(entry, Entry)
    assert (entry.own, entry.echo, entry.answers) == (False, False, "m1")
    assert not screen.pending


def test_anothers_line_acknowledges_nothing() -> None:
    """Somebody who sends our mid, by accident or malice, cannot make our line look delivered."""
    screen = screen_at(ROOM)
    screen.answer("hi")

    screen.on_item(line("hi", "Bob", mid="m1"), 100.0)

    assert list(screen.pending) == ["m1"]


def test_a_line_from_ones_other_place_is_no_echo() -> None:
    """The same person elsewhere: own, but not typed here."""
    screen = screen_at(ROOM)
    screen.fresh()

    screen.on_item(line("hi", "Nina", mid="other"), 100.0)

    (entry,) = screen.fresh()
    assert isinstance(entry, Entry)
    assert (entry.own, entry.echo) == (True, False)


def test_the_next_question_acknowledges_the_answer() -> None:
    """An answer at the menu is repeated by nobody: the hub shows by asking on that it has it."""
    screen = screen_at(MENU)
    screen.answer("1")

    screen.on_item(asks("Your option: ", 2), 100.0)

    assert not screen.pending


def test_a_question_asked_anew_leaves_its_lines_pending() -> None:
    """A room's question may be told again with the same id."""
    screen = screen_at(ROOM)
    screen.answer("hi")

    screen.on_item(ROOM, 100.0)

    assert list(screen.pending) == ["m1"]


def test_lost_lines_are_given_back_and_never_sent_again() -> None:
    """What the hub did not acknowledge is the person's again, oldest first."""
    screen = screen_at(ROOM)
    for words in ("one", "two", "three"):
        screen.answer(words)
    screen.on_item(line("one", "Nina", mid="m1"), 100.0)
    screen.fresh()

    lose(screen)
    assert messages(screen) == ["connection lost: reset by peer"]
    assert screen.unsent() == []
    screen.on_item(WELCOME, 101.0)

    assert messages(screen)[-1].endswith("Your 2 unsent lines are kept.")
    assert screen.unsent() == ["two", "three"]
    assert screen.unsent() == []
    assert not screen.pending
    assert screen.question is None


def test_lines_stay_on_their_way_where_the_hub_goes_on_with_the_session() -> None:
    """The link sends them again; an answer that had been given is not asked for twice."""
    screen = screen_at(ROOM)
    screen.answer("one")
    lose(screen)

    screen.on_item(replace(WELCOME, resumed=True), 101.0)
    screen.on_item(ROOM, 101.0)

    assert screen.unsent() == []
    assert [sent.text for sent in screen.pending.values()] == ["one"]
    assert screen.question is not None


def test_a_question_that_was_answered_before_the_loss_is_not_open_again() -> None:
    """Or what is typed ahead would be taken for its answer."""
    screen = screen_at(MENU)
    screen.answer("4")
    lose(screen)

    screen.on_state(State("connected"), 101.0)
    screen.on_item(replace(WELCOME, resumed=True), 101.0)
    screen.on_item(MENU, 101.0)

    assert screen.question is None
    assert screen.waiting


def test_a_secret_is_kept_nowhere() -> None:
    """It is not given back either."""
    screen = screen_at(asks("Password: ", 3, "secret"))

    reply = screen.answer("hunter2")
    kept = repr(list(screen.pending.values()))
    lose(screen)

    assert reply.value == "hunter2"
    assert "hunter2" not in kept
    assert screen.unsent() == []
    assert messages(screen)[-1] == "connection lost: reset by peer"


def test_an_answer_that_ended_the_session_is_not_given_back() -> None:
    """After the menu's last option nothing was lost."""
    screen = screen_at(MENU)
    screen.answer("7")

    screen.on_state(State("ended", reason="goodbye", status=0), 100.0)

    assert screen.unsent() == []


def test_a_loss_is_told_once_however_long_it_lasts() -> None:
    """Each dial that fails is a state, not a line."""
    screen = screen_at(MENU)
    screen.fresh()

    lose(screen)
    screen.on_state(State("connecting", 1), 101.0)
    lose(screen, "refused")

    assert messages(screen) == ["connection lost: reset by peer"]
    assert screen.state.reason == "refused"


def test_coming_back_is_told_in_one_line() -> None:
    """How long it took, who one is now, and that the old question is gone."""
    screen = screen_at(MENU)
    lose(screen, now=100.0)
    screen.fresh()

    screen.on_state(State("connected"), 106.2)
    screen.on_item(welcome(client_id=7), 106.2)

    assert messages(screen) == ["reconnected after 6 s as Nina:7"]


def test_who_was_never_in_cannot_lose_a_connection() -> None:
    """A dial that fails is no loss."""
    screen = Screen("h/1", "Nina")

    screen.on_state(State("connecting"), 100.0)
    screen.on_state(State("ended", reason="refused", status=3), 100.0)

    assert messages(screen) == []


def test_a_question_may_come_before_the_welcome() -> None:
    """A taken name is asked for again."""
    screen = Screen("h/1", "Nina")
    screen.on_state(State("greeting"), 100.0)

    screen.on_item(Print(message="The name Nina is taken.", kind="error"), 100.0)
    screen.on_item(asks("Your id key (i.e your name): ", 1), 100.0)
    screen.answer("Nina2")
    screen.on_item(welcome("Nina2"), 100.0)

    assert screen.name == "Nina2"


def test_mail_that_was_shown_is_seen_once() -> None:
    """Only direct messages, only upwards, and only once they really were shown."""
    screen = screen_at(
        line("hi", "Bob", seq=9),
        Print(message="a", kind="direct", from_="Bob", seq=3),
        Print(message="b", kind="direct", from_="Bob", seq=4),
    )
    entries = [event for event in screen.fresh() if isinstance(event, Entry)]

    assert screen.shown(entries[:2]) is None
    assert screen.shown(entries) == Seen(mail=4)
    assert screen.shown(entries) is None


def test_mail_that_was_asked_for_calls_nobody() -> None:
    """It comes while the hub owes an answer; a push comes while it asks."""
    screen = screen_at(MENU)
    screen.fresh()
    mail = Print(message="hi (from: Bob)", kind="direct", from_="Bob", seq=1)

    screen.on_item(mail, 100.0)
    screen.answer("3")
    screen.on_item(mail, 100.0)

    pushed, asked = (event for event in screen.fresh() if isinstance(event, Entry))
    assert (pushed.replayed, pushed.summons) == (False, True)
    assert (asked.replayed, asked.summons) == (True, False)


def test_pieces_say_how_they_hang_together() -> None:
    """A view writes them one after the other, or joins them."""
    screen = screen_at()
    screen.fresh()

    for number in range(3):
        screen.on_item(Print(message=f"{number};x", kind="page", more=number < 2), 100.0)

    entries = [event for event in screen.fresh() if isinstance(event, Entry)]
    assert "".join(entry.message for entry in entries) == "0;x1;x2;x"
    assert [(entry.joined, entry.more) for entry in entries] == [
        (False, True),
        (True, True),
        (True, False),
    ]


def test_a_question_ends_an_unfinished_text() -> None:
    """What was held back is shown before it."""
    screen = screen_at(Print(message="half", kind="page", more=True), Print(message="aside"), MENU)

    *_, first, rest, aside, question = screen.fresh()

    assert [getattr(event, "message", "") for event in (first, rest, aside)] == [
        "hal",
        "f",
        "aside",
    ]
    assert isinstance(question, Question)


def test_a_place_changes_with_the_news() -> None:
    """Joins and leaves carry the new count."""
    screen = screen_at(ROOM)
    assert screen.place == "room den (1)"

    screen.on_item(Print(message="Bob joined", kind="join", place="room den (2)\x07"), 100.0)

    assert screen.place == "room den (2)\u2407"


def test_progress_replaces_itself_and_goes_with_the_next_question() -> None:
    """It is a status, never a line."""
    screen = screen_at()
    screen.fresh()

    screen.on_item(Progress(id=4, message="fetching\x1b", done=1, total=9), 100.0)

    assert screen.fresh() == []
    assert screen.progress == Progress(id=4, message="fetching\u241b", done=1, total=9)
    assert screen.cancel() == Cancel(id=4)
    screen.on_item(MENU, 100.0)
    assert screen.cancel() is None


def test_progress_that_is_complete_is_over() -> None:
    """Done is done."""
    screen = screen_at(Progress(id=4, message="x", done=1, total=9))

    screen.on_item(Progress(id=4, message="x", done=9, total=9), 100.0)

    assert screen.progress is None


def test_offered_files_are_pulled_piece_by_piece() -> None:
    """Until the next request they can be; the name is harmless."""
    screen = screen_at(File(id=8, name="a\x1b\n.html", media_type="text/html", size=3), MENU)
    screen.fresh()

    assert screen.files[8].name == "a\u241b .html"
    assert screen.get(8) == Get(id=8, offset=0)
    data = base64.b64encode(b"abc").decode()
    pulled: list[Piece] = []
    screen.on_piece = pulled.append
    screen.on_item(Data(id=8, offset=0, base64=data, last=True), 100.0)
    assert pulled == [Piece(8, 0, b"abc", True)]
    screen.answer("4")
    with pytest.raises(UserError, match="no file 8"):
        screen.get(8)


def test_bytes_that_are_no_base64_break_the_protocol() -> None:
    """They are not guessed at."""
    with pytest.raises(ProtocolError, match="data"):
        screen_at(Data(id=8, offset=0, base64="a*=", last=True))


def test_a_hub_cannot_name_somebody_hostile() -> None:
    """The name in the welcome is shown, so it is made harmless."""
    screen = Screen("h/1", "Nina")

    screen.on_item(welcome("Ni\x1bna"), 100.0)

    assert screen.name == "Ni\u241bna"

"""What Tab makes of a word."""

import pytest

from tcpnet.client.completion import KNOWN, Acquaintance, Tabbing, completions
from tcpnet.client.entry import Entry

WORDS = ("/help", "/search", "/save", "/kick")


def met(*names: str, rooms: tuple[str, ...] = ()) -> Acquaintance:
    known = Acquaintance()
    for name in names:
        known.note(Entry(message="", sender=name))
    for room in rooms:
        known.note(Entry(message="", room=room))
    return known


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("al", ["Alan: ", "Alice: "]),
        ("hey al", ["hey Alan ", "hey Alice "]),
        ("ALI", ["Alice: "]),
        ("x", []),
        ("", []),
        ("hey ", []),
        ("/s", ["/save ", "/search "]),
        ("say /s", []),
        ("go to de", ["go to den"]),
    ],
)
def test_a_word_becomes_whom_or_what_it_begins(typed: str, found: list[str]) -> None:
    """Names by who spoke last, words at the start of a line only."""
    known = met("Alice", "Bob", "Alan", rooms=("den",))

    assert completions(typed, known=known, words=WORDS, talk=True) == found


def test_a_question_for_a_name_gets_the_bare_name() -> None:
    """Nobody is addressed there."""
    assert completions("al", known=met("Alice"), words=(), talk=False) == ["Alice"]


def test_who_speaks_again_comes_first_again() -> None:
    """The list is by the last word said."""
    assert met("Alice", "Bob", "Alice").names == ["Alice", "Bob"]


def test_one_does_not_complete_oneself() -> None:
    """Nor is anybody without a name remembered."""
    known = Acquaintance()

    known.note(Entry(message="", sender="Me", own=True))
    known.note(Entry(message="menu"))

    assert known.names == []


def test_acquaintances_are_bounded() -> None:
    """Whoever spoke longest ago is forgotten."""
    known = met(*(f"p{number}" for number in range(KNOWN + 5)))

    assert len(known.names) == KNOWN
    assert "p4" not in known.names


def test_tab_goes_round_and_back_to_what_was_typed() -> None:
    """Shift-Tab goes the other way."""
    tabbing = Tabbing()

    forth = [tabbing.next("a", ["ab", "ac"], 1)]
    forth += [tabbing.next("ab", [], 1), tabbing.next("ac", [], 1), tabbing.next("a", [], -1)]

    assert forth == ["ab", "ac", "a", "ac"]


def test_another_word_begins_a_round_of_its_own() -> None:
    """The old one is forgotten."""
    tabbing = Tabbing()
    tabbing.next("a", ["ab"], 1)

    assert tabbing.next("x", ["xy"], 1) == "xy"
    assert tabbing.next("nothing", [], 1) is None

"""Entries: harmless text, who is meant, and pieces that become one text again."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.client.entry import KINDS, Pieces, harmless, mentions
from tcpnet.protocol import codec
from tcpnet.protocol.items import Print

HOSTILE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


@given(text=st.text())
def test_nothing_hostile_survives_in_any_text_of_an_entry(text: str) -> None:
    """Message, text, sender and room are made harmless, whatever the hub says."""
    item = Print(message=text, text=text, from_=text, room=text, kind=text)

    entry = harmless(item, name="Nina", at=0.0)

    for shown in (entry.message, entry.text, entry.sender, entry.room):
        assert shown is not None
        assert not HOSTILE.search(shown)
    for one_line in (entry.text, entry.sender, entry.room):
        assert one_line is not None
        assert "\n" not in one_line
    assert entry.kind in KINDS


def test_a_line_of_a_room_cannot_begin_another_one() -> None:
    """A line break in a chat line would forge what somebody else said."""
    entry = harmless(Print(message="Bob> hi\nAnn> I owe you", kind="chat"), name="Nina", at=0.0)

    assert entry.message == "Bob> hi Ann> I owe you"


def test_a_message_keeps_its_line_breaks() -> None:
    """The menu is one message of many lines."""
    entry = harmless(Print(message="a\r\nb\n"), name="Nina", at=0.0)

    assert entry.message == "a\nb\n"


def test_what_the_hub_dates_keeps_its_date() -> None:
    """`at` is the hub's, or else the moment of arrival."""
    assert harmless(Print(message="x", at=5.0), name="", at=9.0).at == 5.0
    assert harmless(Print(message="x"), name="", at=9.0).at == 9.0


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("Nina", "Nina", True),
        ("hey nina!", "Nina", True),
        ("NINA: ping", "Nina", True),
        ("see you, Nina.", "Nina", True),
        ("Ninas bike", "Nina", False),
        ("Janina", "Nina", False),
        ("nina-marie called", "Nina", False),
        ("anna-nina called", "Nina", False),
        ("nina- well", "Nina", True),
        ("nina_", "Nina", False),
        ("ask nina.smith", "Nina", False),
        ("ask nina.smith", "nina.smith", True),
        ("STRASSE", "straße", True),
        ("e\u0301va?", "\u00c9va", True),
        ("nin\u0303a", "nin", False),
        ("Janina and Nina", "Nina", True),
        ("", "Nina", False),
        ("Nina", "", False),
    ],
)
def test_a_mention_is_the_whole_name_in_any_case(text: str, name: str, found: bool) -> None:
    """Letters, marks and digits, and a hyphen or stop between them, go on with a word."""
    assert mentions(text, name) is found


def test_only_others_mention() -> None:
    """What one says oneself, and what the hub says, mentions nobody."""
    assert harmless(
        Print(message="Bob> Nina!", text="Nina!", from_="Bob"), name="Nina", at=0
    ).mention
    assert not harmless(
        Print(message="Nina> I", text="Nina", from_="Nina"), name="Nina", at=0
    ).mention
    assert not harmless(Print(message="Hello Nina"), name="Nina", at=0).mention


def test_the_name_before_a_line_is_no_mention() -> None:
    """Where the hub says what was said, only that is looked at."""
    item = Print(message="nina.b> hi", text="hi", from_="nina.b", kind="chat")

    assert not harmless(item, name="b", at=0).mention


@given(text=st.text(min_size=1), cuts=st.lists(st.integers(0, 200)))
def test_pieces_joined_are_the_whole_text_cut_anywhere(text: str, cuts: list[int]) -> None:
    """Cleaned piece by piece or as a whole, the text is the same."""
    marks = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    parts = [text[a:b] for a, b in pairwise(marks)]
    pieces = Pieces()

    shown = [
        each
        for number, part in enumerate(parts, 1)
        for each in pieces.take(Print(message=part, kind="page", more=number < len(parts)))
    ]

    assert "".join(item.message for item, _ in shown) == text
    assert [item.more for item, _ in shown] == [True] * (len(parts) - 1) + [False]
    assert [joined for _, joined in shown] == [False] + [True] * (len(parts) - 1)


@pytest.mark.parametrize("text", ["a\r\nb", "می\u200cخواهم"])
def test_a_cut_in_the_worst_place_changes_nothing(text: str) -> None:
    """A cut inside a line break or beside a joiner cleans to what the whole cleans to."""
    for cut in range(1, len(text)):
        pieces = Pieces()
        shown = pieces.take(Print(message=text[:cut], more=True))
        shown += pieces.take(Print(message=text[cut:]))

        message = "".join(harmless(item, name="", at=0).message for item, _ in shown)

        assert message == harmless(Print(message=text), name="", at=0).message


def test_what_others_say_meanwhile_waits_for_the_end_of_a_text() -> None:
    """A push between two pieces is shown behind the last one."""
    pieces = Pieces()
    page = list(codec.pieces(Print(message="x" * 40_000, kind="page")))

    shown = pieces.take(page[0])
    shown += pieces.take(Print(message="New message from Bob.", kind="notice"))
    for piece in page[1:]:
        shown += pieces.take(piece)

    assert [item.kind for item, _ in shown] == ["page"] * len(page) + ["notice"]
    assert shown[-1][1] is False


def test_a_text_that_never_ends_is_closed_with_what_had_to_wait() -> None:
    """A lost connection or a question ends an unfinished text."""
    pieces = Pieces()
    pieces.take(Print(message="half", kind="page", more=True))
    pieces.take(Print(message="aside"))

    shown = pieces.close()

    assert [(item.message, item.more, joined) for item, joined in shown] == [
        ("f", False, True),
        ("aside", False, False),
    ]
    assert pieces.close() == []

"""Questions: what is asked, and what an answer becomes."""

import pytest

from tcpnet.client.question import Question
from tcpnet.errors import UserError
from tcpnet.protocol.items import Input


def _question(res_type: str, message: str = "? ") -> Question:
    return Question.of(Input(message=message, res_key="k", res_type=res_type, id=7))


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("5", 5),
        (" 5 ", 5),
        ("-3", -3),
        ("five", "five"),
        ("", ""),
        ("1_0", "1_0"),
        ("٣", "٣"),
        ("9" * 16, "9" * 16),
        ("5.0", "5.0"),
    ],
)
def test_a_number_is_sent_as_one_and_all_else_as_it_was_typed(
    answer: str, value: str | int
) -> None:
    """The hub judges what is no number, in its own words."""
    question = _question("int")

    assert question.value(answer) == value
    assert question.fits(answer) is isinstance(value, int)


@pytest.mark.parametrize("res_type", ["string", "secret", "colour"])
def test_other_types_are_text(res_type: str) -> None:
    """A type from a newer hub is a string."""
    question = _question(res_type)

    assert question.value("5") == "5"
    assert question.fits("anything")
    assert question.secret is (res_type == "secret")


def test_prompts_places_and_words_are_harmless_and_on_one_line() -> None:
    """They come from the network as well."""
    item = Input(
        message="\x1b[2JName\u202e\n: ",
        res_key="k",
        res_type="string",
        id=1,
        place="a\nb",
        words=("\x07x",),
    )

    question = Question.of(item)

    assert question.prompt == "\u241b[2JName\ufffd : "
    assert question.place == "a b"
    assert question.words == ("\u2407x",)


def _room() -> Question:
    return Question.of(
        Input(message="", res_key="k", res_type="string", id=7, local=True, words=("/who",))
    )


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("hello", "hello"),
        ("a/b", "a/b"),
        ("/who", "/who"),
        ("/WHO now", "/who now"),
        ("//who", "//who"),
        ("//etc", "/etc"),
        ("///", "//"),
    ],
)
def test_a_typed_word_of_the_hub_is_sent_and_two_slashes_are_one_of_text(
    text: str, sent: str
) -> None:
    """The hub itself takes a slash off its own words."""
    assert _room().typed(text) == sent


def test_a_typed_word_that_is_nobodys_is_not_said_in_the_room() -> None:
    """The others would read what was meant for a program."""
    with pytest.raises(UserError, match="unknown command /quit; // sends a literal slash"):
        _room().typed("/quit")


def test_a_slash_is_text_where_no_words_are_taken() -> None:
    """A path, a password."""
    assert _question("string").typed("/etc/hosts") == "/etc/hosts"

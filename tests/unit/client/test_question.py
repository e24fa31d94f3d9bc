"""Questions: what is asked, and what an answer becomes."""

import pytest

from tcpnet.client.question import Question
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

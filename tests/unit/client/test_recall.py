"""Lines sent before: by kind, back and forth, by what they hold."""

import pytest

from tcpnet.client.question import Question
from tcpnet.client.recall import KEPT, Recall, kind_of


def question(**more: object) -> Question:
    return Question(**({"id": 1, "prompt": "", "res_key": "k", "res_type": "string"} | more))  # type: ignore[arg-type]


def filled(*lines: str) -> Recall:
    recall = Recall()
    for line in lines:
        recall.remember("keep", line)
    return recall


def test_standing_questions_share_what_was_said() -> None:
    """In whichever room."""
    assert kind_of(question(keep=True, place="a")) == kind_of(question(keep=True, place="b"))


def test_numbers_do_not_come_up_in_a_chat() -> None:
    """Each kind has its own lines, and every wording of a question is a kind."""
    questions = (
        None,
        question(keep=True),
        question(res_type="int"),
        question(prompt="Enter recipent id: "),
        question(prompt="Enter your message: "),
    )

    assert len({kind_of(each) for each in questions}) == len(questions)


def test_older_and_newer_go_through_the_lines_and_back_to_the_draft() -> None:
    """Past the ends there is nothing."""
    recall = filled("one", "two")

    seen = [recall.older("keep", "dra")]
    seen += [recall.older("keep", "two"), recall.older("keep", "one")]
    seen += [recall.newer("keep", "one"), recall.newer("keep", "two"), recall.newer("keep", "dra")]

    assert seen == ["two", "one", None, "two", "dra", None]


def test_another_kind_begins_at_its_own_end() -> None:
    """The place in one kind means nothing in another."""
    recall = filled("one", "two")
    recall.remember("number", "5")

    assert recall.older("keep", "") == "two"
    assert recall.older("number", "") == "5"
    assert recall.older("keep", "") == "two"


def test_a_repeated_or_empty_line_is_not_kept() -> None:
    """Up brings back something else each time."""
    recall = filled("one", "one", "  ", "two", "two")

    assert [recall.older("keep", ""), recall.older("keep", ""), recall.older("keep", "")] == [
        "two",
        "one",
        None,
    ]


def test_only_the_newest_lines_are_kept() -> None:
    """As many as set, of each kind."""
    recall = filled(*map(str, range(KEPT + 10)))

    lines = []
    while (line := recall.older("keep", "")) is not None:
        lines.append(line)

    assert lines == [str(number) for number in range(KEPT + 9, 9, -1)]


def test_find_goes_back_to_lines_that_hold_what_was_typed() -> None:
    """Again goes on with the same words; the end of them is no line."""
    recall = filled("make tea", "make coffee", "drink tea")

    first = recall.find("keep", "tea")
    second = recall.find("keep", "drink tea")

    assert (first, second, recall.find("keep", "make tea")) == ("drink tea", "make tea", None)


def test_find_begins_anew_with_other_words() -> None:
    """From the newest line on."""
    recall = filled("make tea", "drink tea")
    recall.find("keep", "make")

    assert recall.find("keep", "tea") == "drink tea"


@pytest.mark.parametrize("go", ["older", "newer", "find"])
def test_without_lines_there_is_nothing_to_recall(go: str) -> None:
    """What is typed stays."""
    assert getattr(Recall(), go)("keep", "typed") is None

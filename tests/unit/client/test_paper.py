"""Paper: lines that only grow, and a prompt at most on the last."""

import errno
import io

import pytest

from tcpnet.client.paper import Paper, is_closed_pipe


@pytest.fixture
def out() -> io.StringIO:
    """What is written on."""
    return io.StringIO()


def test_a_prompt_stands_as_it_is_and_its_answer_follows(out: io.StringIO) -> None:
    """No newline behind the prompt, one behind the answer."""
    paper = Paper(out)

    paper.prompt("Name: ")
    before = out.getvalue()
    paper.answer("Nina")

    assert before == "Name: "
    assert out.getvalue() == "Name: Nina\n"


def test_what_comes_meanwhile_starts_a_line_and_the_prompt_is_written_again(
    out: io.StringIO,
) -> None:
    """Nothing is written into somebody's prompt."""
    paper = Paper(out)

    paper.prompt("? ")
    paper.write("news")
    paper.prompt("? ")
    paper.prompt("? ")

    assert out.getvalue() == "? \nnews\n? "


def test_an_answer_without_a_prompt_is_not_written(out: io.StringIO) -> None:
    """A room's lines are printed when they come back."""
    paper = Paper(out)

    paper.prompt("")
    paper.answer("hello")

    assert out.getvalue() == ""


def test_what_a_terminal_echoed_is_not_written_again(out: io.StringIO) -> None:
    """Whoever typed it has seen it, and has ended the line."""
    paper = Paper(out)

    paper.prompt("? ")
    paper.was_entered()
    paper.answer("5")
    paper.write("ok")

    assert out.getvalue() == "? ok\n"


def test_a_text_in_pieces_is_one_text(out: io.StringIO) -> None:
    """No prompt comes between them."""
    paper = Paper(out)

    paper.write("a", more=True)
    paper.prompt("? ")
    paper.write("b")
    paper.prompt("? ")

    assert out.getvalue() == "ab\n? "


def test_an_answer_is_made_harmless(out: io.StringIO) -> None:
    """A pipe may hold escape sequences; what is written holds none."""
    paper = Paper(out)

    paper.prompt("? ")
    paper.answer("\x1b[2J")

    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize(
    ("error", "closed"),
    [
        (BrokenPipeError(), True),
        (OSError(errno.EINVAL, "Windows"), True),
        (OSError(errno.EIO, "the window was closed"), True),
        (OSError(errno.ENOSPC, "disk full"), False),
    ],
)
def test_a_reader_that_has_gone_is_told_from_a_full_disk(error: OSError, closed: bool) -> None:
    """The one is an end, the other a failure."""
    assert is_closed_pipe(error) is closed

"""Pastes: what is taken out of them and what may become of them."""

import pytest

from tcpnet.client.paste import Paste, is_one_line, split


@pytest.mark.parametrize(
    ("pasted", "lines"),
    [
        ("hello", ["hello"]),
        ("hello\n", ["hello", ""]),
        ("one\ntwo", ["one", "two"]),
        ("one\r\ntwo\rthree\n", ["one", "two", "three", ""]),
        ("a\tb", ["a    b"]),
        ("\x1b[31mred\x07\x00", ["[31mred"]),
        ("one\u2028two\x85three", ["one", "two", "three"]),
        ("\u202eevil", ["\ufffdevil"]),
        ("", [""]),
    ],
)
def test_a_paste_is_cut_into_harmless_lines(pasted: str, lines: list[str]) -> None:
    """Controls vanish, tabs become spaces, every kind of break counts."""
    assert split(pasted) == lines


@pytest.mark.parametrize(
    ("lines", "one"),
    [(["a"], True), (["a", ""], True), (["a", "b"], False), (["a", "", ""], False), ([""], True)],
)
def test_a_closing_newline_makes_no_second_line(lines: list[str], one: bool) -> None:
    """It is dropped, and nothing is sent."""
    assert is_one_line(lines) is one


@pytest.mark.parametrize(
    ("rows", "shown"),
    [(5, ["one", "two", "three"]), (3, ["one", "two", "three"]), (2, ["one", "(+2)"])],
)
def test_a_paste_shows_its_first_lines_and_how_many_follow(rows: int, shown: list[str]) -> None:
    """The newline at its end is no line."""
    paste = Paste(("one", "two", "three", ""))

    assert paste.preview(rows, 20) == shown
    assert paste.lines == ("one", "two", "three")


def test_lines_are_joined_with_one_space() -> None:
    """Empty ones leave no trace."""
    assert Paste(("  one", "", "two  ", "three", "")).joined() == "one two three"


@pytest.mark.parametrize(
    "lines", [("x",) * 51, ("y" * 8193, "y" * 8193)], ids=["many lines", "many bytes"]
)
def test_a_long_paste_needs_a_second_enter(lines: tuple[str, ...]) -> None:
    """More than 50 lines or 16 KiB."""
    paste = Paste(lines)

    assert not paste.may_send
    assert paste.confirm().may_send


def test_fifty_lines_may_be_sent_at_once() -> None:
    """Only what is over the limit is long."""
    assert Paste(("x",) * 50).may_send


def test_more_of_a_burst_goes_on_where_it_was_cut() -> None:
    """A read may end in the middle of a line, or at its end."""
    middle = Paste(("one", "tw")).extend(["o", "three"])
    end = Paste(("one", "")).extend(["two", ""])

    assert middle.lines == ("one", "two", "three")
    assert end.lines == ("one", "two")

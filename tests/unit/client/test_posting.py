"""Pasted lines on their way: how many at a time, and what is left of them."""

from hypothesis import given
from hypothesis import strategies as st

from tcpnet.client.posting import PATIENCE, WINDOW, Posting


def sending(posting: Posting, now: float = 0.0) -> list[str]:
    """Send what may go; the mids are the lines."""
    lines = []
    while (line := posting.next(now)) is not None:
        posting.crosses(line, line, now)
        lines.append(line)
    return lines


def numbered(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_only_so_many_lines_are_on_their_way() -> None:
    """One more goes for each that the hub has taken."""
    posting = Posting(1, numbered(20), 0.0)
    assert sending(posting) == numbered(20)[:WINDOW]

    posting.acknowledged("0", 1.0)
    posting.acknowledged("somebody's", 1.0)

    assert sending(posting) == [str(WINDOW)]
    assert (posting.done, posting.sent, posting.total) == (1, WINDOW + 1, 20)


def test_blank_lines_are_no_part_of_it() -> None:
    """They say nothing in a room."""
    assert Posting(1, ["one", " ", "", "two"], 0.0).rest == ["one", "two"]


def test_lines_nobody_acknowledges_do_not_wait_for_ever() -> None:
    """After a while they count as taken."""
    posting = Posting(1, numbered(20), 0.0)
    sending(posting)

    assert sending(posting, PATIENCE - 0.1) == []
    assert sending(posting, PATIENCE) == numbered(20)[WINDOW : 2 * WINDOW]
    assert posting.done == WINDOW


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 30))
def test_every_line_is_taken_or_unsure_once_and_in_order(takes: list[bool], count: int) -> None:
    """Wherever it is stopped."""
    posting, crossing, taken = Posting(1, numbered(count), 0.0), list[str](), list[str]()

    for take in takes:
        if take and crossing:
            taken.append(crossing.pop(0))
            posting.acknowledged(taken[-1], 0.0)
        elif line := posting.next(0.0):
            posting.crosses(line, line, 0.0)
            crossing.append(line)

    assert taken + posting.unsure == numbered(count)
    assert posting.rest == numbered(count)[posting.sent :]
    assert posting.done == len(taken)

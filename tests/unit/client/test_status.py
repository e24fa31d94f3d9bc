"""The status line, as text."""

import pytest

from tcpnet.client.paste import Paste
from tcpnet.client.question import Question
from tcpnet.client.screen import State
from tcpnet.client.status import below, progress, review, status
from tcpnet.client.width import cells
from tcpnet.protocol.items import Progress
from tests.unit.client.seat import WELCOME, pasted, room, said, seated

ROOM = Question(id=1, prompt="", res_key="k", res_type="string", keep=True)
NAME = Question(id=1, prompt="Name: ", res_key="k", res_type="string")


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (Progress(id=1, message="GET", done=0), "GET 0 B  ^C stop"),
        (Progress(id=1, message="", done=999), "999 B  ^C stop"),
        (Progress(id=1, message="GET", done=1000, total=2500), "GET 1.0 kB of 2.5 kB  ^C stop"),
        (
            Progress(id=1, message="GET", done=3_000_000_000, rate=1_500_000.0),
            "GET 3.0 GB at 1.5 MB/s  ^C stop",
        ),
    ],
)
def test_progress_is_bytes_and_rate(item: Progress, text: str) -> None:
    """In units of a thousand."""
    assert progress(item) == text


@pytest.mark.parametrize(
    ("lines", "mentions", "text"),
    [
        (0, 0, "^End follow"),
        (1, 0, "1 below  ^End follow"),
        (42, 1, "42 below (1 mention)  ^End follow"),
        (12_345, 2, "12,345 below (2 mentions)  ^End follow"),
    ],
)
def test_what_is_below_is_counted(lines: int, mentions: int, text: str) -> None:
    """Entries, and those that name the person."""
    assert below(lines, mentions)[0] == text


def test_a_review_offers_what_the_question_takes() -> None:
    """All lines where the question stays open, else one."""
    paste = Paste(("a", "b", ""))

    assert review(paste, ROOM) == "paste 2 lines: Enter send 2 | e edit | j join | Esc drop"
    assert review(paste, NAME) == "paste 2 lines, one line expected: j join | Esc drop"
    assert review(paste, None) == "paste 2 lines, one line expected: j join | Esc drop"


def test_a_long_review_says_that_enter_is_needed_twice() -> None:
    """And the second time once."""
    paste = Paste(("x",) * 60)

    assert "Enter twice: send 60" in review(paste, ROOM)
    assert "Enter send 60" in review(paste.confirm(), ROOM)


@pytest.mark.parametrize("width", [1, 5, 20, 40, 60, 80, 200])
async def test_the_row_is_as_wide_as_the_screen(width: int) -> None:
    """Who and where give way first; the state of the link is the last to be cut."""
    async with seated() as seat:
        await seat.link(State("connected"))
        await seat.hub(WELCOME, room(), said("李雷", "日本語"))
        await seat.link(State("lost", retry_at=1004.0, reason="gone"))

        row = status(seat.desk, width)

        assert cells(row) == width
        assert row.startswith(" NOT CONNECTED"[: width - 1]) or width >= 60


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (80, " Alice | room den (3) | NOT CONNECTED, retry 3 in 4s | Enter retry now  ^D quit"),
        (60, " NOT CONNECTED, retry 3 in 4s | Enter retry now  ^D quit"),
        (40, " NOT CONNECTED, 4s | Enter now  ^D quit"),
        (20, " NOT CONNECTED, 4s"),
    ],
)
async def test_a_narrow_row_says_the_same_in_fewer_words(width: int, text: str) -> None:
    """Where nobody and nothing else is left to give way."""
    async with seated() as seat:
        await seat.link(State("connected"))
        await seat.hub(WELCOME, room())
        await seat.link(State("lost", attempt=3, retry_at=1004.0, reason="gone"))

        assert status(seat.desk, width).removesuffix("F1 help").rstrip() == text


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (pasted("one\ntwo\n"), " paste 2: Enter|e edit|j join|Esc drop"),
        ("\x06", " Up  Down  Enter stay  Esc back"),
    ],
)
async def test_what_keys_do_fits_a_narrow_row(keys: str, text: str) -> None:
    """Nobody has to guess them."""
    async with seated(columns=40) as seat:
        await seat.link(State("connected"))
        await seat.hub(WELCOME, room())
        await seat.press(keys)

        assert seat.status.removesuffix("F1 help").rstrip() == text

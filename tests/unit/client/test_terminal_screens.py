"""Golden screens: what a person sees in every state, cell by cell."""

from collections.abc import AsyncIterator

import pytest

from tcpnet.client.screen import State
from tcpnet.protocol.items import Print, Progress
from tests.unit.client.seat import (
    F1,
    PAGE_UP,
    WELCOME,
    Seat,
    ask,
    ctrl,
    menu,
    pasted,
    room,
    said,
    seated,
)

MENU = (
    "\n****** TCP Client-Server Network ******\n"
    "-----------------------\n"
    "Options Available:\n"
    "1. Get user list\n"
    "2. Sent a message\n"
    "3. Get my messages\n"
    "7. Disconnect from server\n"
)

CONNECTED = State("connected")


@pytest.fixture
async def seat() -> AsyncIterator[Seat]:
    """Alice at a screen of 80x14, connected and greeted."""
    async with seated() as taken:
        await taken.link(CONNECTED)
        await taken.hub(WELCOME)
        yield taken


def screen(seat: Seat) -> str:
    return "\n".join(seat.lines)


async def test_connecting() -> None:
    """The screen is there before the connection is."""
    async with seated() as seat:
        await seat.link(State("connecting", since=998.0))

        assert screen(seat).lstrip("\n") == (
            "12:00 -- connecting to 127.0.0.1/12005\n"
            " 127.0.0.1/12005 | Alice | connecting 2s | ^C cancel                    F1 help\n"
            ">"
        )


async def test_the_menu(seat: Seat) -> None:
    """Every text of the hub stands there character for character, without a time."""
    await seat.hub(Print(message=MENU), menu())
    await seat.press("5")

    assert screen(seat) == (
        "Your client info is:\n"
        "Client Name: Alice\n"
        "Client ID: 50851\n"
        "\n"
        "****** TCP Client-Server Network ******\n"
        "-----------------------\n"
        "Options Available:\n"
        "1. Get user list\n"
        "2. Sent a message\n"
        "3. Get my messages\n"
        "7. Disconnect from server\n"
        "\n"
        " 127.0.0.1/12005 | Alice | ok                                           F1 help\n"
        "Your option <enter a number>: 5"
    )


async def test_an_answer_and_a_menu_on_a_small_screen() -> None:
    """The answer is seen from its first line, what is below is counted; the next key goes on."""
    async with seated(columns=40, rows=8) as seat:
        await seat.link(State("connected"))
        await seat.hub(WELCOME, Print(message=MENU), menu())
        assert seat.lines[4] == "7. Disconnect from server"
        await seat.enter("1")
        await seat.hub(Print(message="Users in server: Alice:50851"), Print(message=MENU), menu(2))

        assert screen(seat) == (
            "Users in server: Alice:50851\n"
            "\n"
            "****** TCP Client-Server Network ******\n"
            "-----------------------\n"
            "Options Available:\n"
            "1. Get user list\n"
            " Alice | 4 below  ^End follow   F1 help\n"
            "Your option <enter a number>:"
        )
        await seat.press("8")
        assert seat.lines[4] == "7. Disconnect from server"
        assert "below" not in seat.status


async def test_a_room(seat: Seat) -> None:
    """Lines of people have a time, and a star where the person is named."""
    await seat.hub(
        Print(message="----------------------- Chat Room den ------------------------"),
        Print(message="Joined to chat room den\nType 'bye' to exit this chat room."),
        Print(message="Alice joined", kind="join", from_="Alice"),
        said("Bob", "Hello"),
        said("Alice", "Hello Bob"),
        said("Bob", "alice: can you see this?"),
        Print(message="Only the owner closes this room. Type 'bye' to leave it.", kind="error"),
        room(),
    )
    await seat.press("half a li")

    assert screen(seat).split("\n", 4)[4] == (
        "----------------------- Chat Room den ------------------------\n"
        "Joined to chat room den\n"
        "Type 'bye' to exit this chat room.\n"
        "12:00 Alice joined\n"
        "12:00 Bob> Hello\n"
        "12:00 Alice> Hello Bob\n"
        "12:00*Bob> alice: can you see this?\n"
        "Only the owner closes this room. Type 'bye' to leave it.\n"
        " 127.0.0.1/12005 | Alice | room den (3) | ok                            F1 help\n"
        "> half a li"
    )


async def test_scrolled_back(seat: Seat) -> None:
    """What is below is counted, and where it began is marked."""
    await seat.hub(room(), *(said("Bob", str(number)) for number in range(40)))
    await seat.press(PAGE_UP)
    await seat.hub(*(said("Bob", "more") for _ in range(30)), said("Bob", "alice: ping"))
    await seat.press("half-typed text stays here")

    assert screen(seat) == (
        "".join(f"12:00 Bob> {number}\n" for number in range(17, 29))
        + " 127.0.0.1/12005 | Alice | room den (3) | 42 below (1 mention)  ^End follow\n"
        + "> half-typed text stays here"
    )
    await seat.press(ctrl("n"))
    assert "---------- unread since 12:00 " + "-" * 50 in seat.lines


async def test_a_secret(seat: Seat) -> None:
    """Stars, and words that say so."""
    await seat.hub(ask("Password: ", 2, type_="secret"))
    await seat.press("hunter2")

    assert screen(seat).endswith(
        " 127.0.0.1/12005 | Alice | PASSWORD hidden | Enter send  ^C clear       F1 help\n"
        "Password: *******"
    )


async def test_a_paste_under_review(seat: Seat) -> None:
    """Its lines, and what may be done."""
    await seat.hub(room())
    await seat.press(pasted("first line\nsecond\nthird\nfourth\n"))

    assert screen(seat).endswith(
        " Alice | room den (3) | paste 4 lines: Enter send 4 | e edit | j join | Esc drop\n"
        "paste> first line\n"
        "       second\n"
        "       third\n"
        "       fourth"
    )


async def test_a_long_paste_under_review(seat: Seat) -> None:
    """As many lines as the input may grow to, cut to its width, and how many more there are."""
    await seat.hub(room())
    await seat.press(pasted("x" * 100 + "\nsecond\n日本語\n" + "more\n" * 997))

    assert screen(seat).endswith(
        " paste 1,000 lines: Enter twice: send 1,000 | e edit | j join | Esc drop\n"
        f"paste> {'x' * 71}…\n"
        "       second\n"
        "       日本語\n"
        "       more\n"
        "       (+996)"
    )


async def test_not_connected(seat: Seat) -> None:
    """The line that is typed stays; the state is text."""
    await seat.hub(room())
    await seat.press("this line was not sent")
    await seat.link(State("lost", attempt=3, retry_at=1004.0, reason="reset by peer"))

    assert screen(seat).endswith(
        "12:00 == connection lost: reset by peer\n"
        " Alice | room den (3) | NOT CONNECTED, retry 3 in 4s | Enter retry now  ^D quit\n"
        "> this line was not sent"
    )


async def test_waiting(seat: Seat) -> None:
    """The hub owes the next question."""
    await seat.hub(menu())
    await seat.enter("3")

    assert screen(seat).endswith(
        "Your option <enter a number>: 3\n"
        " 127.0.0.1/12005 | Alice | ok                                           F1 help\n"
        "(waiting)"
    )


async def test_progress(seat: Seat) -> None:
    """Bytes and rate in words, no spinner."""
    await seat.hub(Progress(id=9, message="GET", done=1_200_000, total=3_400_000, rate=400_000.0))

    assert seat.status == (
        " 127.0.0.1/12005 | Alice | GET 1.2 MB of 3.4 MB at 400.0 kB/s  ^C stop  F1 help"
    )


async def test_help(seat: Seat) -> None:
    """A page in place of the talk; the line that is typed stays."""
    await seat.hub(room())
    await seat.press("half", F1)

    assert seat.lines[:3] == [
        "Keys",
        "  Enter           send the line; while there is no connection: dial now",
        "  Tab, Shift-Tab  complete a name, a room or a /word; again for the next one",
    ]
    assert "Esc close" in seat.status
    assert seat.typed == "> half"


async def test_a_search(seat: Seat) -> None:
    """It has the input line for itself, and the talk moves to what is found."""
    await seat.hub(room(), *(said("Bob", f"line {number}") for number in range(100)))
    await seat.press(ctrl("f"), "line 11")

    assert "12:00 Bob> line 11" in seat.lines
    assert "Up older  Down newer  Enter stay  Esc back" in seat.status
    assert seat.typed == "search: line 11"


async def test_a_folded_page(seat: Seat) -> None:
    """Its head, and how to see the rest."""
    page = "".join(f"<p>{number}</p>\n" for number in range(300))
    await seat.hub(Print(message=page, kind="page"), room())

    assert seat.lines[10:12] == [
        "<p>19</p>",
        "... 281 more lines (/page shows them, /save FILE writes all)",
    ]


async def test_a_question_that_is_too_long_for_the_line(seat: Seat) -> None:
    """It stands above, and its answer behind it."""
    question = "Do you want to continue with the main menu, as most people do? (y/n): "
    await seat.hub(ask(question))
    assert seat.lines[-3:] == [question.rstrip(), seat.status, ">"]

    await seat.enter("y")

    assert seat.lines[-3] == question + "y"


@pytest.mark.parametrize(("columns", "rows"), [(80, 3), (19, 10)])
async def test_a_tiny_screen_has_room_for_what_is_typed(columns: int, rows: int) -> None:
    """The status and the input line remain."""
    async with seated(columns=columns, rows=rows) as seat:
        await seat.link(CONNECTED)
        await seat.hub(WELCOME, room(), said("Bob", "hello"))
        await seat.press("hi")

        assert not any("hello" in line for line in seat.lines)
        assert any("ok" in line for line in seat.lines)
        assert any("hi" in line for line in seat.lines)


async def test_a_long_line_grows_to_five_rows(seat: Seat) -> None:
    """The talk gives way, row by row."""
    await seat.hub(room(), *(said("Bob", str(number)) for number in range(20)))

    await seat.press("x" * 500)

    assert sum("xxxx" in line for line in seat.lines) == 5
    assert "room den" in seat.lines[8]


async def test_wide_and_combining_characters_stand_in_line(seat: Seat) -> None:
    """What follows them is where it is in every other row."""
    await seat.hub(
        said("李雷", "日本語 ends"),
        said("Zoë", "e\u0301e\u0301e\u0301 ends"),
        said("Bob", "👩\u200d👩\u200d👧 ❤\ufe0f 👍🏽 🇩🇪 ends"),
        room(),
    )

    assert [column_of(seat, row, "ends") for row in (9, 10, 11)] == [19, 15, 26]
    assert seat.lines[11] == "12:00 Bob> 👩👩👧 ❤ 👍 DE ends"


def column_of(seat: Seat, row: int, word: str) -> int:
    """The cell in which a word begins."""
    cells = seat.cells.screen.buffer[row]
    starts = range(seat.size.columns - len(word))
    return next(x for x in starts if [cells[x + i].data for i in range(len(word))] == list(word))

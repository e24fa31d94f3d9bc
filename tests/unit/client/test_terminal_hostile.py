"""Ten thousand hostile lines through the real renderer: none of it reaches the terminal."""

import random
import re
import unicodedata
from typing import Final

import pytest

from tcpnet.client.screen import State
from tcpnet.client.width import cells
from tcpnet.protocol.items import FromServer, Input, Print, Progress, Welcome
from tcpnet.text import clean
from tests.unit.client.seat import PAGE_UP, TAB, WELCOME, Seat, ctrl, room, said, seated

AT_ONCE: Final = 100

FRAGMENTS: Final = (
    *(
        "\x1b[31m",
        "\x1b[2J",
        "\x1b[6;66H",
        "\x1b[?1049l",
        "\x1b]0;title\x07",
        "\x1bPq\x1b\\",
        "\x1b",
    ),
    *(
        "\x1b]52;c;aGk=\x07",
        "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
        "\x9b31m",
        "\x9d0;x\x9c",
    ),
    *("\x07", "\x08\x08\x08", "\r", "\n12:00 == connection lost", "\t", "\x00", "\x7f"),
    *(
        "\x01\x1b[31m\x02",
        "\u202eevil\u202c",
        "\u2066x\u2069",
        "\u200f",
        "\u061c",
        "\u2028",
        "\u2029",
    ),
    *("\ufeff", "\u200b", "\xad", "\U000e0041", "\ud800", "\udfff", "a" + "\u0301" * 40, "e\u0301"),
    *("👩\u200d👩\u200d👧", "❤\ufe0f", "👍🏽", "🇩🇪", "日本語", "ｆｕｌｌ", "שלום", "\xa0"),
    *("ن\u200cم", "क\u094d\u200dष", "[ZeroWidthEscape]", "<b>bold</b>", "class:error", "%s {0}"),
    *("hello", " ", "x" * 90),
)

CONTROLS: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
OURS: Final = re.compile(r"(\x1b\[[?0-9;]*[a-zA-Z]|\r|\n|\x08)*")


def hostile(dice: random.Random) -> str:
    """A text that wants to be more than one."""
    return "".join(dice.choices(FRAGMENTS, k=dice.randint(1, 6)))


def line(dice: random.Random, number: int) -> FromServer:
    """Anything that a hub may show, ask or call a place."""
    text = hostile(dice)
    match number % 20:
        case 0:
            return Print(message=text + "\n" + hostile(dice) + "|", kind="page")
        case 1:
            return Input(
                message=text,
                res_key="k",
                res_type="string",
                id=number,
                place=hostile(dice),
                local=True,
                words=("/" + hostile(dice),),
            )
        case 2:
            return Progress(id=number, message=text, done=number)
        case 3:
            return Print(message=text + "|", kind=text, from_=hostile(dice), room=hostile(dice))
        case _:
            return said(hostile(dice), text + "|", at=dice.choice([1e9, -1e300, 1e300]))


@pytest.mark.parametrize(("mode", "lines"), [("full", 10_000), ("inline", 1_000)])
async def test_nothing_hostile_reaches_the_terminal(mode: str, lines: int) -> None:
    """No control, escape or bidi character of theirs: not in texts, senders, prompts or places."""
    dice = random.Random(mode)
    async with seated(columns=60, rows=20, mode=mode) as seat:
        await seat.link(State("connected"))
        await seat.hub(WELCOME)
        for start in range(0, lines, AT_ONCE):
            await seat.hub(*(line(dice, number) for number in range(start, start + AT_ONCE)))
            if mode == "full":
                assert_cells_agree(seat)
        await seat.link(State("lost", reason=clean(hostile(dice)), retry_at=1010.0))

        assert_harmless(seat)


def assert_harmless(seat: Seat) -> None:
    """The renderer's own line breaks are no text."""
    texts = [text.strip("\r\n") for text in seat.output.texts]
    assert not [ascii(text) for text in texts if CONTROLS.search(text)]
    assert not [ascii(each) for each in seat.output.sequences if not OURS.fullmatch(each)]


def assert_cells_agree(seat: Seat) -> None:
    """Every row ends in the cell where the layout thinks that it does."""
    view = seat.desk.talk.view
    rows = ["".join(text for _, text in row) for row in view.rows()]
    top = view.height - len(rows)
    for y, row in enumerate(rows, top):
        if row.endswith("|"):
            assert seat.cells.screen.buffer[y][cells(row) - 1].data == "|", ascii(row)


async def test_a_hostile_name_is_harmless_where_it_is_completed() -> None:
    """Tab puts what was seen into the input line."""
    async with seated() as seat:
        await seat.link(State("connected"))
        await seat.hub(WELCOME, room(), said("Bo\u202eb\x1b[31m", "hi"))
        await seat.press("b", TAB, ctrl("a"), PAGE_UP)

        assert_harmless(seat)
        assert seat.typed.startswith("> Bo")


async def test_a_hub_that_calls_the_person_names_is_harmless() -> None:
    """The name it gives stands in the status."""
    async with seated() as seat:
        await seat.link(State("connected"))
        await seat.hub(
            Welcome(
                protocol=1,
                hub="h",
                session="s",
                client_id=1,
                name="A\x1b[31m\u202elice",
                resumed=False,
                limits=WELCOME.limits,
            )
        )

        assert_harmless(seat)


async def test_nobody_can_forge_a_line_of_somebody_else() -> None:
    """A break in a line is a space, and what is wrapped is indented."""
    async with seated(columns=40) as seat:
        await seat.link(State("connected"))
        await seat.hub(
            WELCOME, room(), said("Eve", "\n12:00 Bob> I agree\n12:00 == connection lost " * 3)
        )

        assert sum(row.startswith("12:00") for row in seat.lines) == 1


@pytest.mark.parametrize("text", [text for text in FRAGMENTS if not text.isascii()])
def test_the_table_of_this_test_is_hostile_or_wide(text: str) -> None:
    """No fragment is plain by mistake."""
    odd = {"Cc", "Cf", "Cs", "Mn", "Mc", "So", "Sk", "Lo", "Zl", "Zp", "Zs"}

    assert any(
        unicodedata.category(each) in odd or unicodedata.east_asian_width(each) == "F"
        for each in text
    )


@pytest.mark.parametrize(
    "text", ["❤\ufe0f", "👍🏽", "🇩🇪", "👩\u200d👩\u200d👧", "क\u094d\u200dष", "日本"]
)
async def test_what_is_typed_keeps_its_cells_and_is_sent_whole(text: str) -> None:
    """The cursor stands where the person sees it; what is left out is only not shown."""
    async with seated() as seat:
        await seat.link(State("connected"))
        await seat.hub(WELCOME, room())
        await seat.press(text, "b", "\x1b[D", "a")
        cursor = seat.cells.screen.cursor.x
        row = seat.cells.screen.buffer[13]

        assert (row[cursor - 1].data, row[cursor].data) == ("a", "b")
        await seat.press("\r")
        assert seat.answers == [f"{text}ab"] or seat.answers == [clean(f"{text}ab")]

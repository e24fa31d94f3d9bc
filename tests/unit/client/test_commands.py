"""Slash words: the client's own at questions that allow them, the hub's where it lists them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tcpnet.client.commands import Commands
from tcpnet.client.screen import State
from tcpnet.protocol.items import Data, File, Get, Print
from tests.unit.client.seat import (
    CTRL_HOME,
    ENTER,
    ESCAPE,
    NOON,
    PAGE_DOWN,
    TAB,
    UP,
    WELCOME,
    Seat,
    ask,
    menu,
    pasted,
    room,
    said,
    seated,
)

PAGE = "".join(f"row {number}\n" for number in range(300))


@pytest.fixture
async def seat() -> AsyncIterator[Seat]:
    """Alice in a room."""
    async with seated() as taken:
        await taken.link(State("connected"))
        await taken.hub(WELCOME, room(1, "/kick"))
        yield taken


async def test_an_unknown_word_is_not_sent(seat: Seat) -> None:
    """The sentence says what to do about it."""
    await seat.enter("/nothing here")

    assert seat.answers == []
    assert "unknown command /nothing; // sends a literal slash" in seat.status
    assert seat.typed == "> /nothing here"


async def test_two_slashes_send_one(seat: Seat) -> None:
    """Even before a word of ours."""
    await seat.enter("//quit")

    assert seat.answers == ["/quit"]
    assert seat.way.left is None


async def test_a_word_of_the_hub_is_sent(seat: Seat) -> None:
    """With what follows it."""
    await seat.enter("/kick Bob")

    assert seat.answers == ["/kick Bob"]


async def test_words_are_understood_in_any_case(seat: Seat) -> None:
    """The hub gets its own as it lists it; names keep their letters."""
    await seat.enter("/KICK Bob")
    await seat.enter("/Ignore Bob")

    assert seat.answers == ["/kick Bob"]
    assert seat.desk.talk.ignored == {"bob"}


async def test_a_word_of_the_hub_can_be_said(seat: Seat) -> None:
    """The hub takes one slash away, as the client does with its own."""
    await seat.enter("//kick Bob")
    await seat.press(pasted("/kick Bob\n//kick\n/quit\n // no word\n"), ENTER)

    assert seat.answers == ["//kick Bob", "//kick Bob", "///kick", "/quit", " // no word"]


async def test_the_hub_may_change_its_words_while_it_asks(seat: Seat) -> None:
    """What is typed stays, and Tab knows the new ones; members are completed behind them."""
    await seat.hub(Print(message="Bob joined", kind="join", from_="Bob", room="den"))
    await seat.press("/mu")
    await seat.hub(room(1, "/kick", "/mute"))
    await seat.press(TAB, "b", TAB)
    assert seat.typed == "> /mute Bob"
    await seat.press(ENTER)

    assert [answer.strip() for answer in map(str, seat.answers)] == ["/mute Bob"]


async def test_somebody_muted_or_kicked_reads_why(seat: Seat) -> None:
    """A refusal of the hub takes the line off its way."""
    await seat.enter("/kick Bob")
    (mid,) = seat.screen.pending
    await seat.hub(
        Print(message="Only Jose, who owns this room, may do this.", kind="error", mid=mid)
    )

    assert "Only Jose, who owns this room, may do this." in seat.lines
    assert not seat.screen.pending


@pytest.mark.parametrize("question", [ask("Path: ", 2), ask("Password: ", 2, type_="secret")])
async def test_elsewhere_a_slash_is_text(seat: Seat, question: object) -> None:
    """Only a question that is marked `local` leaves words to the client."""
    await seat.hub(question)  # type: ignore[arg-type]
    await seat.enter("/quit")

    assert seat.answers == ["/quit"]
    assert seat.way.left is None


async def test_a_word_of_ours_works_at_any_question_marked_local(seat: Seat) -> None:
    """Where a number is asked, too."""
    await seat.hub(ask("Your option <enter a number>: ", 2, type_="int", local=True))
    await seat.enter("/help")

    assert seat.lines[0] == "Keys"
    assert seat.answers == []


async def test_help_lists_every_word(seat: Seat) -> None:
    """The table is the help."""
    await seat.enter("/help")
    await seat.press(PAGE_DOWN, PAGE_DOWN, PAGE_DOWN)
    text = "\n".join(entry.message for entry in seat.desk.view.scrollback)

    assert all(word in text for word in Commands(pane=True).offered)


async def test_help_lists_the_words_of_the_hub(seat: Seat) -> None:
    """Those of the question that is open."""
    await seat.enter("/help")
    await seat.press(PAGE_DOWN, PAGE_DOWN, PAGE_DOWN)
    at = seat.lines.index("Words of the hub, here")

    assert seat.lines[at + 1] == "  /kick"


async def test_search_goes_to_what_is_found(seat: Seat) -> None:
    """Or says that there is none."""
    await seat.hub(*(said("Bob", f"line {number}") for number in range(100)))
    await seat.enter("/search line 42")
    assert "12:00 Bob> line 42" in seat.lines
    assert seat.typed == "search: line 42"
    await seat.press(ENTER)
    await seat.enter("/search nowhere to be seen")

    assert "nowhere: nowhere to be seen" in seat.status
    assert seat.typed == "> /search nowhere to be seen"


async def test_what_was_searched_for_is_marked_where_it_is_on_the_screen_already(
    seat: Seat,
) -> None:
    """The one gone to otherwise than the others; the keys go on from it, and back."""
    await seat.hub(said("Bob", "this one"), said("Bob", "that one"))
    await seat.enter("/search one")
    assert marked(seat, "found") == ["that one"]
    assert marked(seat, "match") == ["this one"]
    assert "Up older" in seat.status
    await seat.press(UP)
    assert marked(seat, "found") == ["this one"]
    await seat.press(ESCAPE)

    assert marked(seat, "found") == marked(seat, "match") == []
    assert seat.typed == ">"


def marked(seat: Seat, role: str) -> list[str]:
    """What Bob said in which something is painted in this role."""
    rows = [row for row in seat.desk.view.rows() if role in {each for each, _ in row}]
    return ["".join(text for _, text in row).partition("> ")[2] for row in rows]


async def test_top_and_end(seat: Seat) -> None:
    """As the keys do."""
    await seat.hub(*(said("Bob", f"line {number}") for number in range(100)))
    await seat.enter("/top")
    assert seat.lines[0].startswith("Successfully connected")
    await seat.enter("/end")

    assert "12:00 Bob> line 99" in seat.lines


async def test_unread_goes_to_the_next_mention(seat: Seat) -> None:
    """Or says that there is none."""
    await seat.enter("/unread")
    assert "nothing unread, no mention" in seat.status
    await seat.hub(*(said("Bob", f"line {number}") for number in range(50)))
    await seat.press(CTRL_HOME)
    await seat.hub(said("Bob", "alice: here"), *(said("Bob", "more") for _ in range(50)))
    await seat.enter("/unread")

    assert "12:00*Bob> alice: here" in seat.lines


async def test_clear_empties_the_pane(seat: Seat) -> None:
    """What comes afterwards is shown."""
    await seat.enter("/clear")
    assert seat.text == ""
    await seat.hub(said("Bob", "new"))

    assert seat.text == "12:00 Bob> new"


async def test_names_lose_and_regain_their_colours(seat: Seat) -> None:
    """Those on the screen too."""
    await seat.hub(said("Bob", "hi"))
    coloured = seat.cells.screen.buffer[11][6].fg
    await seat.enter("/nick-colors off")
    plain = seat.cells.screen.buffer[11][6].fg
    await seat.enter("/nick-colors on")

    assert coloured != "default"
    assert plain == "default"
    assert seat.cells.screen.buffer[11][6].fg == coloured


async def test_emoji_can_be_shown_as_they_came(seat: Seat) -> None:
    """At one's own risk."""
    await seat.hub(said("Bob", "👍🏽"))
    await seat.enter("/raw on")

    assert "🏽" in "".join(seat.cells.written)


async def test_the_bell_can_be_told_when_to_ring(seat: Seat) -> None:
    """Off, for a mention, or for all."""
    await seat.enter("/bell all")
    await seat.hub(said("Bob", "hi"))
    assert seat.rings == 1
    seat.now += 3
    await seat.enter("/bell off")
    await seat.hub(said("Bob", "alice: hi"))

    assert seat.rings == 1


async def test_somebody_can_be_ignored_and_heard_again(seat: Seat) -> None:
    """In any case of the name."""
    await seat.enter("/ignore bob")
    await seat.hub(said("Bob", "spam"), said("Eve", "hi"))
    assert not any("spam" in line for line in seat.lines)
    await seat.enter("/ignore")
    assert "ignored: bob" in seat.status
    await seat.enter("/ignore Bob")
    await seat.hub(said("Bob", "sorry"))

    assert "12:00 Bob> sorry" in seat.lines


async def test_a_folded_page_can_be_read_from_its_top(seat: Seat) -> None:
    """Searched, and closed again."""
    await seat.hub(Print(message=PAGE, kind="page"), room(2))
    await seat.enter("/page")
    assert seat.lines[0] == "row 0"
    await seat.enter("/search row 250")
    assert "row 250" in seat.lines
    await seat.press(ENTER, ESCAPE)

    assert any("281 more lines" in line for line in seat.lines)


async def test_a_page_can_be_saved(seat: Seat, tmp_path: Path) -> None:
    """Every byte of it, in a new file."""
    await seat.hub(Print(message=PAGE, kind="page"), room(2))
    target = tmp_path / "page.txt"
    await seat.enter(f"/save {target}")

    assert target.read_text("utf-8") == PAGE
    await seat.enter(f"/save {target}")
    assert "exists already" in "\n".join(seat.lines)


async def test_an_older_page_is_named_by_its_number(seat: Seat, tmp_path: Path) -> None:
    """Counted from the newest."""
    await seat.hub(Print(message="older\n" * 300), Print(message="newer\n" * 300), room(2))
    target = tmp_path / "page.txt"
    await seat.enter(f"/save {target} 2")

    assert target.read_text("utf-8").startswith("older")


async def test_a_page_that_gave_way_to_newer_ones_is_not_read(seat: Seat) -> None:
    """Only so many bytes of them are kept."""
    for letter in "ab":
        await seat.hub(Print(message=letter * 5_000_000))
    await seat.hub(room(2))
    await seat.enter("/page 2")

    assert "that page is no longer kept" in seat.status


async def test_without_a_long_page_there_is_nothing_to_read(seat: Seat) -> None:
    """A sentence says so."""
    await seat.enter("/page")

    assert "there is no such page" in seat.status


async def test_an_offered_file_is_pulled_piece_by_piece(
    seat: Seat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As bytes, each piece asked for after the last; the status says how far it is."""
    monkeypatch.chdir(tmp_path)
    await seat.hub(File(id=3, name="page", media_type="image/png", size=6))
    assert "12:00 -- page, 6 bytes: /save FILE writes it" in seat.lines
    await seat.enter("/save logo.png")
    seat.now += 0.5
    await seat.hub(Data(id=3, offset=0, base64="AAEC"))
    assert "saving logo.png 3 B of 6 B at 6 B/s" in seat.status
    await seat.hub(Data(id=3, offset=3, base64="/f7/", last=True))

    assert [item for item in seat.way.sent if isinstance(item, Get)] == [
        Get(id=3, offset=0),
        Get(id=3, offset=3),
    ]
    assert (tmp_path / "logo.png").read_bytes() == bytes([0, 1, 2, 253, 254, 255])
    assert "12:00 -- saved logo.png, 6 bytes" in seat.lines


async def test_pieces_are_not_pulled_at_the_pace_of_paintings(
    seat: Seat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is asked for when the last has come, whatever is on the screen and asked meanwhile."""
    monkeypatch.chdir(tmp_path)
    await seat.hub(File(id=3, name="page", media_type="image/png", size=100), ask("Name: ", 2))
    await seat.hub(ask("Your option: ", 3, local=True))
    await seat.enter("/save logo.png")
    await seat.enter("an answer")

    for offset in range(99):
        seat.screen.on_item(Data(id=3, offset=offset, base64="AA=="), NOON)

    assert len([item for item in seat.way.sent if isinstance(item, Get)]) == 100


async def test_a_file_cut_off_by_a_loss_says_how_much_there_is(
    seat: Seat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes a part for the whole."""
    monkeypatch.chdir(tmp_path)
    await seat.hub(File(id=3, name="page", media_type="image/png", size=6))
    await seat.enter("/save logo.png")
    await seat.hub(Data(id=3, offset=0, base64="AAEC"))
    await seat.link(State("lost", retry_at=1004.0, reason="reset"))

    assert "12:00 -- logo.png holds only 3 of 6 bytes" in seat.lines


async def test_reconnect_dials_anew(seat: Seat) -> None:
    """Where the connection hangs and nobody has noticed yet."""
    await seat.enter("/reconnect")

    assert seat.way.redials == 1


async def test_quit_leaves(seat: Seat) -> None:
    """With status 0."""
    await seat.enter("/quit")

    assert seat.way.left == ("leaving", 0)


@pytest.mark.parametrize(
    ("typed", "usage"),
    [
        ("/search", "/search TEXT"),
        ("/bell loudly", "/bell off|mention|all (now: mention)"),
        ("/nick-colors", "/nick-colors on|off"),
        ("/page one", "/page [N]"),
        ("/save", "/save FILE [N]"),
    ],
)
async def test_a_misused_word_shows_its_usage(seat: Seat, typed: str, usage: str) -> None:
    """And stays for editing."""
    await seat.enter(typed)

    assert usage in seat.status
    assert seat.typed == f"> {typed}"


async def test_at_the_menu_slashes_are_the_hubs(seat: Seat) -> None:
    """A number is asked there, and nothing is local."""
    await seat.hub(menu(2))
    await seat.enter("/help")

    assert "a number, please" in seat.status

"""The message pane: when its cells are written anew, and that they are the right ones."""

from tcpnet.client.pane import PaneWindow
from tcpnet.client.screen import State
from tests.unit.client.seat import CTRL_HOME, WELCOME, Seat, ctrl, room, said, seated


def changes(seat: Seat) -> int:
    """How often the pane had something else to show."""
    (window,) = [each for each in seat.app.layout.find_all_windows() if type(each) is PaneWindow]
    pane: int = window._pane.changes
    return pane


async def test_a_key_writes_no_cell_of_the_pane_anew() -> None:
    """It changes nothing there, and must not cost as if it did."""
    async with seated() as seat:
        await seat.link(State("connected"))
        await seat.hub(WELCOME, room(), said("Bob", "hello"))
        before = changes(seat)

        await seat.press("a", "b", ctrl("u"))
        assert changes(seat) == before
        await seat.hub(said("Bob", "again"))

        assert changes(seat) == before + 1
        assert "12:00 Bob> again" in seat.lines


async def test_the_cells_are_where_the_pane_is() -> None:
    """Whatever the size is, and however high the input line grows."""
    async with seated(columns=40) as seat:
        await seat.link(State("connected"))
        await seat.hub(WELCOME, room(), *(said("Bob", f"line {number}") for number in range(40)))
        await seat.press("x" * 100)
        assert seat.text.endswith("line 39")
        await seat.press(ctrl("c"))
        assert seat.text.endswith("line 39")
        await seat.resize(60, 8)
        assert seat.text.endswith("line 39")
        await seat.press(CTRL_HOME, ctrl("l"))

        assert seat.lines[0] == "Successfully connected to server: 127.0.0.1/12005"

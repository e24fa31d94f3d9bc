"""What of the menu an operator hides, and what he tells at the door."""

import pytest

from tcpnet.errors import ConfigError
from tcpnet.server.menu import MENU, offered
from tests.hub import town


async def test_a_hidden_option_is_neither_shown_nor_taken() -> None:
    """The others keep their numbers; a hidden one is refused as any wrong one is."""
    async with town(menu={"hidden": [4, 6]}) as hub:
        ann = await hub.person("ann")
        menu = ann.messages()[-1]

        await ann.chooses(6)
        await ann.sees("Please enter a number that the menu has.")
        await ann.chooses(8)
        await ann.sees("There are no chat rooms.")

        numbers = [line.partition(".")[0] for line in menu.splitlines() if line[:1].isdecimal()]
        assert numbers == ["1", "2", "3", "5", "7", "8", "9"]


@pytest.mark.parametrize(
    ("hidden", "words"), [([7], "nobody could leave"), ([6, 12], "has no 12"), ([0], "has no 0")]
)
async def test_what_cannot_be_hidden_ends_the_start(hidden: list[int], words: str) -> None:
    """In one sentence that names the setting, before anybody is let in."""
    with pytest.raises(ConfigError, match=f"menu.hidden: .*{words}"):
        async with town(menu={"hidden": hidden}):
            pass


def test_nothing_is_hidden_unless_somebody_wants_it() -> None:
    """And the order is the numbering."""
    assert list(offered(()).values()) == list(MENU)


async def test_the_message_of_the_day_comes_before_the_menu() -> None:
    """After the welcome, its lines kept, nothing in it harmful."""
    async with town(server={"motd": "Welcome to camp.\nLights out at 10.\x07\n"}) as hub:
        ann = await hub.person("ann")

        notice, menu = ann.messages()[-2:]

        assert notice == "Welcome to camp.\nLights out at 10.␇"
        assert menu.startswith("\n******")

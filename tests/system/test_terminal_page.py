"""The page for people is true: its screens are a real run's, its tables those of the code."""

import argparse

import pytest

from docs.recordings.terminal import PAGE, record, replaced
from tcpnet.cli.client import _parser
from tcpnet.client.commands import Command, Commands
from tcpnet.client.help import KEYS, Key
from tcpnet.client.settings import Settings

TEXT = PAGE.read_text("utf-8")


async def test_the_screens_are_what_a_run_shows() -> None:
    """Made anew by `python -m docs.recordings.terminal`."""
    shown = replaced(TEXT, await record())

    assert shown.splitlines() == TEXT.splitlines()


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.names)
def test_every_key_is_told(key: Key) -> None:
    """In the words of the help."""
    assert f"| {key.names} | {key.what} |" in TEXT


@pytest.mark.parametrize("command", Commands(pane=True).rows, ids=lambda command: command.word)
def test_every_word_is_told(command: Command) -> None:
    """With what follows it."""
    usage = f"{command.word} {command.argument}".strip().replace("|", "\\|")

    assert f"| `{usage}` | {command.summary} |" in TEXT


def test_every_flag_and_setting_is_told() -> None:
    """Those of the command as it is."""
    actions = [each for each in _parser()._actions if not isinstance(each, argparse._HelpAction)]
    flags = [option for action in actions for option in action.option_strings]
    settings = set(Settings.__struct_encode_fields__) - {"answers"}

    assert [flag for flag in flags if f"`{flag}" not in TEXT] == []
    assert [key for key in settings if f"`{key}`" not in TEXT] == []

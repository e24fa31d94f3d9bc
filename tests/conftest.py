"""Fixtures for all tests."""

import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.hub import Town, town

# A shell starts what it runs in the background deaf to Ctrl-C, and its children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


# How long an example takes is the machine's affair: a deadline fails where others are busy.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for whatever the tests start: no client of theirs touches what the developer's keeps.

    For each worker its own. On macOS there is no other way than to move the home itself.
    """
    folder = tmp_path_factory.mktemp("home")
    variables = ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA"]
    with pytest.MonkeyPatch.context() as environ:
        for variable in [*variables, *(["HOME"] if sys.platform == "darwin" else [])]:
            environ.setenv(variable, str(folder / variable.lower()))
        environ.delenv("TCPNET_CLIENT_STATE_DIR", raising=False)
        yield folder


@pytest.fixture
async def hub() -> AsyncIterator[Town]:
    """An ephemeral hub with the default settings, on a free port."""
    async with town() as made:
        yield made

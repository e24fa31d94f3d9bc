"""What proves a name, in a file of the person's own."""

import sys
from pathlib import Path

import pytest

from tcpnet.client.tokens import Tokens
from tcpnet.errors import ConfigError


def test_a_token_is_found_by_the_hubs_key_and_the_name(tmp_path: Path) -> None:
    """Whatever the name's case; another hub or name has none."""
    tokens = Tokens(tmp_path / "state" / "tokens")
    tokens.keep("key-a", "Nina", "one")
    tokens.keep("key-b", "Nina", "two")
    tokens.keep("key-a", "Jose", "three")

    again = Tokens(tmp_path / "state" / "tokens")

    assert [again.of("key-a", name) for name in ("nina", "Jose", "Eve")] == ["one", "three", None]
    assert again.of("key-b", "NINA") == "two"


def test_a_newer_token_takes_the_place_of_the_older(tmp_path: Path) -> None:
    """One a hub and name."""
    tokens = Tokens(tmp_path / "tokens")
    tokens.keep("key", "Nina", "old")

    tokens.keep("key", "Nina", "new")

    assert tokens.of("key", "Nina") == "new"
    assert "old" not in (tmp_path / "tokens").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    """Whoever reads it is the person."""
    Tokens(tmp_path / "tokens").keep("key", "Nina", "secret")

    assert (tmp_path / "tokens").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """The client goes on without; whoever asks learns why."""
    (tmp_path / "file").write_text("")
    tokens = Tokens(tmp_path / "file" / "tokens")

    with pytest.raises(ConfigError, match="tokens"):
        tokens.keep("key", "Nina", "secret")


def test_without_a_file_tokens_last_as_long_as_the_client() -> None:
    """Nothing is written anywhere."""
    tokens = Tokens()

    tokens.keep("key", "Nina", "secret")

    assert tokens.of("key", "Nina") == "secret"

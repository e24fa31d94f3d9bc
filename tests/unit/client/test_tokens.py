"""What proves a name, in a file of the person's own."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tcpnet.chat.lookalikes import key
from tcpnet.client.tokens import Tokens
from tcpnet.errors import ConfigError

KEEPER = """
import sys
from pathlib import Path
from tcpnet.client.tokens import Tokens

tokens = Tokens(Path(sys.argv[1]))
sys.stdin.read()
for number in range(10):
    tokens.keep("key", f"{sys.argv[2]}-{number}", "token")
"""


def test_a_token_is_found_by_the_hubs_key_and_the_name(tmp_path: Path) -> None:
    """Whatever the name's case; another hub or name has none."""
    tokens = Tokens(tmp_path / "state" / "tokens")
    tokens.keep("key-a", "Nina", "one")
    tokens.keep("key-b", "Nina", "two")
    tokens.keep("key-a", "Jose", "three")

    again = Tokens(tmp_path / "state" / "tokens")

    assert [again.of("key-a", name) for name in ("nina", "Jose", "Eve")] == ["one", "three", None]
    assert again.of("key-b", "NINA") == "two"


def test_names_that_differ_for_a_hub_have_tokens_of_their_own(tmp_path: Path) -> None:
    """A sharp s is no double s, nor one sigma the other: neither takes the other's place."""
    tokens = Tokens(tmp_path / "tokens")
    names = "Straße", "Strasse", "Σας", "Σασ"

    for name in names:
        tokens.keep("key", name, f"of-{name}")

    assert [tokens.of("key", name) for name in names] == [f"of-{name}" for name in names]


@pytest.mark.parametrize(
    ("kept", "asked"),
    [("Alice", "\uff21lice"), ("Chlo\u00e9", "CHLOE\u0301"), ("\u30ab", "\uff76")],
)
def test_spellings_that_are_one_name_to_a_hub_find_one_token(
    kept: str, asked: str, tmp_path: Path
) -> None:
    """Letters of another width, and letters composed in another way."""
    tokens = Tokens(tmp_path / "tokens")

    tokens.keep("key", kept, "secret")

    assert tokens.of("key", asked) == "secret"
    assert key(kept) == key(asked)


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


def test_clients_that_run_together_lose_no_token(tmp_path: Path) -> None:
    """Each reads, changes and writes while no other does."""
    path = tmp_path / "tokens"
    with ExitStack() as running:
        command = [sys.executable, "-c", KEEPER, str(path)]
        keepers = [
            running.enter_context(subprocess.Popen([*command, name], stdin=subprocess.PIPE))
            for name in ("ann", "bob", "eve")
        ]
        for keeper in keepers:
            assert keeper.stdin is not None
            keeper.stdin.close()

    assert [keeper.returncode for keeper in keepers] == [0, 0, 0]
    names = [f"{name}-{number}" for name in ("ann", "bob", "eve") for number in range(10)]
    assert [name for name in names if Tokens(path).of("key", name) is None] == []


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe"])
def test_a_token_outlives_its_file_in_the_client_that_got_it(tmp_path: Path, damage: bytes) -> None:
    """A lost connection comes back under its name whatever became of the file."""
    tokens = Tokens(tmp_path / "tokens")
    tokens.keep("key", "Nina", "secret")

    (tmp_path / "tokens").write_bytes(damage)

    assert tokens.of("key", "nina") == "secret"


def test_a_token_that_could_not_be_written_goes_before_the_older_in_the_file(
    tmp_path: Path,
) -> None:
    """The hub gave it last."""
    path = tmp_path / "tokens"
    tokens = Tokens(path)
    tokens.keep("key", "Nina", "old")
    path.with_name("tokens.lock").unlink()
    path.with_name("tokens.lock").mkdir()

    with pytest.raises(ConfigError, match="cannot be written"):
        tokens.keep("key", "Nina", "new")

    assert tokens.of("key", "Nina") == "new"
    assert Tokens(path).of("key", "Nina") == "old"

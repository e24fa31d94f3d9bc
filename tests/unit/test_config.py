"""Settings: what wins, and what is refused with which words."""

from pathlib import Path

import msgspec
import pytest

from tcpnet import config
from tcpnet.config import Settings, Source
from tcpnet.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "docs" / "tcpnet.example.toml"


def test_the_example_file_holds_every_setting_with_its_default() -> None:
    """The example is the manual: nothing is missing, nothing differs."""
    tables = msgspec.json.decode(msgspec.json.encode(config.from_file(EXAMPLE).tables))

    assert tables == msgspec.json.decode(msgspec.json.encode(Settings()))


def test_every_setting_of_the_example_has_a_reason() -> None:
    """Each key, or the group it stands in, has a comment above it."""
    explained = False
    for line in EXAMPLE.read_text("utf-8").splitlines():
        if line.startswith("#"):
            explained = True
        elif " = " in line:
            assert explained, line
        else:
            explained = False


def test_a_later_source_wins_and_is_named() -> None:
    """Defaults, file, environment, flags: in this order."""
    sources = [
        Source("file", {"rooms": {"history_lines": 1, "max_rooms": 7}}),
        config.from_environment({"TCPNET_ROOMS_HISTORY_LINES": "2", "HOME": "/x"}),
        config.from_flags(["rooms.history_lines=3"]),
    ]

    settings, origins = config.merge(sources)

    assert (settings.rooms.history_lines, settings.rooms.max_rooms) == (3, 7)
    assert origins == {"rooms.history_lines": "--set", "rooms.max_rooms": "file"}


def test_what_is_printed_can_be_read_again(tmp_path: Path) -> None:
    """`--print-config` writes a settings file."""
    settings, origins = config.merge([config.from_flags(['server.cache_dir=a \\ "b"'])])
    file = tmp_path / "printed.toml"

    file.write_text("\n".join(config.render(settings, origins)), "utf-8")

    assert config.merge([config.from_file(file)])[0] == settings


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Source("hub.toml", {"roms": {}}), "hub.toml: there is no section roms"),
        (Source("hub.toml", {"rooms": {"x": 1}}), "hub.toml: there is no setting rooms.x"),
        (
            Source("hub.toml", {"server": {"port": 70_000}}),
            "hub.toml: server.port: wanted is a whole number from 0 to 65535",
        ),
        (
            Source("hub.toml", {"server": {"log_level": "loud"}}),
            "hub.toml: server.log_level: wanted is debug or error or info or warning",
        ),
        (
            Source("hub.toml", {"rooms": {"max_rooms": "5"}}),
            "hub.toml: rooms.max_rooms: wanted is a whole number, 0 or more",
        ),
        (config.from_flags(["server.port=abc"]), "--set: server.port: wanted is a whole number"),
        (
            config.from_flags(["limits.grace_seconds=-1"]),
            "limits.grace_seconds: wanted is a number, 0 or more",
        ),
        (
            config.from_flags(["discovery.announce=maybe"]),
            "discovery.announce: wanted is true or false",
        ),
        (Source("hub.toml", {"server": {"motd": 5}}), "server.motd: wanted is a text"),
        (
            config.from_flags(["proxy.port=x"]),
            "proxy.port: wanted is a whole number from 0 to 65535 or nothing",
        ),
        (config.from_flags(["menu.hidden=a"]), "menu.hidden: wanted is a list of whole numbers"),
        (config.from_flags(["menu.hidden=[4"]), "menu.hidden: wanted is a list of whole numbers"),
        (
            config.from_flags(["menu.hidden=[4]\nport = 5"]),
            "menu.hidden: wanted is a list of whole numbers",
        ),
        (config.from_environment({"TCPNET_SERVER_PROT": "1"}), "no setting server.prot"),
    ],
)
def test_a_wrong_setting_names_its_key_and_source(source: Source, words: str) -> None:
    """Nothing is guessed and nothing is passed over."""
    with pytest.raises(ConfigError) as caught:
        config.merge([source])

    assert words in str(caught.value)


@pytest.mark.parametrize("words", ["4,6", " 4, 6 ", "[4, 6]", "[\n  4,\n  6,\n]"])
def test_a_list_is_written_with_commas_or_as_in_the_file(words: str) -> None:
    """On the command line and in the environment."""
    for source in (
        config.from_flags([f"menu.hidden={words}"]),
        config.from_environment({"TCPNET_MENU_HIDDEN": words}),
    ):
        assert config.merge([source])[0].menu.hidden == (4, 6)


def test_a_list_of_texts_is_written_in_both_ways_too() -> None:
    """With quotes as in the file, or without any."""
    for words in ("10.0.0.0/8, fc00::/7", '["10.0.0.0/8", "fc00::/7"]'):
        settings, _ = config.merge([config.from_flags([f"proxy.clients={words}"])])

        assert settings.proxy.clients == ("10.0.0.0/8", "fc00::/7")


def test_a_file_in_another_encoding_is_said_to_be_no_utf_8(tmp_path: Path) -> None:
    """In words, and with its path."""
    file = tmp_path / "hub.toml"
    file.write_bytes('[server]\nmotd = "Grüße"\n'.encode("latin-1"))

    with pytest.raises(ConfigError, match=r"hub\.toml is not UTF-8 text"):
        config.from_file(file)


def test_a_value_in_the_place_of_a_section_is_refused(tmp_path: Path) -> None:
    """`rooms = 5` is no table."""
    file = tmp_path / "hub.toml"
    file.write_text("rooms = 5\n")

    with pytest.raises(ConfigError, match="rooms is a section"):
        config.merge([config.from_file(file)])


@pytest.mark.parametrize("word", ["port=1", "server.port", "="])
def test_an_assignment_without_its_form_is_refused(word: str) -> None:
    """`--set` takes section.key=value."""
    with pytest.raises(ConfigError, match=r"section\.key=value"):
        config.from_flags([word])


def test_a_file_that_is_no_toml_or_not_there_is_named(tmp_path: Path) -> None:
    """The path stands in the sentence."""
    broken = tmp_path / "broken.toml"
    broken.write_text("[rooms\n")

    for path in (broken, tmp_path / "missing.toml"):
        with pytest.raises(ConfigError, match=path.name):
            config.from_file(path)

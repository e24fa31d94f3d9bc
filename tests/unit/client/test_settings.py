"""Settings: four layers, and where each value came from."""

import os
from pathlib import Path

import platformdirs
import pytest

from tcpnet.client.settings import Settings, load, render, state_folder, usual_path
from tcpnet.errors import ConfigError


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    """And no file need be there."""
    settings, origins, warnings = load({}, {"XDG_CONFIG_HOME": str(tmp_path)}, None)

    assert (settings, origins, warnings) == (Settings(), {}, [])


def test_a_flag_beats_the_environment_and_that_the_file(tmp_path: Path) -> None:
    """Each key comes from the highest layer that has it."""
    file = tmp_path / "client.toml"
    file.write_text('host = "file"\nname = "file"\nbell = "all"\n', "utf-8")
    environ = {"TCPNET_CLIENT_HOST": "env", "TCPNET_CLIENT_NAME": "env"}

    settings, origins, _ = load({"host": "flag"}, environ, file)

    assert (settings.host, settings.name, settings.bell) == ("flag", "env", "all")
    assert origins == {"host": "flag", "name": "environment", "bell": str(file)}


def test_the_environment_is_read_after_the_type_of_the_key(tmp_path: Path) -> None:
    """Words become numbers and truths."""
    environ = {"TCPNET_CLIENT_PORT": "12000", "TCPNET_CLIENT_RECONNECT": "false"}

    settings, _, _ = load({}, environ | {"HOME": str(tmp_path)}, None)

    assert (settings.port, settings.reconnect) == (12000, False)


@pytest.mark.parametrize(
    ("variable", "key", "value"),
    [
        ("NO_COLOR", "color", "never"),
        ("TCPNET_INLINE", "mode", "inline"),
    ],
)
def test_well_known_variables_count(variable: str, key: str, value: str, tmp_path: Path) -> None:
    """Set to something they say no to colour, and yes to inline."""
    home = {"HOME": str(tmp_path)}

    on, _, _ = load({}, home | {variable: "1"}, None)
    off, _, _ = load({}, home | {variable: ""}, None)

    assert getattr(on, key) == value
    assert getattr(off, key) == getattr(Settings(), key)


def test_an_unknown_key_of_the_file_warns_with_its_line(tmp_path: Path) -> None:
    """It is never fatal: the file may be a newer client's."""
    file = tmp_path / "client.toml"
    file.write_text('name = "Nina"\n# colour\n  colour = "red"\n[theme]\nx = 1\n', "utf-8")

    settings, _, warnings = load({}, {}, file)

    assert settings.name == "Nina"
    assert warnings == [
        f"{file}, line 3: there is no setting colour",
        f"{file}, line 4: there is no setting theme",
    ]


def test_answers_come_from_the_command_line_only(tmp_path: Path) -> None:
    """A forgotten line in a file must not answer questions."""
    file = tmp_path / "client.toml"
    file.write_text('answers = ["7"]\n', "utf-8")

    settings, _, warnings = load({}, {"TCPNET_CLIENT_ANSWERS": "7"}, file)

    assert settings.answers == ()
    assert len(warnings) == 1


def test_a_word_that_is_none_of_a_setting_is_told_which_are(tmp_path: Path) -> None:
    """Nobody has to look them up."""
    file = tmp_path / "client.toml"
    file.write_text('bell = "loud"\n', "utf-8")

    with pytest.raises(ConfigError, match="bell: wanted is off, mention or all"):
        load({}, {}, file)


@pytest.mark.parametrize(
    "text", ["port = 0", 'port = "x"', 'bell = "loud"', "timeout = -1", "port =", "name = \xff"]
)
def test_a_wrong_value_is_refused_with_its_place(text: str, tmp_path: Path) -> None:
    """The refusal names the file."""
    file = tmp_path / "client.toml"
    file.write_bytes(text.encode("latin-1"))

    with pytest.raises(ConfigError, match=r"client\.toml"):
        load({}, {}, file)


def test_a_wrong_variable_is_refused_with_its_key() -> None:
    """The environment is a source like the others."""
    with pytest.raises(ConfigError, match="environment: port"):
        load({}, {"TCPNET_CLIENT_PORT": "many", "HOME": "nowhere"}, None)


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    """The usual one need not."""
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load({}, {}, tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("platform", "environ", "path"),
    [
        ("linux", {"HOME": "/h"}, "/h/.config/tcpnet/client.toml"),
        ("linux", {"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x/tcpnet/client.toml"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Application Support/tcpnet/client.toml"),
        ("win32", {"APPDATA": "/a"}, "/a/tcpnet/client.toml"),
        ("win32", {"USERPROFILE": "/u"}, "/u/AppData/Roaming/tcpnet/client.toml"),
    ],
)
def test_the_file_is_where_the_platform_keeps_such(
    platform: str, environ: dict[str, str], path: str
) -> None:
    """Each has its custom."""
    assert usual_path(environ, platform) == Path(path)


def test_what_is_rendered_can_be_read_again(tmp_path: Path) -> None:
    """The effective values, each with its origin, are a settings file."""
    settings, origins, _ = load(
        {"host": "hub", "port": 1, "name": 'N"\x1b'}, {"HOME": str(tmp_path)}, None
    )
    file = tmp_path / "client.toml"

    text = "\n".join(render(settings, origins))
    file.write_text(text, "utf-8")

    assert 'host = "hub"  # flag' in text
    assert 'bell = "mention"  # default' in text
    assert load({}, {}, file)[0] == settings


@pytest.mark.parametrize(
    ("platform", "environ", "path"),
    [
        ("linux", {"HOME": "/h"}, "/h/.local/state/tcpnet"),
        ("linux", {"HOME": "/h", "XDG_STATE_HOME": "/x"}, "/x/tcpnet"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Application Support/tcpnet"),
        ("win32", {"LOCALAPPDATA": "/a"}, "/a/tcpnet"),
        ("win32", {"USERPROFILE": "/u"}, "/u/AppData/Local/tcpnet"),
    ],
)
def test_what_was_learnt_is_where_the_platform_keeps_such(
    platform: str, environ: dict[str, str], path: str
) -> None:
    """Each has its custom."""
    assert state_folder(Settings(), environ, platform) == Path(path)


def test_the_state_folder_is_that_of_platformdirs() -> None:
    """On the platform where this runs."""
    usual = platformdirs.user_state_path("tcpnet", appauthor=False)
    # On Windows it asks the system, which knows nothing of the home that tests have.
    unset = {name: os.environ[name] for name in os.environ if name != "LOCALAPPDATA"}

    assert state_folder(Settings(), os.environ if os.name == "posix" else unset) == usual


def test_the_state_folder_can_be_set(tmp_path: Path) -> None:
    """A variable has no hyphen in its name."""
    environ = {"HOME": str(tmp_path), "TCPNET_CLIENT_STATE_DIR": str(tmp_path / "here")}

    settings, _, _ = load({}, environ, None)

    assert state_folder(settings, environ) == tmp_path / "here"


def test_clients_of_the_tests_keep_nothing_in_the_developers_home(home: Path) -> None:
    """Whatever starts one, and however: it goes by the environment."""
    assert state_folder(Settings(), os.environ).is_relative_to(home)
    assert usual_path(os.environ).is_relative_to(home)

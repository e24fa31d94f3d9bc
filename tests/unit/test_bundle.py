"""The folder for places without Internet: what goes in for which machine."""

import pytest

from deploy import bundle
from deploy.bundle import SYSTEMS

RESOLVED = """\
# a comment
aiohttp==3.14.5 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:cc
typing-extensions==4.16.0 ; python_full_version < '3.13' \\
    --hash=sha256:dd
"""


@pytest.mark.parametrize(
    ("name", "python", "names"),
    [
        ("Linux x86_64", "3.11", ["aiohttp", "typing-extensions"]),
        ("macOS arm64", "3.13", ["aiohttp"]),
        ("Windows x86_64", "3.12", ["aiohttp", "colorama", "typing-extensions"]),
    ],
)
def test_a_machine_gets_what_it_needs_and_no_more(name: str, python: str, names: list[str]) -> None:
    """Conditions are those of that machine, not of the one that makes the folder."""
    [system] = [system for system in SYSTEMS if system.name == name]

    wanted = list(bundle.needed(bundle.entries(RESOLVED), system.markers(python)))

    assert [one.partition("==")[0] for one in wanted] == names
    assert wanted[0] == "aiohttp==3.14.5 --hash=sha256:aa      --hash=sha256:bb"
    assert not any(";" in one for one in wanted)


def test_the_old_linux_comes_before_the_new() -> None:
    """A wheel for an old one runs on both."""
    tags = SYSTEMS[0].tags

    assert tags[0] < tags[-1]
    assert tags[0].startswith("manylinux_2_17")


def test_a_folder_with_other_things_is_not_filled(capsys: pytest.CaptureFixture[str]) -> None:
    """Wheels of two releases in one folder would be mixed."""
    with pytest.raises(SystemExit) as ended:
        bundle.main([str(bundle.ROOT)])

    assert ended.value.code == 1
    assert "is not empty" in capsys.readouterr().err


def test_the_readme_shows_what_the_folder_itself_says() -> None:
    """Whoever has one of the two can do it."""
    readme = (bundle.ROOT / "README.md").read_text("utf-8")
    [shown] = [
        block for block in readme.split("```sh\n")[1:] if "--no-index" in block.partition("```")[0]
    ]

    for line in shown.partition("```")[0].splitlines():
        assert f"    {line}\n" in bundle._README

"""What the README shows is what a real run showed, and what it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
RECORDED = "\n".join(
    path.read_text("utf-8")
    for path in (*sorted((ROOT / "docs" / "recordings").glob("*.txt")), ROOT / "docs/client.md")
)
SCREENS = [s for s in re.findall(r"```text\n(.*?)```", README, re.DOTALL) if "192.168" not in s]


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_is_a_piece_of_a_recording(screen: str) -> None:
    """Recordings are made by a command and held to today's run."""
    assert screen in RECORDED


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_every_link_leads_to_a_file(target: str) -> None:
    """No page is promised that is not there."""
    assert (ROOT / target).exists()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"python3 dev\.py (\w+)", README))))
def test_every_command_exists(command: str) -> None:
    """Of dev.py."""
    assert f"def {command}(" in (ROOT / "dev.py").read_text("utf-8")

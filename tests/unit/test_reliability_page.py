"""The page of promises names checks that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text("utf-8")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"tests/[\w/]+\.py", PAGE))))
def test_every_test_that_it_names_exists(name: str) -> None:
    """And holds tests, or what they use."""
    assert (ROOT / name).is_file()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"python -m benchmarks\.(\w+)", PAGE))))
def test_every_command_that_it_names_exists(name: str) -> None:
    """With a `main`."""
    assert "main()" in (ROOT / "benchmarks" / f"{name}.py").read_text("utf-8")

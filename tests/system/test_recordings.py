"""The recordings in docs are what a real run shows today."""

from pathlib import Path

import pytest

from docs.recordings.__main__ import RECORDINGS

FOLDER = Path(__file__).parents[2] / "docs" / "recordings"


@pytest.mark.parametrize("name", RECORDINGS)
async def test_the_recording_is_what_a_run_shows(name: str) -> None:
    """Made anew by `python3 dev.py record`; ids, times and ports are settled."""
    expected = (FOLDER / f"{name}.txt").read_text("utf-8")

    shown = await RECORDINGS[name]()

    assert shown == expected

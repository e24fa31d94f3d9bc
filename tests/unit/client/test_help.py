"""The page of keys and words, at every width."""

import pytest

from tcpnet.client.help import KEYS, help_text

WORDS = [("/bell off|mention|all", "what the terminal rings for")]


@pytest.mark.parametrize("width", [40, 59, 60, 80, 120])
def test_no_row_is_wider_than_the_pane(width: int) -> None:
    """What goes on, goes on under itself."""
    page = help_text(WORDS, ("/who", "/kick"), width)

    table = page.partition("\nWords")[0].splitlines()[1:]
    assert all(len(row) <= width for row in table)
    assert all(row.startswith("  ") for row in table if row)
    for key, what in (*((key.names, key.what) for key in KEYS), *WORDS):
        assert f"  {key}" in page
        assert " ".join(what.split()) in " ".join(page.split())


def test_the_words_of_the_hub_are_told_where_it_has_some() -> None:
    """They differ from question to question."""
    assert "Words of the hub" not in help_text(WORDS)
    assert "\n  /who  /kick\n" in help_text(WORDS, ("/who", "/kick"))

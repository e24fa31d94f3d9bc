"""What the client's command line says before anything is dialled."""

import pytest

from tcpnet.cli.client import USAGE, main


@pytest.mark.parametrize(
    ("host", "form"),
    [("127.0.0.1", "127.0.0.1:22005"), ("hub", "hub:22005"), ("::1", "[::1]:22005")],
)
def test_a_port_in_a_word_of_its_own_is_told_the_form(
    host: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, ready to be typed."""
    status = main([host, "22005"])

    assert status == USAGE
    assert capsys.readouterr().err == f"tcpnet-client: write HOST:PORT: tcpnet-client {form}\n"


@pytest.mark.parametrize("words", [["hub", "x"], ["hub:1", "2"], ["hub", "1", "2"], ["--what"]])
def test_other_words_are_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """As what they are: not understood."""
    with pytest.raises(SystemExit) as ended:
        main(words)

    assert ended.value.code == USAGE
    said = capsys.readouterr().err.rstrip().rpartition("unrecognized arguments: ")[2]
    assert said.endswith(words[-1])

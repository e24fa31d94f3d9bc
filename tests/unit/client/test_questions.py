"""The client's own three questions, word for word."""

import io

import pytest

from tcpnet.client.address import Address
from tcpnet.client.questions import Unanswered, ask_for
from tcpnet.client.stdin import Given
from tests.unit.client.scripted import Keyboard


def test_all_three_are_asked_where_nothing_is_known() -> None:
    """From a pipe, each answer is written after its question."""
    out = io.StringIO()

    answers = ask_for(None, None, None, Given(["10.0.0.1", "12000", "Nina"]), out)

    assert answers == (Address("10.0.0.1", 12000), "Nina")
    assert out.getvalue() == (
        "Enter the server IP Address: 10.0.0.1\n"
        "Enter the server port: 12000\n"
        "Your id key (i.e your name): Nina\n"
    )


def test_on_a_terminal_nothing_is_written_twice() -> None:
    """The terminal has echoed what was typed."""
    out, keyboard = io.StringIO(), Keyboard(terminal=True)
    keyboard.types("10.0.0.1", "12000", "Nina")

    ask_for(None, None, None, keyboard, out)

    assert out.getvalue() == (
        "Enter the server IP Address: Enter the server port: Your id key (i.e your name): "
    )


def test_nothing_typed_takes_the_usual_hub() -> None:
    """One's own machine, at the usual port."""
    address, _ = ask_for(None, None, None, Given(["", "", "Nina"]), io.StringIO())

    assert address == Address("127.0.0.1", 12005)


@pytest.mark.parametrize(
    ("host", "port", "name", "asked"),
    [
        ("h", None, None, ["Your id key"]),
        ("h", 1, "n", []),
        (None, 1, "n", ["Enter the server IP"]),
        (None, None, "n", ["Enter the server IP", "Enter the server port"]),
        (None, 1, None, ["Enter the server IP", "Your id key"]),
    ],
)
def test_only_what_is_missing_is_asked(
    host: str | None, port: int | None, name: str | None, asked: list[str]
) -> None:
    """A host without a port means the usual port."""
    out = io.StringIO()

    ask_for(host, port, name, Given([""] * 3), out)

    assert [line.partition(":")[0] for line in out.getvalue().splitlines()] == [
        question
        + {"Enter the server IP": " Address", "Your id key": " (i.e your name)"}.get(question, "")
        for question in asked
    ]


@pytest.mark.parametrize(
    ("typed", "address"),
    [("10.0.0.1:80", Address("10.0.0.1", 80)), ("[::1]:80", Address("::1", 80))],
)
def test_an_address_with_a_port_answers_both(typed: str, address: Address) -> None:
    """As a hub shows it at its start; the port is not asked."""
    out = io.StringIO()

    answers = ask_for(None, None, "n", Given([typed]), out)

    assert answers == (address, "n")
    assert "Enter the server port" not in out.getvalue()


def test_what_is_no_address_is_asked_again() -> None:
    """With a sentence that says what is wrong."""
    out = io.StringIO()

    address, _ = ask_for(None, None, "n", Given(["h:http", "h:80"]), out)

    assert address == Address("h", 80)
    assert "port http: a port is a number from 1 to 65535\n" in out.getvalue()


def test_what_is_no_port_is_asked_again() -> None:
    """With a sentence that says what a port is."""
    out = io.StringIO()

    address, _ = ask_for(None, None, "n", Given(["h", "http", "0", "80"]), out)

    assert address.port == 80
    assert out.getvalue().count("Enter the server port: ") == 3
    assert "port http: a port is a number from 1 to 65535\n" in out.getvalue()


def test_an_input_that_ends_answers_nothing() -> None:
    """The prompt's line is ended, and the error names the question."""
    out = io.StringIO()

    with pytest.raises(Unanswered, match="Enter the server port:"):
        ask_for(None, None, None, Given(["h"]), out)

    assert out.getvalue().endswith("Enter the server port: \n")

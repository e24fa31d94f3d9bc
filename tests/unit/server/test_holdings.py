"""What a person holds is let go of."""

from tcpnet.server.holdings import Holdings


def test_what_came_last_goes_first_and_once() -> None:
    """A name is given back after everything that stands on it."""
    let_go: list[str] = []
    held = Holdings()
    held.keep(let_go.append, "name")
    held.keep(let_go.append, "mailbox")

    held.release()
    held.release()

    assert let_go == ["mailbox", "name"]

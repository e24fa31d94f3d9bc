"""Failed logins: how many may be, and how long the next one waits."""

import pytest

from tcpnet.chat.guessing import MAX_TRACKED, WINDOW, Guesses
from tcpnet.errors import UserError


def test_each_failure_makes_the_next_try_wait_longer_up_to_a_bound() -> None:
    """A person hardly notices; a program does."""
    guesses = Guesses(per_account=0, per_address=0)

    waits = [guesses.begin("nina", "192.0.2.1", 100.0) for _ in range(50)]

    assert waits[:5] == [0, 0.25, 0.75, 1.75, 3.75]
    assert max(waits) == 3.75


def test_tries_at_once_count_before_any_of_them_is_known_to_be_wrong() -> None:
    """A hundred connections are a hundred tries."""
    guesses = Guesses(per_account=5)
    for _ in range(5):
        guesses.begin("nina", "192.0.2.1", 100.0)

    with pytest.raises(UserError, match="Try again in 61 s"):
        guesses.begin("nina", "192.0.2.2", 100.0)


def test_a_right_password_is_no_failure() -> None:
    """However often somebody comes in."""
    guesses = Guesses(per_account=2, per_address=2)
    for second in range(50):
        assert guesses.begin("nina", "192.0.2.1", second) == 0
        guesses.forgiven("nina", "192.0.2.1", second)


def test_an_address_is_held_back_whatever_account_it_tries() -> None:
    """Others may still try from theirs."""
    guesses = Guesses(per_account=5, per_address=20)
    for number in range(20):
        guesses.begin(f"name {number}", "192.0.2.1", 100.0)

    with pytest.raises(UserError, match="too many wrong passwords"):
        guesses.begin("another", "192.0.2.1", 100.0)
    assert guesses.begin("another", "192.0.2.2", 100.0) == 0


def test_failures_are_forgotten_after_the_window() -> None:
    """And the sentence says when."""
    guesses = Guesses(per_account=1)
    guesses.begin("nina", "192.0.2.1", 100.0)
    with pytest.raises(UserError, match="Try again in 11 s"):
        guesses.begin("nina", "192.0.2.1", 150.0)

    assert guesses.begin("nina", "192.0.2.1", 100.0 + WINDOW) == 0


def test_memory_is_bounded() -> None:
    """Whoever failed least recently is forgotten first."""
    guesses = Guesses()
    for number in range(MAX_TRACKED):
        guesses.begin(f"name {number}", f"address {number}", 100.0)

    assert len(guesses._failed) == MAX_TRACKED
    assert guesses.begin("name 0", "address 0", 100.0) == 0

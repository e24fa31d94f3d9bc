"""Passwords: what will do, and what fits."""

from collections.abc import Iterator

import pytest

from tcpnet.chat.passwords import LONGEST, SHORTEST, Passwords
from tcpnet.errors import UserError


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    """Threads that hash, for one test."""
    with Passwords() as made:
        yield made


@pytest.mark.parametrize("word", ["x" * (SHORTEST - 1), "x" * (LONGEST + 1), "é" * LONGEST])
async def test_a_password_too_short_or_too_long_is_refused(passwords: Passwords, word: str) -> None:
    """Characters count below, bytes above."""
    with pytest.raises(UserError, match="A password has at"):
        await passwords.hashed(word)


async def test_only_the_same_password_fits(passwords: Passwords) -> None:
    """And a hash says nothing about it."""
    stored = await passwords.hashed("correct horse")

    assert "horse" not in stored
    assert await passwords.fits(stored, "correct horse")
    assert not await passwords.fits(stored, "correct horsf")
    assert not await passwords.fits(stored, "correct horse" + "x" * LONGEST)


async def test_what_is_no_hash_fits_nothing(passwords: Passwords) -> None:
    """A damaged store lets nobody in, and ends nothing."""
    assert not await passwords.fits("", "correct horse")
    assert not await passwords.fits(passwords.nobody, "correct horse")


async def test_a_hash_of_other_parameters_is_outdated(passwords: Passwords) -> None:
    """So it can be made anew when its owner comes in."""
    weak = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$5vCKwDXWtm7LJU5DMz4JEKkKgIMuSz4RaGGPLAiVK0U"

    assert passwords.is_outdated(weak)
    assert not passwords.is_outdated(passwords.nobody)


async def test_a_password_is_the_same_on_every_keyboard(passwords: Passwords) -> None:
    """RFC 8265, OpaqueString: composed or not, and with any kind of space."""
    stored = await passwords.hashed("caf\u00e9 au lait")

    assert await passwords.fits(stored, "cafe\u0301\u00a0au lait")
    assert not await passwords.fits(stored, "Cafe\u0301 au lait")


async def test_a_password_of_control_characters_is_refused_and_fits_nothing(
    passwords: Passwords,
) -> None:
    """In words; nobody could type it elsewhere."""
    stored = await passwords.hashed("correct horse")

    with pytest.raises(UserError, match="letters, digits, signs and spaces only"):
        await passwords.hashed("correct\x1bhorse")
    assert not await passwords.fits(stored, "correct\x1bhorse")

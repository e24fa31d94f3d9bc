"""Fixtures for all tests."""

from collections.abc import AsyncIterator

import pytest

from tests.hub import Town, town


@pytest.fixture
async def hub() -> AsyncIterator[Town]:
    """An ephemeral hub with the default settings, on a free port."""
    async with town() as made:
        yield made

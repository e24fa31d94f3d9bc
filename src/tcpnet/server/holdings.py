"""What a person holds while he is here, to be let go of when he is gone."""

from collections.abc import Callable
from typing import Any


class Holdings:
    """Like an ExitStack of plain calls that never fail, for a sixth of its memory.

    There is one a person, and most people are idle.
    """

    __slots__ = ("_undo",)

    def __init__(self) -> None:
        self._undo: list[tuple[Any, ...]] = []

    def keep(self, undo: Callable[..., object], *arguments: Any) -> None:
        """Hold something that this call lets go of."""
        self._undo.append((undo, *arguments))

    def release(self) -> None:
        """Let go of everything, what came last first; again is harmless."""
        while self._undo:
            undo, *arguments = self._undo.pop()
            undo(*arguments)

"""Names that could be taken for each other: what files a name, and what must be unique."""

import functools
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tcpnet.errors import UserError

if TYPE_CHECKING:
    from precis_i18n.profile import Profile

_TABLE: Final = Path(__file__).with_name("confusables.txt")


def key(name: str) -> str:
    """What a name is filed under: two names with one key are one name.

    UsernameCaseMapped of RFC 8265, 3.3. Raises UserError for a name that it does not take.
    """
    if name.isascii() and name.isalnum():
        return name.lower()  # all that the profile does with these, at a hundredth of its cost
    try:
        return _profile().enforce(name)
    except UnicodeEncodeError as error:
        raise UserError(_refusal(error)) from error


def clash_key(name: str) -> str:
    """What no two names may share, since people could take one for the other.

    The skeleton of the name as it is shown, whatever its case: `AIice` with a capital i looks like
    `Alice`, and nobody minds whether it was `alice` who was there first.
    """
    return skeleton(skeleton(name).lower())


def skeleton(text: str) -> str:
    """What a text looks like: equal for texts that can be confused (UTS 39, 4).

    Not for people to read. Two texts that look alike have the same one; unlike in the standard,
    a skeleton is its own skeleton.
    """
    shapes = unicodedata.normalize("NFD", text).translate(_prototypes())
    return unicodedata.normalize("NFD", shapes)


@functools.cache
def _profile() -> "Profile":
    # Imported for the first name that needs it: it reads tables of all of Unicode.
    from precis_i18n import get_profile

    return get_profile("UsernameCaseMapped")


@functools.cache
def _prototypes() -> dict[int, str | None]:
    """What each character looks like; None for one that is not seen.

    Read when the first name is judged; it takes 8 ms.
    """
    prototypes: dict[int, str | None] = {}
    for line in _TABLE.read_text("ascii").splitlines():
        shape, *sources = line.split()
        if shape == "-":
            prototypes |= dict.fromkeys(_ranges(sources))
        elif shape != "#":
            shown = "".join(chr(int(code, 16)) for code in shape.split("+"))
            prototypes |= dict.fromkeys([int(code, 16) for code in sources], shown)
    return prototypes


def _ranges(words: list[str]) -> Iterator[int]:
    for word in words:
        first, _, last = word.partition("..")
        yield from range(int(first, 16), int(last or first, 16) + 1)


def _refusal(error: UnicodeEncodeError) -> str:
    """What the profile has against a name, for people."""
    kind = error.reason.rpartition("/")[2]
    if kind == "empty":
        return "A name is needed."
    if kind == "bidi_rule":
        return "The letters and digits of a name all run from left to right, or from right to left."
    shown = unicodedata.name(error.object[error.start], "one that is not in use").lower()
    return f"A name cannot have this character: {shown}."

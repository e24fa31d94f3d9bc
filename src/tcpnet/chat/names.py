"""What may be a name: of a person, of a room."""

import re
import unicodedata
from typing import Final

from tcpnet.chat import lookalikes
from tcpnet.errors import UserError

MAX_NAME: Final = 32
"""Characters of a person's name."""

# Letters and marks by their category that nobody sees: fillers, joiners, variation selectors.
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_PLAIN: Final = re.compile(rf"(?=.*[A-Za-z])[A-Za-z0-9._-]{{1,{MAX_NAME}}}")
_ROOM: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def person(name: str) -> str:
    """The name as it is shown, composed (NFC); raises UserError with the rule it breaks.

    Letters, marks and digits of any script, `-`, `_` and `.`, and at least one letter: so nobody
    is called `50922`, and no `:`, `,`, `>` or bracket forges a list or a line.
    """
    if _PLAIN.fullmatch(name):
        return name  # as most are: nothing below refuses or changes one
    if len(name) > 4 * MAX_NAME:  # normalising a megabyte of marks would hold everybody up
        raise UserError(f"A name has at most {MAX_NAME} characters.")
    shown = unicodedata.normalize("NFC", name.strip())
    if not shown:
        raise UserError("A name is needed.")
    if len(shown) > MAX_NAME:
        raise UserError(f"A name has at most {MAX_NAME} characters.")
    kinds = [unicodedata.category(character)[0] for character in shown]
    foreign = (
        c not in "-_." and kind not in "LM" and unicodedata.category(c) != "Nd"
        for c, kind in zip(shown, kinds, strict=True)
    )
    if any(foreign) or _UNSEEN.search(shown) or "L" not in kinds or kinds[0] == "M":
        raise UserError("A name has letters, digits, '-', '_' and '.', and at least one letter.")
    lookalikes.key(shown)
    return shown


def key(name: str) -> str:
    """What a name is filed under, whatever its case; raises UserError for what is no name."""
    return lookalikes.key(name.strip())


def room(room_id: str) -> str:
    """A valid room id; raises UserError."""
    if not _ROOM.fullmatch(found := room_id.strip()):
        raise UserError("A room id has 1 to 64 letters, digits, '-' and '_'.")
    return found

"""The open question: what the hub asks the person, and what an answer to it may be."""

import re
from typing import Final

from msgspec import Struct

from tcpnet.errors import UserError
from tcpnet.protocol.items import Input
from tcpnet.text import clean

# At most 15 digits: whole and exact in every language. Anything else stays text.
_WHOLE: Final = re.compile(r"\s*([+-]?[0-9]{1,15})\s*", re.ASCII)


class Question(Struct, frozen=True):
    """One `input`, its texts harmless and on one line."""

    id: int
    prompt: str
    res_key: str
    """Echoed in the reply; nothing here looks into it."""
    res_type: str
    keep: bool = False
    """It stays open after each answer."""
    place: str | None = None
    """Where the person is, for a status line."""
    local: bool = False
    """Words that begin with a slash may be meant for the client."""
    words: tuple[str, ...] = ()
    """Words that the hub understands here, for completion."""

    @classmethod
    def of(cls, item: Input) -> "Question":
        """The question that this item asks."""
        return cls(
            id=item.id,
            prompt=clean(item.message),
            res_key=item.res_key,
            res_type=item.res_type,
            keep=item.keep,
            place=None if item.place is None else clean(item.place),
            local=item.local,
            words=tuple(clean(word) for word in item.words),
        )

    @property
    def secret(self) -> bool:
        """Whether the answer must not be seen."""
        return self.res_type == "secret"

    @property
    def whole(self) -> bool:
        """Whether a whole number is asked for. A type this client does not know is a string."""
        return self.res_type == "int"

    def fits(self, answer: str) -> bool:
        """Whether the hub can take this; a kindness, for the hub judges again."""
        return not self.whole or _WHOLE.fullmatch(answer) is not None

    def literal(self, text: str) -> str:
        """What is sent so that the hub takes this for text, not for one of its words."""
        begun = text.lstrip()
        word = "/" + begun.lstrip("/").partition(" ")[0].lower()
        return f"/{begun}" if begun.startswith("/") and word in self.words else text

    def for_hub(self, text: str) -> str | None:
        """What is sent for a typed line; None for one whose slash word is not the hub's."""
        if not (self.local and text.startswith("/")):
            return text
        if text.startswith("//"):
            return self.literal(text[1:])
        word = text.partition(" ")[0]
        known = {each.casefold(): each for each in self.words}.get(word.casefold())
        return None if known is None else known + text[len(word) :]

    def typed(self, text: str) -> str:
        """What is sent for a line typed where the client has no words of its own.

        Raises UserError for a word that begins with a slash and is not the hub's.
        """
        if (sent := self.for_hub(text)) is None:
            raise UserError(unknown(text.partition(" ")[0]))
        return sent

    def value(self, answer: str) -> str | int:
        """What is sent for this answer: a number where one was asked and given."""
        number = _WHOLE.fullmatch(answer) if self.whole else None
        return int(number[1]) if number else answer


def unknown(word: str) -> str:
    """What is said of a word that begins with a slash and is nobody's."""
    return f"unknown command {word}; // sends a literal slash"

"""Text of others, made harmless: one table for every place that shows it."""

import re
import unicodedata
from typing import Final

MAX_MARKS: Final = 4
"""Combining marks kept on one base; more of them climb over the neighbouring lines."""

# Whatever moves the cursor, reorders what is read, or is not seen at all: C0, DEL, C1, soft
# hyphen, bidi controls, separators, zero-width characters, tags, surrogates. The joiners
# U+200C and U+200D are judged by their neighbours (`_joins`).
_HOSTILE: Final = (
    "\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u202a-\u202e"
    "\u2060-\u2069\ufeff\U000e0000-\U000e007f\ud800-\udfff"
)
_SUSPECT: Final = re.compile(f"[{_HOSTILE}]|[\u200c\u200d]+")
# A run of marks is looked for only where one can be: most marks live above U+02FF.
_MARKS: Final = re.compile(r"[^\x00-\u02ff]{" + str(MAX_MARKS + 1) + r",}")
_BREAKS: Final = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")


def clean(text: str) -> str:
    """Make one line harmless: line breaks become spaces, the rest as in `clean_lines`."""
    if text.isascii() and text.isprintable():
        return text
    return _harmless(_BREAKS.sub(" ", text))


def clean_lines(text: str) -> str:
    """Make text harmless and keep its line breaks, all as newlines.

    A tab becomes four spaces, other C0 characters and DEL their pictures (U+2400 and on), the rest
    of the table U+FFFD; joiners stay between letters only; more than `MAX_MARKS` combining marks
    on one base are dropped.
    """
    if text.isascii() and text.isprintable():
        return text
    return "\n".join(_harmless(line) for line in _BREAKS.split(text))


def clip(text: str, max_bytes: int) -> str:
    """Cut text to at most `max_bytes` bytes of UTF-8, between characters."""
    encoded = text.encode("utf-8", "surrogatepass")
    if len(encoded) <= max_bytes:
        return text
    end = max_bytes
    while encoded[end] & 0xC0 == 0x80:  # inside a character
        end -= 1
    return encoded[:end].decode("utf-8", "surrogatepass")


def size(text: str) -> int:
    """Bytes of the text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _harmless(line: str) -> str:
    if _SUSPECT.search(line):
        line = _SUSPECT.sub(_replacement, line)
    if _MARKS.search(line):
        line = _cap_marks(line)
    return line


def _replacement(match: re.Match[str]) -> str:
    found = match.group()
    if found == "\t":
        return "    "
    if found < " ":
        return chr(0x2400 + ord(found))
    if found == "\x7f":
        return "\u2421"
    if found[0] in "\u200c\u200d":
        # Elsewhere they only glue emoji together, whose width no two terminals agree on.
        return found[-1] if _joins(match) else ""
    return "\ufffd"


def _joins(match: re.Match[str]) -> bool:
    """Whether joiners stand between letters, where Persian and Indic scripts need one."""
    start, end = match.span()
    before, after = match.string[max(start - 1, 0) : start], match.string[end : end + 1]
    if not before or not after:
        return False
    # A virama (a mark) before the joiner is how Indic scripts ask for a half form.
    return unicodedata.category(before)[0] in "LM" and unicodedata.category(after)[0] == "L"


def _cap_marks(line: str) -> str:
    # By the characters that occur, not one by one: a page of a megabyte is Cyrillic or Chinese.
    found = (c for c in set(line) if unicodedata.category(c) in ("Mn", "Me"))
    if not (marks := "".join(sorted(found))):
        return line
    return re.sub(f"([{marks}]{{{MAX_MARKS}}})[{marks}]+", r"\1", line)

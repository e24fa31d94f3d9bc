"""What a body is to a person: text in its charset, or a file with a type and a name."""

import codecs
import re
from email.message import Message
from email.utils import collapse_rfc2231_value
from mimetypes import guess_extension
from typing import Final
from urllib.parse import unquote, urlsplit

from tcpnet.proxy.entry import Fields

# Bytes looked at: where browsers look for a charset, and where text shows that it is none.
_HEAD: Final = 1024
# Bytes that a guess is made on: more of them cost time and change nothing.
_SAMPLE: Final = 16 * 1024

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED: Final = re.compile(
    rb"""<meta[^>]{1,200}?charset\s*=\s*["']?([\w.:-]{2,40})
    |^\s*<\?xml[^>]{1,200}?encoding\s*=\s*["']([\w.:-]{2,40})
    |^@charset\ "([\w.:-]{2,40})\"""",
    re.IGNORECASE | re.VERBOSE,
)
# Labels that pages use for their Windows superset (WHATWG Encoding §4.2).
_WINDOWS_1252: Final = frozenset({"ascii", "iso8859-1"})
# Of Python's codecs these are no charsets of pages, or decode what is not there.
_NO_CHARSETS: Final = frozenset(
    {
        "idna",
        "mbcs",
        "oem",
        "punycode",
        "raw-unicode-escape",
        "undefined",
        "unicode-escape",
        "utf-7",
    }
)

_WESTERN: Final = "cp1252"
# What unlabelled pages are written in; left to itself the library also finds Macs and mainframes.
_GUESSES: Final = (
    *(_WESTERN, "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("iso8859_2", "koi8_r", "cp874", "cp932", "euc_jp", "gb18030", "big5", "cp949"),
)

_TEXTUAL: Final = frozenset(
    {
        "application/ecmascript",
        "application/javascript",
        "application/json",
        "application/rtf",
        "application/sql",
        "application/toml",
        "application/x-javascript",
        "application/x-ndjson",
        "application/x-sh",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/yaml",
        "image/svg+xml",
        "message/rfc822",
    }
)
# Bytes that no text has (WHATWG MIME Sniffing §7.1).
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
# One in so many is a stray one, in what its site calls text; chance makes it one in nine.
_STRAY: Final = 20

_MAX_NAME: Final = 100


def media_type(content_type: str | None) -> str:
    """Return the type without parameters, in lower case; empty if none is given."""
    return (content_type or "").partition(";")[0].strip().lower()


def is_text(content_type: str | None, sample: bytes) -> bool:
    """Tell whether to show a body, by its type, or by its first bytes where that says nothing."""
    kind = media_type(content_type)
    if kind in _TEXTUAL or kind.endswith(("+xml", "+json")):
        return True
    if kind and not kind.startswith("text/"):
        return False
    if any(sample.startswith(mark) for mark, _ in _MARKS):
        return True
    head = sample[:_HEAD]
    if not kind or b"\0" in head:
        return not _BINARY.search(head)
    return len(_BINARY.findall(head)) * _STRAY <= len(head)


def text(data: bytes, content_type: str | None = None) -> str:
    """Read bytes as text; what its charset does not have becomes U+FFFD."""
    return data.decode(charset(data, content_type), errors="replace")


def charset(data: bytes, content_type: str | None = None) -> str:
    """Name the codec of a text: its mark, the header, the text itself, at last a guess."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    declared = _codec(_parameter(content_type, "charset")) or _codec(_declared(data))
    if declared:
        return declared
    if _is_utf8(data):
        return "utf-8"
    return _guessed(data[:_SAMPLE])


def file_name(url: str, fields: Fields) -> str:
    """Name a body that is kept as a file: no folder, nothing hidden, letters any system takes."""
    disposition = fields.index.get("content-disposition")
    path = unquote(urlsplit(url).path)
    given = _parameter(disposition, "filename") or path.rpartition("/")[2]
    name = re.sub(r"[^\w.()+ -]", "_", re.split(r"[/\\]", given)[-1]).strip(". ")[-_MAX_NAME:]
    if not name:
        name = "page"
    if "." in name:
        return name
    kind = media_type(fields.index.get("content-type"))
    return name + (guess_extension(kind, strict=False) or "")


def _parameter(value: str | None, name: str) -> str | None:
    """Return one parameter of a field value, in RFC 8187's form too."""
    if not value:
        return None
    message = Message()
    message["Content-Type"] = value
    found = message.get_param(name)
    return collapse_rfc2231_value(found) if found else None


def _declared(data: bytes) -> str | None:
    found = _DECLARED.search(data[:_HEAD])
    if found is None:
        return None
    label = next(group for group in found.groups() if group).decode("ascii")
    # It was found by reading bytes as ASCII, so it is not that (WHATWG HTML §13.2.3.2).
    return "utf-8" if label.lower().startswith("utf-16") else label


def _codec(label: str | None) -> str | None:
    if not label:
        return None
    try:
        name = codecs.lookup(label.strip()).name
        b"?".decode(name, errors="replace")  # fails for rot13, hex and others that make no text
    except (LookupError, ValueError):
        return None
    if name in _NO_CHARSETS:
        return None
    return _WESTERN if name in _WINDOWS_1252 else name


def _guessed(sample: bytes) -> str:
    import charset_normalizer  # 3 MiB that a hub does without until somebody reads such a page

    matches = charset_normalizer.from_bytes(sample, cp_isolation=list(_GUESSES))
    best = matches.best()
    # Browsers' own fallback, unless it reads worse than another: a tie says little.
    is_western = any(m.encoding == _WESTERN and best and m.chaos <= best.chaos for m in matches)
    return _WESTERN if best is None or is_western else best.encoding


def _is_utf8(data: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True

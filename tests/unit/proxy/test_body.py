"""Bodies: text in its charset, or a file with a type and a name."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.proxy.body import charset, file_name, is_text, media_type, text
from tests.unit.proxy.messages import fields


@pytest.mark.parametrize(
    ("content_type", "data", "words"),
    [
        # the mark comes before all
        ("text/html; charset=iso-8859-1", codecs.BOM_UTF8 + "é".encode(), "é"),
        (None, codecs.BOM_UTF16_LE + "é".encode("utf-16-le"), "é"),
        (None, codecs.BOM_UTF16_BE + "é".encode("utf-16-be"), "é"),
        # the header
        ("text/html; charset=utf-8", "é".encode(), "é"),
        ('text/html; Charset="ISO-8859-7"', "αλεπού".encode("iso-8859-7"), "αλεπού"),
        ("text/plain; charset=windows-1251", "Привет".encode("cp1251"), "Привет"),
        ("text/plain; charset=shift_jis", "日本".encode("shift_jis"), "日本"),
        ("text/plain; charset=iso-8859-1", b"\x80 \xe9", "€ é"),
        ("text/plain; charset=us-ascii", b"\xe9", "é"),
        # the page itself
        (
            None,
            b'<meta charset="windows-1251">' + "Я".encode("cp1251"),
            '<meta charset="windows-1251">Я',
        ),
        (
            "text/html",
            b"<META http-equiv=x content='a; charset=koi8-r'>\xd1",
            "<META http-equiv=x content='a; charset=koi8-r'>я",
        ),
        (
            "text/xml",
            b'<?xml version="1.0" encoding="iso-8859-2"?>\xb1',
            '<?xml version="1.0" encoding="iso-8859-2"?>ą',
        ),
        ("text/css", b'@charset "koi8-r";\xd1', '@charset "koi8-r";я'),
        ("text/html", b"<meta charset=utf-16>" + "é".encode(), "<meta charset=utf-16>é"),
        # nothing said: UTF-8 if it is that
        (None, "日本é".encode(), "日本é"),
        (None, b"", ""),
        (None, "é".encode() * 20_000, "é" * 20_000),
        # a header that names nonsense
        ("text/html; charset=nonsense", "é".encode(), "é"),
        ("text/html; charset=", "é".encode(), "é"),
        ("text/html; charset=rot13", b"uryyb", "uryyb"),
        ("text/html; charset=hex", b"6868", "6868"),
        ("text/html; charset=unicode_escape", rb"\u001b[2J", r"\u001b[2J"),
        ("text/html; charset=utf-7", b"+AGEAYg-", "+AGEAYg-"),
        ("text/html; charset=idna", b"xn--a", "xn--a"),
        # what the charset does not have
        ("text/html; charset=utf-8", b"a\xffb", "a\ufffdb"),
    ],
)
def test_text_is_read_in_its_charset(content_type: str | None, data: bytes, words: str) -> None:
    """Mark, header, page, UTF-8; what is left over becomes U+FFFD and never an error."""
    assert text(data, content_type) == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("cp1252", "Le café où j'ai mangé était fermé hier à Zürich. "),
        ("cp1252", "Die Straße führt über die Brücke zum Schloß. "),
        ("cp1252", "A informação não está disponível, coração. "),
        ("cp1250", "Zażółć gęślą jaźń, proszę bardzo. "),
        ("cp1251", "Привет, как дела? Это проверка. "),
        ("iso8859_7", "Η ταχεία αλεπού πηδάει πάνω από τον τεμπέλη σκύλο. "),
        ("cp932", "日本語のページですよ。これは試験です。"),
        ("gb18030", "这是一个测试页面，欢迎光临。"),
        ("cp949", "안녕하세요. 이것은 시험입니다. "),
    ],
)
def test_a_charset_that_nobody_names_is_guessed(written: str, words: str) -> None:
    """A library looks at the letters, among the charsets that pages are written in."""
    page = words * 30

    assert text(page.encode(written)) == page


@given(data=st.binary(max_size=300), label=st.sampled_from(["", "utf-8", "big5", "utf-16", "x"]))
def test_any_bytes_are_some_text(data: bytes, label: str) -> None:
    """Reading never fails, whatever the header says."""
    assert isinstance(text(data, f"text/plain; charset={label}"), str)


def test_the_guess_looks_at_a_sample_only() -> None:
    """A large page without a charset is not read several times over."""
    assert charset(b"\xe9\xe8 " * 1_000_000) != ""


@pytest.mark.parametrize(
    ("content_type", "sample", "shown"),
    [
        ("text/html", b"<p>", True),
        ("text/plain; charset=utf-8", b"x", True),
        ("TEXT/CSV", b"a,b", True),
        ("application/json", b"{}", True),
        ("application/problem+json", b"{}", True),
        ("application/xhtml+xml", b"<p/>", True),
        ("image/svg+xml", b"<svg/>", True),
        ("application/javascript", b"1", True),
        ("image/png", b"\x89PNG", False),
        ("application/pdf", b"%PDF", False),
        ("application/octet-stream", b"text", False),
        ("application/zip", b"PK", False),
        ("text/plain", b"\x00\x01\x02", False),
        ("text/plain", b"a bell, and nothing else: \x07\n", True),
        ("text/plain", b"twenty bytes, 1 zero\x00", False),
        ("text/plain", b"\x01\x02\x03 and then text", False),
        (None, b"a bell, and nothing else: \x07\n", False),
        ("text/plain", "ü".encode("utf-16"), True),
        (None, b"hello\r\n\tthere\x0c", True),
        (None, "ü".encode(), True),
        (None, b"\x89PNG\r\n\x1a\n\x00", False),
        (None, b"", True),
        ("", b"\x7fELF\x02", False),
    ],
)
def test_what_is_no_text_is_not_shown(content_type: str | None, sample: bytes, shown: bool) -> None:
    """The type decides; where it says text or nothing, the first bytes do."""
    assert is_text(content_type, sample) == shown


def test_a_media_type_stands_without_its_parameters() -> None:
    """As it is shown beside a size."""
    assert media_type("Image/PNG; q=1") == "image/png"
    assert media_type(None) == ""


@pytest.mark.parametrize(
    ("url", "lines", "name"),
    [
        ("https://h.example/a/b/photo.png", [], "photo.png"),
        ("https://h.example/a/photo.png?size=2", [], "photo.png"),
        ("https://h.example/a/photo", ["Content-Type: image/png"], "photo.png"),
        ("https://h.example/", ["Content-Type: application/pdf"], "page.pdf"),
        ("https://h.example/", [], "page"),
        ("https://h.example/%2e%2e%2f%2e%2e%2fetc%2fpasswd", [], "passwd"),
        ("https://h.example/..", [], "page"),
        ("https://h.example/.bashrc", [], "bashrc"),
        ("https://h.example/a%00b%0a%1b.txt", [], "a_b__.txt"),
        ("https://h.example/c:%5cwindows%5cx.dll", [], "x.dll"),
        ("https://h.example/caf%C3%A9.txt", [], "café.txt"),
        (
            "https://h.example/x",
            ['Content-Disposition: attachment; filename="my file.zip"'],
            "my file.zip",
        ),
        (
            "https://h.example/x",
            ["Content-Disposition: attachment; filename*=UTF-8''na%C3%AFve.txt"],
            "naïve.txt",
        ),
        ("https://h.example/x", ['Content-Disposition: attachment; filename="../../x.sh"'], "x.sh"),
        ("https://h.example/x", ["Content-Disposition: inline"], "x"),
        ("https://h.example/" + "y" * 300 + ".iso", [], "y" * 96 + ".iso"),
    ],
)
def test_a_file_is_named_harmlessly(url: str, lines: list[str], name: str) -> None:
    """No folder, nothing hidden, no control character, an extension where the type has one."""
    assert file_name(url, fields(lines)) == name

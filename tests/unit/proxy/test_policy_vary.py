"""RFC 9111 §4.1: which stored response was selected by a request like this one."""

import pytest

from tcpnet.proxy.rules.policy import Forward, Serve, decide, select
from tests.unit.proxy.messages import NOW, ask, date, keep

FRESH = "Cache-Control: max-age=60"


@pytest.mark.parametrize(
    ("vary", "first", "second", "same"),
    [
        ("Foo", ["Foo: 1"], ["Foo: 1"], True),
        ("Foo", ["Foo: 1"], ["fOO: 1"], True),
        ("FOO", ["foo: 1"], ["Foo: 1"], True),
        ("Foo", ["Foo: 1"], ["Foo: 2"], False),
        ("Foo", ["Foo: 1"], [], False),
        ("Foo", [], ["Foo: 1"], False),
        ("Foo", [], [], True),
        ("Foo", ["Foo: a"], ["Foo: A"], False),
        ("Foo", ["Foo: 1", "Foo: 2"], ["Foo: 1, 2"], True),
        ("Foo", ["Foo: 1,2"], ["Foo: 1  ,\t2"], True),
        ("Foo", ["Foo: 1, 2"], ["Foo: 2, 1"], False),
        ("Foo", ["Foo: 1 2"], ["Foo: 12"], False),
        ("Foo, Bar", ["Foo: 1", "Bar: 2"], ["Bar: 2", "Foo: 1"], True),
        ("Foo, Bar", ["Foo: 1", "Bar: 2"], ["Foo: 1"], False),
        ("Foo, Bar", ["Foo: 1", "Bar: 2"], ["Foo: 2", "Bar: 1"], False),
        ("Foo", ["Foo: 1", "Other: 1"], ["Foo: 1", "Other: 2"], True),
        ("Accept-Language", ["Accept-Language: de, en"], ["Accept-Language: EN,de"], True),
        ("Accept-Language", ["Accept-Language: de"], ["Accept-Language: de;q=0.5"], False),
        ("Accept-Encoding", ["Accept-Encoding: gzip, br"], ["Accept-Encoding: BR, gzip"], True),
        ("Accept", ["Accept: a/b, c/d"], ["Accept: c/d, a/b"], True),
        ("User-Agent", ["User-Agent: A/1 (x, y)"], ["User-Agent: A/1 (x,y)"], True),
        ("Foo", ["Foo: " + "x" * 5000], ["Foo: " + "x" * 5000], True),
        ("Foo", ["Foo: " + "x" * 5000], ["Foo: " + "x" * 4999], False),
    ],
)
def test_rfc_9111_4_1_selecting_fields_must_match(
    vary: str, first: list[str], second: list[str], same: bool
) -> None:
    """Blanks and lines make no difference, nor does order where the field has none."""
    entry = keep(FRESH, f"Vary: {vary}", request=ask(*first))

    plan = decide(ask(*second), [entry], NOW)

    assert plan == (Serve(entry, 0) if same else Forward(joinable=True))


def test_rfc_9111_4_1_each_variant_serves_its_own() -> None:
    """Several may be stored side by side."""
    entries = [keep(FRESH, "Vary: Foo", request=ask(f"Foo: {number}")) for number in range(3)]

    for number, entry in enumerate(entries):
        assert select(entries, ask(f"Foo: {number}").fields.index) is entry


def test_rfc_9111_4_the_latest_of_several_is_used() -> None:
    """By the Date that the origin gave, whatever order they are stored in."""
    older = keep(FRESH, "Vary: Foo", f"Date: {date(-20)}", at=NOW)
    newer = keep(FRESH, "Vary: Bar", f"Date: {date(-10)}", at=NOW - 5)

    assert select([older, newer], {}) is newer
    assert select([newer, older], {}) is newer


def test_rfc_9111_4_1_a_response_with_vary_goes_before_one_without() -> None:
    """A default response that forgot its Vary must not hide better ones."""
    default = keep(FRESH, at=NOW + 5)
    german = keep(FRESH, "Vary: Accept-Language", request=ask("Accept-Language: de"))

    assert select([default, german], {"accept-language": "de"}) is german
    assert select([default, german], {"accept-language": "en"}) is default

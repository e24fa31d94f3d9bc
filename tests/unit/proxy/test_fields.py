"""Header fields: looking up, splitting lists, and what belongs to one hop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.proxy.entry import Fields, Lines
from tcpnet.proxy.fields import end_to_end, members, tokens
from tests.unit.proxy.messages import fields

LINES = fields(["Set-Cookie: a=1", "X-One: 1", "set-cookie: b=2", "Vary: Accept, *"])


def test_a_field_is_found_in_any_case_and_keeps_its_lines() -> None:
    """Names compare without case; lines stay apart and in order (RFC 9110 §5.1, §5.3)."""
    assert LINES.values("set-cookie") == ("a=1", "b=2")
    assert LINES.index.get("set-cookie") == "a=1, b=2"
    assert "x-one" in LINES.index
    assert LINES.index.get("age") is None


def test_an_index_holds_each_name_once_with_its_lines_joined() -> None:
    """Lines of one name mean one list (RFC 9110 §5.3)."""
    assert LINES.index == {"set-cookie": "a=1, b=2", "x-one": "1", "vary": "Accept, *"}


def test_fields_are_what_their_lines_are() -> None:
    """Equal lines make equal fields, in the same case and order; nothing else does."""
    again = fields(["Set-Cookie: a=1", "X-One: 1", "set-cookie: b=2", "Vary: Accept, *"])

    assert (again, hash(again)) == (LINES, hash(LINES))
    assert fields(["x-one: 1"]) != fields(["X-One: 1"])
    assert LINES.lines != LINES
    assert repr(fields(["Age: 3"])) == "Fields((('Age', '3'),))"


def test_any_number_of_names_is_found() -> None:
    """However many there were before, and however long they are."""
    names = [f"X-{number}" for number in range(2000)] + ["X" * 1000, ""]

    found = [Fields(((name, name),)) for name in (*names, *names)]

    assert [list(one.index) for one in found] == [[name.lower()] for name in (*names, *names)]


NAMES = st.sampled_from(["a", "A", "b", "B", "c"])


@given(
    lines=st.lists(st.tuples(NAMES, st.text(max_size=2))).map(tuple),
    more=st.lists(st.tuples(NAMES, st.text(max_size=2)), max_size=3),
    names=st.sets(NAMES.map(str.lower)),
)
def test_what_is_made_of_fields_is_found_by_its_lines(
    lines: Lines, more: list[tuple[str, str]], names: set[str]
) -> None:
    """Whatever was dropped or added, the index says what the lines say."""
    made = Fields(lines).without(names).added(*more)

    assert made.lines == (*(line for line in lines if line[0].lower() not in names), *more)
    for name in ("a", "b", "c"):
        said = tuple(value for key, value in made.lines if key.lower() == name)
        assert made.values(name) == said
        assert made.index.get(name) == (", ".join(said) if said else None)
        assert (name in made.index) == bool(said)


def test_a_replaced_field_stands_once() -> None:
    """The new line takes the place of all old ones, whatever their case."""
    assert LINES.replaced("SET-cookie", "c=3").lines[-1] == ("SET-cookie", "c=3")
    assert LINES.replaced("SET-cookie", "c=3").values("set-cookie") == ("c=3",)
    assert LINES.without({"set-cookie", "vary"}) == Fields((("X-One", "1"),))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", []),
        (" , ,", []),
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        ("\ta , b\t", ["a", "b"]),
        ('a="1, 2", b', ['a="1, 2"', "b"]),
        (r'a="\", b", c', [r'a="\", b"', "c"]),
        ("a=\\, b", ["a=\\", "b"]),
        ('a="1, no-store, b', ['a="1', "no-store", "b"]),
        ('a"b,c"d, e', ['a"b,c"d', "e"]),
        ('"a,b", c', ['"a,b"', "c"]),
        ('"a","b', ['"a"', '"b']),
    ],
)
def test_a_list_splits_at_commas_outside_quotes(value: str, expected: list[str]) -> None:
    """An open quote hides nothing, so that no directive can be lost behind it (RFC 9110 §5.6)."""
    assert list(members(value)) == expected


@given(st.text(alphabet='ab,"\\ =\t'))
def test_no_list_loses_a_word(value: str) -> None:
    """Splitting drops commas and blanks and nothing else."""
    kept = "".join(members(value))
    assert [mark for mark in kept if mark in 'ab"\\='] == [
        mark for mark in value if mark in 'ab"\\='
    ]


def test_tokens_come_from_all_lines_in_lower_case() -> None:
    """A list may be spread over lines."""
    assert tokens(fields(["Vary: A, b", "VARY: *"]), "vary") == {"a", "b", "*"}


def test_fields_of_one_connection_do_not_go_on() -> None:
    """What Connection names, and what always belongs to one hop, is dropped (RFC 9110 §7.6.1)."""
    received = fields(
        [
            "Connection: close, X-Mine",
            "connection: x-also",
            "X-Mine: 1",
            "X-Also: 2",
            "Keep-Alive: timeout=5",
            "Proxy-Authorization: Basic eA==",
            "Proxy-Connection: keep-alive",
            "TE: trailers",
            "Trailer: X",
            "Transfer-Encoding: chunked",
            "Upgrade: h2c",
            "X-Ours: 3",
        ]
    )

    assert end_to_end(received).lines == (("X-Ours", "3"),)


@pytest.mark.parametrize("name", ["Authorization", "Cache-Control", "Host", "Content-Length"])
def test_connection_cannot_remove_what_guards_a_message(name: str) -> None:
    """Naming such a field in Connection is an attack on the next hop."""
    assert name.lower() in end_to_end(fields([f"Connection: {name}", f"{name}: x"])).index

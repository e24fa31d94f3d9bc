"""Items to lines and back; what a decoder takes and what it refuses."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from tcpnet.errors import ProtocolError
from tcpnet.protocol import codec, items
from tcpnet.protocol.items import FromClient, FromServer, Hello, Input, Ping, Print, Reply, Secure

CLIENT = get_args(FromClient)
SERVER = get_args(FromServer)


def of_type(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Values that msgspec's description of a field allows."""
    match kind:
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType(ge=least):
            return st.integers(least if least is not None else -(2**63), 2**53 - 1)
        case inspect.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case inspect.StrType(max_length=longest):
            return st.text(max_size=longest if longest is not None else 300)
        case inspect.NoneType():
            return st.none()
        case inspect.UnionType(types=kinds):
            return st.one_of([of_type(kind) for kind in kinds])
        case inspect.VarTupleType(item_type=inner):
            return st.lists(of_type(inner), max_size=5).map(tuple)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(of_type(key), of_type(value), max_size=5)
        case inspect.StructType(cls=struct, fields=fields):
            return st.builds(struct, **{field.name: of_type(field.type) for field in fields})
        case _:
            raise TypeError(f"no values are known for {kind}")


def bodies(kinds: tuple[type[items.Body], ...]) -> st.SearchStrategy[Any]:
    """Items of these types."""
    return st.one_of([of_type(inspect.type_info(kind)) for kind in kinds])


@given(st.lists(bodies(CLIENT), max_size=4))
def test_what_a_client_encodes_a_server_decodes(frame: list[items.FromClient]) -> None:
    """Every struct survives the wire, all of its fields whatever they hold."""
    line = codec.encode(*frame)

    assert codec.from_client().decode(line) == frame


@given(st.lists(bodies(SERVER), max_size=4))
def test_what_a_server_encodes_a_client_decodes(frame: list[items.FromServer]) -> None:
    """Every struct survives the wire, all of its fields whatever they hold."""
    line = codec.encode(*frame)

    assert codec.from_server().decode(line) == frame


@given(st.lists(bodies(SERVER), min_size=1, max_size=4))
def test_a_frame_is_one_line(frame: list[items.FromServer]) -> None:
    """Whatever the texts hold, the only newline is the last byte."""
    line = codec.encode(*frame)

    assert line.index(b"\n") == len(line) - 1


def test_a_frame_looks_as_the_page_says() -> None:
    """`headers`, `type`, `body`, and keys with dashes; what has its default stays away."""
    line = codec.encode(Input(message="Name: ", res_key="id_key", res_type="string", id=3))

    assert msgspec.json.decode(line) == {
        "headers": [
            {
                "type": "input",
                "body": {"message": "Name: ", "res-key": "id_key", "res-type": "string", "id": 3},
            }
        ]
    }


def test_a_frame_over_the_limit_is_the_callers_mistake() -> None:
    """Nothing that the peer must refuse is ever sent."""
    with pytest.raises(ValueError, match="over the limit of 65536"):
        codec.encode(Print(message="x" * codec.MAX_FRAME))


def test_a_frame_of_exactly_the_limit_is_encoded() -> None:
    """The limit counts the newline."""
    around = len(codec.encode(Print(message="")))

    line = codec.encode(Print(message="x" * (codec.MAX_FRAME - around)))

    assert len(line) == codec.MAX_FRAME


def item(kind: str, body: str) -> bytes:
    """A frame with one item, its body as it is."""
    return f'{{"headers":[{{"type":"{kind}","body":{body}}}]}}'.encode()


DEEP = '{"a":' * 20_000 + "1" + "}" * 20_000


@pytest.mark.parametrize(
    "line",
    [
        b'{"headers": [{"type": "weather", "body": {"message": "rain"}}]}',
        b'{"headers": [{"type": "weather"}]}',
        b'{"headers": [{"type": "", "body": {}}]}',
        b'{"headers": [{"type": "print", "body": {"message": "a server says that"}}]}',
        b'{"headers": []}',
        b'{"headers": [], "weather": ["rain"]}',
    ],
)
def test_unknown_items_are_left_out(line: bytes) -> None:
    """The must-ignore rule: newer peers may say more; so may a frame."""
    assert codec.from_client().decode(line) == []


def test_unknown_keys_are_left_out() -> None:
    """The must-ignore rule holds in bodies and beside them."""
    line = b'{"headers": [{"type": "ping", "body": {"t": 1, "mood": {"a": [1]}}, "x": null}]}'

    assert codec.from_client().decode(line) == [Ping(t=1)]


def test_known_items_between_unknown_ones_keep_their_order() -> None:
    """Leaving out does not disturb the rest."""
    line = (
        b'{"headers": [{"type": "ping", "body": {"t": 1}}, {"type": "weather"},'
        b' {"type": "ping", "body": {"t": 2}}]}'
    )

    assert codec.from_client().decode(line) == [Ping(t=1), Ping(t=2)]


def test_a_body_without_fields_may_be_missing() -> None:
    """As the page says of `secure`."""
    assert codec.from_client().decode(b'{"headers":[{"type":"secure"}]}') == [Secure()]


@pytest.mark.parametrize(
    "line",
    [b'{"headers":[{"type":"secure"}]}\r', b' \t{"headers":[{"type":"secure"}]} '],
    ids=["carriage return", "blanks"],
)
def test_white_space_around_a_frame_is_fine(line: bytes) -> None:
    """JSON allows it, and so a carriage return before the newline is tolerated."""
    assert codec.from_client().decode(line) == [Secure()]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\r",
        b"hello",
        b"[]",
        b"null",
        b"{}",
        b'{"headers": null}',
        b'{"headers": {}}',
        b'{"headers": ["print"]}',
        b'{"headers": [{"body": {}}]}',
        b'{"headers": [{"type": 5}]}',
        b'{"headers": []} {"headers": []}',
        b'{"headers": []',
        b"\xef\xbb\xbf" + b'{"headers": []}',
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r",
    ],
)
def test_what_is_no_frame_is_refused(line: bytes) -> None:
    """One kind of error, whatever came."""
    with pytest.raises(ProtocolError, match="not a frame: "):
        codec.from_client().decode(line)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("hello", "{}"),
        ("hello", "null"),
        ("hello", '{"protocol": "1", "agent": "x", "id-key": "Nina"}'),
        ("hello", '{"protocol": 1, "agent": "x", "id-key": 5}'),
        ("hello", '{"protocol": 1, "agent": "%s", "id-key": "Nina"}' % ("x" * 129)),
        ("hello", '{"protocol": %s, "agent": "x", "id-key": "Nina"}' % ("1" * 60_000)),
        ("status", '{"ok": 1}'),
        ("reply", '{"res-key": "a", "value": 1.5, "id": 1}'),
        ("reply", '{"res-key": "a", "value": ["1"], "id": 1}'),
        ("reply", '{"res-key": "a", "value": "1", "id": -1}'),
        ("reply", '{"res-key": "a", "value": "1", "id": 9007199254740992}'),
        ("reply", '{"res-key": "a", "value": "1", "id": 1, "mid": "%s"}' % ("x" * 129)),
        ("reply", '{"res-key": "a", "value": %s, "id": 1}' % ("1" * 60_000)),
        ("ping", '{"t": 1e999}'),
        ("ping", '{"t": true}'),
        ("ping", "[1]"),
    ],
)
def test_a_known_item_must_be_right(kind: str, body: str) -> None:
    """What is missing, mistyped or out of range is named."""
    with pytest.raises(ProtocolError, match=f"item {kind}: "):
        codec.from_client().decode(item(kind, body))


@pytest.mark.parametrize(
    "line",
    [
        item("ping", f'{{"t": 1, "x": {DEEP}}}'),
        item("ping", f'{{"t": {DEEP}}}'),
        item("weather", DEEP),
        item("hello", "[" * 60_000),
        b'{"headers": [], "x": %s}' % DEEP.encode(),
        b'{"headers": ' + b"[" * 60_000 + b"}",
        b"[" * 65_000,
    ],
    ids=["beside", "in place", "unknown item", "body", "unknown key", "headers", "frame"],
)
def test_deep_nesting_is_refused(line: bytes) -> None:
    """Nesting ends nothing but its own connection, in ignored places too."""
    with pytest.raises(ProtocolError):
        codec.from_client().decode(line)


@pytest.mark.parametrize(
    "value",
    [rb'"\ud800"', rb'"\udc00\ud800"', b'"\xed\xa0\x80"', b'"\xff"', b'"\xc0\xaf"'],
    ids=["high", "swapped", "encoded", "no UTF-8", "overlong"],
)
def test_a_string_that_is_no_unicode_is_refused(value: bytes) -> None:
    """A lone surrogate could be neither stored nor sent on."""
    line = item("reply", '{"res-key": "a", "id": 1, "value": %s}').replace(b"%s", value)

    with pytest.raises(ProtocolError):
        codec.from_client().decode(line)


def test_a_pair_of_surrogates_is_one_character() -> None:
    """JSON's way to write what is beyond U+FFFF."""
    line = item("reply", r'{"res-key": "a", "id": 1, "value": "\ud83d\ude00"}')

    assert codec.from_client().decode(line) == [Reply(res_key="a", value="😀", id=1)]


def heard(line: bytes) -> list[items.FromClient]:
    """What a server takes from a line, nothing where it refuses it."""
    try:
        return codec.from_client().decode(line)
    except ProtocolError:
        return []


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(line: bytes) -> None:
    """A decoder gives items or a ProtocolError, whatever came."""
    assert all(isinstance(item, CLIENT) for item in heard(line))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(["protocol", "agent", "id-key", "ok", "res-key", "value", "id", "t", "x"])


@given(
    st.sampled_from(["hello", "status", "reply", "ping", "secure", "weather"]),
    st.dictionaries(FIELDS, JSON) | JSON,
)
def test_no_json_raises_anything_else(kind: str, body: Any) -> None:
    """A decoder gives items or a ProtocolError, also for what is almost right."""
    line = msgspec.json.encode({"headers": [{"type": kind, "body": body}]})

    assert all(isinstance(item, CLIENT) for item in heard(line))


def test_an_item_only_one_side_says_is_unknown_to_the_other_decoder() -> None:
    """Each side knows what it may hear; `hello` from a server means nothing."""
    line = codec.encode(Hello(protocol=1, agent="x", id_key="Nina"))

    assert codec.from_server().decode(line) == []

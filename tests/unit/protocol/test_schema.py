"""The JSON Schema says what the structs say, and what a hub really says."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from jsonschema import Draft202012Validator

from tcpnet.protocol import codec, items
from tcpnet.protocol.items import Body, FromClient, FromServer
from tests.hub import Town
from tests.wire import Wire

DOCS = Path(__file__).parents[3] / "docs"
SCHEMA = json.loads((DOCS / "protocol.schema.json").read_text("utf-8"))

TAGS = codec._TAGS
SIDES = {"frame-from-client": get_args(FromClient), "frame-from-server": get_args(FromServer)}
STRUCTS: dict[str, type[Body]] = {
    TAGS[struct]: struct for side in SIDES.values() for struct in side
} | {"limits": items.Limits}


def validator(side: str) -> Draft202012Validator:
    """A validator of what this side sends."""
    return Draft202012Validator({"$ref": f"#/$defs/{side}", "$defs": SCHEMA["$defs"]})


def valid(side: str, line: str | bytes) -> bool:
    """Whether a line is a frame of this side."""
    return validator(side).is_valid(json.loads(line))


def shape(schema: dict[str, Any], defs: dict[str, Any]) -> Any:
    """What a schema allows, however it is written: references followed, remarks left out."""
    if reference := schema.get("$ref"):
        name = reference.removeprefix("#/$defs/")
        return shape(defs[name], defs)
    if "anyOf" in schema:
        # An optional field is left out, never null: that is how Python says that it is missing.
        kinds = [shape(kind, defs) for kind in schema["anyOf"] if kind != {"type": "null"}]
        return kinds[0] if len(kinds) == 1 else {"type": [kind["type"] for kind in kinds]}
    kept = {key: schema[key] for key in schema.keys() - {"title", "description", "default"}}
    if "properties" in kept:
        kept["properties"] = {k: shape(v, defs) for k, v in kept["properties"].items()}
        kept["required"] = sorted(kept["required"])
    if isinstance(kept.get("additionalProperties"), dict):
        kept["additionalProperties"] = shape(kept["additionalProperties"], defs)
    if "items" in kept:
        kept["items"] = shape(kept["items"], defs)
    return kept


def test_the_schema_is_one() -> None:
    """By the rules of JSON Schema 2020-12."""
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", STRUCTS)
def test_every_field_of_a_struct_is_a_property(name: str) -> None:
    """The same names, types and limits, and the same of them required."""
    (reference,), components = msgspec.json.schema_components([STRUCTS[name]])

    assert shape(SCHEMA["$defs"][name], SCHEMA["$defs"]) == shape(reference, components)


@pytest.mark.parametrize(("side", "structs"), SIDES.items())
def test_each_side_may_say_what_its_decoder_knows(side: str, structs: tuple[type[Body]]) -> None:
    """Neither more item types nor fewer, and each one has its own body."""
    rules = SCHEMA["$defs"][side.replace("frame", "item")]["allOf"]
    bodies = {
        rule["if"]["properties"]["type"]["const"]: rule["then"]["properties"]["body"]["$ref"]
        for rule in rules
    }

    assert bodies == {TAGS[struct]: f"#/$defs/{TAGS[struct]}" for struct in structs}


@pytest.mark.parametrize("side", SIDES)
def test_what_has_fields_needs_its_body(side: str) -> None:
    """Only a body without fields may be left out."""
    for struct in SIDES[side]:
        alone = json.dumps({"headers": [{"type": TAGS[struct]}]})

        assert valid(side, alone) == (not struct.__struct_fields__)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    "frame",
    [
        {"headers": [], "weather": "rain"},
        {"headers": [{"type": "weather"}]},
        {"headers": [{"type": "weather", "body": {"message": 5}}]},
        {"headers": [{"type": "ping", "body": {"t": 1, "mood": None}, "x": 1}]},
    ],
)
def test_the_unknown_is_allowed(side: str, frame: dict[str, Any]) -> None:
    """The must-ignore rule."""
    assert valid(side, json.dumps(frame))


@pytest.mark.parametrize(
    "frame",
    [
        [],
        {},
        {"headers": {}},
        {"headers": ["print"]},
        {"headers": [{"body": {}}]},
        {"headers": [{"type": "ping", "body": {"t": "1"}}]},
        {"headers": [{"type": "ping", "body": []}]},
        {"headers": [{"type": "reply", "body": {"res-key": "a", "value": 1.5, "id": 1}}]},
        {"headers": [{"type": "reply", "body": {"res-key": "a", "value": "x", "id": -1}}]},
    ],
)
def test_what_the_decoder_refuses_is_not_valid(frame: Any) -> None:
    """Missing, mistyped or out of range."""
    assert not valid("frame-from-client", json.dumps(frame))


async def test_a_whole_session_is_valid_in_both_directions(hub: Town) -> None:
    """Every line that went over the wire, through all options."""
    ann, bob = await Wire.dial(hub.port), await Wire.dial(hub.port)
    await ann.logs_in("ann")
    await bob.logs_in("bob")

    await ann.answers(1)
    await ann.answers(4)
    await ann.answers("den")
    await ann.until("input", keep=True)
    await bob.answers(5)
    await bob.answers("den")
    await bob.answers("Grüße 😀", mid="b1946ac92492d234")
    await ann.until("print", kind="chat")
    await ann.answers("exit")
    await bob.answers(2)
    await bob.answers("hello\nthere")
    await bob.answers("ann")
    await bob.until("print", message="Message sent!")
    await ann.answers(3)
    mail = await ann.until("print", kind="direct")
    ann.write(codec.encode(items.Seen(mail=mail["seq"]), items.Ping(t=1)))
    await ann.until("pong")
    await ann.answers("x")
    await ann.answers(7)
    await bob.answers(7)
    assert (await ann.ended())["kind"] == (await bob.ended())["kind"] == "quit"

    for person in (ann, bob):
        assert all(valid("frame-from-client", line) for line in person.sent)
        assert all(valid("frame-from-server", line) for line in person.heard)
        await person.close()
    kinds = {item["type"] for line in ann.heard for item in json.loads(line)["headers"]}
    assert kinds == {"welcome", "print", "input", "pong", "bye"}

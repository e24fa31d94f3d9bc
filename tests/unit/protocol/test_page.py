"""The page that clients are written from says what the code says."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from jsonschema import Draft202012Validator

from tcpnet.chat.mailboxes import MAX_MESSAGE
from tcpnet.chat.rooms import MAX_LINE
from tcpnet.config import Limits
from tcpnet.protocol import codec, items
from tcpnet.protocol.items import Body, FromClient, FromServer, Hello, Reply

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "protocol.md").read_text("utf-8")
SCHEMA = json.loads((DOCS / "protocol.schema.json").read_text("utf-8"))

TAGS = codec._TAGS
STRUCTS: dict[str, type[Body]] = {
    TAGS[struct]: struct for struct in (*get_args(FromClient), *get_args(FromServer))
}
DECODERS: dict[str, codec.Decoder[Any]] = {"C": codec.from_client(), "S": codec.from_server()}
FRAMES = {"C": "frame-from-client", "S": "frame-from-server"}

EXAMPLE = re.findall(r"^([CS]) (\{.*\})$", PAGE, re.MULTILINE)
# A row of the tables of items: its type, who says it, and its body.
ROWS = {
    name: (sides, body)
    for name, sides, body in re.findall(r"^\| `(\w+)` \| ([CS, ]+) \| (.+?) \|", PAGE, re.MULTILINE)
}


def test_the_example_is_a_whole_conversation() -> None:
    """From `hello` to `bye`, and no line of it was overlooked."""
    assert EXAMPLE[0][1].startswith('{"headers":[{"type":"hello"')
    assert EXAMPLE[-1][1].startswith('{"headers":[{"type":"bye"')
    assert len(EXAMPLE) == len(re.findall(r'^[CS] .*"headers"', PAGE, re.MULTILINE))


@pytest.mark.parametrize(("side", "line"), EXAMPLE)
def test_every_line_of_the_example_is_a_frame(side: str, line: str) -> None:
    """It decodes, nothing in it is unknown, and the schema agrees."""
    found = DECODERS[side].decode(line.encode())

    assert [TAGS[type(item)] for item in found] == [i["type"] for i in json.loads(line)["headers"]]
    assert json.loads(codec.encode(*found)) == json.loads(line)
    Draft202012Validator({**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{FRAMES[side]}"}]}).validate(
        json.loads(line)
    )


def test_replies_of_the_example_answer_its_questions() -> None:
    """Each with the key and id of the question that is open."""
    asked: set[tuple[str, int]] = set()

    for side, line in EXAMPLE:
        for item in DECODERS[side].decode(line.encode()):
            if isinstance(item, items.Input):
                asked = {(item.res_key, item.id)}
            elif isinstance(item, Reply):
                assert (item.res_key, item.id) in asked


def test_the_page_has_every_item_type() -> None:
    """And none that does not exist."""
    assert ROWS.keys() == STRUCTS.keys()


@pytest.mark.parametrize("name", STRUCTS)
def test_the_page_says_who_says_an_item(name: str) -> None:
    """C from the client, S from the server."""
    sides = {"C": get_args(FromClient), "S": get_args(FromServer)}

    assert ROWS[name][0].split(", ") == [s for s, said in sides.items() if STRUCTS[name] in said]


@pytest.mark.parametrize("name", STRUCTS)
def test_the_page_names_every_field_of_an_item(name: str) -> None:
    """Bold where it is always there."""
    body = ROWS[name][1]
    fields = msgspec.structs.fields(STRUCTS[name])

    assert set(re.findall(r"`([\w-]+)`", body)) == {field.encode_name for field in fields}
    assert set(re.findall(r"\*\*`([\w-]+)`\*\*", body)) == {
        field.encode_name for field in fields if field.required
    }


def test_the_page_names_what_welcome_says_of_limits() -> None:
    """Its inner object has no row of its own."""
    for field in msgspec.structs.fields(items.Limits):
        assert f"**`{field.encode_name}`**" in PAGE


def test_the_page_explains_every_field_of_print_and_input() -> None:
    """Each has a row that says what it is for."""
    explained = {
        name
        for names in re.findall(r"^\| (`[^|]+`) \|", PAGE, re.MULTILINE)
        for name in re.findall(r"`([\w-]+)`", names)
    }

    for struct in (items.Print, items.Input):
        names = {field.encode_name for field in msgspec.structs.fields(struct)} - {"message"}
        assert names <= explained


@pytest.mark.parametrize(
    "words",
    [
        f"at most {codec.MAX_FRAME:,} bytes",
        f"at most {MAX_LINE:,} bytes of UTF-8, a direct message {MAX_MESSAGE:,}",
        f"pieces of at most {codec.MAX_PIECE // 1024} KiB",
        f"within {Limits().handshake_seconds:.0f} seconds",
        f"{Limits().login_seconds:.0f} seconds",
        f"silent for {Limits().silence_seconds:.0f} seconds",
        f"at most {Limits().replies_per_second:.0f} replies a second",
        f"bursts of {Limits().reply_burst}",
        f"bounded ({Limits().outbox_bytes // 1024} KiB)",
        f"`protocol` is {items.PROTOCOL}",
    ],
)
def test_the_page_has_the_figures_of_the_code(words: str) -> None:
    """Limits and times are those that hold without any setting."""
    assert words in re.sub(r"\s+", " ", PAGE)


@pytest.mark.parametrize(
    "kind", ["quit", "closing", "refused", "protocol", "silent", "slow", "error"]
)
def test_the_page_has_every_kind_of_bye(kind: str) -> None:
    """One word for programs each, in the docstring of the struct too."""
    assert f"`{kind}`" in PAGE
    assert kind in (items.Bye.__doc__ or "")


def test_strings_that_have_a_limit_say_so() -> None:
    """A client that sends more is sent away."""
    for struct, field in ((Hello, "agent"), (Reply, "mid")):
        body = ROWS[TAGS[struct]][1]
        assert re.search(rf"`{field}`.*at most 128 characters", body)

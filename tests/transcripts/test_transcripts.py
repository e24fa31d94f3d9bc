"""Conversations as anybody can read them, held against a real hub.

A transcript is a text file. Its first line is a title, other lines beginning with `#` are remarks.

    Given Nina, Jose at the menu     they are connected, and $Nina, $Jose are their client ids
    C: {"headers": [...]}            Nina's client sends this frame in one write
    S: {"headers": [...]}            and these are the next items that it gets
    Jose C: ...                      somebody else does; whoever has no name is Nina
    C raw: "..."                     these bytes, as a JSON string, in one write
    S ends                           the hub hangs up
    C hangs up                       the client does, without a word

`…` stands for any value, for any part of a string, and at the end of an object for any more keys.
`$q` in an S line takes a value, and in a C line gives it back; `${q}` does so inside a string, and
in a later S line asks for the same text again. How a hub groups items into frames is its own
business. Whatever an S line does not name must not come.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from tests.hub import Town
from tests.wire import STATUS, Wire, frame, hello

FOLDER: Final = Path(__file__).parent
SCHEMA: Final = json.loads((FOLDER.parents[1] / "docs" / "protocol.schema.json").read_text("utf-8"))
ANY: Final = "…"
SOMEBODY: Final = "Nina"

every_transcript = pytest.mark.parametrize(
    "text",
    [pytest.param(path.read_text("utf-8"), id=path.stem) for path in sorted(FOLDER.glob("*.txt"))],
)

# What these stand for has a form of its own.
SHAPES: Final = {"minute": r"\d{4}-\d\d-\d\d \d\d:\d\d", "hex": r"[0-9a-f]{16,}", "id": r"\d{5}"}

_LINE: Final = re.compile(
    r"(?:(?P<name>\w+) )?(?P<act>C:|C raw:|S:|S ends|C hangs up)(?: (?P<body>.*))?"
)
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[^"]+')
_BARE: Final = re.compile(r"([,{]\s*)…(?=\s*})|\$(\w+)|…")
_HOLE: Final = re.compile(r"…|\$\{\w+\}")
_WHOLE: Final = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a transcript."""

    number: int
    name: str
    act: str
    body: str


def steps(text: str) -> Iterator[Step]:
    """The lines that do something."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if given := re.fullmatch(r"Given (.+) at the menu", line):
            for name in given[1].split(", "):
                yield Step(number, name, "Given", "")
        elif parts := _LINE.fullmatch(line):
            yield Step(number, parts["name"] or SOMEBODY, parts["act"], parts["body"] or "")
        else:
            raise ValueError(f"line {number} is none of a transcript: {line}")


def pattern(text: str) -> Any:
    """Read JSON with holes: a bare `…` or `$q` becomes a string that `fits` knows."""

    def quoted(hole: re.Match[str]) -> str:
        before, name = hole.groups()
        if before:
            return f'{before}"{ANY}":"{ANY}"'
        return f'"${{{name}}}"' if name else f'"{ANY}"'

    def plain(token: re.Match[str]) -> str:
        return token[0] if token[0].startswith('"') else _BARE.sub(quoted, token[0])

    return json.loads(_TOKEN.sub(plain, text))


def fits(expected: Any, found: Any, known: dict[str, Any]) -> bool:
    """Whether this is what was expected; takes what `$` asks for into `known`."""
    match expected:
        case str() if expected == ANY:
            return True
        case str() if (hole := _WHOLE.fullmatch(expected)) and hole[1] not in SHAPES:
            known[hole[1]] = found
            return True
        case str():
            return isinstance(found, str) and _fits_text(expected, found, known)
        case dict():
            more = ANY in expected
            named = {key: value for key, value in expected.items() if key != ANY}
            return (
                isinstance(found, dict)
                and (named.keys() <= found.keys() if more else named.keys() == found.keys())
                and all(fits(value, found[key], known) for key, value in named.items())
            )
        case list():
            return (
                isinstance(found, list)
                and len(found) == len(expected)
                and all(fits(*pair, known) for pair in zip(expected, found, strict=True))
            )
        case _:
            return type(expected) is type(found) and bool(expected == found)


def _fits_text(expected: str, found: str, known: dict[str, Any]) -> bool:
    def hole(match: re.Match[str]) -> str:
        name = match[0].strip("${}")
        if name == ANY:
            return ".*"
        if name in SHAPES:
            return SHAPES[name]
        return re.escape(str(known[name])) if name in known else f"(?P<{name}>.+?)"

    # `re.escape` keeps neither `…` nor `$` as they are, so the text between the holes is escaped.
    between = _HOLE.split(expected)
    holes = [hole(match) for match in _HOLE.finditer(expected)]
    shape = "".join(re.escape(text) + gap for text, gap in zip(between, [*holes, ""], strict=True))
    if not (match := re.fullmatch(shape, found, re.DOTALL)):
        return False
    known.update(match.groupdict())
    return True


def filled(value: Any, known: dict[str, Any]) -> Any:
    """A frame with what was taken before in its holes."""
    match value:
        case str() if hole := _WHOLE.fullmatch(value):
            return known[hole[1]]
        case str():
            return re.sub(r"\$\{(\w+)\}", lambda hole: str(known[hole[1]]), value)
        case dict():
            return {key: filled(inner, known) for key, inner in value.items()}
        case list():
            return [filled(inner, known) for inner in value]
        case _:
            return value


class Play:
    """A transcript on its way through a hub."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.people: dict[str, Wire] = {}
        self.known: dict[str, Any] = {}
        self.gone: set[str] = set()

    async def person(self, name: str) -> Wire:
        """Who has this name, connected when it speaks first."""
        if name not in self.people:
            self.people[name] = await Wire.dial(self.port)
        return self.people[name]

    async def plays(self, step: Step) -> None:
        """Do or expect what a line says."""
        person = await self.person(step.name)
        match step.act:
            case "Given":
                person.write(hello(step.name))
                self.known[step.name] = (await person.until("welcome"))["client-id"]
                person.write(STATUS)
                await person.until("input")
            case "C:":
                line = json.dumps(filled(pattern(step.body), self.known), ensure_ascii=False)
                person.write(line.encode() + b"\n")
            case "C raw:":
                person.write(json.loads(step.body).encode())
                await person.drained()
            case "S:":
                for expected in pattern(step.body)["headers"]:
                    self._hears(expected, await person.item())
            case "S ends":
                self.gone.add(step.name)
                self._hears({}, await person.item())
            case _:
                self.gone.add(step.name)
                await person.close()

    async def nothing_else_came(self) -> None:
        """Whatever the hub had for those who are still there was in the transcript."""
        for name in self.people.keys() - self.gone:
            person = self.people[name]
            person.write(frame(("ping", {"t": -1})))
            self._hears({"type": "pong", "body": {"t": -1.0}}, await person.item())

    def _hears(self, expected: Any, found: Any) -> None:
        text = json.dumps(found, ensure_ascii=False)
        wanted = json.dumps(expected, ensure_ascii=False)
        assert fits(expected, found, self.known), f"\nexpected {wanted}\n     got {text}"

    async def close(self) -> None:
        """Hang up for everybody."""
        for person in self.people.values():
            await person.close()


@every_transcript
async def test_a_hub_speaks_as_written(text: str, hub: Town) -> None:
    """Line by line, and every frame of the hub is one by the schema."""
    play = Play(hub.port)

    try:
        for step in steps(text):
            try:
                await play.plays(step)
            except AssertionError as error:
                raise AssertionError(f"line {step.number}: {error}") from None
        await play.nothing_else_came()
    finally:
        await play.close()

    valid = Draft202012Validator({"$ref": "#/$defs/frame-from-server", "$defs": SCHEMA["$defs"]})
    for person in play.people.values():
        for line in person.heard:
            valid.validate(json.loads(line))


@every_transcript
def test_a_transcript_has_a_title_and_ends_with_the_hub(text: str) -> None:
    """Somebody reads it, and nothing is sent that is not answered in it."""
    assert text.startswith("# ")
    assert [step.act for step in steps(text)][-1].startswith("S")


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ('{"a": 1, …}', {"a": 1, "b": 2}),
        ("{…}", {"b": 2}),
        ('{"a": …}', {"a": [1]}),
        ('{"a": "x…z"}', {"a": "x\ny, …}z"}),
        ('{"a": "…"}', {"a": ""}),
        ('[{"a": $q}]', [{"a": 7}]),
        ('{"a": "(${q}) <$5> ${minute}"}', {"a": "(Nina) <$5> 2019-08-05 17:45"}),
    ],
)
def test_holes_let_through_what_they_stand_for(expected: str, found: Any) -> None:
    """Values, parts of strings, further keys."""
    assert fits(pattern(expected), found, {})


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ('{"a": 1}', {"a": 1, "b": 2}),
        ('{"a": 1, …}', {"b": 2}),
        ('{"a": 1}', {"a": 1.0}),
        ('{"a": 1}', {"a": True}),
        ('{"a": "x…"}', {"a": "yx"}),
        ('{"a": "x…"}', {"a": 5}),
        ('["a"]', ["a", "b"]),
        ('{"a": "${minute}"}', {"a": "yesterday"}),
        ('{"a": "Jose:${Nina}"}', {"a": "Jose:12345"}),
    ],
)
def test_holes_let_nothing_else_through(expected: str, found: Any) -> None:
    """A transcript that passed whatever came would show nothing."""
    assert not fits(pattern(expected), found, {"Nina": 50851})


def test_what_was_taken_is_given_back() -> None:
    """As the value that it was, or inside a text."""
    known: dict[str, Any] = {}

    assert fits(pattern('{"id": $q, "name": "I am ${who}!"}'), {"id": 7, "name": "I am Bo!"}, known)

    assert filled(pattern('{"id": $q, "value": "${who}:$q"}'), known) == {
        "id": 7,
        "value": "Bo:$q",
    }

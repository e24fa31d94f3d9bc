"""What a hub makes of peers that break the wire: a reason for them, and peace for all others."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tcpnet.net import tcp
from tcpnet.protocol import codec
from tcpnet.protocol.items import Print
from tests.hub import PATIENCE, Person, Town, town
from tests.wire import STATUS, Wire, frame, hello, reply

DEEP = b"[" * 60_000
MEGABYTE = "x" * 1_000_000


def endings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Reasons of the sessions that ended, and nothing was logged that is no everyday affair."""
    for record in caplog.records:
        assert record.message in ("session started", "session ended", "a limit was reached")
        assert record.exc_info is None
    ended = [record for record in caplog.records if record.message == "session ended"]
    return [record.__dict__["reason"] for record in ended]


@asynccontextmanager
async def undisturbed(hub: Town, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Person]:
    """Somebody in a room of his own for the length of the block, who notices nothing of it."""
    ann = await hub.person("ann")
    await ann.enters_room("quiet", new=True)
    await ann.settled()
    caplog.set_level(logging.INFO, "tcpnet")
    caplog.clear()
    seen = len(ann.seen)

    yield ann

    ann.types("still here")
    await ann.sees("ann> still here")
    await ann.settled()
    others = [item for item in ann.seen[seen:] if isinstance(item, Print)]
    assert [item.message for item in others] == ["ann> still here"]


async def comes_in(wire: Wire, name: str) -> None:
    """Ask for a name until it is free: the hub learns a little later who hung up."""
    wire.write(hello(name))
    async with asyncio.timeout(PATIENCE):
        while (await wire.item())["type"] != "welcome":
            await wire.answers(name)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"rubbish\n", "not a frame: "),
        (b"\n", "not a frame: an empty line"),
        (b'{"headers": [\n', "not a frame: it ends in the middle"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", "not a frame: "),
        (b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n", "not a frame: "),
        (b"\xef\xbb\xbf" + hello("bob"), "not a frame: "),
        (b"[]\n", "not a frame: "),
        (DEEP + b"\n", "not a frame: "),
        (b'{"headers": [], "x": ' + DEEP + b"}\n", "not a frame: "),
        (b"x" * codec.MAX_FRAME, "a frame is at most 65536 bytes"),
        (hello(MEGABYTE), "a frame is at most 65536 bytes"),
        (b"\x00" * 1_000_000, "a frame is at most 65536 bytes"),
        (frame(("hello", {})), "item hello: "),
        (frame(("hello", {"protocol": "1", "agent": "x", "id-key": "bob"})), "item hello: "),
        (frame(("reply", {"res-key": "k", "value": 1.5, "id": 1})), "item reply: "),
        (hello("\\ud800").replace(b"\\\\", b"\\"), "not a frame: a lone surrogate is no text"),
        (hello("bob", protocol=99), "this hub speaks protocol 1, not 99"),
        (hello("bob", protocol=-1), "this hub speaks protocol 1, not -1"),
        (STATUS, "the first item is hello"),
        (frame(("reply", {"res-key": "k", "value": "x", "id": 1})), "the first item is hello"),
        (STATUS + hello("bob"), "the first item is hello"),
        (hello("bob") + hello("bob"), "after welcome comes status with ok"),
        (hello("bob") + frame(("status", {"ok": False})), "after welcome comes status with ok"),
        (hello("bob") + b"rubbish\n", "not a frame: "),
        (hello("ann") + STATUS, "an answer was expected"),
    ],
)
async def test_a_broken_wire_ends_with_its_reason(
    data: bytes, reason: str, hub: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """A bye of kind `protocol` for that peer, one line in the log, nothing for anybody else."""
    async with undisturbed(hub, caplog):
        bob = await Wire.dial(hub.port)

        bob.write(data)
        bye = await bob.ended()

        assert bye["kind"] == "protocol"
        assert bye["reason"].startswith(reason)
        assert endings(caplog) == [bye["reason"]]
        await bob.close()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"rubbish\n", "not a frame: "),
        (hello("bob"), "an answer was expected"),
        (STATUS, "an answer was expected"),
        (frame(("reply", {"res-key": "k", "value": 1, "id": 1})), "question 1 has the key "),
        (frame(("reply", {"res-key": "k", "value": None, "id": 1})), "item reply: "),
        (frame(("seen", {"mail": -1})), "item seen: "),
        (frame(("ping", {"t": "now"})), "item ping: "),
    ],
)
async def test_a_broken_wire_at_the_menu_ends_with_its_reason(
    data: bytes, reason: str, hub: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """Once inside it is the same, and the name is free again."""
    async with undisturbed(hub, caplog):
        bob = await Wire.dial(hub.port)
        await bob.logs_in("bob")

        bob.write(data)
        bye = await bob.ended()

        assert bye["kind"] == "protocol"
        assert bye["reason"].startswith(reason)
        assert endings(caplog) == [bye["reason"]]
        await (again := await Wire.dial(hub.port)).logs_in("bob")
        await again.close()
        await bob.close()


async def test_a_connection_that_says_nothing_is_ended(caplog: pytest.LogCaptureFixture) -> None:
    """After the time for a handshake, a setting; so is one that says half a line."""
    async with town(limits={"handshake_seconds": 0.1}) as hub, undisturbed(hub, caplog):
        nobody, half = await Wire.dial(hub.port), await Wire.dial(hub.port)

        half.write(hello("bob")[:20])
        byes = [await nobody.ended(), await half.ended()]

        assert [bye["kind"] for bye in byes] == ["protocol", "protocol"]
        assert endings(caplog) == ["logging in took too long"] * 2
        await nobody.close()
        await half.close()


async def test_a_welcome_that_nobody_answers_ends(caplog: pytest.LogCaptureFixture) -> None:
    """The name is not held for somebody who does not take it."""
    async with town(limits={"handshake_seconds": 0.1}) as hub, undisturbed(hub, caplog):
        bob = await Wire.dial(hub.port)

        bob.write(hello("bob"))
        await bob.until("welcome")
        bye = await bob.ended()

        assert bye["reason"] == "logging in took too long"
        assert bye["reason"] in endings(caplog)
        await bob.close()
        await (late := await Wire.dial(hub.port)).logs_in("bob")
        await late.close()


@pytest.mark.parametrize("data", [b"", hello("bob")[:30], hello("bob"), hello("bob") + STATUS])
async def test_a_peer_that_hangs_up_leaves_nothing_behind(
    data: bytes, hub: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """Before, within and after its handshake."""
    async with undisturbed(hub, caplog):
        bob = await Wire.dial(hub.port)

        bob.write(data)
        await bob.drained()
        await bob.close()

        again = await Wire.dial(hub.port)
        await comes_in(again, "bob")
        assert len(endings(caplog)) == 1
        await again.close()


async def test_ten_thousand_lines_at_once_are_taken_one_by_one(
    hub: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever answers too often is held back; every line of a room arrives, in order."""
    async with undisturbed(hub, caplog):
        bob = await Wire.dial(hub.port)
        await bob.logs_in("bob")
        await bob.answers(4)
        await bob.answers("loud")
        question = await bob.until("input", keep=True)
        lines = b"".join(reply(question, f"line {n}") for n in range(10_000))

        bob.write(lines)
        for number in range(10_000):
            assert (await bob.until("print", kind="chat"))["text"] == f"line {number}"

        assert endings(caplog) == []
        await bob.close()


async def test_replies_beyond_the_first_to_a_plain_question_are_ignored(
    hub: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """However many there are, in one frame or in many."""
    async with undisturbed(hub, caplog):
        bob = await Wire.dial(hub.port)
        await bob.logs_in("bob")
        body = {"res-key": "option_selected", "value": 8, "id": 1}
        many = frame(*[("reply", body)] * 700)
        assert len(many) < codec.MAX_FRAME

        bob.write(many * 15)
        await bob.until("print", message="Chat rooms: quiet (owner: ann, 1 here)")
        await bob.until("input")
        bob.write(frame(("ping", {"t": 1})))

        assert (await bob.item())["type"] == "pong"
        assert endings(caplog) == []
        await bob.close()


async def test_ten_thousand_replies_in_one_frame_are_too_long(
    hub: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """A frame has its limit, whatever it is full of."""
    async with undisturbed(hub, caplog):
        bob = await Wire.dial(hub.port)
        await bob.logs_in("bob")

        bob.write(frame(*[("reply", {"res-key": "k", "value": 1, "id": 1})] * 10_000))

        assert (await bob.ended())["reason"] == "a frame is at most 65536 bytes"
        assert len(endings(caplog)) == 1
        await bob.close()


async def test_a_standing_question_holds_back_a_frame_full_of_replies(
    hub: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """All in one frame are taken; what follows waits in the kernel meanwhile."""
    async with undisturbed(hub, caplog):
        bob = await Wire.dial(hub.port)
        await bob.logs_in("bob")
        await bob.answers(4)
        await bob.answers("loud")
        question = await bob.until("input", keep=True)
        body = {"res-key": "message", "value": "x", "id": question["id"]}

        bob.write(frame(*[("reply", body)] * 700) * 3)
        for _ in range(2100):
            await bob.until("print", kind="chat", text="x")

        assert endings(caplog) == []
        await bob.close()


@pytest.mark.parametrize(
    "name", ["a\x1b[31mb", "a\nb", "a\u202eb", "x" * 60_000, "e\u0301" * 20_000, " ", "\u0301"]
)
async def test_an_impossible_name_gets_a_sentence(
    name: str, hub: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """And the question again; nothing of it reaches anybody."""
    async with undisturbed(hub, caplog):
        bob = await Wire.dial(hub.port)

        bob.write(hello(name))
        refusal = await bob.until("print", kind="error")
        assert refusal["message"].startswith("A name ")
        await bob.answers(name)
        await bob.until("print", kind="error")
        await bob.answers("bob")
        await bob.until("welcome", name="bob")

        assert endings(caplog) == []
        await bob.close()


async def test_what_a_person_says_is_harmless_when_it_arrives(hub: Town) -> None:
    """Lines, messages and what is shown back of a wrong answer."""
    hostile = "a\x1b[2J\x07\u202e\u200b\U000e0041\rann> b"
    ann, bob = await hub.person("ann"), await Wire.dial(hub.port)
    await bob.logs_in("bob")
    await ann.enters_room("den", new=True)

    for option, *answers in (
        (2, hostile, hostile),
        (2, hostile, "ann"),
        (4, hostile),
        (5, hostile),
    ):
        await bob.answers(option)
        for answer in answers:
            await bob.answers(answer)
    await bob.answers(5)
    await bob.answers("den")
    await bob.answers(hostile)
    await ann.sees("bob> ")
    await bob.until("print", kind="chat")

    shown = [message for item in bob.heard for message in messages(item)] + ann.messages()
    assert [c for message in shown for c in message if not (c.isprintable() or c == "\n")] == []
    assert ann.messages("chat") == ["bob> a␛[2J␇\ufffd\ufffd\ufffd ann> b"]
    await bob.close()


def messages(line: bytes) -> list[str]:
    """The texts of a frame."""
    return [item["body"].get("message", "") for item in json.loads(line)["headers"]]


async def test_a_line_too_long_is_refused_with_its_limit(hub: Town) -> None:
    """As a sentence: the person can mend it."""
    bob = await Wire.dial(hub.port)
    await bob.logs_in("bob")
    await bob.answers(4)
    await bob.answers("den")
    await bob.answers("é" * 2049, mid="0123456789abcdef")

    refusal = await bob.until("print", kind="error")

    assert refusal["message"] == "A line has at most 4096 bytes."
    assert refusal["mid"] == "0123456789abcdef"
    await bob.close()


async def test_a_reader_that_never_reads_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While he sleeps the others talk at full speed, and he is let go in the end."""
    monkeypatch.setattr(tcp, "SEND_BUFFER", 4096)
    limits = {"outbox_bytes": 20_000, "stall_seconds": 0.3}
    async with town(limits=limits) as hub:
        ann, bob, carl = await hub.people("ann", "bob", "carl")
        await ann.enters_room("den", new=True)
        await bob.enters_room("den")
        await carl.enters_room("den")
        sleeper = await Wire.dial(hub.port, receive_buffer=4096)
        await sleeper.logs_in("sleeper")
        await sleeper.answers(5)
        await sleeper.answers("den")
        await sleeper.until("input", keep=True)
        caplog.set_level(logging.INFO, "tcpnet")

        for number in range(200):
            ann.types(f"{number} {'x' * 1000}")
            await bob.sees(f"ann> {number} ")
        # Carl waited for nothing yet: the sleeper may be gone before the last line.
        await carl.sees("sleeper disconnected from the chat.")

        (reason,) = endings(caplog)
        assert reason.startswith("reads too slowly: ")
        assert len(bob.messages("chat")) == 200
        await sleeper.close()


async def test_somebody_who_asks_and_never_reads_is_let_go(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Pings are answered at once, so they count against the reader."""
    monkeypatch.setattr(tcp, "SEND_BUFFER", 4096)
    async with town(limits={"outbox_bytes": 20_000}) as hub, undisturbed(hub, caplog) as ann:
        sleeper = await Wire.dial(hub.port, receive_buffer=4096)
        await sleeper.logs_in("sleeper")

        sleeper.write(b"".join(frame(("ping", {"t": n})) for n in range(10_000)))
        await sleeper.drained()
        async with asyncio.timeout(PATIENCE):
            while not endings(caplog):
                await ann.settled()

        assert endings(caplog)[0].startswith("reads too slowly: ")
        await sleeper.close()


async def test_a_hub_that_is_full_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """To whoever comes too much, and lets others in when somebody leaves."""
    async with town(limits={"connections": 2}) as hub:
        ann = await hub.person("ann")
        bob = await Wire.dial(hub.port)
        await bob.logs_in("bob")
        third = await Wire.dial(hub.port)

        third.write(hello("carl"))
        bye = await third.ended()

        assert bye == {"reason": "the hub is full: 2 connections", "kind": "refused", "retry": 10.0}
        await bob.answers(7)
        await bob.ended()
        await ann.settled()
        await (await hub.dials("carl")).logs_in()
        await third.close()
        await bob.close()

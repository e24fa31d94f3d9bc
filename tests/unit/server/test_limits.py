"""Limits that one person reaches: he is told, it is counted, and nobody else notices."""

import asyncio
import logging

import pytest

from tcpnet.protocol.items import FromClient, Ping, Reply, Seen
from tests.hub import PATIENCE, town
from tests.wire import Wire, hello


async def test_who_says_too_much_is_told_once_and_waits() -> None:
    """What he said follows at the pace of the hub, nothing of it is lost."""
    async with town(limits={"replies_per_second": 200.0, "reply_burst": 5}) as hub:
        ann = await hub.person("ann")
        await ann.enters_room("den", new=True)

        for number in range(30):
            ann.types(f"line {number}")
        await ann.sees("ann> line 29")

        told = [words for words in ann.messages("notice") if "more than this hub takes" in words]
        assert len(told) == 1
        assert hub.hub.community.tally.counts["limits.replies_per_second"] == 1


@pytest.mark.parametrize("ask", [Ping(t=1.0), Reply(res_key="x", value=1, id=10_000), Seen(mail=0)])
async def test_what_leads_to_nothing_is_read_at_a_pace(ask: FromClient) -> None:
    """Ten times that of answers: a flood of it costs its sender time, and the hub little."""
    async with town(limits={"replies_per_second": 20.0, "reply_burst": 1}) as hub:
        ann = await hub.person("ann")
        (session,) = hub.hub.community.sessions.values()
        before = session.connection.frames_in

        for _ in range(100):
            ann.send(ask)
        ann.send(Ping(t=2.0))
        for _ in range(1000):  # turns of the loop
            if session.connection.paused:
                break
            await asyncio.sleep(0)
        at_once = session.connection.frames_in - before
        await ann.settled()

        assert at_once <= 30
        assert session.connection.frames_in - before >= 102, "nothing is lost"


async def test_a_frame_over_the_setting_ends_the_connection_in_words() -> None:
    """The client was told at its welcome how long one may be."""
    async with town(limits={"frame_bytes": 32768}) as hub:
        bob = await Wire.dial(hub.port)
        bob.write(hello("bob"))
        welcome = await bob.until("welcome")

        bob.write(b"x" * 32768)
        bye = await bob.ended()

        assert welcome["limits"]["frame"] == 32768
        assert bye["reason"] == "a frame is at most 32768 bytes"
        assert hub.hub.community.tally.counts["limits.frame_bytes"] == 1
        await bob.close()


async def test_a_long_name_is_refused_where_the_operator_wants_short_ones() -> None:
    """And asked again."""
    async with town(limits={"name_length": 4}) as hub:
        bob = await hub.dials("Bartholomew")
        bob.send_raw(hello("Bartholomew"))

        await bob.sees("A name has at most 4 characters.")
        await bob.answers("Your id key", "Bart")

        assert hub.hub.community.tally.counts["limits.name_length"] == 1


async def test_a_mailbox_keeps_as_many_read_messages_as_may_wait_unread() -> None:
    """Its size on the disk is bounded, and one that is sent again is known for a while."""
    async with town(mail={"max_unread": 2}) as hub:
        await hub.people("ann", "bob")
        community = hub.hub.community
        sender, owner = [await community.accounts.find(name) for name in ("ann", "bob")]
        for words in ("one", "two", "three"):
            seq = await community.mailboxes.deliver(sender, owner, words, "")
            community.mailboxes.saw(owner, seq)
            assert await community.mailboxes.count(owner) == 0

        kept = await community.mailboxes._broker.history(f"mail/{owner.key}/{owner.box}", limit=9)

        assert [record.body for record in kept] == ["two", "three"]


async def test_a_session_leaves_one_line_at_its_start_and_one_at_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Who, how long, how much, why; never what was said."""
    caplog.set_level(logging.INFO, "tcpnet")
    async with town() as hub:
        ann = await hub.person("ann")
        await ann.enters_room("den", new=True)
        ann.types("a very secret line")
        await ann.sees("very secret")
        ann.types("exit")
        await ann.leaves()
        await ann.gone()

    started, ended = (record.__dict__ for record in caplog.records)
    assert started["message"] == "session started"
    assert (started["person"], started["address"]) == ("ann", "127.0.0.1")
    assert started["encrypted"] is False
    assert (ended["message"], ended["kind"], ended["reason"]) == (
        "session ended",
        "quit",
        "goodbye",
    )
    assert ended["seconds"] > 0
    assert min(ended[key] for key in ("frames_in", "frames_out", "bytes_in", "bytes_out")) > 5
    assert "secret" not in caplog.text
    assert not any("secret" in str(record.__dict__) for record in caplog.records)


async def test_callers_who_are_refused_are_told_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A flood of them fills no disk."""
    caplog.set_level(logging.INFO, "tcpnet")
    async with town(limits={"connections": 1}) as hub:
        await hub.person("ann")
        callers = await asyncio.gather(*(Wire.dial(hub.port) for _ in range(20)))

        byes = await asyncio.gather(*(caller.ended() for caller in callers))

        assert {bye["reason"] for bye in byes} == {"the hub is full: 1 connections"}
        assert hub.hub.community.tally.counts["limits.connections"] == 20
        assert [r.message for r in caplog.records].count("a limit was reached") == 1
        for caller in callers:
            await caller.close()


async def test_a_flood_of_callers_costs_few_words(caplog: pytest.LogCaptureFixture) -> None:
    """The rest are hung up on: they cost no task, no connection and no line of the log."""
    caplog.set_level(logging.INFO, "tcpnet")
    async with town(limits={"connections": 1}) as hub:
        ann = await hub.person("ann")
        waiting = [await Wire.dial(hub.port) for _ in range(400)]
        await ann.settled()

        last = await asyncio.gather(*(caller.item() for caller in waiting))

        told = sum(item.get("type") == "bye" for item in last)
        assert 256 <= told < 400
        assert last.count({}) == 400 - told
        assert hub.hub.community.tally.counts["limits.connections"] == 400
        assert [r.message for r in caplog.records].count("a limit was reached") == 1
        assert len(hub.hub.community.sessions) == 1
        for caller in waiting:
            await caller.close()


async def test_old_lines_of_a_room_go_while_the_hub_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever joins sees those that are left; the room goes on with the numbers it had."""
    monkeypatch.setattr("tcpnet.chat.retention.INTERVAL", 0)
    async with town(rooms={"keep_lines": 3}) as hub:
        ann = await hub.person("ann")
        await ann.enters_room("den", new=True)
        for number in range(1, 8):
            ann.types(f"line {number}")
        await ann.sees("line 7")
        rooms = hub.hub.community.rooms
        [room] = rooms
        async with asyncio.timeout(PATIENCE):
            while len(await rooms._broker.history(room.deed.log, limit=9)) > 3:
                await ann.settled()

        bob = await hub.person("bob")
        await bob.enters_room("den")
        shown = [words for words in bob.messages("chat") if words.startswith("(earlier)")]
        assert shown == [f"(earlier) ann> line {number}" for number in (5, 6, 7)]


async def test_who_holds_most_of_the_memory_goes_and_others_stay() -> None:
    """Lines that begin and never end are held as well as what nobody reads."""
    async with town(limits={"memory_bytes": 50_000}) as hub:
        ann = await hub.person("ann")
        hog = await Wire.dial(hub.port)
        await hog.logs_in("bob")

        hog.write(b"x" * 60_000)
        bye = await hog.ended()
        await ann.settled()

        assert bye["reason"] == "the hub is short of memory, and held 60000 bytes for you"
        assert hub.hub.community.tally.counts["limits.memory_bytes"] == 1
        await hog.close()


async def test_who_is_kept_out_of_the_proxy_port_is_told_and_counted() -> None:
    """By the setting that keeps him out."""
    async with town(proxy={"port": 0, "clients": ["192.0.2.0/24"]}) as hub:
        [(host, port)] = hub.hub.proxy_addresses
        reader, writer = await asyncio.open_connection(host, port)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()

        assert answer.startswith(b"HTTP/1.1 403 ")
        assert hub.hub.community.tally.counts["proxy.clients"] == 1
        assert hub.hub.community.at_the_port.refused == 1

"""What every broker promises; see `tcpnet.broker.base.Broker`."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from tcpnet.broker.base import Broker, Conflict, Record, Stored
from tcpnet.broker.changes import Change, Claim, Put, Release, Remove
from tcpnet.errors import BrokerError

BEYOND = 2**70


def bodies(records: Sequence[Record]) -> list[str]:
    return [record.body for record in records]


async def fill(broker: Broker, log: str, *texts: str) -> list[int]:
    return await asyncio.gather(*(broker.publish(log, "ann", "", text) for text in texts))


# Publishing


async def test_each_log_counts_its_own_lines_from_one(broker: Broker) -> None:
    """A seq tells the place in one log, without a gap."""
    assert await fill(broker, "den", "a", "b", "c") == [1, 2, 3]
    assert await fill(broker, "hall", "a") == [1]
    assert await fill(broker, "den", "d") == [4]


async def test_a_line_is_kept_as_it_was_published(broker: Broker) -> None:
    """Nothing is added to a line but its seq and the time of its acceptance (UTC seconds)."""
    await broker.publish("den", "ann", "m1", "hello")
    await broker.publish("den", "bob", "", "hi")

    assert await broker.history("den", limit=9) == [
        Record("den", 1, "ann", "m1", "hello", 1.0),
        Record("den", 2, "bob", "", "hi", 2.0),
    ]


@pytest.mark.parametrize("text", ["", "\0 between \0", "\N{PILE OF POO}", "x" * 70_000, "a\nb\r"])
async def test_any_unicode_text_comes_back_unchanged(broker: Broker, text: str) -> None:
    """The broker has no opinion about what people write."""
    await broker.publish("den", text, text, text)

    [record] = await broker.history("den", limit=9)
    assert (record.sender, record.mid, record.body) == (text, text, text)


async def test_a_repeated_mid_is_the_same_line(broker: Broker) -> None:
    """Who is not sure whether a line arrived may send it again."""
    first = await broker.publish("den", "ann", "m1", "once")
    await broker.publish("den", "ann", "m2", "other")

    assert await broker.publish("den", "ann", "m1", "once") == first
    assert bodies(await broker.history("den", limit=9)) == ["once", "other"]
    assert await broker.last_seq("den") == 2


async def test_a_repetition_within_a_batch_is_the_same_line_too(broker: Broker) -> None:
    """Repeating does not need to wait for the first answer."""
    seqs = await asyncio.gather(
        *(broker.publish("den", "ann", mid, mid) for mid in ("m1", "m1", "m2", "m1", "m2"))
    )

    assert seqs == [1, 1, 2, 1, 2]
    assert bodies(await broker.history("den", limit=9)) == ["m1", "m2"]


async def test_a_mid_belongs_to_one_sender_in_one_log(broker: Broker) -> None:
    """Nobody can swallow another person's line by guessing its mid."""
    await broker.publish("den", "ann", "m1", "ann's")

    assert await broker.publish("den", "bob", "m1", "bob's") == 2
    assert await broker.publish("hall", "ann", "m1", "elsewhere") == 1


async def test_lines_without_a_mid_are_never_repetitions(broker: Broker) -> None:
    """An empty mid says nothing."""
    assert await fill(broker, "den", "same", "same") == [1, 2]
    assert await fill(broker, "den", "same") == [3]


async def test_text_that_no_file_can_hold_is_refused_alone(broker: Broker) -> None:
    """One impossible line does not harm those beside it."""
    outcomes = await asyncio.gather(
        broker.publish("den", "ann", "", "good"),
        broker.publish("den", "ann", "", "lone \ud800 surrogate"),
        broker.publish("den", "ann", "", "fine"),
        return_exceptions=True,
    )

    assert isinstance(outcomes[1], BrokerError)
    assert bodies(await broker.history("den", limit=9)) == ["good", "fine"]


async def test_a_cancelled_publisher_harms_nobody(broker: Broker) -> None:
    """Who goes away in the middle leaves the batch to the others."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(broker.publish("den", "ann", "", f"line {number}"))
            for number in range(9)
        ]
        await asyncio.sleep(0)
        tasks[4].cancel()

    seqs = [task.result() for task in tasks if not task.cancelled()]
    kept = {record.seq: record.body for record in await broker.history("den", limit=9)}
    assert len(set(seqs)) == 8
    assert [kept[seq] for seq in seqs] == [f"line {number}" for number in range(9) if number != 4]


# Following


async def test_a_follower_sees_every_line_once_and_in_order(broker: Broker) -> None:
    """What is delivered is exactly what is stored."""
    seen: list[Record] = []
    with broker.follow("den", seen.extend):
        async with asyncio.TaskGroup() as group:
            for sender in range(20):
                group.create_task(_talk(broker, f"sender {sender}"))

    assert [record.seq for record in seen] == list(range(1, 201))
    assert seen == await broker.history("den", limit=1000)


async def _talk(broker: Broker, sender: str) -> None:
    for number in range(10):
        await broker.publish("den", sender, f"m{number}", f"line {number}")


async def test_followers_come_before_publishers(broker: Broker) -> None:
    """All followers have a batch before anybody who published in it goes on."""
    events: list[str] = []

    async def publish(text: str) -> None:
        await broker.publish("den", "ann", "", text)
        events.append(f"published {text}")

    with (
        broker.follow("den", lambda batch: events.extend(f"first {r.body}" for r in batch)),
        broker.follow("den", lambda batch: events.extend(f"second {r.body}" for r in batch)),
    ):
        await asyncio.gather(publish("a"), publish("b"))

    assert events == ["first a", "first b", "second a", "second b", "published a", "published b"]


async def test_an_offered_line_is_published_without_waiting(broker: Broker) -> None:
    """Its followers come first, then whoever offered it, with its seq, a repetition's too."""
    events: list[object] = []

    with broker.follow("den", lambda batch: events.extend(r.body for r in batch)):
        for mid in ("m1", "m1", "m2"):
            assert broker.offer("den", "ann", mid, f"body of {mid}", events.append)
        assert events == []
        await broker.publish("den", "ann", "m3", "last")

    assert events == ["body of m1", "body of m2", "last", 1, 1, 2]


async def test_a_text_that_cannot_be_kept_is_not_taken_when_offered(broker: Broker) -> None:
    """Whoever offers it learns so at once."""
    with pytest.raises(BrokerError, match="Unicode"):
        broker.offer("den", "ann", "m1", "\ud800", lambda _: None)


async def test_a_repetition_is_not_delivered_again(broker: Broker) -> None:
    """Nobody reads a line twice because its sender was unsure."""
    seen: list[Record] = []
    await broker.publish("den", "ann", "m1", "old")
    with broker.follow("den", seen.extend):
        await broker.publish("den", "ann", "m1", "old")
        await broker.publish("den", "ann", "m2", "new")

    assert bodies(seen) == ["new"]


async def test_a_follower_hears_only_its_log(broker: Broker) -> None:
    """Logs of one batch are delivered apart."""
    den: list[Record] = []
    hall: list[Record] = []
    with broker.follow("den", den.extend), broker.follow("hall", hall.extend):
        await asyncio.gather(*(fill(broker, log, log) for log in ("hall", "den", "attic")))

    assert bodies(den) == ["den"]
    assert bodies(hall) == ["hall"]


async def test_nothing_is_delivered_after_closing(broker: Broker) -> None:
    """The end of the block is the end of following, and closing again is harmless."""
    seen: list[Record] = []
    with broker.follow("den", seen.extend) as following:
        await fill(broker, "den", "inside")
    following.close()
    await fill(broker, "den", "outside")

    assert following.closed
    assert bodies(seen) == ["inside"]


async def test_a_follower_that_is_closed_by_another_hears_nothing_more(broker: Broker) -> None:
    """Closing holds at once, even in the middle of a delivery."""
    seen: list[Record] = []
    with broker.follow("den", lambda _: second.close()):
        second = broker.follow("den", seen.extend)
        await fill(broker, "den", "a")

    assert seen == []


async def test_a_follower_that_comes_during_a_delivery_starts_with_the_next(broker: Broker) -> None:
    """A batch goes to those who followed when it was committed."""
    seen: list[Record] = []

    def recruit(batch: Sequence[Record]) -> None:
        if batch[0].body == "a":
            broker.follow("den", seen.extend)

    with broker.follow("den", recruit):
        await fill(broker, "den", "a")
        await fill(broker, "den", "b")

    assert bodies(seen) == ["b"]


async def test_a_follower_that_fails_harms_nobody_and_goes_on(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug in one follower is logged; others, publishers and its own next lines are served."""
    seen: list[Record] = []
    later: list[Record] = []

    def fail_at_bad(batch: Sequence[Record]) -> None:
        if batch[0].body == "bad":
            raise LookupError("a bug")
        later.extend(batch)

    with broker.follow("den", fail_at_bad), broker.follow("den", seen.extend):
        assert await broker.publish("den", "ann", "", "bad") == 1
        assert await broker.publish("den", "ann", "", "good") == 2

    assert bodies(seen) == ["bad", "good"]
    assert bodies(later) == ["good"]
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None


async def test_following_first_and_reading_then_misses_nothing(broker: Broker) -> None:
    """Whoever joins a busy log has every line, in its history or delivered."""
    async with asyncio.TaskGroup() as group:
        for sender in range(5):
            group.create_task(_talk(broker, f"sender {sender}"))
        await broker.publish("den", "ann", "", "in the middle")
        seen: list[Record] = []
        following = broker.follow("den", seen.extend)
        old = await broker.history("den", limit=1000)
    following.close()

    newer = [record for record in seen if record.seq > old[-1].seq]
    assert [record.seq for record in (*old, *newer)] == list(range(1, 52))


# Reading


async def test_history_pages_both_ways(broker: Broker) -> None:
    """Bounds are exclusive, the order is always that of the log."""
    await fill(broker, "den", *"abcdefg")

    assert bodies(await broker.history("den", limit=3)) == ["e", "f", "g"]
    assert bodies(await broker.history("den", before=5, limit=3)) == ["b", "c", "d"]
    assert bodies(await broker.history("den", before=2, limit=3)) == ["a"]
    assert bodies(await broker.history("den", after=2, limit=3)) == ["c", "d", "e"]
    assert bodies(await broker.history("den", after=6, limit=3)) == ["g"]
    assert bodies(await broker.history("den", after=1, before=4, limit=9)) == ["b", "c"]
    assert await broker.history("den", after=7, limit=3) == []
    assert await broker.history("den", before=1, limit=3) == []
    assert await broker.history("den", limit=0) == []
    assert await broker.history("attic", limit=3) == []


async def test_history_takes_any_number_a_client_sends(broker: Broker) -> None:
    """Bounds come from the wire, and no number there may cause an error."""
    await fill(broker, "den", "a", "b")

    assert bodies(await broker.history("den", after=-BEYOND, limit=BEYOND)) == ["a", "b"]
    assert bodies(await broker.history("den", before=BEYOND, limit=BEYOND)) == ["a", "b"]
    assert await broker.history("den", after=BEYOND, limit=9) == []
    assert await broker.history("den", before=-BEYOND, limit=9) == []
    assert await broker.history("den", after=1, before=-BEYOND, limit=9) == []


async def test_the_last_seq_is_that_of_the_newest_line(broker: Broker) -> None:
    """An unknown log has none: 0."""
    assert await broker.last_seq("den") == 0
    await fill(broker, "den", "a", "b")
    assert await broker.last_seq("den") == 2


async def test_lines_are_unread_until_marked(broker: Broker) -> None:
    """The oldest unread line comes first."""
    await fill(broker, "mail", *"abcd")

    await broker.mark_read("mail", 1)

    assert bodies(await broker.unread("mail", limit=2)) == ["b", "c"]
    assert await broker.unread_count("mail") == 3
    assert await broker.unread("nobody's", limit=2) == []
    assert await broker.unread_count("nobody's") == 0


async def test_the_read_mark_only_moves_forward(broker: Broker) -> None:
    """A late or lying client makes nothing unread again, and nothing read that is to come."""
    await fill(broker, "mail", *"abc")
    await broker.mark_read("mail", 2)

    await broker.mark_read("mail", 1)
    await broker.mark_read("mail", -BEYOND)
    assert bodies(await broker.unread("mail", limit=9)) == ["c"]

    await broker.mark_read("mail", BEYOND)
    await broker.mark_read("nobody's", BEYOND)
    await fill(broker, "mail", "d")
    await fill(broker, "nobody's", "e")
    assert bodies(await broker.unread("mail", limit=9)) == ["d"]
    assert await broker.unread_count("nobody's") == 1


async def test_requests_are_carried_out_in_order(broker: Broker) -> None:
    """A mark that was set before a line was published does not cover it."""
    await asyncio.gather(
        broker.publish("mail", "ann", "", "a"),
        broker.mark_read("mail", 99),
        broker.publish("mail", "ann", "", "b"),
        broker.delete_log("den"),
        broker.publish("den", "ann", "", "c"),
    )

    assert bodies(await broker.unread("mail", limit=9)) == ["b"]
    assert bodies(await broker.history("den", limit=9)) == ["c"]


async def test_a_trimmed_log_keeps_its_newer_lines_and_their_seqs(broker: Broker) -> None:
    """What is gone is out of sight at once, read or not; trimming less later changes nothing."""
    await fill(broker, "den", "a", "b", "c", "d")

    await broker.trim("den", 3)
    await broker.trim("den", 1)
    await broker.trim("attic", 5)

    assert bodies(await broker.history("den", after=0, limit=9)) == ["d"]
    assert bodies(await broker.history("den", limit=9)) == ["d"]
    assert bodies(await broker.unread("den", limit=9)) == ["d"]
    assert await broker.unread_count("den") == 1
    assert await broker.publish("den", "ann", "", "e") == 5


async def test_nothing_is_trimmed_that_is_yet_to_come(broker: Broker) -> None:
    """A bound past the last line spares the next one."""
    await fill(broker, "den", "a")

    await broker.trim("den", 2**70)

    assert await broker.publish("den", "ann", "", "b") == 2
    assert bodies(await broker.history("den", limit=9)) == ["b"]


async def test_a_deleted_log_is_gone_with_its_mark(broker: Broker) -> None:
    """Other logs stay, and deleting what is not there is fine."""
    await fill(broker, "den", "a", "b")
    await fill(broker, "hall", "c")
    await broker.mark_read("den", 1)

    await broker.delete_log("den")
    await broker.delete_log("attic")

    assert await broker.history("den", limit=9) == []
    assert await broker.last_seq("den") == 0
    assert await broker.unread_count("den") == 0
    assert bodies(await broker.history("hall", limit=9)) == ["c"]


# Claims and values


async def test_a_name_has_one_owner(broker: Broker) -> None:
    """Claiming tells who holds the name; only he can release it."""
    assert await broker.claim("account", "ann", "1") == "1"
    assert await broker.claim("account", "ann", "2") == "1"
    assert await broker.claim("account", "ann", "1") == "1"
    assert await broker.claim("room", "ann", "2") == "2"

    assert not await broker.release("account", "ann", "2")
    assert await broker.release("account", "ann", "1")
    assert not await broker.release("account", "ann", "1")
    assert await broker.claim("account", "ann", "2") == "2"


async def test_of_many_claims_one_wins(broker: Broker) -> None:
    """All learn the same owner, whoever it is."""
    owners = await asyncio.gather(
        *(broker.claim("account", "ann", str(number)) for number in range(20))
    )

    assert len(set(owners)) == 1


async def test_values_are_kept_by_kind_and_key(broker: Broker) -> None:
    """Entries are ordered by key, and kinds are apart."""
    second = await broker.put("room", "b", b"\0\xff")
    first = await broker.put("room", "a", b"")
    await broker.put("account", "a", b"other")

    assert await broker.get("room", "b") == Stored("b", b"\0\xff", second)
    assert await broker.get("room", "c") is None
    assert await broker.get("attic", "a") is None
    assert await broker.entries("room") == [Stored("a", b"", first), Stored("b", b"\0\xff", second)]
    assert await broker.entries("attic") == []


async def test_values_are_found_by_how_their_keys_begin(broker: Broker) -> None:
    """Nothing of others, whatever letters follow."""
    for key in ("nina 1", "nina 😀", "nina", "ninalee 1", "nina!1", "ming 1"):
        await broker.put("place", key, b"")

    found = await broker.entries("place", "nina ")

    assert [stored.key for stored in found] == ["nina 1", "nina 😀"]


async def test_a_value_changes_only_from_the_expected_revision(broker: Broker) -> None:
    """0 expects that there is none; a conflict tells the revision that is stored."""
    revision = await broker.put("room", "a", b"1", expected=0)
    with pytest.raises(Conflict) as conflict:
        await broker.put("room", "a", b"2", expected=0)
    assert (conflict.value.kind, conflict.value.key) == ("room", "a")
    assert conflict.value.revision == revision

    newer = await broker.put("room", "a", b"2", expected=revision)
    with pytest.raises(Conflict):
        await broker.put("room", "a", b"3", expected=revision)

    assert newer > revision
    assert await broker.get("room", "a") == Stored("a", b"2", newer)


async def test_of_many_changes_to_one_revision_one_wins(broker: Broker) -> None:
    """Nobody's change is overwritten unseen, within one batch either."""
    outcomes = await asyncio.gather(
        *(broker.put("room", "a", b"%d" % number, expected=0) for number in range(20)),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 19


async def test_changes_made_together_are_all_made(broker: Broker) -> None:
    """One request for names and values; the revisions of the puts come back in their order."""
    old = await broker.put("id", "7", b"bob")
    await broker.claim("look", "bob", "bob")

    revisions = await broker.together(
        Put("account", "ann", b"1", expected=0),
        Claim("look", "ann", "ann"),
        Put("id", "8", b"ann"),
        Remove("id", "7", expected=old),
        Release("look", "bob", "bob"),
    )

    assert await broker.entries("account") == [Stored("ann", b"1", revisions[0])]
    assert await broker.entries("id") == [Stored("8", b"ann", revisions[1])]
    assert await broker.claim("look", "ann", "eve") == "ann"
    assert await broker.claim("look", "bob", "eve") == "eve"


@pytest.mark.parametrize(
    ("impossible", "revision"),
    [
        (Put("id", "7", b"ann", expected=0), 1),
        (Remove("id", "7", expected=2), 1),
        (Remove("id", "8", expected=1), 0),
        (Claim("look", "bob", "ann"), 0),
    ],
)
async def test_of_changes_made_together_one_that_fails_leaves_none(
    broker: Broker, impossible: Change, revision: int
) -> None:
    """Also those before it; the conflict tells which one it was."""
    await broker.put("id", "7", b"bob")
    await broker.claim("look", "bob", "bob")

    with pytest.raises(Conflict) as conflict:
        await broker.together(Put("account", "ann", b"1"), Claim("look", "ann", "ann"), impossible)

    assert (conflict.value.kind, conflict.value.revision) == (impossible.kind, revision)
    assert await broker.entries("account") == []
    assert await broker.entries("id") == [Stored("7", b"bob", 1)]
    assert await broker.claim("look", "ann", "eve") == "eve"


async def test_changes_made_together_may_find_what_they_want(broker: Broker) -> None:
    """A name that is the owner's already, one that is not, and a value that is gone."""
    await broker.claim("look", "ann", "ann")
    await broker.claim("look", "bob", "bob")

    await broker.together(
        Claim("look", "ann", "ann"), Release("look", "bob", "eve"), Remove("id", "7")
    )

    assert await broker.claim("look", "bob", "eve") == "bob"


async def test_changes_with_a_text_that_no_file_can_hold_are_refused(broker: Broker) -> None:
    """The one request, before anything of it is done."""
    with pytest.raises(BrokerError):
        await broker.together(Put("account", "ann", b"1"), Claim("look", "\ud800", "ann"))

    assert await broker.entries("account") == []


async def test_a_removed_value_leaves_no_revision_to_meet_again(broker: Broker) -> None:
    """A revision seen before a removal does not match what came after it."""
    before = await broker.put("room", "a", b"1")

    assert await broker.remove("room", "a")
    assert not await broker.remove("room", "a")
    assert await broker.get("room", "a") is None

    assert await broker.put("room", "a", b"2", expected=0) != before


# Statistics


async def test_what_comes_together_is_one_batch(broker: Broker) -> None:
    """The counters show what was asked, and that it was done in few commits."""
    with broker.follow("den", lambda _: None):
        await asyncio.gather(*(broker.publish("den", "ann", "m", "same") for _ in range(3)))
        await fill(broker, "den", *"abcdefg")

    counted = broker.statistics
    assert (counted.commits, counted.operations, counted.records) == (2, 10, 8)
    assert counted.largest_batch == 7
    assert counted.failures == 0
    assert counted.commit_seconds >= 0

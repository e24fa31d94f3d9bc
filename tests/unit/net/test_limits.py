"""How much one peer may do."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.net.limits import MAX_TRACKED, QUIET, Bucket, Doorway, Tally, household


def test_a_burst_passes_at_once_and_the_rest_at_the_rate() -> None:
    """Whoever keeps to the waits takes `rate` a second."""
    bucket = Bucket(rate=10, burst=3)

    waits = [bucket.take(100.0) for _ in range(6)]

    assert waits == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3])


def test_a_bucket_empties_with_time() -> None:
    """After a pause the whole burst is there again, and no more than that."""
    bucket = Bucket(rate=10, burst=3)
    for _ in range(3):
        bucket.take(100.0)

    assert bucket.take(100.1) == pytest.approx(0)
    assert [bucket.take(1000.0) for _ in range(4)] == pytest.approx([0, 0, 0, 0.1])


def test_no_rate_is_no_limit() -> None:
    """As in tests, where people type faster than people."""
    bucket = Bucket(rate=0, burst=1)

    assert [bucket.take(100.0) for _ in range(1000)] == [0] * 1000


@given(
    st.floats(0.5, 100),
    st.integers(1, 50),
    st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_nobody_takes_more_than_burst_and_rate(
    rate: float, burst: int, pauses: list[float]
) -> None:
    """In any stretch from the start, for one who waits as told."""
    bucket, now = Bucket(rate=rate, burst=burst), 100.0

    for taken, pause in enumerate(pauses, 1):
        now += pause
        now += bucket.take(now)
        assert taken <= burst + rate * (now - 100.0) + 1e-6


def test_a_hub_that_is_full_says_how_many_it_takes() -> None:
    """All addresses together."""
    doorway = Doorway(total=2, per_address=50)
    doorway.enter("192.0.2.1")
    assert doorway.refusal("192.0.2.2", 100.0) is None
    doorway.enter("192.0.2.2")

    assert doorway.refusal("192.0.2.3", 100.0) == (
        "limits.connections",
        "the hub is full: 2 connections",
    )
    assert len(doorway) == 2


def test_an_address_has_a_limit_of_its_own() -> None:
    """Others are not harmed by it."""
    doorway = Doorway(total=100, per_address=2)
    doorway.enter("192.0.2.1")
    doorway.enter("192.0.2.1")

    assert doorway.refusal("192.0.2.1", 100.0) == (
        "limits.connections_per_address",
        "there are 2 connections from your address already",
    )
    assert doorway.refusal("192.0.2.2", 100.0) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.5", "::1"])
def test_people_on_the_hubs_own_machine_are_not_limited_one_by_one(address: str) -> None:
    """They share one address."""
    doorway = Doorway(total=100, per_address=1)
    doorway.enter(address)

    assert doorway.refusal(address, 100.0) is None


@pytest.mark.parametrize("address", ["", "a-socket", "fe80::1%eth0", "192.0.2.1"])
def test_any_other_address_is_limited(address: str) -> None:
    """Also where it is none that we know."""
    doorway = Doorway(total=100, per_address=1)
    doorway.enter(address)

    assert doorway.refusal(address, 100.0) is not None


def test_who_leaves_makes_room() -> None:
    """And nothing is kept of an address that nobody has."""
    doorway = Doorway(total=1, per_address=1)
    doorway.enter("192.0.2.1")

    doorway.leave("192.0.2.1")

    assert doorway.refusal("192.0.2.1", 100.0) is None
    assert len(doorway) == 0


def test_who_is_refused_waits_no_longer_for_having_tried() -> None:
    """Otherwise a program that tries for ever would keep its own address out for ever."""
    bucket = Bucket(rate=2, burst=2)

    passed = [bucket.passes(100.0) for _ in range(50)]

    assert passed == [True, True] + [False] * 48
    assert bucket.passes(100.5)
    assert not bucket.passes(100.5)


def test_an_address_may_call_so_often() -> None:
    """All of it at once after a restart, and then as many a second; others are not harmed."""
    doorway = Doorway(total=100, per_address=5, per_second=2)

    calls = [doorway.refusal("192.0.2.1", 100.0) for _ in range(6)]

    assert calls[:5] == [None] * 5
    assert calls[5] == (
        "limits.new_connections_per_second",
        "too many connections come from your address: wait a moment",
    )
    assert doorway.refusal("192.0.2.2", 100.0) is None
    assert doorway.refusal("192.0.2.1", 100.5) is None
    assert doorway.refusal("192.0.2.1", 100.5) is not None


def test_callers_on_the_hubs_own_machine_come_as_fast_as_they_like() -> None:
    """They share one address."""
    doorway = Doorway(total=100, per_address=1, per_second=1)

    assert [doorway.refusal("127.0.0.1", 100.0) for _ in range(9)] == [None] * 9


def test_callers_on_the_hubs_own_machine_may_be_counted_too() -> None:
    """As any others."""
    doorway = Doorway(total=100, per_address=2, per_second=1, counts_loopback=True)

    assert doorway.refusal("127.0.0.1", 100.0) is None
    doorway.enter("127.0.0.1")
    assert doorway.refusal("127.0.0.1", 100.0) is None
    assert doorway.refusal("127.0.0.1", 100.0) is not None


def test_no_more_addresses_are_remembered_than_fit() -> None:
    """Somebody with a large IPv6 network has more of them than the hub has memory."""
    doorway = Doorway(total=100, per_address=1, per_second=1)

    for number in range(MAX_TRACKED + 5):
        doorway.refusal(f"2001:db8::{number:x}", 100.0)

    assert len(doorway._calls) == MAX_TRACKED


def test_a_limit_is_counted_each_time_and_logged_once_an_hour(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Who is attacked has other uses for his disk than a line for each packet."""
    tally = Tally()
    with caplog.at_level(logging.INFO, "tcpnet"):
        for second in range(100):
            tally.note("limits.connections", "192.0.2.1", 1000.0 + second)
        tally.note("limits.frame_bytes", "192.0.2.2", 1100.0)
        tally.note("limits.connections", "192.0.2.3", 1000.0 + QUIET)

    logged = [(r.__dict__["limit"], r.__dict__["times"]) for r in caplog.records]
    assert tally.counts == {"limits.connections": 101, "limits.frame_bytes": 1}
    assert logged == [
        ("limits.connections", 1),
        ("limits.frame_bytes", 1),
        ("limits.connections", 101),
    ]


@pytest.mark.parametrize(
    ("address", "own", "counted"),
    [
        ("192.0.2.7", "192.0.2.1", "192.0.2.7"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.1", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "", "2001:db8:1:2::/64"),
        ("2001:db8::7", "2001:db8::1", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::1%eth0", "fe80::7%eth0"),
        ("::1", "::1", "::1"),
        ("", "", ""),
    ],
)
def test_who_can_roam_a_network_is_counted_by_it(address: str, own: str, counted: str) -> None:
    """Of IPv6 one gets 2**64 addresses; the hub's own neighbours share theirs, and count singly."""
    assert household(address, own) == counted

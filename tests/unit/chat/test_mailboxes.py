"""Mailboxes over a broker in memory: what waits, and how much of it."""

import asyncio

import pytest

from tcpnet.broker.memory import MemoryBroker
from tcpnet.chat.accounts import Account
from tcpnet.chat.later import Later
from tcpnet.chat.mailboxes import Mailboxes
from tcpnet.errors import UserError

NINA = Account(name="Nina", id=50_851, key="nina")
JOSE = Account(name="Jose", id=50_922, key="jose")


def small_boxes() -> Mailboxes:
    """Boxes in which two messages wait at the most."""
    return Mailboxes(MemoryBroker(), Later(), max_unread=2)


async def waiting(boxes: Mailboxes, owner: Account) -> list[str]:
    """What the owner has not read."""
    return [record.body async for record in boxes.unread(owner)]


async def test_a_full_mailbox_takes_no_more_and_says_so() -> None:
    """To the sender, in words; what waits there stays as it is."""
    boxes = small_boxes()
    await boxes.deliver(NINA, JOSE, "one", "m1")
    await boxes.deliver(NINA, JOSE, "two", "m2")

    with pytest.raises(UserError, match="The mailbox of Jose is full: 2 messages"):
        await boxes.deliver(NINA, JOSE, "three", "m3")

    assert await waiting(boxes, JOSE) == ["one", "two"]
    await boxes.deliver(JOSE, NINA, "yours is not", "m4")


async def test_reading_makes_room() -> None:
    """What was shown no longer counts."""
    boxes = small_boxes()
    first = await boxes.deliver(NINA, JOSE, "one", "m1")
    await boxes.deliver(NINA, JOSE, "two", "m2")

    boxes.saw(JOSE, first)
    await boxes.deliver(NINA, JOSE, "three", "m3")

    assert await waiting(boxes, JOSE) == ["two", "three"]


async def test_a_message_that_filled_the_box_may_come_again() -> None:
    """Its answer was lost: it is there, once, and that is what the sender is told."""
    boxes = small_boxes()
    await boxes.deliver(NINA, JOSE, "one", "m1")
    second = await boxes.deliver(NINA, JOSE, "two", "m2")

    assert await boxes.deliver(NINA, JOSE, "two", "m2") == second
    assert await waiting(boxes, JOSE) == ["one", "two"]


async def test_a_new_box_is_empty_without_a_look() -> None:
    """Unless something was delivered while it was made; what comes later counts."""
    boxes = Mailboxes(Blind(), Later())
    boxes.opened(NINA, boxes.deliveries)
    before = boxes.deliveries

    assert await boxes.count(NINA) == 0
    boxes.opened(JOSE, before)
    await boxes.deliver(NINA, JOSE, "welcome", "m1")
    boxes.opened(JOSE, before)

    with pytest.raises(AssertionError, match="asked"):
        await boxes.count(JOSE)


class Blind(MemoryBroker):
    """A broker that nobody may ask how much is unread."""

    async def unread_count(self, log: str) -> int:
        """Fail."""
        raise AssertionError(f"asked for {log}")


class SlowCount(MemoryBroker):
    """Counts at once, and answers when it is time."""

    def __init__(self) -> None:
        super().__init__()
        self.counted, self.answering = asyncio.Event(), asyncio.Event()

    async def unread_count(self, log: str) -> int:
        """As it was when it was asked for."""
        found = await super().unread_count(log)
        self.counted.set()
        await self.answering.wait()
        return found


async def test_a_message_that_comes_while_the_box_is_counted_is_not_overlooked() -> None:
    """Nobody is told later that nothing waits."""
    broker = SlowCount()
    boxes = Mailboxes(broker, Later())
    counting = asyncio.create_task(boxes.count(JOSE))
    await broker.counted.wait()

    delivering = asyncio.create_task(boxes.deliver(NINA, JOSE, "one", "m1"))
    broker.answering.set()
    await delivering

    assert await counting == 0
    assert await boxes.count(JOSE) == 1


async def test_an_empty_box_is_counted_once() -> None:
    """Most boxes are empty when their owners come."""
    broker = SlowCount()
    broker.answering.set()
    boxes = Mailboxes(broker, Later())
    assert await boxes.count(JOSE) == 0
    broker.counted.clear()

    again = await boxes.count(JOSE)
    asked = broker.counted.is_set()
    await boxes.deliver(NINA, JOSE, "one", "m1")

    assert (again, asked) == (0, False)
    assert await boxes.count(JOSE) == 1

"""Names that stay their owner's: tokens, passwords, places, invitations."""

import asyncio
import re
from pathlib import Path

import pytest

from tcpnet.chat.accounts import Account
from tcpnet.protocol.items import PROTOCOL, Bye, Hello, Status, Welcome
from tests.hub import PATIENCE, Person, Town, town


async def comes(
    hub: Town, name: str, token: str | None = None, *, keeps: bool = True
) -> tuple[Person, Welcome]:
    """Somebody whose client keeps tokens, at the menu."""
    person = await knocks(hub, name, token, keeps=keeps)
    welcome: Welcome = await person.gets(Welcome)
    person.send(Status(ok=True))
    await person.asked("Your option")
    return person, welcome


async def knocks(hub: Town, name: str, token: str | None = None, *, keeps: bool = True) -> Person:
    """Somebody who said hello."""
    person = await hub.dials(name)
    person.send(
        Hello(protocol=PROTOCOL, agent="test/1", id_key=name, token=token, keeps_token=keeps)
    )
    return person


async def goes(person: Person) -> None:
    """Leave and be gone."""
    await person.leaves()
    await person.gone()


async def sets_password(person: Person, password: str) -> None:
    """By item 9."""
    await person.chooses(9)
    await person.chooses(1)
    await person.answers("New password: ", password)
    await person.answers("The same again: ", password)
    await person.sees("Your password is set.")
    await person.chooses(5)
    await person.sees("TCP Client-Server Network")


async def test_the_first_use_claims_a_name_and_the_token_proves_it(hub: Town) -> None:
    """Same name, same id, no question asked."""
    nina, first = await comes(hub, "Nina")
    assert first.token
    await goes(nina)

    _, second = await comes(hub, "nina", first.token)

    assert (second.name, second.client_id, second.token) == ("Nina", first.client_id, None)


@pytest.mark.parametrize("token", [None, "guessed"])
async def test_somebody_else_is_told_the_ways_out(hub: Town, token: str | None) -> None:
    """The password, the operator, another name; and may choose one."""
    nina, _ = await comes(hub, "Nina")
    await goes(nina)

    eve = await knocks(hub, "Nina", token)
    refusal = await eve.sees("The name Nina belongs to somebody.")
    await eve.answers("Your id key (i.e your name): ", "Eve")

    assert "9. Account" in refusal.message
    assert "tcpnet-server release Nina" in refusal.message
    assert (await eve.gets(Welcome)).name == "Eve"


async def test_a_client_without_memory_holds_a_name_while_it_is_there(hub: Town) -> None:
    """And for the grace time after that: its own person may be back by then."""
    nina, first = await comes(hub, "Nina", keeps=False)
    assert first.token is None
    other = await knocks(hub, "Nina", keeps=False)
    await other.sees("The name Nina is in use.")
    await goes(nina)

    _, again = await comes(hub, "Nina", keeps=False)

    assert again.client_id == first.client_id


async def test_a_claim_that_nothing_proves_lapses_with_its_mailbox() -> None:
    """When the grace time is over: whoever has the name next finds nothing of its owner's."""
    async with town(limits={"grace_seconds": 0.01, "replies_per_second": 0.0}) as hub:
        accounts = hub.hub.community.accounts
        eve, _ = await comes(hub, "Eve")
        nina, first = await comes(hub, "Nina", keeps=False)
        jose, _ = await comes(hub, "Jose", keeps=False)
        await sets_password(jose, "correct horse")
        box = (await accounts.find("Nina")).box
        await goes(jose)
        await goes(nina)

        async with asyncio.timeout(PATIENCE):
            while await accounts.claim("Nina"):
                await eve.settled()
        _, second = await comes(hub, "Nina")

        assert (await accounts.find("Nina")).box != box
        assert (first.token is None, second.token is None) == (True, False)
        assert await accounts.claim("Jose")


async def test_names_that_nothing_proves_lapse_after_a_restart_too(tmp_path: Path) -> None:
    """A hub that was killed had no time to forget them."""
    server = {"ephemeral": False, "data_dir": str(tmp_path / "d"), "cache_dir": str(tmp_path / "c")}
    async with town(server=server | {"port": 0}) as hub:
        await comes(hub, "Nina", keeps=False)
    quick = {"grace_seconds": 0.01, "replies_per_second": 0.0}

    async with town(server=server | {"port": 0}, limits=quick) as hub:
        eve, _ = await comes(hub, "Eve")
        assert await hub.hub.community.accounts.claim("Nina")
        await hub.hub.community.an_hour_passed()

        async with asyncio.timeout(PATIENCE):
            while await hub.hub.community.accounts.claim("Nina"):
                await eve.settled()


async def test_a_password_lets_in_from_anywhere(hub: Town) -> None:
    """And the next time on that machine its own token does."""
    nina, _ = await comes(hub, "Nina")
    await sets_password(nina, "correct horse")

    other = await knocks(hub, "Nina")
    assert (await other.asked("Password: ")).res_type == "secret"
    other.types("correct horse")
    welcome: Welcome = await other.gets(Welcome)

    assert welcome.name == "Nina"
    assert welcome.token


async def test_wrong_passwords_are_refused_and_soon_have_to_wait() -> None:
    """Told in words; somebody with a token is not delayed by them."""
    async with town(accounts={"failures_per_account": 2}) as hub:
        nina, welcome = await comes(hub, "Nina")
        await sets_password(nina, "correct horse")
        eve = await knocks(hub, "Nina")
        for _ in range(2):
            await eve.answers("Password: ", "guess guess")
            await eve.sees("This is not the password of Nina.")
        await eve.answers("Password: ", "correct horse")

        waits = await eve.sees("There were too many wrong passwords.")
        _, again = await comes(hub, "Nina", welcome.token)

    assert re.search(r"Try again in \d+ s\.", waits.message)
    assert again.name == "Nina"


async def test_a_wrong_password_is_asked_again_and_not_a_name(hub: Town) -> None:
    """What is typed next may be the right one, and must not become a name that all can read."""
    nina, _ = await comes(hub, "Nina")
    await sets_password(nina, "correct horse")
    again = await knocks(hub, "Nina")

    await again.answers("Password: ", "correct hose")
    await again.sees("Enter nothing to choose another name.")
    assert (await again.asked("Password: ")).res_type == "secret"
    again.types("correct horse")
    welcome: Welcome = await again.gets(Welcome)
    other = await knocks(hub, "Nina")
    await other.answers("Password: ", "")
    await other.answers("Your id key", "Nina2")
    changed: Welcome = await other.gets(Welcome)

    assert (welcome.name, changed.name) == ("Nina", "Nina2")


async def test_one_account_in_two_places_is_listed_once_and_hears_everything_twice(
    hub: Town,
) -> None:
    """Mail and room lines reach each place; others see one person."""
    one, welcome = await comes(hub, "Nina")
    two, _ = await comes(hub, "Nina", welcome.token)
    bob = await hub.person("Bob")

    await bob.chooses(1)
    users = (await bob.sees("Users in server")).message
    await bob.chooses(2)
    await bob.answers("Enter your message: ", "hello")
    await bob.answers("Enter recipent id: ", "Nina")
    for place in (one, two):
        await place.sees("New message from Bob.")
    await bob.enters_room("den", new=True)
    await one.enters_room("den")
    await two.enters_room("den")
    bob.types("to both")
    for place in (one, two):
        await place.sees("Bob> to both")
    await bob.settled()

    assert users.count("Nina") == 1
    assert bob.messages("join") == ["Nina joined"]


async def test_signing_out_ends_other_places_and_their_tokens(hub: Town) -> None:
    """The machine one sits at stays known."""
    one, first = await comes(hub, "Nina")
    await sets_password(one, "correct horse")
    two = await knocks(hub, "Nina")
    await two.answers("Password: ", "correct horse")
    second: Welcome = await two.gets(Welcome)
    two.send(Status(ok=True))
    await two.asked("Your option")

    await one.chooses(9)
    await one.chooses(2)
    await one.sees("(here)")
    await one.chooses(3)
    await one.sees("Signed out: 1.")
    bye: Bye = await two.gets(Bye)
    stranger = await knocks(hub, "Nina", second.token)
    await stranger.asked("Password: ")
    await comes(hub, "Nina", first.token)

    assert bye.kind == "refused"


async def test_forget_me_deletes_account_mailbox_and_tokens(hub: Town) -> None:
    """The next one with the name is somebody else."""
    nina, first = await comes(hub, "Nina")
    await nina.chooses(2)
    await nina.answers("Enter your message: ", "to myself")
    await nina.answers("Enter recipent id: ", "Nina")
    await nina.chooses(9)
    await nina.chooses(4)
    await nina.answers("Delete this account", "y")
    await nina.sees("Your account is deleted")
    await nina.gone()

    again, second = await comes(hub, "Nina", first.token)
    await again.chooses(3)
    await again.sees("No new messages.")

    assert second.token
    assert second.token != first.token


async def test_a_claim_without_a_password_lapses_after_idle_days() -> None:
    """Days on which the hub ran; with its mailbox, and that is said."""
    async with town(accounts={"idle_days": 1}) as hub:
        community = hub.hub.community
        nina, first = await comes(hub, "Nina")
        bob, safe = await comes(hub, "Bob")
        await sets_password(bob, "correct horse")
        await community.mailboxes.deliver(account(hub, "Bob"), account(hub, "Nina"), "old", "m1")
        await goes(nina)
        await goes(bob)
        for _ in range(26):
            await community.an_hour_passed()

        again = await knocks(hub, "Nina", first.token)
        await again.sees("The name Nina had lapsed, with its mailbox.")
        welcome: Welcome = await again.gets(Welcome)
        again.send(Status(ok=True))
        await again.chooses(3)
        await again.sees("No new messages.")
        _, kept = await comes(hub, "Bob", safe.token)

    assert welcome.token
    assert kept.client_id == safe.client_id


def account(hub: Town, name: str) -> Account:
    """Somebody who is there, as the hub knows him."""
    return next(account for account in hub.hub.community.presence if account.name == name)


async def test_where_guests_are_off_newcomers_need_a_code() -> None:
    """Each code lets one person in, who chooses a password."""
    async with town(accounts={"require_password": True}) as hub:
        code = await hub.hub.community.invitations.make()
        eve = await knocks(hub, "Eve")
        await eve.answers("Password or invitation code: ", "nothing good")
        await eve.sees("This is neither the password of Eve nor a code that is good.")
        await eve.answers("Password or invitation code: ", code.upper())
        await eve.answers("Choose a password: ", "")
        await eve.sees("No password was given.")
        await eve.answers("Choose a password: ", "correct horse")
        await eve.answers("The same again: ", "correct horse")
        await eve.gets(Welcome)
        other = await knocks(hub, "Other")
        await other.answers("Password or invitation code: ", code)
        await other.sees("This is neither the password of Other")


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("short", "short", "at least 8"),
        ("x" * 1025, "x" * 1025, "at most 1024"),
        ("one two three", "one two four", "two different passwords"),
    ],
)
async def test_a_password_that_will_not_do_is_asked_for_again(
    hub: Town, first: str, second: str, words: str
) -> None:
    """What is typed on is not to be seen; an empty line goes back, and nothing was changed."""
    nina, _ = await comes(hub, "Nina")
    await nina.chooses(9)
    await nina.chooses(1)
    await nina.answers("New password: ", first)
    if "different" in words:
        await nina.answers("The same again: ", second)

    await nina.sees(words)
    await nina.answers("New password: ", "")
    await nina.sees("No password was given: nothing was changed.")
    await nina.sees("1. Set a password")


@pytest.mark.parametrize("twin", ["A1ice", "AIice", "Аlice", "ALICE\u0301"[:5] + "\u0301"])
async def test_two_names_that_look_alike_cannot_both_exist(hub: Town, twin: str) -> None:
    """Whoever came first has the look, too, also while away."""
    alice, _ = await comes(hub, "Alice")
    await goes(alice)

    eve = await knocks(hub, twin)

    if twin.startswith("ALICE"):
        await eve.gets(Welcome)
    else:
        await eve.sees(f"The name {twin} looks like one that somebody else has.")

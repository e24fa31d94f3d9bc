"""What an operator's orders do to the people and pages of a hub."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from tcpnet.broker.memory import MemoryBroker
from tcpnet.chat.bans import Bans
from tcpnet.errors import BrokerError, UserError
from tcpnet.protocol.items import PROTOCOL, Bye, Hello, Status, Welcome
from tcpnet.proxy.store.pages import PageStore
from tcpnet.server.operation import orders
from tcpnet.server.operation.operating import Operating
from tcpnet.server.operation.orders import Cell, Order
from tests.hub import Person, Town, town
from tests.unit.proxy.pages import SECRET, a_body, an_entry, store

NEAR = "2001:db8:0:1::1"
"""An address of the hub's own machine, as far as these tests are concerned."""


@dataclass
class Desk:
    """An operator at his desk: a hub, its pages, and the files that were asked for."""

    town: Town
    pages: PageStore
    bans: Bans = field(default_factory=lambda: Bans(MemoryBroker()))
    files: list[Path] = field(default_factory=list)

    async def says(self, order: Order) -> str:
        """What an order comes to."""
        return (await self._operating().perform(order)).message

    async def lists(self, order: Order) -> list[dict[str, Cell]]:
        """The rows that an order shows."""
        return [row.cells for row in (await self._operating().perform(order)).rows]

    def _operating(self) -> Operating:
        return Operating(self.town.hub.community, self.bans, self.pages, self._back_up)

    async def _back_up(self, file: Path) -> int:
        if file.name == "full":
            raise BrokerError("the disk is full")
        self.files.append(file)
        return 1_234_567


@pytest.fixture
async def desk(hub: Town, tmp_path: Path) -> AsyncIterator[Desk]:
    async with PageStore(tmp_path / "cache", SECRET) as pages:
        yield Desk(hub, pages)


async def comes(desk: Desk, name: str, token: str | None = None) -> tuple[Person, Welcome]:
    """Somebody whose client keeps tokens, at the menu."""
    person = await desk.town.dials(name)
    person.send(
        Hello(protocol=PROTOCOL, agent="test/1", id_key=name, token=token, keeps_token=True)
    )
    welcome: Welcome = await person.gets(Welcome)
    person.send(Status(ok=True))
    await person.asked("Your option")
    return person, welcome


async def said_bye(person: Person) -> str:
    """The last word of the hub to somebody it does not want back."""
    bye: Bye = await person.gets(Bye)
    assert (bye.kind, bye.retry) == ("refused", None)
    return bye.reason


async def test_users_are_listed_place_by_place(desk: Desk) -> None:
    """By name; who is there twice has two rows and counts once."""
    _, nina = await comes(desk, "Nina")
    _, jose = await comes(desk, "Jose")
    await comes(desk, "Nina", nina.token)

    rows = await desk.lists(orders.Users())

    assert [(row["name"], row["id"]) for row in rows] == [
        ("Jose", jose.client_id),
        ("Nina", nina.client_id),
        ("Nina", nina.client_id),
    ]
    assert {(row["address"], row["link"], row["program"]) for row in rows} == {
        ("127.0.0.1", "clear", "test/1")
    }
    assert await desk.says(orders.Users()) == "2 people are there."


async def test_nobody_is_nobody(desk: Desk) -> None:
    """An empty hub has no rows."""
    assert await desk.lists(orders.Users()) == []
    assert await desk.says(orders.Users()) == "0 people are there."


async def test_a_kick_ends_all_places_of_one_person(desk: Desk) -> None:
    """By name or id, with a reason; others stay, and the person may come again."""
    nina, welcome = await comes(desk, "Nina")
    there, _ = await comes(desk, "Nina", welcome.token)
    jose, _ = await comes(desk, "Jose")

    message = await desk.says(orders.Kick(str(welcome.client_id)))

    assert message == "Nina was disconnected (2 places)."
    for person in (nina, there):
        assert await said_bye(person) == "an operator ended your session"
        await person.gone()
    await jose.settled()
    with pytest.raises(UserError, match="Nina is not connected"):
        await desk.says(orders.Kick("nina"))
    await comes(desk, "Nina", welcome.token)


@pytest.mark.parametrize("who", ["Nobody", "99999", ""])
@pytest.mark.parametrize("kind", [orders.Kick, orders.Release, orders.Promote])
async def test_who_is_not_known_is_said(
    desk: Desk, kind: type[orders.Kick | orders.Release | orders.Promote], who: str
) -> None:
    """A name or an id that nobody has."""
    with pytest.raises(UserError, match=r"There is no user|Nobody was named"):
        await desk.says(kind(who))


async def test_a_banned_name_is_sent_away_at_once(desk: Desk) -> None:
    """All who look like it, with the reason; by id too."""
    nina, welcome = await comes(desk, "Nina")
    jose, _ = await comes(desk, "Jose")

    message = await desk.says(orders.AddBan(str(welcome.client_id), reason="shouts"))

    assert message == "Nina is banned from this hub: shouts (1 session ended)."
    assert await said_bye(nina) == "Nina is banned from this hub: shouts"
    await jose.settled()
    assert await desk.lists(orders.ListBans()) == [
        {"who": "Nina", "until": None, "reason": "shouts"}
    ]
    assert await desk.says(orders.LiftBan("NINA")) == "Nina is no longer banned."
    assert await desk.says(orders.ListBans()) == "0 bans."


@pytest.mark.parametrize(
    ("who", "banned", "roams"),
    [
        ("2001:db8:0:2::7", "2001:db8:0:2::/64", True),
        ("2001:db8:0:2::7/128", "2001:db8:0:2::7", False),
        ("2001:db8::/32", "2001:db8::/32", False),
        ("2001:db8:0:1::7", "2001:db8:0:1::7", False),
        ("fe80::7", "fe80::7", False),
        ("192.0.2.7", "192.0.2.7", False),
        ("Eve", "Eve", False),
    ],
)
async def test_a_ban_of_an_address_is_of_what_limits_count_as_one(
    desk: Desk, who: str, banned: str, roams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is lifted by the same words; neighbours of the hub share a network with it."""
    monkeypatch.setattr("tcpnet.net.reach.own", lambda: iter(["192.0.2.1", NEAR]))

    message = await desk.says(orders.AddBan(who))
    lifted = await desk.says(orders.LiftBan(who))

    assert message.startswith(f"{banned} is banned from this hub.")
    assert (f"{who}/128 bans one address" in message) is roams
    assert lifted == f"{banned} is no longer banned."


async def test_a_name_is_banned_before_anybody_has_it(desk: Desk) -> None:
    """So an operator keeps one that could be taken for his."""
    await desk.says(orders.AddBan("Operator"))

    assert desk.bans.of_name("0perator")
    assert desk.bans.of_name("OPERATOR")


async def test_a_ban_of_nobody_there_ends_no_session(desk: Desk) -> None:
    """Addresses and names may be banned ahead, and for a while."""
    jose, _ = await comes(desk, "Jose")

    message = await desk.says(orders.AddBan("192.0.2.0/24", seconds=3600))

    assert message.startswith("192.0.2.0/24 is banned from this hub until ")
    assert message.endswith(" UTC.")
    (row,) = await desk.lists(orders.ListBans())
    assert row["until"]
    await jose.settled()


async def test_a_released_name_is_its_next_comers(desk: Desk) -> None:
    """Whoever has it now is sent away, and his token proves nothing any more."""
    nina, old = await comes(desk, "Nina")

    message = await desk.says(orders.Release("nina"))

    assert message == (
        "Nina is free: whoever comes with this name next has it, mailbox and all"
        " (it had no password, 1 place was disconnected)."
    )
    assert await said_bye(nina) == "an operator released your name"
    _, new = await comes(desk, "Nina")
    assert (new.client_id, bool(new.token)) == (old.client_id, True)
    late = await desk.town.dials("Nina")
    late.send(Hello(protocol=PROTOCOL, agent="t", id_key="Nina", token=old.token, keeps_token=True))
    await late.sees("The name Nina belongs to somebody.")


async def test_a_release_says_that_a_password_went(desk: Desk) -> None:
    """And how many places were ended."""
    _, nina = await comes(desk, "Nina")
    await comes(desk, "Nina", nina.token)
    accounts = desk.town.hub.community.accounts
    account = await accounts.find("Nina")
    await accounts.change(account, lambda claim: msgspec.structs.replace(claim, password="x"))

    message = await desk.says(orders.Release("nina"))

    assert message.endswith("(its password was removed, 2 places were disconnected).")
    claim = await accounts.claim("Nina")
    assert claim is not None
    assert not claim.password


async def test_somebody_becomes_operator_and_no_longer(desk: Desk) -> None:
    """It is kept with the account."""
    _, welcome = await comes(desk, "Nina")
    accounts = desk.town.hub.community.accounts

    assert await desk.says(orders.Promote("Nina")) == "Nina is now an operator."
    claim = await accounts.claim("Nina")
    assert claim is not None
    assert claim.operator
    assert await desk.says(orders.Promote(str(welcome.client_id), operator=False)) == (
        "Nina is no longer an operator."
    )
    claim = await accounts.claim("Nina")
    assert claim is not None
    assert not claim.operator
    assert claim.tokens


async def test_an_invitation_is_a_code_that_works_once(desk: Desk) -> None:
    """And it is said when nobody needs one."""
    (row,) = await desk.lists(orders.Invite())
    invitations = desk.town.hub.community.invitations

    assert await invitations.use(str(row["code"]))
    assert not await invitations.use(str(row["code"]))
    assert "accounts.require_password is off" in await desk.says(orders.Invite())


async def test_an_invitation_to_a_hub_without_guests_says_no_more(tmp_path: Path) -> None:
    """There it is needed."""
    async with (
        town(accounts={"require_password": True}) as closed,
        PageStore(tmp_path / "cache", SECRET) as pages,
    ):
        message = await Desk(closed, pages).says(orders.Invite())

    assert message == "This code lets one new person in, once."


async def test_a_backup_goes_where_it_was_asked_to(desk: Desk, tmp_path: Path) -> None:
    """To an absolute path: the hub's own folder is not the operator's."""
    message = await desk.says(orders.BackUp(str(tmp_path / "copy")))

    assert desk.files == [tmp_path / "copy"]
    assert message.startswith(f'"{tmp_path / "copy"}" holds the hub: 1,234,567 bytes, ')
    with pytest.raises(UserError, match="no absolute path"):
        await desk.says(orders.BackUp("copy"))
    with pytest.raises(BrokerError, match="the disk is full"):
        await desk.says(orders.BackUp(str(tmp_path / "full")))


async def test_pages_are_listed_the_last_used_first_and_forgotten_by_their_address(
    desk: Desk,
) -> None:
    """In all variants, however the address is written."""
    a, b = "http://a.example/", "https://b.example/page"
    for url, vary in ((a, ()), (b, ()), (b, (("Accept", "text/html"),))):
        await store(desk.pages, an_entry(url, vary), a_body(1000))

    rows = await desk.lists(orders.ListPages())

    assert [row["url"] for row in rows] == [b, b, a]
    assert rows[0]["status"] == 200
    assert rows[0]["fetched"] == "2023-11-14T22:13Z"
    size = sum(int(row["bytes"] or 0) for row in rows)
    assert await desk.says(orders.ListPages()) == f"3 pages, {size:,} bytes."
    message = await desk.says(orders.PurgePage("HTTPS://B.example:443/page#part"))
    assert message == f"{b} is forgotten (2 variants)."
    assert [row["url"] for row in await desk.lists(orders.ListPages())] == [a]
    with pytest.raises(UserError, match=r"https://b\.example/page is not kept"):
        await desk.says(orders.PurgePage(b))
    with pytest.raises(UserError, match="an address looks like"):
        await desk.says(orders.PurgePage("b.example/page"))


async def test_what_the_operator_says_reaches_everybody_wherever_he_is(desk: Desk) -> None:
    """At the menu, in a room, in the middle of a question; once, and made harmless."""
    nina, _ = await comes(desk, "Nina")
    jose, _ = await comes(desk, "Jose")
    await nina.enters_room("den", new=True)
    await jose.chooses(2)

    told = await desk.says(orders.Say("back at 8\nNina> no\x1b[2J "))
    await desk.says(orders.Say("x" * 9000))

    words = "*** The operator of this hub says: back at 8 Nina> no␛[2J"
    assert told == "2 people were told."
    for person in (nina, jose):
        await person.settled()
        assert person.messages("notice").count(words) == 1
        assert len(person.messages("notice")[-1]) < 4200


async def test_silence_is_not_told(desk: Desk) -> None:
    """Somebody hit enter too early."""
    with pytest.raises(UserError, match="nothing to say"):
        await desk.says(orders.Say(" \n"))

"""Who comes in at the proxy port."""

import base64
import io
import json
from collections.abc import AsyncGenerator

import pytest

from tcpnet.broker.memory import MemoryBroker
from tcpnet.chat.bans import Bans
from tcpnet.client.trace import Trace
from tcpnet.config import PRIVATE
from tcpnet.errors import ConfigError
from tcpnet.net.limits import Doorway
from tcpnet.proxy.origin.guard import network
from tcpnet.proxy.port.asker import Caller
from tcpnet.server.door import OpenDoor
from tests.hub import Town, key_of, town
from tests.origins import Exchange, origin
from tests.unit.proxy.ports import Client, said

LOOPBACK = {"allow": ("127.0.0.0/8",), "port": 0}


@pytest.fixture
async def keyed() -> AsyncGenerator[Town, None]:
    """A hub whose proxy port asks for a key."""
    async with town(proxy=LOOPBACK | {"require_login": True}) as made:
        yield made


async def at_the_port(town: Town) -> Client:
    return await Client.dial(town.hub.proxy_addresses[0][1])


def basic(name: str, key: str, field: str = "Proxy-Authorization") -> str:
    token = base64.b64encode(f"{name}:{key}".encode()).decode()
    return f"{field}: Basic {token}"


async def showing_client(exchange: Exchange) -> None:
    """An origin that says which address it was told of."""
    shown = [line for line in exchange.head.decode().split("\r\n") if line.startswith("X-Forw")]
    body = json.dumps(shown).encode()
    await exchange.say(said("200 OK", "Cache-Control: max-age=60", body=body))


async def test_a_key_from_the_menu_opens_the_port(keyed: Town) -> None:
    """407 without one, in words; the key goes no further than here."""
    ann = await keyed.person("Ann")
    key = await key_of(ann)
    async with origin(said("200 OK", body=b"hello")) as site:
        client = await at_the_port(keyed)

        refused = await client.get(site.url())
        answer = await client.get(site.url(), basic("ann", key))
        client.close()

    assert refused.status == 407
    assert refused.fields["proxy-authenticate"].startswith("Basic realm=")
    assert b"9. Account" in refused.body
    assert (answer.status, answer.body) == (200, b"hello")
    assert len(site.heads) == 1
    assert b"uthorization" not in site.heads[0]


async def test_a_key_is_marked_as_what_no_record_may_keep(keyed: Town) -> None:
    """So that it is not in a client's trace."""
    ann = await keyed.person("Ann")
    await ann.chooses(9)
    await ann.chooses(5)
    shown = await ann.sees("Your proxy key: ")

    out = io.StringIO()
    Trace(out).heard(shown)

    assert shown.secret
    assert shown.message.split()[3] not in out.getvalue()


async def test_programs_that_know_no_proxies_log_in_as_at_a_site(keyed: Town) -> None:
    """Under /+/ with 401, and the site gets nothing of it."""
    key = await key_of(await keyed.person("Ann"))
    async with origin(said("200 OK", body=b"hello")) as site:
        client = await at_the_port(keyed)
        target = f"/+/{site.url()}"

        await client.say(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")
        refused = await client.response()
        line = basic("Ann", key, "Authorization")
        await client.say(f"GET {target} HTTP/1.1\r\nHost: h\r\n{line}\r\n\r\n")
        answer = await client.response()
        client.close()

    assert (refused.status, "www-authenticate" in refused.fields) == (401, True)
    assert answer.body == b"hello"
    assert b"uthorization" not in site.heads[0]


async def test_a_tunnel_wants_the_key_too(keyed: Town) -> None:
    """Before anything is looked up."""
    client = await at_the_port(keyed)

    await client.say("CONNECT tcpnet.invalid:443 HTTP/1.1\r\nHost: h\r\n\r\n")
    answer = await client.response()
    client.close()

    assert answer.status == 407


async def test_a_wrong_key_and_an_unknown_name_get_the_same_answer(keyed: Town) -> None:
    """Nobody learns who has an account; and after some tries there are no more for a while."""
    key = await key_of(await keyed.person("Ann"))
    client = await at_the_port(keyed)
    url = "http://127.0.0.1:25/"

    wrong = await client.get(url, basic("Ann", "wrong"))
    unknown = await client.get(url, basic("Nobody", key))
    bearer = await client.get(url, f"Proxy-Authorization: Bearer {key}")
    guessed = [(await client.get(url, basic("Bob", str(n)))).status for n in range(1, 2)]
    right = await client.get(url, basic("Ann", key))
    client.close()

    assert {wrong.status, unknown.status, bearer.status, *guessed} == {407}
    assert wrong.body == unknown.body == bearer.body
    assert right.status == 403  # of the site's port, not of the hub


async def test_too_many_wrong_keys_have_to_wait() -> None:
    """429; the right key is let in all the same."""
    guesses = {"failures_per_account": 1}
    async with town(proxy=LOOPBACK | {"require_login": True}, accounts=guesses) as made:
        key = await key_of(await made.person("Ann"))
        client = await at_the_port(made)
        url = "http://127.0.0.1:25/"

        first = await client.get(url, basic("Ann", "wrong"))
        second = await client.get(url, basic("Ann", "wrong"))
        right = await client.get(url, basic("Ann", key))
        client.close()

    assert (first.status, second.status, right.status) == (407, 429, 403)
    assert "retry-after" in second.fields


async def test_a_new_key_takes_the_place_of_the_old_one(keyed: Town) -> None:
    """At once, and so does its removal."""
    ann = await keyed.person("Ann")
    old = await key_of(ann)
    client = await at_the_port(keyed)
    url = "http://127.0.0.1:25/"
    before = await client.get(url, basic("Ann", old))

    await ann.chooses(5)
    shown = await ann.sees("Your proxy key: ")
    new = shown.message.partition("Your proxy key: ")[2].partition("\n")[0]
    with_old = await client.get(url, basic("Ann", old))
    with_new = await client.get(url, basic("Ann", new))
    await ann.chooses(6)
    await ann.sees("good for nothing")
    after = await client.get(url, basic("Ann", new))
    client.close()

    assert (before.status, with_old.status, with_new.status, after.status) == (403, 407, 403, 407)


async def test_the_habits_of_an_account_hold_at_the_port(keyed: Town) -> None:
    """Private browsing and caching as they were chosen in the menu."""
    ann = await keyed.person("Ann")
    key = await key_of(ann)
    await ann.chooses(7)
    async with origin(showing_client) as site:
        client = await at_the_port(keyed)

        private = await client.get(site.url("/1"), basic("Ann", key))
        await ann.chooses(6)
        await ann.chooses(3)
        await ann.sees("Private browsing is off")
        shown = await client.get(site.url("/2"), basic("Ann", key))
        await ann.chooses(1)
        await ann.sees("Web caching is on")
        await ann.chooses(1)
        await ann.sees("Web caching is off")
        uncached = await client.get(site.url("/2"), basic("Ann", key))
        client.close()

    assert json.loads(private.body) == []
    assert json.loads(shown.body) == ["X-Forwarded-For: 127.0.0.1"]
    assert shown.cached == "tcpnet; fwd=uri-miss; stored"
    assert uncached.cached == "tcpnet; fwd=bypass"


async def test_only_the_networks_of_the_setting_are_served() -> None:
    """403 for others, with the name of the setting."""
    async with town(proxy=LOOPBACK | {"clients": ("192.0.2.0/24",)}) as made:
        client = await at_the_port(made)
        answer = await client.response()
        client.close()

    assert answer.status == 403
    assert b"proxy.clients" in answer.body


@pytest.mark.parametrize("setting", ["clients", "allow"])
async def test_what_is_no_network_ends_the_start(setting: str) -> None:
    """In one sentence that names the setting, also where there is no port."""
    with pytest.raises(ConfigError, match=f"^proxy.{setting}: 'banana' "):
        async with town(proxy={setting: ("banana",)}):
            pass


async def test_there_is_no_port_unless_it_is_asked_for() -> None:
    """And then nobody is offered a key for it."""
    async with town() as made:
        ann = await made.person("Ann")
        await ann.chooses(9)
        menu = await ann.sees("*** Account ***")

    assert made.hub.proxy_addresses == ()
    assert "proxy" not in menu.message


def test_private_networks_are_the_default() -> None:
    """A hub that can be reached from the Internet is no open proxy."""
    assert "0.0.0.0/0" not in PRIVATE
    assert all(not network.endswith("/0") for network in PRIVATE)


@pytest.mark.parametrize(
    ("own", "inside"),
    [("2001:db8:ffff::1", 2), ("2001:db8::1", 5)],
    ids=["from elsewhere", "from the hub's own network"],
)
def test_an_address_of_ipv6_counts_as_it_does_for_people(own: str, inside: int) -> None:
    """Its network of 64 bits is one household; the hub's own neighbours count one by one."""
    everybody = [network("2001:db8::/32")]
    door = OpenDoor(everybody, Doorway(total=10, per_address=2), Bans(MemoryBroker()))
    callers = [Caller(f"2001:db8::{number}", own) for number in range(2, 7)]

    admitted = [caller for caller in callers if door.admit(caller) is None]
    for caller in admitted:
        door.leave(caller)
    again = [caller for caller in callers if door.admit(caller) is None]

    assert len(admitted) == len(again) == inside

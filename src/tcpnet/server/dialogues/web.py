"""The web proxy's menu: its switches, and requests for pages."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec

from tcpnet import __version__, text
from tcpnet.chat.habits import Habits
from tcpnet.errors import BrokerError, UserError
from tcpnet.proxy import codings, redirects, targets
from tcpnet.proxy.answers import Answer, Source
from tcpnet.proxy.entry import Credentials, Fields, PageRequest
from tcpnet.proxy.failures import FetchError, NoTls
from tcpnet.proxy.origin import credentials
from tcpnet.proxy.targets import Target
from tcpnet.server.asking import agreed, choose
from tcpnet.server.community import Community
from tcpnet.server.download import downloaded
from tcpnet.server.meter import Meter
from tcpnet.server.session import Quit, Session

_FIELDS: Final = Fields(
    (
        ("User-Agent", f"tcpnet/{__version__}"),
        ("Accept", "*/*"),
        ("Accept-Encoding", codings.ACCEPT_ENCODING),
    )
)
_FORM: Final = ("Content-Type", "application/x-www-form-urlencoded")
# A HEAD tells whether the stored page is outdated, which no cache can.
_FROM_THE_SITE: Final = ("Cache-Control", "no-cache")
_HEAD_NOTE: Final = "Note: authentication does not work with HEAD request"


@dataclass(slots=True)
class Switches:
    """What the person has switched on; authentication only until the proxy is left."""

    habits: Habits
    authentication: bool = False

    @property
    def caching(self) -> bool:
        """Whether pages are kept and taken from the cache."""
        return bool(self.habits.caching)


async def browse(session: Session, community: Community) -> None:
    """Turn the proxy on, and offer its options until it is turned off."""
    switches = Switches(await community.habits.of(session.account))
    while True:
        session.tell(_menu(switches))
        try:
            match await choose(session, range(1, 6)):
                case 1:
                    await _switch_caching(session, community, switches)
                case 2:
                    switches.authentication = not switches.authentication
                    session.tell(f"Web authentication is {_on(switches.authentication)}")
                case 3:
                    await _switch_privacy(session, community, switches)
                case 4:
                    await _request(session, community, switches)
                case _:
                    return await _turn_off(session)
        except (UserError, BrokerError, FetchError) as error:
            session.tell(str(error), kind="error")


def _menu(switches: Switches) -> str:
    return "\n".join(
        (
            "",
            "*** Proxy Server Settings *** ",
            f"1. Turn web caching {_turn(switches.caching)}",
            f"2. Turn authentication {_turn(switches.authentication)}",
            f"3. Turn private browsing {_turn(switches.habits.private)}",
            "4. Send a request (GET, HEAD OR POST): ",
            "5. Turn web proxy server off",
            "",
        )
    )


def _turn(on: bool) -> str:
    return "Off" if on else "On"


def _on(on: bool) -> str:
    return "on" if on else "off"


async def _switch_caching(session: Session, community: Community, switches: Switches) -> None:
    habits = msgspec.structs.replace(switches.habits, caching=not switches.caching)
    await community.habits.keep(session.account, habits)
    switches.habits = habits
    session.tell(f"Web caching is {_on(switches.caching)}")


async def _switch_privacy(session: Session, community: Community, switches: Switches) -> None:
    habits = msgspec.structs.replace(switches.habits, private=not switches.habits.private)
    await community.habits.keep(session.account, habits)
    switches.habits = habits
    session.tell(f"Private browsing is {_on(habits.private)}")


async def _turn_off(session: Session) -> None:
    session.tell("Web server is now off\n")
    if not await agreed(
        session, "Do you want to continue with the main menu (y/n)?: ", key="continue"
    ):
        raise Quit


async def _request(session: Session, community: Community, switches: Switches) -> None:
    answer = await session.ask("request> ", key="request")
    target = targets.read(answer.text)
    if target.assumed:
        session.tell(f"https:// is assumed: {target.url}", kind="notice")
    try:
        await _send(session, community, target, switches)
    except NoTls as error:
        if not target.assumed or error.host != _name(target.url):
            raise
        plain = target.url.replace("https://", "http://", 1)
        raise UserError(f"{error} Write {plain} to ask without encryption.") from error


async def _send(session: Session, community: Community, target: Target, switches: Switches) -> None:
    session.withdraw()
    source = await _source(session, community, target.url, switches)
    session.tell(f"Source IP address: {source}")
    request = PageRequest(
        method=target.method,
        url=target.url,
        fields=_FIELDS,
        client=None if switches.habits.private else session.address,
        caching=switches.caching,
        default_lifetime=community.settings.cache.default_lifetime,
    )
    if target.method == "HEAD":
        request = msgspec.structs.replace(request, fields=_FIELDS.added(_FROM_THE_SITE))
        await _head(session, community, request, switches)
        return
    if switches.authentication:
        request = msgspec.structs.replace(
            request, credentials=await _credentials(session, target.url)
        )
    if target.method == "POST":
        body = await _form(session)
        request = msgspec.structs.replace(request, body=body, fields=_FIELDS.added(_FORM))
    await _fetched(session, community, request, switches)


async def _source(session: Session, community: Community, url: str, switches: Switches) -> str:
    """The address that the site sees: the hub's own, unless private browsing is off."""
    return await community.origins.own_address(url) if switches.habits.private else session.address


async def _credentials(session: Session, url: str) -> Credentials:
    if not session.is_private:
        session.tell(
            "This connection is not encrypted: others on the network can read what you type now.",
            kind="notice",
        )
    if urlsplit(url).scheme == "http":
        session.tell("The site is asked without encryption, password included.", kind="notice")
    username = await session.ask("Username: ", key="username")
    # At once: nobody types a password for a name that cannot be sent.
    credentials.check(Credentials(username.text, ""))
    password = await session.ask("Password: ", key="password", res_type="secret")
    given = Credentials(username.text, password.text)
    credentials.check(given)
    return given


async def _form(session: Session) -> bytes:
    while True:
        keys = await session.ask("POST keys separated by comma: ", key="post_keys")
        values = await session.ask("POST values separated by a comma: ", key="post_values")
        names, contents = _list(keys.text), _list(values.text)
        if len(names) == len(contents):
            return urlencode(list(zip(names, contents, strict=True))).encode()
        session.tell(
            f"Each key needs one value: keys {len(names)}, values {len(contents)}.",
            kind="error",
        )


def _list(typed: str) -> list[str]:
    return [word.strip() for word in typed.split(",")] if typed.strip() else []


async def _head(
    session: Session, community: Community, request: PageRequest, switches: Switches
) -> None:
    async with session.stoppable() as number:
        with Meter(session, number, _name(request.url)):
            async with community.web.fetch(request) as answer:
                pass  # the head is all there is
        ok = 200 <= answer.status < 300
        if switches.authentication or not ok:
            session.tell(_HEAD_NOTE)
        if not ok:
            session.tell(f"Request failed with status code {answer.status}")
            return
        session.tell(f"Success! {answer.status} {_reason(answer)}")
        await session.page(str(_combined(answer.fields)))


async def _fetched(
    session: Session, community: Community, request: PageRequest, switches: Switches
) -> None:
    """Fetch a page, redirects followed, and show it."""
    followed = 0
    async with session.stoppable() as number:
        with Meter(session, number, _name(request.url)) as meter:
            while True:
                async with community.web.fetch(request) as answer:
                    hop = redirects.next_hop(request, answer.status, answer.fields, followed)
                    if hop is None:
                        await _show(session, community, request, answer, switches, meter)
                        return
                for note in hop.notes:
                    session.tell(note, kind="notice")
                request = hop.request
                followed += 1


async def _show(
    session: Session,
    community: Community,
    request: PageRequest,
    answer: Answer,
    switches: Switches,
    meter: Meter,
) -> None:
    session.tell(_verdict(answer, switches))
    if answer.status == 401 and not switches.authentication:
        return
    if answer.source is Source.STALE:
        session.tell(f"The site gave no newer copy: this one is {_age(answer)} old.", kind="notice")
    meter.total = answer.length

    def took(size: int) -> None:
        meter.done += size

    limits, turns = community.settings.proxy, community.turns
    async with downloaded(request.url, answer, limits, turns, took) as download:
        await download.shown(session)
    # Known only now: what breaks off is not kept.
    if switches.caching and request.method == "GET" and answer.not_stored and answer.status < 300:
        session.tell(f"Not cached: {answer.not_stored}.", kind="notice")


def _verdict(answer: Answer, switches: Switches) -> str:
    if 200 <= answer.status < 300:
        cached = " (cache)" if answer.from_cache else ""
        return f"Success {answer.status} {_reason(answer)}{cached}"
    if answer.status == 401 and not switches.authentication:
        return "401 Unauthorized. Activate authentication in your proxy server and try again."
    return f"Request failed with status code {answer.status}"


def _combined(fields: Fields) -> dict[str, str]:
    """One value a name: the lines of a field are joined, as RFC 9110 §5.3 reads them."""
    found: dict[str, tuple[str, str]] = {}
    for name, value in fields.lines:
        first, before = found.get(name.lower(), (name, ""))
        found[name.lower()] = (first, f"{before}, {value}" if before else value)
    return {text.clean(name): text.clean(value) for name, value in found.values()}


def _reason(answer: Answer) -> str:
    """The words of the site, or the usual ones where it gave none."""
    if reason := text.clean(answer.reason).strip():
        return reason
    return HTTPStatus(answer.status).phrase if answer.status in set(HTTPStatus) else ""


def _age(answer: Answer) -> str:
    seconds = int(answer.age or 0)
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _name(url: str) -> str:
    return urlsplit(url).hostname or url

"""What an origin sees: fields, conditions, and whose address."""

import pytest

from tcpnet.proxy.entry import HTTP_1_0, HTTP_1_1, Fields, PageRequest, Version
from tcpnet.proxy.forwarding import outbound, passed_here
from tcpnet.proxy.rules.policy import Forward
from tests.unit.proxy.messages import ask

PLAIN = Forward(joinable=True)


def sent(request: PageRequest, forward: Forward = PLAIN) -> Fields:
    """Return the fields that the origin sees."""
    return outbound(request, forward, "hub-1")


def test_private_browsing_tells_the_origin_nothing_of_the_client() -> None:
    """Neither our fields nor the client's own name an address on the way."""
    request = ask("Via: 1.1 laptop", "Forwarded: for=1.2.3.4", "X-Forwarded-For: 1.2.3.4")

    assert sent(request).lines == (("Via", "1.1 hub-1"),)


@pytest.mark.parametrize(
    ("version", "client", "via"),
    [
        (HTTP_1_0, None, "1.0 hub-1"),
        (HTTP_1_1, None, "1.1 hub-1"),
        (HTTP_1_0, "192.0.2.7", "1.1 laptop, 1.0 hub-1"),
    ],
)
def test_rfc_9110_7_6_3_via_tells_what_the_asker_spoke(
    version: Version, client: str | None, via: str
) -> None:
    """The version of the request as it was received, private or not."""
    request = ask("Via: 1.1 laptop", version=version, client=client)

    assert sent(request).values("via") == (via,)


@pytest.mark.parametrize(
    ("client", "node"), [("192.0.2.7", "for=192.0.2.7"), ("2001:db8::7", 'for="[2001:db8::7]"')]
)
def test_without_private_browsing_the_clients_address_goes_along(client: str, node: str) -> None:
    """X-Forwarded-For and Forwarded carry it, and what the client claims is dropped."""
    request = ask("X-Forwarded-For: 1.2.3.4", "Via: 1.0 laptop", client=client)

    fields = sent(request)

    assert fields.values("x-forwarded-for") == (client,)
    assert fields.values("forwarded") == (node,)
    assert fields.values("via") == ("1.0 laptop, 1.1 hub-1",)


@pytest.mark.parametrize(
    "name", ["X-Forwarded-Host", "X-Forwarded-Proto", "X-Original-URL", "X-Real-IP"]
)
def test_what_could_poison_the_cache_does_not_go_on(name: str) -> None:
    """An origin might shape its answer by it, and no key would show it."""
    assert name.lower() not in sent(ask(f"{name}: x")).index


def test_stored_validators_take_the_place_of_the_clients_conditions() -> None:
    """So that a 304 speaks of the stored page (RFC 9111 §4.3.1)."""
    request = ask('If-None-Match: "x"', "Range: bytes=0-1", 'If-Range: "x"', "X: 1")
    conditions = (("If-None-Match", '"a"'),)

    fields = sent(request, Forward(conditions=conditions))

    assert fields.values("if-none-match") == ('"a"',)
    assert "range" not in fields.index
    assert "if-range" not in fields.index
    assert fields.index.get("x") == "1"


def test_a_request_of_its_own_keeps_its_conditions() -> None:
    """Nothing is stored that they could be judged by."""
    fields = sent(ask('If-None-Match: "x"', "Range: bytes=0-1"), Forward())

    assert fields.values("if-none-match") == ('"x"',)
    assert fields.values("range") == ("bytes=0-1",)


def test_a_shared_request_has_no_conditions() -> None:
    """Its answer is for others too."""
    assert "range" not in sent(ask("Range: bytes=0-1"), PLAIN).index


def test_all_else_goes_on_as_it_is() -> None:
    """Directives (RFC 9111 §5.2) and credentials among them; fields of one hop do not."""
    request = ask(
        "Cache-Control: max-age=5",
        "Connection: X",
        "X: 1",
        "Authorization: y",
    )

    onward = sent(request, Forward())

    assert onward.lines[:2] == (("Cache-Control", "max-age=5"), ("Authorization", "y"))
    assert "x" not in onward.index


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], False),
        (["Via: 1.1 hub-1"], True),
        (["Via: 1.1 other, HTTP/1.1 hub-1 (tcpnet)"], True),
        (["Via: 1.1 other", "via: 1.1 hub-1"], True),
        (["Via: 1.1 hub-12"], False),
        (["Via: hub-1"], False),
        (["X: 1.1 hub-1"], False),
    ],
)
def test_rfc_9110_7_6_3_a_hub_knows_its_own_name_in_via(lines: list[str], expected: bool) -> None:
    """That is how loops are seen."""
    assert passed_here(ask(*lines).fields, "hub-1") is expected

"""The resolver: only permitted addresses, on threads that hold nobody up."""

import asyncio
import socket
import threading

import pytest

from tcpnet.proxy.origin.guard import Forbidden, Guard, network
from tcpnet.proxy.origin.resolver import MAX_LOOKUPS, Lookup, Resolver, look_up
from tcpnet.proxy.origin.routes import AddrInfo


def found(*addresses: str, port: int = 443) -> list[AddrInfo]:
    """What `getaddrinfo` returns for these."""
    return [
        (
            socket.AF_INET6 if ":" in address else socket.AF_INET,
            socket.SOCK_STREAM,
            socket.IPPROTO_TCP,
            "",
            (address, port, 0, 0) if ":" in address else (address, port),
        )
        for address in addresses
    ]


def saying(*addresses: str) -> Lookup:
    def lookup(host: str, port: int, family: socket.AddressFamily) -> list[AddrInfo]:
        return found(*addresses, port=port)

    return lookup


async def test_forbidden_addresses_are_left_out() -> None:
    """A name with a public and a private address leads to the public one."""
    resolver = Resolver(Guard(), saying("10.0.0.5", "8.8.8.8", "::1", "2606:4700::1111"))

    results = await resolver.resolve("mixed.example", 443)

    assert [result["host"] for result in results] == ["8.8.8.8", "2606:4700::1111"]
    assert {result["port"] for result in results} == {443}


async def test_a_name_with_forbidden_addresses_alone_is_refused() -> None:
    """The refusal of one of them is what the person reads."""
    with pytest.raises(Forbidden, match="local network"):
        await Resolver(Guard(), saying("10.0.0.5", "fd00::5")).resolve("intranet.example", 443)


async def test_the_operator_s_networks_count_here_too() -> None:
    """The same guard decides before and at the dial."""
    resolver = Resolver(Guard([network("10.0.0.0/8")]), saying("10.0.0.5", "192.168.0.1"))

    results = await resolver.resolve("intranet.example", 443)

    assert [result["host"] for result in results] == ["10.0.0.5"]


async def test_a_name_without_addresses_is_not_found() -> None:
    """An empty answer is no answer."""
    with pytest.raises(socket.gaierror):
        await Resolver(Guard(), saying()).resolve("empty.example", 443)


async def test_what_the_lookup_raises_is_raised() -> None:
    """Across the thread the error stays what it is."""

    def failing(host: str, port: int, family: socket.AddressFamily) -> list[AddrInfo]:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    with pytest.raises(socket.gaierror, match="try again"):
        await Resolver(Guard(), failing).resolve("slow.example", 443)


@pytest.mark.parametrize("host", [f"{'a' * 64}.example", "a..example", ".example"])
async def test_a_name_that_cannot_be_one_is_not_found(host: str) -> None:
    """The system's lookup has another error for it, and the same meaning."""
    with pytest.raises(socket.gaierror):
        await Resolver(Guard()).resolve(host, 443)


async def test_a_lookup_that_nobody_waits_for_ends_quietly() -> None:
    """Giving up is at once; the thread's answer, when it comes, is nobody's."""
    may_answer = threading.Event()

    def slow(host: str, port: int, family: socket.AddressFamily) -> list[AddrInfo]:
        may_answer.wait(5)
        return found("8.8.8.8")

    resolver = Resolver(Guard(), slow)
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await resolver.resolve("slow.example", 443)
    finally:
        may_answer.set()
    assert (await resolver.resolve("slow.example", 443))[0]["host"] == "8.8.8.8"


async def test_lookups_have_an_upper_bound_of_threads() -> None:
    """A lookup that nobody waits for keeps its place until its thread is free."""
    started = threading.Semaphore(0)
    may_answer = threading.Event()

    def slow(host: str, port: int, family: socket.AddressFamily) -> list[AddrInfo]:
        started.release()
        may_answer.wait(5)
        return found("8.8.8.8")

    def starts(count: int, patience: float) -> bool:
        return all(started.acquire(timeout=patience) for _ in range(count))

    resolver = Resolver(Guard(), slow)
    async with asyncio.TaskGroup() as tasks:
        lookups = [
            tasks.create_task(resolver.resolve(f"{number}.example", 443))
            for number in range(MAX_LOOKUPS + 5)
        ]
        assert await asyncio.to_thread(starts, MAX_LOOKUPS, 5)
        for lookup in lookups[:5]:
            lookup.cancel()
        await asyncio.wait(lookups[:5])
        assert not await asyncio.to_thread(starts, 1, 0.05)
        may_answer.set()

    assert all(lookup.result() for lookup in lookups[5:])


async def test_the_system_knows_this_machine() -> None:
    """The ordinary lookup is the system's own."""
    resolver = Resolver(Guard([network("127.0.0.0/8"), network("::1")]), look_up)

    results = await resolver.resolve("localhost", 8080)

    assert {result["host"] for result in results} <= {"127.0.0.1", "::1"}

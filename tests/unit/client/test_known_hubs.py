"""Known hubs: whose key was seen first, kept between visits."""

import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.cli.client import main
from tcpnet.client.address import Address
from tcpnet.client.known_hubs import NAME, KnownHubs
from tcpnet.errors import ConfigError

HUB = Address("hub.lan", 12005)
OTHER = Address("hub.lan", 12006)
KEY, OTHER_KEY = "aaaa-bbbb", "cccc-dddd"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file will be, in a folder that is not there yet."""
    return tmp_path / "state" / NAME


def test_a_hub_that_was_never_met_has_no_key(path: Path) -> None:
    """And asking writes nothing."""
    assert KnownHubs(path).key_of(HUB) is None
    assert not path.exists()


def test_a_key_is_known_the_next_time(path: Path) -> None:
    """Also to another client that runs already."""
    running = KnownHubs(path)

    KnownHubs(path).keep(HUB, KEY)

    assert running.key_of(HUB) == KEY


def test_each_address_and_port_has_its_own_key(path: Path) -> None:
    """Two hubs may run on one machine."""
    known = KnownHubs(path)

    known.keep(HUB, KEY)
    known.keep(OTHER, OTHER_KEY)

    assert (known.key_of(HUB), known.key_of(OTHER)) == (KEY, OTHER_KEY)
    assert known.key_of(Address("another.lan")) is None


def test_the_case_of_a_host_does_not_matter(path: Path) -> None:
    """Names of hosts have none."""
    known = KnownHubs(path)

    known.keep(HUB, KEY)

    assert known.key_of(Address("Hub.LAN", 12005)) == KEY


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "::1", "fe80::1"]), st.integers(1, 9))))
def test_what_is_kept_and_not_forgotten_is_known(steps: list[tuple[str, int]]) -> None:
    """In any order; every third step forgets."""
    known, expected = KnownHubs(), dict[Address, str]()

    for number, (host, port) in enumerate(steps):
        address = Address(host, port)
        if number % 3 == 2 or address in expected:
            assert known.forget(address) == expected.pop(address, None)
        else:
            known.keep(address, f"key-{number}")
            expected[address] = f"key-{number}"

    for host in ("a", "b", "::1", "fe80::1"):
        for port in range(1, 10):
            address = Address(host, port)
            assert known.key_of(address) == expected.get(address)


def test_forgetting_leaves_all_other_lines(path: Path) -> None:
    """Those that a person wrote, too."""
    known = KnownHubs(path)
    known.keep(HUB, KEY)
    known.keep(OTHER, OTHER_KEY)
    path.write_text(path.read_text("utf-8") + "\n# the one in the library\n", "utf-8")

    known.forget(HUB)

    assert known.key_of(HUB) is None
    assert known.key_of(OTHER) == OTHER_KEY
    assert "# the one in the library" in path.read_text("utf-8")


def test_clients_that_meet_hubs_together_forget_none(path: Path) -> None:
    """Each reads, changes and writes while no other does."""
    addresses = [Address("hub.lan", port) for port in range(1, 31)]

    with ThreadPoolExecutor(3) as clients:
        list(clients.map(lambda address: KnownHubs(path).keep(address, KEY), addresses))

    assert [KnownHubs(path).key_of(address) for address in addresses] == [KEY] * 30


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_nobody_else_may_read_the_file(path: Path) -> None:
    """It tells where a person goes."""
    KnownHubs(path).keep(HUB, KEY)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", [b"hub.lan:12005\n", b"a b c\n", b"\xff\xfe\n"])
def test_a_damaged_file_is_refused(path: Path, damage: bytes) -> None:
    """Passed over, it would let any key in."""
    KnownHubs(path).keep(HUB, KEY)
    path.write_bytes(path.read_bytes() + damage)

    with pytest.raises(ConfigError, match=NAME):
        KnownHubs(path).key_of(HUB)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """By its path."""
    (tmp_path / "file").write_text("", "utf-8")

    with pytest.raises(ConfigError, match="file"):
        KnownHubs(tmp_path / "file" / NAME).keep(HUB, KEY)


def test_a_hub_is_forgotten_from_the_command_line(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its usual port where none is given, and with its key, to compare."""
    KnownHubs(path).keep(HUB, KEY)
    command = ["--state-dir", str(path.parent), "--forget", "hub.lan"]

    first, again = main(command), main(command)

    out, err = capsys.readouterr()
    assert (first, again) == (0, 2)
    assert out == f"The key of hub.lan/12005 is forgotten: {KEY}\n"
    assert "no key of hub.lan/12005 is known" in err
    assert KnownHubs(path).key_of(HUB) is None

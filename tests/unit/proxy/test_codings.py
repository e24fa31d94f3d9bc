"""Content codings: undone piece by piece, and within bounds."""

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.proxy.codings import TooLarge, Undecodable, decoded

MIB = 1024 * 1024
PAGE = b"<html>" + bytes(range(256)) * 40 + b"</html>"


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def collect(into: bytearray, pieces: AsyncIterator[bytes]) -> None:
    async for piece in pieces:
        into += piece


async def unpacked(chunks: Iterable[bytes], coding: str | None, limit: int = MIB) -> bytes:
    return b"".join([piece async for piece in decoded(stream(*chunks), coding, limit)])


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        (None, PAGE),
        ("", PAGE),
        ("identity", PAGE),
        ("gzip", gzip.compress(PAGE, mtime=0)),
        ("GZIP", gzip.compress(PAGE, mtime=0)),
        ("x-gzip", gzip.compress(PAGE, mtime=0)),
        ("deflate", zlib.compress(PAGE)),
        ("deflate", bare(PAGE)),
        ("deflate, gzip", gzip.compress(zlib.compress(PAGE), mtime=0)),
        ("gzip, identity", gzip.compress(PAGE, mtime=0)),
        ("gzip", gzip.compress(PAGE[:100], mtime=0) + gzip.compress(PAGE[100:], mtime=0)),
        ("gzip", gzip.compress(PAGE, mtime=0) + b"\x00" * 512),
        ("gzip", gzip.compress(b"", mtime=0) * 500 + gzip.compress(PAGE, mtime=0)),
    ],
)
async def test_a_packed_body_is_unpacked_however_it_is_cut(
    coding: str | None, packed: bytes
) -> None:
    """Gzip with any number of members; deflate with zlib's wrapper or bare."""
    assert await unpacked([packed], coding) == PAGE
    assert await unpacked([packed[:1], packed[1:7], packed[7:]], coding) == PAGE
    assert await unpacked([packed[at : at + 1] for at in range(len(packed))], coding) == PAGE


@pytest.mark.parametrize("coding", ["gzip", "deflate", "deflate, gzip"])
async def test_an_empty_body_has_nothing_to_unpack(coding: str) -> None:
    """Some sites name a coding where there is no body."""
    assert await unpacked([], coding) == b""
    assert await unpacked([b""], coding) == b""


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "gzip, gzip, gzip", "?"])
async def test_a_coding_that_is_unknown_is_said_to_be(coding: str) -> None:
    """Nothing of the body is handed on."""
    with pytest.raises(Undecodable, match="cannot be undone"):
        await unpacked([PAGE], coding)


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", PAGE),
        ("gzip", gzip.compress(PAGE, mtime=0)[:-1]),
        ("gzip", gzip.compress(PAGE, mtime=0)[:5]),
        ("gzip", gzip.compress(PAGE, mtime=0)[:-8] + b"\x00" * 8),
        ("deflate", zlib.compress(PAGE)[:-2]),
        ("deflate", b"\xff" * 50),
    ],
)
async def test_damage_is_an_error(coding: str, packed: bytes) -> None:
    """What does not unpack to its end is not taken for the page."""
    with pytest.raises(Undecodable, match="damaged"):
        await unpacked([packed], coding)


@pytest.mark.parametrize("coding", [None, "gzip", "deflate"])
async def test_what_is_over_the_limit_is_cut_off(coding: str | None) -> None:
    """Exactly the limit is handed on, then it is said that there is more."""
    packed = {None: PAGE, "gzip": gzip.compress(PAGE, mtime=0), "deflate": zlib.compress(PAGE)}[
        coding
    ]
    got = bytearray()

    with pytest.raises(TooLarge) as error:
        await collect(got, decoded(stream(packed), coding, len(PAGE) - 1))

    assert bytes(got) == PAGE[:-1]
    assert error.value.limit == len(PAGE) - 1
    assert await unpacked([packed], coding, len(PAGE)) == PAGE


@pytest.mark.parametrize("layers", [1, 2])
async def test_a_bomb_costs_no_more_than_the_limit(layers: int) -> None:
    """64 MiB of zeros, packed once or twice: memory stays near what has been handed on."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(MIB)) for _ in range(64)) + packer.flush()
    for _ in range(layers - 1):
        bomb = gzip.compress(bomb)
    got = bytearray()

    tracemalloc.start()
    with pytest.raises(TooLarge):
        await collect(got, decoded(stream(bomb), ", ".join(["gzip"] * layers), 2 * MIB))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(got) == 2 * MIB
    assert peak < 4 * MIB


async def test_pieces_are_small() -> None:
    """Between two pieces everybody else on the loop has a turn."""
    sizes = [len(piece) async for piece in decoded(stream(gzip.compress(bytes(MIB))), "gzip")]

    assert sum(sizes) == MIB
    assert max(sizes) <= 64 * 1024


@given(data=st.binary(max_size=2000), coding=st.sampled_from(["gzip", "deflate", "gzip, deflate"]))
async def test_no_bytes_do_more_than_fail(data: bytes, coding: str) -> None:
    """Whatever an origin sends, the only errors are those that are shown."""
    with suppress(Undecodable, TooLarge):
        await unpacked([data], coding)

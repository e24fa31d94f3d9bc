"""Bytes on their way to a person: from memory or from a file, and gone when they are closed."""

import tempfile
import threading
from pathlib import Path

import pytest

from tcpnet.errors import UserError
from tcpnet.server.parcel import IN_MEMORY, Parcel

MIB = bytes(range(256)) * 4096


async def filled(*pieces: bytes) -> Parcel:
    """A parcel that has taken these."""
    parcel = Parcel()
    for piece in pieces:
        await parcel.add(piece)
    await parcel.settle()
    return parcel


@pytest.mark.parametrize("pieces", [(), (b"a", b"b"), (MIB,), (MIB, b"end"), (MIB[:-1], MIB, MIB)])
async def test_what_was_put_in_comes_out(pieces: tuple[bytes, ...]) -> None:
    """Whether it went through a file or not."""
    parcel = await filled(*pieces)

    out = b"".join([piece async for piece in parcel.pieces()])
    parcel.seek(1)
    behind = parcel.read(3)
    parcel.close()

    assert out == b"".join(pieces)
    assert parcel.size == len(out)
    assert behind == out[1:4]


async def test_a_disk_that_refuses_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What needs no file does not notice."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    small, large = await filled(MIB), Parcel()
    await large.add(MIB)
    await large.add(b".")

    with pytest.raises(UserError, match="This hub cannot hold the page: No such file"):
        await large.settle()
    for parcel in (small, large):
        parcel.close()


async def test_a_large_parcel_is_written_and_closed_by_another_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop never waits for the disk."""
    threads: list[threading.Thread] = []
    closed = threading.Event()

    class Watched(tempfile.SpooledTemporaryFile[bytes]):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            threads.append(threading.current_thread())
            return super().write(data)

        def close(self) -> None:
            threads.append(threading.current_thread())
            super().close()
            closed.set()

    monkeypatch.setattr("tcpnet.server.parcel.SpooledTemporaryFile", Watched)
    parcel = await filled(*[MIB] * 3)
    parcel.close()

    assert closed.wait(20)
    assert parcel.size == 3 * IN_MEMORY
    assert threading.current_thread() not in threads[1:]

"""Files on the person's disk: new ones only."""

from pathlib import Path

import pytest

from tcpnet.client.saving import Saving, create
from tcpnet.client.screen import Piece
from tcpnet.errors import UserError
from tcpnet.protocol.items import File

OFFER = File(id=3, name="page.html", media_type="text/html", size=6)


def test_pieces_are_appended_in_order(tmp_path: Path) -> None:
    """The last one says so."""
    saving = Saving(OFFER, str(tmp_path / "page.html"), 0.0)

    assert not saving.take(Piece(3, 0, b"one", last=False))
    assert saving.done == 3
    assert saving.take(Piece(3, 3, b"two", last=True))
    assert (tmp_path / "page.html").read_bytes() == b"onetwo"


@pytest.mark.parametrize("piece", [Piece(4, 0, b"x", last=True), Piece(3, 1, b"x", last=True)])
def test_a_piece_of_another_file_or_place_is_left_out(tmp_path: Path, piece: Piece) -> None:
    """The file holds what was asked for or nothing."""
    saving = Saving(OFFER, str(tmp_path / "page.html"), 0.0)

    assert not saving.take(piece)
    assert (tmp_path / "page.html").read_bytes() == b""


def test_more_than_was_offered_is_not_written(tmp_path: Path) -> None:
    """A hub cannot fill the disk."""
    saving = Saving(OFFER, str(tmp_path / "page.html"), 0.0)

    with pytest.raises(UserError, match="more than the 6 bytes"):
        saving.take(Piece(3, 0, b"seven..", last=False))

    assert (tmp_path / "page.html").read_bytes() == b""


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A sentence says why."""
    path = tmp_path / "kept"
    path.write_bytes(b"precious")

    with pytest.raises(UserError, match="exists already: "):
        create(str(path), b"new")

    assert path.read_bytes() == b"precious"


def test_a_file_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(UserError, match="cannot write"):
        create(str(tmp_path / "missing" / "file"), b"")


def test_a_name_no_file_can_have_is_a_sentence() -> None:
    """Whatever the system calls it."""
    with pytest.raises(UserError, match="cannot write"):
        create("nul\0byte", b"")


def test_a_file_that_vanishes_on_the_way_is_a_sentence(tmp_path: Path) -> None:
    """The transfer ends there."""
    saving = Saving(OFFER, str(tmp_path / "folder"), 0.0)
    (tmp_path / "folder").unlink()
    (tmp_path / "folder").mkdir()

    with pytest.raises(UserError, match="cannot write"):
        saving.take(Piece(3, 0, b"x", last=True))


def test_a_file_that_the_hub_gave_up_is_not_taken_for_whole(tmp_path: Path) -> None:
    """The last piece comes too early."""
    saving = Saving(OFFER, str(tmp_path / "page.html"), 0.0)
    saving.take(Piece(3, 0, b"one", last=False))

    with pytest.raises(UserError, match="holds only 3 of 6 bytes"):
        saving.take(Piece(3, 3, b"", last=True))


def test_the_rate_is_that_of_the_whole(tmp_path: Path) -> None:
    """In bytes a second."""
    saving = Saving(OFFER, str(tmp_path / "page.html"), 10.0)
    saving.take(Piece(3, 0, b"one", last=False))

    assert saving.rate(12.0) == 1.5

"""The store of pages: whose folder it is."""

import errno
import stat
import sys
from pathlib import Path

import pytest

from tcpnet.errors import ConfigError
from tcpnet.proxy.store.folder import MARKER, MARKER_NAME, Folder
from tcpnet.proxy.store.pages import PageStore
from tests.unit.proxy.pages import SECRET, an_entry, names, read, store


def test_the_marker_is_the_one_that_the_project_carries() -> None:
    """The folder in a checkout is ours from the start."""
    marker = Path(__file__).parents[3] / "cache" / MARKER_NAME

    assert marker.read_text(encoding="ascii") == MARKER


@pytest.mark.parametrize("name", ["missing", "missing/deeper", "."])
async def test_an_empty_or_missing_folder_becomes_ours(tmp_path: Path, name: str) -> None:
    """It is made, marked, and used again the next time."""
    folder = tmp_path / name
    for _ in range(2):
        async with PageStore(folder, SECRET) as pages:
            await store(pages, an_entry(), b"x")

    assert (folder / MARKER_NAME).read_text(encoding="ascii") == MARKER


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_the_folder_is_closed_to_others(tmp_path: Path) -> None:
    """Also one that came with a checkout: it tells which pages people read."""
    tmp_path.chmod(0o755)

    Folder(tmp_path, SECRET).claim()

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_disk_without_rights_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stick with a file system of DOS has none to change."""

    def chmod(_: Path, __: int) -> None:
        raise PermissionError(errno.EPERM, "not permitted")

    monkeypatch.setattr(Path, "chmod", chmod)

    Folder(tmp_path, SECRET).claim()

    assert (tmp_path / MARKER_NAME).exists()


@pytest.mark.parametrize(
    "theirs",
    [
        {"thesis.txt": "my only copy"},
        {f"{'0' * 32}.pickle": "looks like ours"},
        {MARKER_NAME: MARKER.splitlines()[0] + "\n# Another program's cache.\n"},
        {MARKER_NAME: "tcpnet\n" + MARKER},
        {MARKER_NAME: ""},
    ],
)
async def test_a_folder_of_other_files_is_refused(tmp_path: Path, theirs: dict[str, str]) -> None:
    """Nothing of it is touched."""
    for name, text in theirs.items():
        (tmp_path / name).write_text(text, encoding="ascii")

    with pytest.raises(ConfigError, match="name an empty folder"):
        async with PageStore(tmp_path, SECRET):
            pytest.fail("it was entered")

    assert {name: (tmp_path / name).read_text("ascii") for name in names(tmp_path)} == theirs


async def test_a_folder_that_cannot_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    """The text names the folder and the reason."""
    (tmp_path / "file").write_text("x", encoding="ascii")

    with pytest.raises(ConfigError, match="cannot be used"):
        async with PageStore(tmp_path / "file", SECRET):
            pytest.fail("it was entered")


async def test_two_hubs_never_share_a_folder(tmp_path: Path) -> None:
    """The second one is refused; the first goes on."""
    async with PageStore(tmp_path, SECRET) as pages:
        with pytest.raises(ConfigError, match="another hub"):
            async with PageStore(tmp_path, SECRET):
                pytest.fail("it was entered")

        page = await store(pages, an_entry(), b"x")
        assert await read(pages, page) == (an_entry(), b"x")


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    """A seal under an empty key would be no seal."""
    with pytest.raises(ValueError, match="32 bytes"):
        PageStore(tmp_path, b"")


def test_only_names_of_our_making_are_met(tmp_path: Path) -> None:
    """Other files in the folder are neither read nor removed."""
    folder = Folder(tmp_path, SECRET)
    folder.claim()
    names = [f"{'0' * 32}.pickle", f"{'A' * 32}.pickle", "a.pickle", f"x{'0' * 32}.pickle"]
    for name in [*names, f"{'0' * 32}.pickle.bak", f"{'0' * 32}.1-1.part~"]:
        (tmp_path / name).write_bytes(b"x")

    assert folder.sweep() == ["0" * 32]
    assert len(list(tmp_path.iterdir())) == 7

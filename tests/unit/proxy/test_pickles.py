"""The files of pages: readable by anybody, believed only when sealed."""

import ast
import os
import pickle
import sys
import tracemalloc
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tcpnet
from tcpnet.proxy.entry import Entry, Fields
from tcpnet.proxy.store import files as opened
from tcpnet.proxy.store import heads, pickles
from tcpnet.proxy.store.files import PartFile
from tcpnet.proxy.store.folder import Folder
from tcpnet.proxy.store.heads import DamagedPage
from tcpnet.proxy.store.pickles import CHUNK
from tests.unit.proxy.pages import FIELDS, SECRET, a_body, an_entry, files

SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 200_000]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A claimed folder without pages."""
    folder = Folder(tmp_path, SECRET)
    folder.claim()
    return folder


def put(folder: Folder, entry: Entry, body: bytes) -> str:
    """Write a page; return its identifier."""
    identifier = heads.identify(entry.url, entry.vary)
    part = folder.create(identifier)
    whole = len(body) // CHUNK * CHUNK
    for at in range(0, whole, CHUNK):
        part.add(body[at : at + CHUNK])
    folder.finish(part, body[whole:], entry, len(body))
    return identifier


def take(folder: Folder, identifier: str) -> tuple[Entry, bytes] | None:
    """Read a page as the store would after a restart, by both of its ways; None for a miss."""
    found, damaged = folder.look_at([identifier])
    if damaged or not found:
        return None
    size, length = found[0].size, found[0].length
    try:
        file = folder.open(identifier, size)
    except DamagedPage:
        with pytest.raises(DamagedPage):
            folder.read(identifier, size)
        return None
    try:
        streamed = file.entry, file.chunks(0, pickles.chunk_count(length))
    except DamagedPage:
        with pytest.raises(DamagedPage):
            folder.read(identifier, size)
        return None
    finally:
        file.close()
    assert folder.read(identifier, size) == streamed
    return streamed


@pytest.mark.parametrize("size", SIZES)
def test_five_lines_of_pickle_read_a_page(folder: Folder, size: int) -> None:
    """Leaving is easy: head and body need nothing of this program."""
    entry, body = an_entry(), a_body(size)
    path = folder.path / f"{put(folder, entry, body)}.pickle"

    with path.open("rb") as file:
        content, digests = b"".join(iter(lambda: pickle.load(file), None)), pickle.load(file)
        while file.peek(1):
            head, seal = pickle.load(file), pickle.load(file)

    assert content == body
    assert [tuple(pair) for pair in head["fields"]] == list(FIELDS.lines)
    assert (head["url"], head["status"], head["length"]) == (entry.url, 200, size)
    assert (type(digests), type(seal)) == (bytes, bytes)


@pytest.mark.parametrize("size", SIZES)
def test_a_page_is_read_as_it_was_written(folder: Folder, size: int) -> None:
    """Every byte and every field comes back, whatever the number of chunks."""
    entry, body = an_entry(vary=(("accept", "text/html"), ("accept-language", ""))), a_body(size)

    identifier = put(folder, entry, body)

    assert take(folder, identifier) == (entry, body)


latin = st.text(st.characters(max_codepoint=255), max_size=300)
pairs = st.lists(st.tuples(latin, latin), max_size=30).map(tuple)
fields = pairs.map(Fields)
times = st.floats(0, 1e12)


@given(
    entry=st.builds(Entry, latin, pairs, st.integers(100, 999), latin, fields, times, times),
    length=st.integers(0, 2**62),
)
def test_a_head_is_read_as_it_was_written(entry: Entry, length: int) -> None:
    """Any head that a fetch can bring survives, for us and for the pickle module."""
    record = heads.write_head(entry, length, b"d" * 16)

    head, again = heads.read_entry(record)
    outside = pickle.loads(record)

    assert again == entry
    assert (head.length, head.digest) == (length, b"d" * 16)
    assert heads.read_head(record) == head
    assert outside["fields"] == list(entry.fields.lines)
    assert (outside["url"], outside["length"]) == (entry.url, length)


def test_a_head_that_could_not_be_read_back_is_not_written() -> None:
    """What a reader's bound would refuse is refused while the page can still be given up."""
    entry = an_entry(fields=Fields((("X-Huge", "x" * heads.LIMIT),)))

    with pytest.raises(DamagedPage, match="too large"):
        heads.write_head(entry, 0, b"d" * 16)


def test_nothing_in_the_program_can_unpickle() -> None:
    """No module imports pickle or marshal: a file has nobody to run it."""
    sources = Path(tcpnet.__file__).parent.rglob("*.py")

    imported = {
        name
        for source in sources
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
    }

    assert not imported & {"pickle", "_pickle", "marshal", "shelve", "dill"}


class Trap:
    """What a foreign program may have pickled: loading it would run code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.path,)


def false_seal(size: int) -> bytes:
    """Return a seal that claims a head of that many bytes."""
    return b"\x80\x05C\x14" + size.to_bytes(4, "little") + b"m" * 16 + b"."


def bombs(sprung: Path) -> dict[str, bytes]:
    """Return what has been found to hurt a reader of pickles; a trap makes the file `sprung`."""
    return {
        "memo index of 2**28": bytes.fromhex("80024e72000000102e"),
        "bytes of 1 TiB": b"\x80\x05\x8e" + (1 << 40).to_bytes(8, "little") + b".",
        "bytes of 4 GiB": b"\x80\x05B\xff\xff\xff\xff",
        "integer of 2 GiB": b"\x80\x05\x8b\xff\xff\xff\x7f",
        "frame of 16 EiB": b"\x80\x05\x95" + b"\xff" * 8 + b"N.",
        "marks without end": b"\x80\x05" + b"(" * 1_000_000,
        "a class": pickle.dumps(Trap(sprung)),
        "a persistent id": b"\x80\x05X\x01\x00\x00\x00aQ.",
        "an extension": b"\x80\x05\x82\x01.",
        "nothing": b"",
        "noise": a_body(5000),
        "an honest pickle": pickle.dumps({"url": "http://a.example/", "fields": []}),
        "a seal of a large head": a_body(3_000_000)
        + b"\x80\x05C\x14\x00\x00\x20\x00"
        + b"m" * 16
        + b".",
        "a seal of a huge head": b"\x80\x05C\x14\xff\xff\xff\xff" + b"m" * 16 + b".",
    }


@pytest.mark.parametrize("name", bombs(Path()))
def test_a_planted_file_is_refused_and_costs_nothing(folder: Folder, name: str) -> None:
    """No seal, no reading: no code runs, and no size that a file claims is believed."""
    sprung, identifier = folder.path / "sprung", "0" * 32
    (folder.path / f"{identifier}.pickle").write_bytes(bombs(sprung)[name])

    tracemalloc.start()
    found, damaged = folder.look_at([identifier])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (found, damaged) == ([], [identifier])
    assert peak < 1_000_000
    assert not sprung.exists()


@pytest.mark.parametrize("name", bombs(Path()))
def test_a_planted_head_is_refused_even_with_a_seal(tmp_path: Path, name: str) -> None:
    """Whoever learned the secret can still not make us run code, nor take memory."""
    sprung, identifier = tmp_path / "sprung", "0" * 32
    head = bombs(sprung)[name][:100_000]
    data = head + heads.seal(SECRET, identifier, head)

    tracemalloc.start()
    with pytest.raises(DamagedPage):
        pickles.unpack(data, SECRET, identifier)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2_000_000
    assert not sprung.exists()


def test_a_sealed_head_cannot_claim_more_than_the_file_has(folder: Folder) -> None:
    """A body's length is believed only if the file is large enough for it."""
    identifier = heads.identify("http://a.example/page", ())
    head = heads.write_head(an_entry(), 1 << 40, b"d" * 16)
    data = head + heads.seal(SECRET, identifier, head)
    (folder.path / f"{identifier}.pickle").write_bytes(data)

    assert folder.look_at([identifier]) == ([], [identifier])
    with pytest.raises(DamagedPage):
        folder.open(identifier, len(data))
    with pytest.raises(DamagedPage):
        folder.read(identifier, len(data))


@pytest.mark.parametrize("name", ["link", "pipe", "folder"])
def test_only_plain_files_are_opened(folder: Folder, name: str, tmp_path: Path) -> None:
    """A link would lead out of the folder, a pipe would hang the reader."""
    path = folder.path / f"{'0' * 32}.pickle"
    try:
        plant(name, path)
    except (AttributeError, NotImplementedError, OSError):
        pytest.skip(f"no {name} on this system")

    assert folder.sweep() == []
    assert folder.look_at(["0" * 32])[0] == []


def plant(name: str, path: Path) -> None:
    """Make something that is no plain file."""
    if name == "link":
        path.symlink_to(path.parent / "CACHEDIR.TAG")
    elif name == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()


def test_a_page_under_another_name_is_refused(folder: Folder) -> None:
    """The seal covers the name: no page can stand for another URL."""
    identifier = put(folder, an_entry(), b"body")
    path = folder.path / f"{identifier}.pickle"
    path.rename(folder.path / f"{'1' * 32}.pickle")

    assert take(folder, "1" * 32) is None


def test_a_page_of_another_hub_is_refused(folder: Folder, tmp_path: Path) -> None:
    """The seal covers the secret: pages copied from elsewhere are not believed."""
    identifier = put(folder, an_entry(), b"body")
    stranger = Folder(tmp_path, bytes(32))

    assert stranger.look_at([identifier]) == ([], [identifier])


def test_the_body_of_another_page_is_refused(folder: Folder) -> None:
    """The head vouches for its own body only, though both were sealed here."""
    mine = put(folder, an_entry("http://a.example/1"), a_body(CHUNK, 1))
    other = put(folder, an_entry("http://a.example/2"), a_body(CHUNK, 2))
    path = folder.path / f"{mine}.pickle"
    record = (folder.path / f"{other}.pickle").read_bytes()[: pickles.FULL_RECORD]
    path.write_bytes(record + path.read_bytes()[pickles.FULL_RECORD :])

    assert take(folder, mine) is None


class Edits:
    """A page, freshened once, to be spoiled in every way."""

    def __init__(self, folder: Folder, size: int) -> None:
        self.folder = folder
        fewer = Fields(FIELDS.lines[1:])
        self.old, self.new = an_entry(), an_entry(received_at=1_800_000_000.0, fields=fewer)
        self.body = a_body(size)
        self.identifier = put(folder, self.old, self.body)
        self.path = folder.path / f"{self.identifier}.pickle"
        self.first_size = self.path.stat().st_size
        folder.freshen(self.identifier, self.first_size, self.new)
        self.data = self.path.read_bytes()

    def check(self, data: bytes) -> None:
        """The page is served as it was, with either of its heads, or not at all."""
        self.path.write_bytes(data)
        taken = take(self.folder, self.identifier)
        assert taken in (None, (self.old, self.body), (self.new, self.body))


@pytest.fixture(scope="module")
def edits(tmp_path_factory: pytest.TempPathFactory) -> Edits:
    """The page that the edits below spoil."""
    return Edits(Folder(tmp_path_factory.mktemp("edits"), SECRET), 2 * CHUNK + 1000)


def offsets(size: int) -> st.SearchStrategy[int]:
    """Return places in a file: anywhere, and more often around its records' ends."""
    return st.integers(0, size - 1) | st.integers(max(0, size - 2500), size - 1) | st.integers(0, 9)


@settings(max_examples=300)
@given(data=st.data())
def test_no_edit_of_a_file_is_ever_served(edits: Edits, data: st.DataObject) -> None:
    """Changed, cut, stretched: the page as it was, or a miss; nothing else, and no crash."""
    size = len(edits.data)
    start = data.draw(offsets(size))
    cut = data.draw(st.integers(0, 40) | st.just(size))
    planted = data.draw(st.binary(max_size=40))

    edits.check(edits.data[:start] + planted + edits.data[start + cut :])


def test_a_flipped_bit_of_the_body_is_never_served(edits: Edits) -> None:
    """Each chunk is checked by itself before it is given."""
    for at in range(len(pickles.END_OF_BODY) + 3, len(edits.body), 9973):
        data = bytearray(edits.data)
        data[at] ^= 1
        edits.path.write_bytes(data)
        assert take(edits.folder, edits.identifier) is None


@pytest.mark.parametrize("size", [0, 100])
def test_a_torn_append_loses_nothing(folder: Folder, size: int) -> None:
    """A crash while a newer head is written leaves the page with its older one."""
    edits = Edits(folder, size)

    for cut in range(edits.first_size, len(edits.data)):
        edits.path.write_bytes(edits.data[:cut])

        assert take(edits.folder, edits.identifier) == (edits.old, edits.body)
        assert edits.path.stat().st_size == edits.first_size


@pytest.mark.skipif(sys.platform == "win32", reason="Windows replaces no file that is open")
def test_a_torn_end_is_not_cut_off_a_page_stored_meanwhile(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at a file and its repair, the name may have come to stand for another."""
    edits = Edits(folder, 100)
    edits.path.write_bytes(edits.data[:-1])
    newer = a_body(5000)
    walk = opened.last_whole_head

    def walk_slowly(*arguments: Any) -> tuple[bytes, int]:
        found = walk(*arguments)
        put(folder, edits.old, newer)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(opened, "last_whole_head", walk_slowly)
        folder.look_at([edits.identifier])

    assert take(folder, edits.identifier) == (edits.old, newer)


def test_a_page_cut_before_its_first_head_is_refused(edits: Edits) -> None:
    """Without a whole head there is nothing to believe."""
    for cut in [0, 1, 7, pickles.FULL_RECORD, edits.first_size - 1, edits.first_size - 26]:
        edits.path.write_bytes(edits.data[:cut])

        assert take(edits.folder, edits.identifier) is None


def test_many_heads_are_folded_into_one(folder: Folder) -> None:
    """A page that is confirmed for ever does not grow for ever."""
    body = a_body(CHUNK + 1)
    identifier = put(folder, an_entry(), body)
    path = folder.path / f"{identifier}.pickle"
    first = size = path.stat().st_size

    for second in range(200):
        size = folder.freshen(identifier, size, an_entry(received_at=float(second)))
        assert path.stat().st_size == size <= first + 64 * 1024

    assert take(folder, identifier) == (an_entry(received_at=199.0), body)
    assert files(folder.path) == [path]


def test_heads_are_folded_with_the_older_file_closed(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing takes the place of an open file on Windows, not even of one's own."""
    identifier = put(folder, an_entry(), b"body")
    size = (folder.path / f"{identifier}.pickle").stat().st_size
    opened_here: list[FileIO] = []
    move = PartFile.move

    class Noted(FileIO):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            opened_here.append(self)

    def move_noting(part: PartFile, path: str) -> None:
        assert opened_here
        assert all(file.closed for file in opened_here)
        move(part, path)

    monkeypatch.setattr("tcpnet.proxy.store.folder.FileIO", Noted)
    monkeypatch.setattr("tcpnet.proxy.store.folder._MAX_HEADS", 0)
    monkeypatch.setattr(PartFile, "move", move_noting)

    folder.freshen(identifier, size, an_entry(received_at=9.0))

    assert take(folder, identifier) == (an_entry(received_at=9.0), b"body")


def test_a_page_that_is_read_gets_its_newer_head_too(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an open file keeps its name, the fold waits for the next head."""
    identifier = put(folder, an_entry(), b"body")
    path = folder.path / f"{identifier}.pickle"
    size = path.stat().st_size

    def refused(_part: PartFile, path: str) -> None:
        raise PermissionError(13, "somebody reads it", path)

    with monkeypatch.context() as patch:
        patch.setattr("tcpnet.proxy.store.folder._MAX_HEADS", 0)
        patch.setattr(PartFile, "move", refused)
        larger = folder.freshen(identifier, size, an_entry(received_at=9.0))

    assert larger == path.stat().st_size > size
    assert take(folder, identifier) == (an_entry(received_at=9.0), b"body")
    assert files(folder.path) == [path]


def test_a_head_is_not_appended_to_another_page(folder: Folder) -> None:
    """If the file is not the page that was confirmed, it stays as it is."""
    identifier = put(folder, an_entry(), b"body")
    path = folder.path / f"{identifier}.pickle"
    size = path.stat().st_size
    put(folder, an_entry(), b"another body, stored meanwhile")
    data = path.read_bytes()

    with pytest.raises(DamagedPage):
        folder.freshen(identifier, size, an_entry(received_at=9.0))

    assert path.read_bytes() == data


def test_a_part_that_was_given_up_is_not_written_on(folder: Folder) -> None:
    """A thread that comes late leaves no file behind."""
    part: PartFile = folder.create("0" * 32)
    part.add(a_body(CHUNK))
    part.discard()

    with pytest.raises(OSError, match="given up"):
        part.add(a_body(CHUNK))
    with pytest.raises(OSError, match="given up"):
        folder.finish(part, b"", an_entry(), CHUNK)

    assert [path.name for path in folder.path.iterdir()] == ["CACHEDIR.TAG"]

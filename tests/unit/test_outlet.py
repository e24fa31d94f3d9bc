"""The log's way out: in order, without waiting, and with a word about what was lost."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from tcpnet import outlet
from tcpnet.outlet import MAX_WAITING, Outlet


class Pipe:
    """A real pipe with an outlet at one end."""

    def __init__(self) -> None:
        self.end, self._descriptor = os.pipe()
        self.outlet = Outlet(self._descriptor)

    def logs(self, words: str) -> None:
        """Log a record."""
        self.outlet.handle(logging.makeLogRecord({"msg": words}))

    def reads(self) -> list[str]:
        """Everything that was logged, by whoever reads at last; the outlet ends."""
        ending = Thread(target=self._ends)
        ending.start()
        with os.fdopen(self.end, encoding="ascii") as file:
            lines = file.read().splitlines()
        ending.join()
        return lines

    def _ends(self) -> None:
        self.outlet.flush()
        self.outlet.close()
        os.close(self._descriptor)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.outlet.close()


def test_lines_leave_in_order(pipe: Pipe) -> None:
    """One a record."""
    wanted = [f"line {number}" for number in range(3000)]
    for words in wanted:
        pipe.logs(words)

    assert pipe.reads() == wanted


def test_a_pipe_that_nobody_reads_holds_nobody_up(pipe: Pipe) -> None:
    """What does not fit is counted; a line in its place says how many they were."""
    total = 3 * MAX_WAITING
    for number in range(total):
        pipe.logs(f"line {number:05} {'x' * 100}")

    lines = pipe.reads()

    kept = [line.split()[1] for line in lines if line.startswith("line ")]
    assert kept == [f"{number:05}" for number in range(len(kept))]
    assert MAX_WAITING <= len(kept) < total
    assert lines[len(kept) :] == ["lines of the log were lost"]


def test_lines_after_the_gap_follow_the_word_about_it(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gap is where it was."""
    monkeypatch.setattr(outlet, "MAX_WAITING", 0)
    pipe.logs("lost")
    pipe.logs("lost too")
    monkeypatch.setattr(outlet, "MAX_WAITING", 10)
    pipe.outlet.setFormatter(logging.Formatter("%(message)s %(lines)s", defaults={"lines": ""}))

    pipe.logs("later")

    assert pipe.reads() == ["lines of the log were lost 2", "later "]


def test_the_end_waits_for_nobody_who_does_not_read(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment, and no longer."""
    monkeypatch.setattr(outlet, "FLUSHING", 0.05)
    pipe.logs("x" * 1_000_000)

    pipe.outlet.flush()

    assert pipe.reads() == ["x" * 1_000_000]


def test_a_reader_who_is_gone_ends_nothing(pipe: Pipe) -> None:
    """Nobody is left to be told."""
    os.close(pipe.end)
    pipe.logs("hello")
    pipe.outlet.flush()
    pipe.logs("is anybody there?")

    pipe.outlet.flush()

    pipe.end = os.open(os.devnull, os.O_RDONLY)
    assert pipe.reads() == []


def test_letters_of_all_scripts_leave_as_ascii(tmp_path: Path) -> None:
    """No console shows them as something else."""
    with (tmp_path / "log").open("wb") as file:
        written = Outlet(file.fileno())
        written.handle(logging.makeLogRecord({"msg": "Zoë"}))
        written.flush()
        written.close()

    assert (tmp_path / "log").read_text("ascii").strip() == "Zo\\xeb"

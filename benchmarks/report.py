"""A run as JSON and as Markdown."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from benchmarks.chat import CALM, CASES, Case, Results
from benchmarks.machine import Machine
from benchmarks.orders import Figures
from benchmarks.peers import TCPNET
from benchmarks.targets import GOALS, Judged


class Run(Struct, frozen=True):
    """Everything of one run; `began` is UTC, `load` the last minute's average at the end."""

    began: str
    seconds: float
    command: str
    machine: Machine
    load: float
    rounds: int
    quick: bool
    results: Results
    judged: list[Judged]


class Column(Struct, frozen=True):
    """A figure of a table, times `scale` and in a form."""

    title: str
    figure: str
    form: str = "{:.2f}"
    scale: float = 1.0

    def cell(self, figures: Figures) -> str:
        """The figure as it is shown."""
        if self.figure not in figures:
            return ""
        return self.form.format(figures[self.figure] * self.scale)


_SHARES: Final = (
    Column("server, cores", "server_share"),
    Column("generator, cores", "generator_share"),
    Column("others, cores", "others_share"),
    Column("stolen, cores", "stolen_share"),
)

_FANOUT: Final = (
    Column("CPU s / 1M deliveries", "cost"),
    Column("deliveries/s", "rate", "{:,.0f}"),
    *_SHARES,
)

_MEMORY: Final = (
    Column("KiB a person", "bytes", "{:.1f}", 1 / 1024),
    Column("at 1,000", "at_1000", "{:.1f}", 1 / 1024),
    Column("at 5,000", "at_5000", "{:.1f}", 1 / 1024),
    Column("at 10,000", "at_10000", "{:.1f}", 1 / 1024),
)

_LOGINS: Final = (
    Column("CPU s / 1,000 known", "cost", "{:.3f}"),
    Column("known/s", "rate", "{:,.0f}"),
    Column("known/s a core", "core_rate", "{:,.0f}"),
    Column("CPU s / 1,000 new", "new_cost", "{:.3f}"),
    Column("new/s", "new_rate", "{:,.0f}"),
    *_SHARES,
)

_COLUMNS: Final[dict[str, tuple[Column, ...]]] = {
    "latency": (
        Column("p50 ms", "p50", scale=1e3),
        Column("p99 ms", "p99", scale=1e3),
        Column("CPU s / 1M deliveries", "cost"),
        *_SHARES,
    ),
    "memory": _MEMORY,
    "memory-tls": _MEMORY,
    "logins": _LOGINS,
    "logins-tls": _LOGINS,
    "doors": (
        Column("CPU s / 1,000 visits", "cost"),
        Column("visits/s", "rate", "{:,.0f}"),
        *_SHARES,
    ),
    "stuck": (
        Column("others' p99 ms", "p99_beside", scale=1e3),
        Column("without him", "p99_alone", scale=1e3),
        Column("his KiB", "memory", "{:,.0f}", 1 / 1024),
        Column("his lines lost %", "lost_share", "{:.0f}", 100),
        Column("still connected", "kept", "{:.0f}"),
    ),
}


def judged(results: Results) -> list[Judged]:
    """All targets against these results."""
    medians = {case: results.medians(case) for case in results.rounds}
    return [goal.judged(medians, results.turns()) for goal in GOALS]


def save(run: Run, folder: Path) -> None:
    """Write `bench.json` and `bench.md` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    data = msgspec.json.format(msgspec.json.encode(run), indent=1)
    (folder / "bench.json").write_bytes(data + b"\n")
    (folder / "bench.md").write_text(markdown(run), "utf-8")


def markdown(run: Run) -> str:
    """The run as a page."""
    lines = [*_heading(run), *(_targets(run.judged) if run.judged else ())]
    for case in CASES:
        if case.name in run.results.rounds or case.name in run.results.skipped:
            lines += ["", f"### {_title(case, run.results)}", "", *_case(case, run.results)]
    return "\n".join([*lines, "", *_servers(run.results)]) + "\n"


def _heading(run: Run) -> Iterator[str]:
    machine = run.machine
    yield f"`{run.command}` on {run.began}, {run.seconds:.0f} s"
    yield ""
    yield f"- {machine.processor}, {machine.cores} cores, {machine.memory_mib:,} MiB"
    yield f"- {machine.system}, {machine.python}, {machine.files:,} files may be open"
    yield f"- load average {machine.load:.2f} before, {run.load:.2f} after"
    if run.quick:
        yield "- a quick look: nothing to compare"
    else:
        yield f"- medians of {run.rounds} rounds, or of as many as a case has"
        yield f"- a round of which the host kept more than {CALM} cores counts where none else is"
    yield ""


def _targets(found: Sequence[Judged]) -> Iterator[str]:
    words = {True: "met", False: "missed", None: "not measured"}
    rows = [[j.number, j.what, j.target, j.found or "", j.between, words[j.met]] for j in found]
    yield from _table(["", "what", "target", "found", "rounds", ""], rows)


def _case(case: Case, results: Results) -> Iterator[str]:
    columns = _COLUMNS.get(case.name, _FANOUT)
    medians = results.medians(case.name)
    first = columns[0].figure
    ours = medians.get(TCPNET, {}).get(first)
    shown = [column for column in columns if any(column.figure in f for f in medians.values())]
    rows = [
        [server, *(column.cell(figures) for column in shown), _ratio(ours, figures[first])]
        for server, figures in medians.items()
    ]
    if rows:
        yield from _table(["server", *(column.title for column in shown), "tcpnet beside it"], rows)
    if case.name == "thousand-rooms":
        yield from _growth(results.medians("ten-rooms"), medians)
    skipped = results.skipped.get(case.name, {})
    for why in dict.fromkeys(skipped.values()):
        servers = ", ".join(server for server, reason in skipped.items() if reason == why)
        yield from ("", f"{servers}: skipped, {why}")


def _growth(few: dict[str, Figures], many: dict[str, Figures]) -> Iterator[str]:
    """What a delivery costs at 1,000 rooms beside one at 10, for everybody who was in both."""
    grown = {server: many[server]["cost"] / few[server]["cost"] for server in many if server in few}
    if grown:
        each = ", ".join(f"{server} {ratio:.2f}x" for server, ratio in grown.items())
        yield from ("", f"CPU beside 10 rooms: {each}.")


def _title(case: Case, results: Results) -> str:
    rounds = max((len(found) for found in results.rounds.get(case.name, {}).values()), default=0)
    return f"{case.title} ({rounds} round{'s' * (rounds != 1)})"


def _ratio(ours: float | None, theirs: float) -> str:
    return f"{ours / theirs:.2f}x" if ours is not None and theirs else ""


def _servers(results: Results) -> Iterator[str]:
    rows = [
        [name, results.versions[name], f"`{command}`"] for name, command in results.commands.items()
    ]
    yield from _table(["server", "version", "command"], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (heads, ["---"] * len(heads), *rows):
        yield f"| {' | '.join(row)} |"

"""The page about tasks and threads names every module that starts one."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "concurrency.md").read_text("utf-8")
STARTS = {
    "create_task",
    "ensure_future",
    "run_in_executor",
    "to_thread",
    "Thread",
    "ThreadPoolExecutor",
    "spawn",
    "_spawn",
    "keepers",
}
"""Names of what starts a task or a thread; `keepers` and `spawn` are those of an owner."""
OWNER = "server/tasks.py"


def starters() -> list[str]:
    """Modules that start a task or a thread."""
    found = set()
    for path in (ROOT / "src" / "tcpnet").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _called(node) in STARTS:
                found.add(path.relative_to(ROOT / "src" / "tcpnet").as_posix())
    return sorted(found - {OWNER})


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


@pytest.mark.parametrize("module", starters())
def test_every_task_and_thread_has_its_row(module: str) -> None:
    """With its owner, what it waits for and what bounds it."""
    assert module in PAGE


def test_the_modules_that_the_page_names_are_there() -> None:
    """No row outlives its code."""
    named = {word.strip("`(),;|") for word in PAGE.split() if word.strip("`(),;|").endswith(".py")}
    sources, tests = ROOT / "src" / "tcpnet", ROOT

    assert all((sources / name).exists() or (tests / name).exists() for name in named)
    assert len(named) > 15

"""Plain clients at pipes: what somebody typed, and all that the screen showed."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

PATIENCE: Final = 60.0
"""Seconds until a step counts as failed."""


class Screen:
    """One person at a plain client."""

    def __init__(self, process: Process) -> None:
        self.shown = ""
        self._process = process
        self._read = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, *argv: str) -> AsyncIterator[Self]:
        """Start a client; it is killed at the end if it is still there."""
        with TemporaryDirectory() as state:
            process = await _start("tcpnet.cli.client", "--plain", "--state-dir", state, *argv)
            try:
                yield cls(process)
            finally:
                await _end(process)

    def types(self, *lines: str) -> None:
        """Type lines, one after the other, without waiting."""
        assert self._process.stdin is not None
        self._process.stdin.writelines(f"{line}\n".encode() for line in lines)

    async def sees(self, words: str) -> None:
        """Wait for words behind those that were waited for last."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while (found := self.shown.find(words, self._read)) < 0:
                chunk = await self._process.stdout.read(65_536)
                if not chunk:
                    raise AssertionError(f"the screen ended without {words!r}:\n{self.shown}")
                self.shown += chunk.decode()
        self._read = found + len(words)

    async def ends(self) -> int:
        """Wait for the end; the exit status."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            self.shown += (await self._process.stdout.read()).decode()
            return await self._process.wait()


@asynccontextmanager
async def hub(*argv: str) -> AsyncIterator[str]:
    """An ephemeral server for the length of the block; gives `HOST:PORT`."""
    async with AsyncExitStack() as stack:
        cache = Path(stack.enter_context(TemporaryDirectory())) / "cache"
        folders = ("--ephemeral", "--cache-dir", str(cache), "--log-level", "warning")
        process = await _start("tcpnet.cli.server", "--port", "0", *folders, *argv)
        try:
            assert process.stdout is not None
            async with asyncio.timeout(PATIENCE):
                line = (await process.stdout.readline()).decode()
            yield line.split()[-1].replace("/", ":")
        finally:
            await _end(process)


def settled(text: str) -> str:
    """The recording without what differs from run to run: ids, times, ports."""
    text = re.sub(r"(?<=127\.0\.0\.1[/:])\d+|(?<=server port: )\d+", "12005", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "2026-08-05 17:45", text)
    text = re.sub(r"(?<='Date': ')[^']+", "Wed, 05 Aug 2026 17:45:00 GMT", text)
    ids: dict[str, str] = {}

    def renumbered(match: re.Match[str]) -> str:
        return ids.setdefault(match.group(), f"{50_922 - 1_111 * len(ids)}")

    return re.sub(r"(?<=Client ID: )\d{5}\b|(?<=[A-Za-z]:)\d{5}\b", renumbered, text)


async def _start(module: str, *argv: str) -> Process:
    command: Sequence[str] = (sys.executable, "-m", module, *argv)
    return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.communicate()

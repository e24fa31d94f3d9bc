"""Real server processes, ended by id and bounded in time."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.hub import PATIENCE


@dataclass(frozen=True, slots=True)
class Server:
    """A `tcpnet-server` that has said where it listens."""

    process: Process
    port: int
    lines: tuple[str, ...]

    async def ended(self) -> int:
        """Wait for its end; the exit status."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    async def logged(self) -> str:
        """All that it wrote to standard error, once it has ended."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            return (await self.process.stderr.read()).decode()


async def start(
    module: str,
    *argv: str,
    cwd: Path | None = None,
    more: Mapping[str, str] = MappingProxyType({}),
    stderr: int = PIPE,
) -> Process:
    """Start one of our commands with pipes, and with more in its environment."""
    command = (sys.executable, "-W", "error", "-m", module, *argv)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("TCPNET_")}
    environ |= more
    return await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=stderr, cwd=cwd, env=environ
    )


async def outcome(module: str, *argv: str, cwd: Path | None = None) -> tuple[int, str, str]:
    """Run one of our commands to its end: status, output, errors."""
    process = await start(module, *argv, cwd=cwd)
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def server(
    folder: Path,
    *argv: str,
    environ: Mapping[str, str] = MappingProxyType({}),
    stderr: int = PIPE,
) -> AsyncIterator[Server]:
    """A server with its folders in `folder`; killed at the end if it still runs."""
    words = (
        "--port",
        "0",
        "--data-dir",
        str(folder / "data"),
        "--cache-dir",
        str(folder / "cache"),
    )
    process = await start("tcpnet.cli.server", *words, *argv, more=environ, stderr=stderr)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            first = (await process.stdout.readline()).decode().strip()
        if not first:
            assert process.stderr is not None
            raise AssertionError((await process.stderr.read()).decode())
        yield Server(process, int(first.rpartition("/")[2]), (first,))
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()

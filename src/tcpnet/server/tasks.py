"""Tasks that end with a block, whatever ends it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


@asynccontextmanager
async def owned() -> AsyncIterator[Spawn]:
    """A way to start tasks; those still running are cancelled and awaited when the block ends.

    A task that fails ends the block, as in a TaskGroup.
    """
    running: set[asyncio.Task[None]] = set()
    failure: BaseException | None = None
    async with asyncio.TaskGroup() as group:

        def spawn(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
            task = group.create_task(coroutine)
            running.add(task)
            task.add_done_callback(running.discard)
            return task

        try:
            yield spawn
        except BaseException as error:
            # Raised below, or the group would wrap what only the block has to tell.
            failure = error
        for task in running:
            task.cancel()
    if failure is not None:
        raise failure

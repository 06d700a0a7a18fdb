"""The only place that starts tasks: each is kept until it ends, named, and cancelled at the end of the process."""

import asyncio
import sys
import traceback
from collections.abc import Coroutine
from typing import Any

from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.store import StoreUnavailableError


class Tasks:
    """Background tasks of one event loop. One that fails says so on stderr; it never disappears."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def stop(self) -> None:
        """Cancels what still runs and waits for it."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, StoreUnavailableError | JournalUnavailableError):
            # No defect of ours, and many wait for the store while it is away: a line for each.
            sys.stderr.write(f"orchvynt: task {task.get_name()} failed: {error}\n")
        else:
            sys.stderr.write(f"orchvynt: task {task.get_name()} failed\n{''.join(traceback.format_exception(error))}")

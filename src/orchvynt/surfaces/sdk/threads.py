"""A blocking exchange for asyncio, on a thread of its own: a thousand waits must not stand in line for the loop's few threads."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from orchvynt.surfaces.sdk.exchange import Line

Result = TypeVar("Result")


async def on_a_thread(line: Line, work: Callable[[], Result]) -> Result:
    """What `work` gives or raises. It sees the context variables of the caller. A cancelled task hangs up the line, which ends the work."""
    thread = ThreadPoolExecutor(1, "orchvynt")
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, contextvars.copy_context().run, work)
    except asyncio.CancelledError:
        line.hang_up()
        raise
    finally:
        thread.shutdown(wait=False)

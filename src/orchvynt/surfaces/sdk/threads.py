"""A blocking exchange for asyncio, on a thread of its own: a thousand waits must not stand in line for the loop's few threads."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

from orchvynt.surfaces.sdk.exchange import Line

Result = TypeVar("Result")


async def on_a_thread(line: Line, work: Callable[[], Result]) -> Result:
    """What `work` gives or raises. It sees the context variables of the caller. A cancelled task hangs up the line, which ends the work."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()
    context = contextvars.copy_context()

    def told(result: Result | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # without an error it is there

    def run() -> None:
        result, error = None, None
        try:
            result = context.run(work)
        except BaseException as raised:  # noqa: BLE001 - it is raised where it is awaited
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(told, result, error)

    threading.Thread(target=run, name="orchvynt", daemon=True).start()
    try:
        return await done
    except asyncio.CancelledError:
        line.hang_up()
        raise

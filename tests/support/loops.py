"""Runs a scenario on both kinds of event loop, and waits for what has no event of its own."""

import asyncio
from collections.abc import Callable, Coroutine, Sized
from typing import Any

import uvloop

LOOPS = ("uvloop", "asyncio")


def run(loop: str, scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a scenario on one kind of loop. Whatever the loop would only log (an exception in a callback) fails the test."""
    complaints: list[dict[str, Any]] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        await asyncio.wait_for(scenario(), 60)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop) as runner:
        runner.run(watched())
    assert complaints == [], complaints


async def until(condition: Callable[[], bool], wait: float = 5.0) -> None:
    async def watch() -> None:
        while not condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(watch(), wait)


async def until_count(items: Sized, count: int) -> None:
    await until(lambda: len(items) >= count)
